import type { Gzip, GzipStream } from '@proconsul/base';
import { encodeChunk, LAST_CHUNK } from '@proconsul/http1';
import type { FrontStream } from '../exchange.ts';

/** What a stream needs of its connection. */
export interface StreamOutput {
  /** False: the client is slower than we are. */
  put(chunks: readonly Uint8Array[]): boolean;
  /** The answer is complete. */
  finish(): void;
}

export type StreamCoding = 'chunked' | 'until close' | 'no body';

/** The body of an answer whose length nobody knows yet. Calls after the end, or after the client left, do nothing. */
export class ResponseStream implements FrontStream {
  readonly #output: StreamOutput;
  readonly #coding: StreamCoding;
  readonly #gzip: GzipStream | undefined;
  #state: 'open' | 'ending' | 'over' = 'open';
  #room = true;
  #drain: (() => void) | undefined;
  #close: (() => void) | undefined;

  constructor(output: StreamOutput, coding: StreamCoding, gzip: Gzip | undefined) {
    this.#output = output;
    this.#coding = coding;
    this.#gzip = gzip?.stream((bytes) => this.#put(bytes));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'open' || bytes.length === 0) return this.#room;
    if (this.#gzip) this.#gzip.write(bytes);
    else this.#put(bytes);
    return this.#room;
  }

  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  onClose(fn: () => void): void {
    this.#close = fn;
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    if (this.#gzip) this.#gzip.end(() => this.#finish());
    else this.#finish();
  }

  /** The connection has room again. */
  drained(): void {
    if (this.#state === 'over' || this.#room) return;
    this.#room = true;
    if (this.#state === 'open') this.#drain?.();
  }

  /** The client has gone. */
  closed(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#gzip?.destroy();
    this.#close?.();
  }

  #put(bytes: Uint8Array): void {
    if (this.#state === 'over' || bytes.length === 0 || this.#coding === 'no body') return;
    this.#room = this.#output.put(this.#coding === 'chunked' ? encodeChunk(bytes) : [bytes]);
  }

  #finish(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    if (this.#coding === 'chunked') this.#output.put([LAST_CHUNK]);
    this.#output.finish();
  }
}
