import type { Endpoint, Stream } from '@proconsul/base';

const HERE: Endpoint = { host: '127.0.0.1', port: 1 };

/** Bytes on their way from which on `write` answers false. */
const HIGH_WATER = 1024;

/** One end of a connection within the test: bytes arrive in a later microtask, in pieces of at most `pieceBytes`. */
class End implements Stream {
  readonly remote = HERE;
  readonly local = HERE;
  readonly #pieceBytes: number;
  other!: End;
  #inbox: (Uint8Array | 'end')[] = [];
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end = () => {};
  #close: (error?: Error) => void = () => {};
  #drain = () => {};
  #paused = false;
  #closed = false;
  #planned = false;
  /** Bytes handed over by the other side and not yet delivered. */
  waiting = 0;

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
    this.#deliver();
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
    for (let at = 0; at < bytes.length; at += this.#pieceBytes) {
      this.other.#inbox.push(bytes.slice(at, at + this.#pieceBytes));
    }
    this.other.waiting += bytes.length;
    this.other.#deliver();
    return this.other.waiting < HIGH_WATER;
  }

  #deliver(): void {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.#paused || this.#closed || this.#data === undefined) return;
      const next = this.#inbox.shift();
      if (next === undefined) return;
      if (next === 'end') this.#end();
      else {
        this.waiting -= next.length;
        this.#data(next);
        if (this.waiting < HIGH_WATER) this.other.#drain();
      }
      this.#deliver();
    });
  }

  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.#deliver();
  }
  end(): void {
    this.other.#inbox.push('end');
    this.other.#deliver();
  }
  destroy(error?: Error): void {
    for (const side of [this, this.other]) {
      if (side.#closed) continue;
      side.#closed = true;
      queueMicrotask(() => side.#close(error));
    }
  }
}

/** Both ends of a connection. */
export function streamPair(pieceBytes = 7): [Stream, Stream] {
  const a = new End(pieceBytes);
  const b = new End(pieceBytes);
  a.other = b;
  b.other = a;
  return [a, b];
}
