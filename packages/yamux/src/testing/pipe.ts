import type { Endpoint, Stream } from '@proconsul/base';

export interface PipeOptions {
  /** Bytes that a direction holds before writes answer false and nothing more is taken over. */
  readonly highWaterBytes?: number;
  readonly a?: Endpoint;
  readonly b?: Endpoint;
}

/** Two streams, connected in memory. Bytes arrive in later microtasks, in order, in the pieces in which they were written. */
export function pipe(options: PipeOptions = {}): [PipeEnd, PipeEnd] {
  const a = new PipeEnd(
    options.a ?? { host: '127.0.0.1', port: 1 },
    options.b ?? { host: '127.0.0.2', port: 2 },
    options,
  );
  const b = new PipeEnd(a.remote, a.local, options);
  a.connect(b);
  b.connect(a);
  return [a, b];
}

export class PipeEnd implements Stream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #highWater: number;
  #peer: PipeEnd | undefined;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;
  #drain: (() => void) | undefined;
  /** On the way to this end; undefined is the end of the other direction. */
  #incoming: (Uint8Array | undefined)[] = [];
  #incomingBytes = 0;
  #isPaused = false;
  #isEnded = false;
  #isRemoteEnded = false;
  #isClosed = false;
  #isScheduled = false;
  #isFull = false;
  /** Everything that was ever written here, for tests that look at bytes. */
  readonly written: Uint8Array[] = [];

  constructor(local: Endpoint, remote: Endpoint, options: PipeOptions) {
    this.local = local;
    this.remote = remote;
    this.#highWater = options.highWaterBytes ?? 64 * 1024;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  connect(peer: PipeEnd): void {
    this.#peer = peer;
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
    this.#schedule();
  }

  onEnd(fn: () => void): void {
    this.#end = fn;
  }

  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
  }

  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnded || this.#isClosed) return true;
    this.written.push(bytes);
    const room = this.#peer!.#push(bytes);
    if (!room) this.#isFull = true;
    return room;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#isEnded || this.#isClosed) return;
    this.#isEnded = true;
    this.#peer!.#push(undefined);
    this.#closeWhenDone();
  }

  destroy(error?: Error): void {
    if (this.#isClosed) return;
    this.#finish(error);
    queueMicrotask(() => this.#peer!.#finish(new Error('connection reset by peer')));
  }

  #push(bytes: Uint8Array | undefined): boolean {
    if (this.#isClosed) return true;
    this.#incoming.push(bytes);
    this.#incomingBytes += bytes?.length ?? 0;
    this.#schedule();
    return this.#incomingBytes < this.#highWater;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#incoming.length === 0) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#deliverOne();
    });
  }

  #deliverOne(): void {
    if (this.#isPaused || this.#isClosed || this.#data === undefined || this.#incoming.length === 0) return;
    const bytes = this.#incoming.shift();
    if (bytes === undefined) {
      this.#isRemoteEnded = true;
      if (this.#end) this.#end();
      else this.end();
      this.#closeWhenDone();
      return;
    }
    this.#incomingBytes -= bytes.length;
    this.#data(bytes);
    if (this.#incomingBytes === 0) this.#peer!.#drained();
    this.#schedule();
  }

  #drained(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#drain?.();
  }

  #closeWhenDone(): void {
    if (this.#isEnded && this.#isRemoteEnded) this.#finish();
  }

  #finish(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#incoming = [];
    this.#close?.(error);
  }
}
