import dgram from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

/** The servers that the outputs of the reference agent were recorded against; one of each kind of behaviour. */
export interface TestServers {
  /** Ports, and other values, by the names that the recorded facts use. */
  readonly names: ReadonlyMap<string, string>;
  /** Every request to the Docker engine: method, path and body. */
  readonly docker: { readonly requests: string[] };
  /** Connections that are open now. */
  connections(): number;
  close(): Promise<void>;
}

const read = (name: string) => readFileSync(new URL(`../testdata/${name}`, import.meta.url), 'utf8');

function answerHttp(req: http.IncomingMessage, res: http.ServerResponse): void {
  const path = (req.url ?? '').split('?')[0]!;
  const status = /^\/status\/(\d+)/.exec(path)?.[1];
  const redirect = (code: number, location: string) => {
    res.writeHead(code, { location });
    res.end('moved');
  };
  if (status !== undefined) {
    res.statusCode = Number(status);
    res.end(status === '204' ? undefined : `body ${status}`);
  } else if (path === '/echo') {
    let body = '';
    req.on('data', (data) => {
      body += data;
    });
    req.on('end', () => {
      res.end(JSON.stringify({ method: req.method, url: req.url, http: req.httpVersion, raw: req.rawHeaders, body }));
    });
  } else if (path === '/redir') redirect(302, '/status/200');
  else if (path === '/redir307') redirect(307, '/echo');
  else if (path === '/redir302post') redirect(302, '/echo');
  else if (path === '/loop') redirect(302, '/loop');
  else if (path === '/noloc') {
    res.writeHead(302);
    res.end('nowhere');
  } else if (path === '/hang') return;
  else if (path === '/hangbody' || path === '/cutbody') {
    res.writeHead(200, { 'content-length': '100' });
    res.write('partial', () => {
      if (path === '/cutbody') setTimeout(() => res.destroy(), 20);
    });
  } else if (path === '/long') res.end('y'.repeat(6000));
  else if (path === '/close') req.socket.destroy();
  else if (path === '/utf8') res.end(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0x62]));
  else {
    res.statusCode = 404;
    res.end('nope');
  }
}

const grpcMessage = (status: number): Buffer => {
  const body = status === 0 ? Buffer.alloc(0) : Buffer.from([8, status]);
  const framed = Buffer.alloc(5 + body.length);
  framed.writeUInt32BE(body.length, 1);
  body.copy(framed, 5);
  return framed;
};

/** What the health server says for each service: status code, message, body. */
const GRPC_ANSWERS: Readonly<Record<string, readonly [number, string, Buffer | undefined]>> = {
  notserving: [0, '', grpcMessage(2)],
  unknownstatus: [0, '', grpcMessage(0)],
  svcunknown: [0, '', grpcMessage(3)],
  weird: [0, '', grpcMessage(9)],
  missing: [5, 'unknown service', undefined],
  unimpl: [12, 'unknown service grpc.health.v1.Health', undefined],
  pct: [2, 'a%20b%C3%A9', undefined],
  nomsg: [0, '', undefined],
};

function answerGrpc(stream: http2.ServerHttp2Stream): void {
  stream.on('error', () => {});
  const chunks: Buffer[] = [];
  stream.on('data', (data: Buffer) => chunks.push(data));
  stream.on('end', () => {
    const service = Buffer.concat(chunks).subarray(7).toString();
    if (service === 'hang') return;
    if (service === 'rst') return stream.close(2);
    if (service === 'http404') {
      stream.respond({ ':status': 404, 'content-type': 'text/html' });
      stream.end('no');
      return;
    }
    const grpc = { ':status': 200, 'content-type': 'application/grpc' };
    if (service === 'trailersonly') {
      stream.respond({ ...grpc, 'grpc-status': '5', 'grpc-message': 'nf' }, { endStream: true });
      return;
    }
    const [code, message, body] = GRPC_ANSWERS[service] ?? [0, '', grpcMessage(1)];
    stream.respond(grpc, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': String(code), ...(message === '' ? {} : { 'grpc-message': message }) });
    });
    if (body !== undefined) stream.write(body);
    stream.end();
  });
}

const dockerFrame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

