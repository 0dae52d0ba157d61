import type { Endpoint } from '@proconsul/base';
import type { SharedAnswer } from './front/shared-answer.ts';

/** Header lines of an answer, in order. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A request as the front hands it over: parsed as far as HTTP goes, nothing of it decoded. */
export interface FrontRequest {
  readonly method: string;
  /** The request target as sent: path and query. */
  readonly target: string;
  readonly remote: Endpoint;
  /** The value of a header by its lower-case name; several lines are joined with `, `. */
  header(name: string): string | undefined;
  /** The header section, one object for all requests that bring the same: what follows from it is kept in `derived`. */
  readonly headers: { derived: unknown };
  /** The client takes gzip. */
  readonly acceptsGzip: boolean;
  /** -1 when the length is not known before the end (chunked). */
  readonly contentLength: number;
  /**
   * Collects the body. `done` gets an error text `too large` once more than `limitBytes` came (the rest is not read).
   * Called at once when the body is there already.
   */
  readBody(limitBytes: number, done: (error: 'too large' | 'aborted' | null, body: Uint8Array) => void): void;
  /** The body as it comes, for uploads of any size. */
  bodyStream(): AsyncIterable<Uint8Array>;
  /** Called once if the client goes away before it was answered. */
  onAbort(fn: () => void): void;
}

/** An answer in pieces. */
export interface FrontStream {
  /** False: wait for `onDrain` before writing on. */
  write(bytes: Uint8Array): boolean;
  onDrain(fn: () => void): void;
  onClose(fn: () => void): void;
  end(): void;
}

/** Exactly one of the methods is called, exactly once. */
export interface FrontResponse {
  /** An answer that many get: encoded, and compressed for those who take that, once for all of them. */
  sendShared(answer: SharedAnswer): void;
  /** The front adds Date and Content-Length. */
  send(status: number, headers: HeaderList, body: Uint8Array | string): void;
  startStream(status: number, headers: HeaderList, compress?: boolean): FrontStream;
}
