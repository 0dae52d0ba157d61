import { readFileSync } from 'node:fs';
import * as http2 from 'node:http2';
import { hex, silentLog, unhex } from '@proconsul/base';
import { nodeHttp2Layer, nodeNetwork, nodeTlsLayer, systemClock } from '@proconsul/io-node';
import { afterEach, expect, test } from 'vitest';
import { externalServices, type ReadyServer } from './external-services.ts';
import { GrpcListener, type GrpcTls } from './grpc-listener.ts';
import { GRPC_REQUEST_BYTES_MAX, type GrpcMethod, GrpcServer } from './grpc-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const WATCH = '/hashicorp.consul.serverdiscovery.ServerDiscoveryService/WatchServers';
const FEATURES = '/hashicorp.consul.dataplane.DataplaneService/GetSupportedDataplaneFeatures';
const HEALTH = '/grpc.health.v1.Health';

class Servers {
  list: ReadyServer[] = [{ id: 'ca332e5b-f194-8db0-3cd0-bb0d5f615fa3', host: '127.0.0.1', version: '1.21.0' }];
  readonly listeners = new Set<() => void>();
  current(wan: boolean): readonly ReadyServer[] {
    return wan ? this.list.map((s) => ({ ...s, host: `wan-${s.host}` })) : this.list;
  }
  onChange(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }
  change(list: ReadyServer[]): void {
    this.list = list;
    for (const fn of this.listeners) fn();
  }
}

async function serve(extra: Record<string, GrpcMethod> = {}, tls?: GrpcTls) {
  const servers = new Servers();
  const services = new Map(externalServices(servers));
  services.set('test.Test', new Map(Object.entries(extra)));
  const listener = new GrpcListener({
    network: nodeNetwork,
    http2: nodeHttp2Layer(silentLog),
    server: new GrpcServer(services, { clock: systemClock, log: silentLog }),
    log: silentLog,
  });
  const { local } = await listener.listen({ host: '127.0.0.1', port: 0 }, tls);
  cleanups.push(() => listener.close());
  return { servers, listener, port: local.port };
}

function client(port: number, options?: http2.SecureClientSessionOptions): http2.ClientHttp2Session {
  const session = http2.connect(`${options ? 'https' : 'http'}://127.0.0.1:${port}`, options);
  session.on('error', () => undefined);
  cleanups.push(() => session.destroy());
  return session;
}

interface Answer {
  readonly httpStatus: number | undefined;
  readonly status: string | undefined;
  readonly message: string | undefined;
  readonly messages: string[];
}

const framed = (message: string): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length / 2, 1);
  return Buffer.concat([head, Buffer.from(message, 'hex')]);
};

/** Sends a request and gives the stream, whose messages are collected. */
function start(session: http2.ClientHttp2Session, path: string, body: Buffer, headers: http2.OutgoingHttpHeaders = {}) {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const messages: string[] = [];
  let rest = Buffer.alloc(0);
  stream.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      messages.push(hex(rest.subarray(5, end)));
      rest = rest.subarray(end);
    }
  });
  const answer = new Promise<Answer>((resolve) => {
    let seen: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
    stream.on('response', (h) => Object.assign(seen, h));
    stream.on('trailers', (h) => {
      seen = { ...seen, ...h };
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      resolve({
        httpStatus: seen[':status'],
        status: seen['grpc-status'] as string | undefined,
        message: seen['grpc-message'] as string | undefined,
        messages,
      });
    });
  });
  if (stream.writable) stream.end(body);
  return { stream, answer, messages };
}

const call = (port: number, path: string, message = '', headers: http2.OutgoingHttpHeaders = {}): Promise<Answer> =>
  start(client(port), path, framed(message), headers).answer;

