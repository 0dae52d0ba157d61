import type { Endpoint, Stream } from './network.ts';

/** One request of an HTTP/2 connection and its answer. Callbacks are set at once, when the exchange is handed over. */
export interface Http2Exchange {
  readonly from: Endpoint;
  readonly method: string;
  readonly path: string;
  /** Names in lower case; a name that came twice has its values joined with `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  onData(fn: (bytes: Uint8Array) => void): void;
  /** The request is complete. */
  onEnd(fn: () => void): void;
  /** Called exactly once: answered, given up by the other side, or the connection is gone. */
  onClose(fn: () => void): void;
  onDrain(fn: () => void): void;
  /** Starts the answer. With `isLast` it has no body. */
  respond(status: number, headers: Readonly<Record<string, string>>, isLast: boolean): void;
  /** False: more than a buffer's worth is waiting, go on after `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Ends the answer. */
  end(trailers: Readonly<Record<string, string>>): void;
  /** Drops the exchange at once. */
  reset(): void;
}

/** HTTP/2 over connected streams, as the accepting side, for clients that know that we speak it. */
export interface Http2Layer {
  serve(stream: Stream, onExchange: (exchange: Http2Exchange) => void): void;
}

/** A request of one connection of HTTP/2, and nothing else on it. */
export interface Http2Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  /** Longest body of an answer. */
  readonly bytesMax: number;
}

export interface Http2Answer {
  readonly status: number;
  /** Headers and trailers, names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/**
 * Posts one request over a connected stream and closes it. Rejects with Error when no answer comes: the connection broke,
 * or the time is over.
 */
export type Http2Post = (stream: Stream, request: Http2Request) => Promise<Http2Answer>;