function dockerEngine(requests: string[]): http.Server {
  const containers = new Map<string, string>();
  const json = (res: http.ServerResponse, status: number, value: unknown) => {
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(JSON.stringify(value));
  };
  const create = (container: string, res: http.ServerResponse) => {
    if (container === 'nocont') return json(res, 404, { message: 'No such container: nocont' });
    if (container === 'stopped') return json(res, 409, { message: 'Container stopped is not running' });
    if (container === 'garb') return res.end('garbage');
    const id = `e${containers.size}`;
    containers.set(id, container);
    return json(res, 201, { Id: id });
  };
  const start = (container: string, res: http.ServerResponse) => {
    if (container === 'startfail') return json(res, 500, { message: 'start broke' });
    if (container === 'hang') return undefined;
    res.writeHead(200, { 'content-type': 'application/vnd.docker.raw-stream' });
    if (container === 'raw') return res.end('rawtext no frames');
    if (container === 'long') return res.end(dockerFrame(1, 'z'.repeat(6000)));
    res.write(dockerFrame(1, 'out line\n'));
    res.write(dockerFrame(2, 'err line\n'));
    return res.end(dockerFrame(1, 'more'));
  };
  return http.createServer((req, res) => {
    let body = '';
    req.on('data', (data) => {
      body += data;
    });
    req.on('end', () => {
      const url = req.url ?? '';
      requests.push(`${req.method} ${url} ${body}`);
      const container = /^\/containers\/([^/]+)\/exec$/.exec(url)?.[1];
      if (container !== undefined) return create(container, res);
      const [, id = '', action] = /^\/exec\/([^/]+)\/(start|json)$/.exec(url) ?? [];
      const of = containers.get(id) ?? '';
      if (action === 'start') return start(of, res);
      if (action !== 'json') return json(res, 404, { message: 'page not found' });
      if (of === 'inspfail') return json(res, 500, { message: 'insp broke' });
      return json(res, 200, { ID: id, Running: false, ExitCode: of === 'one' ? 1 : of === 'two' ? 2 : 0 });
    });
  });
}

/** Sockets of plain servers are destroyed at the end, whatever they wait for. */
function track(server: net.Server, open: Set<net.Socket>): net.Server {
  return server.on('connection', (socket: net.Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
}

export async function startServers(): Promise<TestServers> {
  const key = read('server-key.pem');
  const cert = read('server-cert.pem');
  const open = new Set<net.Socket>();
  const requests: string[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'checks-'));
  const dockerPath = join(directory, 'docker.sock');
  const udpReply: dgram.Socket = dgram.createSocket('udp4', (_, from) =>
    udpReply.send('pong', from.port, from.address),
  );
  const udpSilent = dgram.createSocket('udp4', () => {});
  const servers: Readonly<Record<string, net.Server>> = {
    http: http.createServer(answerHttp),
    https: https.createServer({ key, cert }, answerHttp),
    garbage: net.createServer((socket) => socket.resume().write('SSH-2.0-garbage\r\n')),
    eof: net.createServer((socket) => socket.resume().end()),
    silent: net.createServer((socket) => socket.resume()),
    tls: tls.createServer({ key, cert }, (socket) => socket.on('error', () => {}).resume()),
    h2c: http2.createServer().on('stream', answerGrpc),
    h2: http2.createSecureServer({ key, cert }).on('stream', answerGrpc),
    docker: dockerEngine(requests),
  };
  const names = new Map<string, string>([
    ['docker', dockerPath],
    ['dockerEscaped', encodeURIComponent(dockerPath)],
  ]);
  for (const [name, server] of Object.entries(servers)) {
    track(server, open)
      .on('tlsClientError', () => {})
      .on('sessionError', () => {});
    await new Promise<void>((done) => {
      if (name === 'docker') server.listen(dockerPath, done);
      else server.listen(0, '127.0.0.1', done);
    });
    if (name !== 'docker') names.set(name, String((server.address() as net.AddressInfo).port));
  }
  for (const [name, socket] of Object.entries({ udpReply, udpSilent })) {
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
    names.set(name, String(socket.address().port));
  }
  return {
    names,
    docker: { requests },
    connections: () => open.size,
    async close() {
      for (const socket of open) socket.destroy();
      for (const socket of [udpReply, udpSilent]) socket.close();
      await Promise.all(Object.values(servers).map((server) => new Promise((done) => server.close(done))));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
