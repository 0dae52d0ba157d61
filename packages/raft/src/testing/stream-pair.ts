import type { Endpoint, Stream } from '@proconsul/base';

const A: Endpoint = { host: '10.0.0.1', port: 1 };
const B: Endpoint = { host: '10.0.0.2', port: 8300 };

/** One end of a connection in memory: bytes arrive at the other end in a later turn, in the pieces that `cut` makes. */
class MemoryStream implements Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  other!: MemoryStream;
  cut: (bytes: Uint8Array) => Uint8Array[] = (bytes) => [bytes];
  isPaused = false;
  isClosed = false;
  #inbox: Uint8Array[] = [];
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;

  constructor(local: Endpoint, remote: Endpoint) {
    this.local = local;
    this.remote = remote;
  }
  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
    queueMicrotask(() => this.#deliver());
  }
  onEnd(fn: () => void): void {
    this.#end = fn;
  }
  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
  }
  onDrain(): void {}
  write(bytes: Uint8Array): boolean {
    if (this.isClosed) return true;
    const copy = bytes.slice();
    queueMicrotask(() => this.other.#take(this.cut(copy)));
    return true;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
    queueMicrotask(() => this.#deliver());
  }
  end(): void {
    queueMicrotask(() => !this.other.isClosed && this.other.#end?.());
  }
  destroy(error?: Error): void {
    this.#closeWith(error);
    queueMicrotask(() => this.other.#closeWith());
  }
  #closeWith(error?: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    queueMicrotask(() => this.#close?.(error));
  }
  #take(pieces: readonly Uint8Array[]): void {
    this.#inbox.push(...pieces);
    this.#deliver();
  }
  #deliver(): void {
    while (this.#data && !this.isPaused && !this.isClosed && this.#inbox.length > 0) this.#data(this.#inbox.shift()!);
  }
}

export interface StreamPair {
  readonly dialled: MemoryStream;
  readonly accepted: MemoryStream;
}

export function streamPair(cut?: (bytes: Uint8Array) => Uint8Array[]): StreamPair {
  const dialled = new MemoryStream(A, B);
  const accepted = new MemoryStream(B, A);
  dialled.other = accepted;
  accepted.other = dialled;
  if (cut) {
    dialled.cut = cut;
    accepted.cut = cut;
  }
  return { dialled, accepted };
}

/** Lets everything that is only waiting for its turn happen. */
export async function turns(count = 200): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}
