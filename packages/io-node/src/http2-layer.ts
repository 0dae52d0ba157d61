import type * as http2 from 'node:http2';
import type { Endpoint, Http2Exchange, Http2Layer, Log, Stream } from '@proconsul/base';
import { StreamDuplex } from './stream-duplex.ts';

/** Requests that a connection may have open, and memory for what belongs to them. Source of the count: the reference's gRPC port. */
export const HTTP2_STREAMS_MAX = 2_048;
export const HTTP2_SESSION_MEGABYTES = 16;

/** Headers of one request. */
export const HTTP2_HEADER_PAIRS_MAX = 64;

/** Requests that a connection may give up or spoil before it is closed. */
export const HTTP2_RESETS_MAX = 10_000;

export interface Http2Options {
  readonly streamsMax: number;
  readonly sessionMegabytes: number;
  /** `performance.grpc_keepalive_interval`: pause between pings. */
  readonly pingMs: number;
  /** `performance.grpc_keepalive_timeout`: longest wait for an answer. */
  readonly pingTimeoutMs: number;
}

export const HTTP2_DEFAULTS: Http2Options = {
  streamsMax: HTTP2_STREAMS_MAX,
  sessionMegabytes: HTTP2_SESSION_MEGABYTES,
  pingMs: 30_000,
  pingTimeoutMs: 20_000,
};

type Sessions = Pick<typeof http2, 'performServerHandshake'>;

/** HTTP/2 of Node over any Stream. The module is loaded with the first connection. */
export function nodeHttp2Layer(log: Log, given: Partial<Http2Options> = {}): Http2Layer {
  const options = { ...HTTP2_DEFAULTS, ...given };
  let loading: Promise<Sessions> | undefined;
  return {
    serve(stream, onExchange) {
      loading ??= import('node:http2');
      loading.then(
        (module) => serveSession(module, stream, onExchange, log, options),
        () => stream.destroy(),
      );
    },
  };
}

function serveSession(
  { performServerHandshake }: Sessions,
  stream: Stream,
  onExchange: (exchange: Http2Exchange) => void,
  log: Log,
  options: Http2Options,
): void {
  const duplex = new StreamDuplex(stream);
  duplex.on('error', () => undefined);
  const session = performServerHandshake(duplex, {
    settings: { maxConcurrentStreams: options.streamsMax },
    maxSessionMemory: options.sessionMegabytes,
    maxHeaderListPairs: HTTP2_HEADER_PAIRS_MAX,
    streamResetBurst: HTTP2_RESETS_MAX,
    streamResetRate: HTTP2_RESETS_MAX,
  } as http2.ServerOptions);
  const pings = setInterval(() => keepAlive(session, options.pingTimeoutMs), options.pingMs);
  session.on('error', (error) => log.debug('http2: connection failed', { from: stream.remote.host, error }));
  session.on('close', () => {
    clearInterval(pings);
    duplex.destroy();
  });
  session.on('stream', (inner, headers) => onExchange(new NodeExchange(inner, headers, stream.remote)));
}

/** Ends the session when its ping is not answered. */
function keepAlive(session: http2.ServerHttp2Session, timeoutMs: number): void {
  if (session.destroyed) return;
  const timer = setTimeout(() => session.destroy(), timeoutMs);
  const isSent = session.ping(() => clearTimeout(timer));
  if (!isSent) clearTimeout(timer);
  session.once('close', () => clearTimeout(timer));
}

class NodeExchange implements Http2Exchange {
  readonly from: Endpoint;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly #stream: http2.ServerHttp2Stream;

  constructor(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, from: Endpoint) {
    this.#stream = stream;
    this.from = from;
    this.method = headers[':method'] ?? '';
    this.path = headers[':path'] ?? '';
    const texts: Record<string, string | undefined> = Object.create(null);
    for (const [name, value] of Object.entries(headers)) texts[name] = Array.isArray(value) ? value.join(', ') : value;
    this.headers = texts;
    stream.on('error', () => undefined);
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#stream.on('data', fn);
  }

  onEnd(fn: () => void): void {
    this.#stream.on('end', fn);
  }

  onClose(fn: () => void): void {
    this.#stream.on('close', fn);
  }

  onDrain(fn: () => void): void {
    this.#stream.on('drain', fn);
  }

  respond(status: number, headers: Readonly<Record<string, string>>, isLast: boolean): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed || stream.headersSent) return;
    stream.respond({ ':status': status, ...headers }, {
      endStream: isLast,
      waitForTrailers: !isLast,
      sendDate: false,
    } as http2.ServerStreamResponseOptions);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#stream.closed || this.#stream.destroyed) return true;
    return this.#stream.write(bytes);
  }

  end(trailers: Readonly<Record<string, string>>): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed) return;
    stream.once('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end();
  }

  reset(): void {
    this.#stream.close();
  }
}
