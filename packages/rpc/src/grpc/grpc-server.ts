import {
  type Clock,
  type Endpoint,
  errorText,
  type Http2Exchange,
  type Log,
  ProtocolError,
  type Timer,
} from '@proconsul/base';
import { encodeGrpcMessage, GrpcCode, GrpcError, grpcTimeoutMs } from './status.ts';

/** A request message. Source: the usual limit of gRPC servers. */
export const GRPC_REQUEST_BYTES_MAX = 4 * 1024 * 1024;

export interface GrpcCall {
  readonly from: Endpoint;
  /** Token of the metadata, empty when there is none. */
  readonly token: string;
  /** The caller is gone, or its time is up. */
  readonly signal: AbortSignal;
  /** Sends one message of the answer; resolves when the next one may be sent. */
  send(message: Uint8Array): Promise<void>;
}

/** One method: takes the one request message and sends one answer, or any number. It rejects with GrpcError to fail. */
export type GrpcMethod = (request: Uint8Array, call: GrpcCall) => Promise<void>;

/** Methods by service, as `package.Service`, and name. */
export type GrpcServices = ReadonlyMap<string, ReadonlyMap<string, GrpcMethod>>;

export interface GrpcDependencies {
  readonly clock: Clock;
  readonly log: Log;
}

const HEADERS = { 'content-type': 'application/grpc' };
const PREFIX_BYTES = 5;

/**
 * gRPC over exchanges of HTTP/2: framing, status, deadlines. Requests are single messages, uncompressed.
 * Source: gRPC over HTTP/2; texts of the reference agent, probed.
 */
export class GrpcServer {
  readonly #services: GrpcServices;
  readonly #d: GrpcDependencies;

  constructor(services: GrpcServices, dependencies: GrpcDependencies) {
    this.#services = services;
    this.#d = dependencies;
  }

  /** Answers one exchange. */
  handle(exchange: Http2Exchange): void {
    const refusal = refusalOf(exchange);
    if (refusal !== undefined) {
      refuse(exchange, refusal.http, refusal.status, refusal.text);
      return;
    }
    try {
      new ServerCall(exchange, this.#method(exchange.path), this.#d).start();
    } catch (error) {
      refuse(exchange, 200, statusOf(error), errorText(error));
    }
  }

  #method(path: string): GrpcMethod {
    const slash = path.lastIndexOf('/');
    if (slash <= 0) throw new GrpcError(GrpcCode.unimplemented, `malformed method name: "${path}"`);
    const [service, name] = [path.slice(1, slash), path.slice(slash + 1)];
    const methods = this.#services.get(service);
    if (methods === undefined) throw new GrpcError(GrpcCode.unimplemented, `unknown service ${service}`);
    const method = methods.get(name);
    if (method === undefined) {
      throw new GrpcError(GrpcCode.unimplemented, `unknown method ${name} for service ${service}`);
    }
    return method;
  }
}

class ServerCall {
  readonly #exchange: Http2Exchange;
  readonly #method: GrpcMethod;
  readonly #d: GrpcDependencies;
  readonly #abort = new AbortController();
  #deadline: Timer | undefined;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #hasResponded = false;
  #isDone = false;
  #drained: (() => void) | undefined;

  constructor(exchange: Http2Exchange, method: GrpcMethod, dependencies: GrpcDependencies) {
    this.#exchange = exchange;
    this.#method = method;
    this.#d = dependencies;
  }

