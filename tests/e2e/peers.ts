import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttp2Server, type Http2Server } from 'node:http2';
import type { Server } from 'node:net';

// Small servers that checks and watches of the tests talk to.

export const listening = async <T extends Server | HttpServer | Http2Server>(server: T, at: number | string) => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof at === 'number') server.listen(at, '127.0.0.1', () => resolve());
    else server.listen(at, () => resolve());
  });
  return server;
};

/** A gRPC server with nothing but the standard health service, which answers SERVING for the names given. */
export function grpcHealthServer(serving: ReadonlySet<string>): Http2Server {
  const server = createHttp2Server();
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      // Five bytes of framing; then field 1, the length, and the name of the service: nothing at all for the empty name.
      const message = Buffer.concat(chunks).subarray(5);
      const name = message.length > 2 ? message.subarray(2).toString() : '';
      const known = serving.has(name) && headers[':path'] === '/grpc.health.v1.Health/Check';
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '5' }));
      stream.end(known ? Buffer.from([0, 0, 0, 0, 2, 0x08, 1]) : undefined);
    });
  });
  return server;
}

/** What of a container engine's API a check uses: it makes an exec, starts it, and asks for its exit code. */
export function dockerEngine(output: string, exitCode: () => number): HttpServer {
  return createHttpServer((req, res) => {
    const url = req.url ?? '';
    req.resume();
    if (/\/containers\/[^/]+\/exec$/.test(url)) {
      res.writeHead(201, { 'Content-Type': 'application/json' }).end('{"Id":"exec1"}');
    } else if (url.endsWith('/exec/exec1/start')) {
      res.writeHead(200, { 'Content-Type': 'application/vnd.docker.raw-stream' }).end(output);
    } else if (url.endsWith('/exec/exec1/json')) {
      const body = JSON.stringify({ ID: 'exec1', Running: false, ExitCode: exitCode() });
      res.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
    } else res.writeHead(404, { 'Content-Type': 'application/json' }).end('{"message":"no such thing"}');
  });
}

export interface Received {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Keeps what it is sent. */
export function sink(received: Received[]): HttpServer {
  return createHttpServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    req.on('end', () => {
      received.push({ method: req.method ?? '', headers: req.headers, body });
      res.end();
    });
  });
}
