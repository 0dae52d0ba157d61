import { EMPTY_BYTES } from '@proconsul/base';

/** Who takes the body of a request, as it comes. */
export interface BodySink {
  /** While true nothing more is delivered; the owner says when to go on. */
  readonly paused: boolean;
  data(bytes: Buffer): void;
  end(): void;
  /** No more will come: the client left, or what it sent was not a body. */
  abort(): void;
}

export type BodyDone = (error: 'too large' | 'aborted' | null, body: Uint8Array) => void;

/** Collects a body of at most `limitBytes`. Many small chunks cost their bytes, not an object each. */
export class CollectedBody implements BodySink {
  readonly paused = false;
  readonly #limit: number;
  readonly #done: BodyDone;
  #bytes: Uint8Array = EMPTY_BYTES;
  #size = 0;
  #finished = false;

  constructor(limitBytes: number, done: BodyDone) {
    this.#limit = limitBytes;
    this.#done = done;
  }

  get finished(): boolean {
    return this.#finished;
  }

  data(bytes: Buffer): void {
    if (this.#finished) return;
    const size = this.#size + bytes.length;
    if (size > this.#limit) return this.#finish('too large', EMPTY_BYTES);
    if (this.#size === 0) this.#bytes = bytes;
    else {
      if (this.#bytes.length < size || this.#size === this.#bytes.length) this.#grow(size);
      this.#bytes.set(bytes, this.#size);
    }
    this.#size = size;
  }

  #grow(size: number): void {
    const grown = new Uint8Array(Math.min(Math.max(2 * size, 4096), this.#limit));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }

  end(): void {
    if (!this.#finished) this.#finish(null, unpinned(this.#bytes.subarray(0, this.#size)));
  }

  abort(): void {
    if (!this.#finished) this.#finish('aborted', EMPTY_BYTES);
  }

  #finish(error: 'too large' | 'aborted' | null, body: Uint8Array): void {
    this.#finished = true;
    this.#bytes = EMPTY_BYTES;
    this.#done(error, body);
  }
}

/** A small body must not keep a large packet of other requests in memory. */
function unpinned(body: Uint8Array): Uint8Array {
  return body.buffer.byteLength > 2 * body.length + 1024 ? body.slice() : body;
}

/** A body as an async iterable; reading from the client stops while nobody takes what is here. */
export class StreamedBody implements BodySink, AsyncIterable<Uint8Array> {
  readonly #resume: () => void;
  #queue: Uint8Array[] = [];
  #ended = false;
  #aborted = false;
  #wake: (() => void) | undefined;

  constructor(resume: () => void) {
    this.#resume = resume;
  }

  get paused(): boolean {
    return this.#queue.length > 0;
  }

  data(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  abort(): void {
    this.#aborted = true;
    this.#wake?.();
  }

  /** Throws when the body breaks off. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunks = this.#queue;
      this.#queue = [];
      yield* chunks;
      if (this.#queue.length > 0) continue;
      if (this.#aborted) throw new Error('unexpected EOF');
      if (this.#ended) return;
      this.#resume();
      if (this.#queue.length > 0 || this.#ended || this.#aborted) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