async function until(fact: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !fact(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(fact()).toBe(true);
}

// The bytes of a real server with the same id.
const ONE_SERVER =
  '0a390a2463613333326535622d663139342d386462302d336364302d62623064356636313566613312093132372e302e302e311a06312e32312e30';

test('watchers learn the servers at once and whenever they change', async () => {
  const { servers, port } = await serve();
  const watch = start(client(port), WATCH, framed(''));
  await until(() => watch.messages.length === 1);
  expect(watch.messages).toEqual([ONE_SERVER]);
  servers.change([...servers.list]);
  servers.change([]);
  await until(() => watch.messages.length === 2);
  expect(watch.messages[1]).toBe('');
  watch.stream.close();
  await until(() => servers.listeners.size === 0);
});

test('watchers who ask for addresses of other datacenters get those', async () => {
  const { port } = await serve();
  const watch = start(client(port), WATCH, framed('0801'));
  await until(() => watch.messages.length === 1);
  expect(watch.messages[0]).toContain(hex(new TextEncoder().encode('wan-127.0.0.1')));
});

test('features and health are told', async () => {
  const { port } = await serve();
  expect(await call(port, FEATURES)).toEqual({
    httpStatus: 200,
    status: '0',
    message: '',
    messages: ['0a04080110010a0208020a0208030a020804'],
  });
  expect(await call(port, `${HEALTH}/Check`)).toMatchObject({ status: '0', messages: ['0801'] });
  expect(await call(port, `${HEALTH}/Check`, '0a0178')).toMatchObject({ status: '5', message: 'unknown service' });
  const watch = start(client(port), `${HEALTH}/Watch`, framed(''));
  await until(() => watch.messages.length === 1);
  expect(watch.messages).toEqual(['0801']);
});

// Texts of a real server.
test.for<[name: string, path: string, headers: http2.OutgoingHttpHeaders, answer: [number, string, string]]>([
  ['an unknown service', '/nope.Nope/Do', {}, [200, '12', 'unknown service nope.Nope']],
  ['an unknown method', `${HEALTH}/Nope`, {}, [200, '12', 'unknown method Nope for service grpc.health.v1.Health']],
  ['a path without a method', '/nopath', {}, [200, '12', 'malformed method name: "/nopath"']],
  ['ACLs', '/hashicorp.consul.acl.ACLService/Login', {}, [200, '9', 'ACL support disabled']],
  [
    'another type',
    FEATURES,
    { 'content-type': 'text/plain' },
    [415, '3', 'invalid gRPC request content-type "text/plain"'],
  ],
  [
    'another method',
    FEATURES,
    { ':method': 'GET' },
    [405, '13', 'Received a HEADERS frame with :method "GET" which should be POST'],
  ],
  [
    'compression',
    FEATURES,
    { 'grpc-encoding': 'zstd' },
    [200, '12', 'grpc: Decompressor is not installed for grpc-encoding "zstd"'],
  ],
])('%s is answered as a real server does', async ([, path, headers, [httpStatus, status, message]]) => {
  const { port } = await serve();
  expect(await call(port, path, '', headers)).toEqual({ httpStatus, status, message, messages: [] });
});

test('a message that does not decode, is cut, compressed or too long fails its call only', async () => {
  const { port } = await serve();
  const session = client(port);
  const ask = (body: Buffer) => start(session, WATCH, body).answer;
  expect(await ask(framed('ffff'))).toMatchObject({
    status: '13',
    message: 'proto: cannot parse invalid wire-format data',
  });
  expect(await ask(Buffer.from([0, 0, 0, 0, 9, 1]))).toMatchObject({ status: '13', message: 'unexpected EOF' });
  expect(await ask(Buffer.from([1, 0, 0, 0, 0]))).toMatchObject({ status: '13' });
  expect(await ask(Buffer.alloc(0))).toMatchObject({ status: '13' });
  expect(await ask(Buffer.alloc(GRPC_REQUEST_BYTES_MAX + 100))).toMatchObject({ status: '8' });
  expect(await start(session, FEATURES, framed('')).answer).toMatchObject({ status: '0' });
});

test('a call ends with its time, and its method learns it', async () => {
  let signal: AbortSignal | undefined;
  const { port } = await serve({
    Wait: (_request, c) => {
      signal = c.signal;
      return new Promise(() => undefined);
    },
  });
  expect(await call(port, '/test.Test/Wait', '', { 'grpc-timeout': '50m' })).toMatchObject({
    status: '4',
    message: 'context deadline exceeded',
  });
  expect(signal?.aborted).toBe(true);
});

test('what a method throws is answered with its text', async () => {
  const { port } = await serve({
    Fail: async () => {
      throw new Error('ein Fehler: 100 % ü');
    },
  });
  expect(await call(port, '/test.Test/Fail')).toMatchObject({
    status: '2',
    message: 'ein Fehler: 100 %25 %C3%BC',
  });
});

test('a sender waits for a reader that does not read', async () => {
  let sent = 0;
  const { port } = await serve({
    Flood: async (_request, c) => {
      for (; sent < 200; sent++) await c.send(new Uint8Array(20_000));
    },
  });
  const { stream, messages } = start(client(port), '/test.Test/Flood', framed(''));
  stream.pause();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(sent).toBeLessThan(100);
  stream.resume();
  await until(() => messages.length === 200);
});

test('rubbish instead of HTTP/2 is dropped, and the next client is served', async () => {
  const { port, listener } = await serve();
  const stream = await nodeNetwork.dial({ host: '127.0.0.1', port, timeoutMs: 2_000 });
  await new Promise<void>((resolve) => {
    stream.onData(() => undefined);
    stream.onClose(() => resolve());
    stream.write(unhex('474554202f20485454502f312e310d0a0d0a'));
  });
  await until(() => listener.connectionCount === 0);
  expect(await call(port, FEATURES)).toMatchObject({ status: '0' });
});

test('the encrypted port speaks h2', async () => {
  const pem = (name: string): string =>
    readFileSync(new URL(`../../../io-node/testdata/${name}.pem`, import.meta.url), 'utf8');
  const layer = nodeTlsLayer({ key: pem('server-key'), cert: pem('server'), ca: pem('ca'), verifyOutgoing: false });
  const { port } = await serve({}, { layer, verifyIncoming: false, handshakeTimeoutMs: 5_000 });
  const session = client(port, { ca: pem('ca') });
  expect(await start(session, FEATURES, framed('')).answer).toMatchObject({ status: '0' });
  expect(session.alpnProtocol).toBe('h2');
});