  start(): void {
    const exchange = this.#exchange;
    const timeoutMs = grpcTimeoutMs(exchange.headers['grpc-timeout']);
    if (timeoutMs !== undefined) {
      this.#deadline = this.#d.clock.after(timeoutMs, () => {
        this.#finish(GrpcCode.deadlineExceeded, 'context deadline exceeded');
      });
    }
    exchange.onClose(() => this.#close());
    exchange.onDrain(() => this.#drained?.());
    exchange.onEnd(() => void this.#run());
    exchange.onData((bytes) => this.#receive(bytes));
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isDone) return;
    this.#size += bytes.length;
    if (this.#size > GRPC_REQUEST_BYTES_MAX + PREFIX_BYTES) {
      const text = `grpc: received message larger than max (${this.#size} vs. ${GRPC_REQUEST_BYTES_MAX})`;
      this.#finish(GrpcCode.resourceExhausted, text);
      return;
    }
    // Pieces may be tiny; keep the count of them small.
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.length < 1_024) this.#chunks[this.#chunks.length - 1] = joined(last, bytes);
    else this.#chunks.push(bytes);
  }

  async #run(): Promise<void> {
    if (this.#isDone) return;
    try {
      const call: GrpcCall = {
        from: this.#exchange.from,
        token: this.#exchange.headers['x-consul-token'] ?? '',
        signal: this.#abort.signal,
        send: (message) => this.#send(message),
      };
      await this.#method(messageOf(this.#chunks), call);
      this.#finish(GrpcCode.ok, '');
    } catch (error) {
      this.#d.log.debug('call failed', { path: this.#exchange.path, error: errorText(error) });
      this.#finish(statusOf(error), errorText(error));
    }
  }

  async #send(message: Uint8Array): Promise<void> {
    if (this.#isDone) throw new GrpcError(GrpcCode.canceled, 'context canceled');
    if (!this.#hasResponded) this.#exchange.respond(200, HEADERS, false);
    this.#hasResponded = true;
    const frame = new Uint8Array(PREFIX_BYTES + message.length);
    new DataView(frame.buffer).setUint32(1, message.length);
    frame.set(message, PREFIX_BYTES);
    if (this.#exchange.write(frame)) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    if (this.#isDone) throw new GrpcError(GrpcCode.canceled, 'context canceled');
  }

  #finish(status: number, text: string): void {
    if (this.#isDone) return;
    if (this.#hasResponded) this.#exchange.end(trailers(status, text));
    else refuse(this.#exchange, 200, status, text);
    this.#close();
  }

  #close(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#chunks = [];
    this.#deadline?.cancel();
    this.#abort.abort(CALLER_GONE);
    this.#drained?.();
  }
}

const CALLER_GONE = new Error('the call is over');

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** The one message of a request: u8 compressed | u32be length | message. */
function messageOf(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = chunks.reduce(joined, new Uint8Array(0));
  if (bytes.length === 0) throw new GrpcError(GrpcCode.internal, 'cardinality violation: received no request message');
  if (bytes.length < PREFIX_BYTES) throw new GrpcError(GrpcCode.internal, 'unexpected EOF');
  if (bytes[0] !== 0) {
    const text = 'grpc: compressed flag set with identity or empty encoding';
    throw new GrpcError(GrpcCode.internal, text);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (length !== bytes.length - PREFIX_BYTES) throw new GrpcError(GrpcCode.internal, 'unexpected EOF');
  return bytes.subarray(PREFIX_BYTES);
}

/** Why a request is not one of gRPC. */
function refusalOf({ method, headers }: Http2Exchange): { http: number; status: number; text: string } | undefined {
  const type = headers['content-type'] ?? '';
  if (!/^application\/grpc($|[+;])/.test(type)) {
    return { http: 415, status: GrpcCode.invalidArgument, text: `invalid gRPC request content-type "${type}"` };
  }
  if (method !== 'POST') {
    const text = `Received a HEADERS frame with :method "${method}" which should be POST`;
    return { http: 405, status: GrpcCode.internal, text };
  }
  const encoding = headers['grpc-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    const text = `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`;
    return { http: 200, status: GrpcCode.unimplemented, text };
  }
  return undefined;
}

function refuse(exchange: Http2Exchange, http: number, status: number, text: string): void {
  exchange.respond(http, { ...HEADERS, ...trailers(status, text) }, true);
}

const trailers = (status: number, text: string): Record<string, string> => ({
  'grpc-status': String(status),
  'grpc-message': encodeGrpcMessage(text),
});

function statusOf(error: unknown): number {
  if (error instanceof GrpcError) return error.status;
  return error instanceof ProtocolError ? GrpcCode.internal : GrpcCode.unknown;
}
