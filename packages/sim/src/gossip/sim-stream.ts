import type { Endpoint, Stream } from '@proconsul/base';

type Carry = (size: number, deliver: () => void) => void;

type Item = { readonly kind: 'data'; readonly bytes: Uint8Array } | { readonly kind: 'end' | 'gone' };

/** One end of a stream in a simulated network. What is written arrives in order, each piece not before the one before. */
export class SimStream implements Stream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #carry: Carry;
  readonly #arrived = new Map<number, Item>();
  #other!: SimStream;
  #sent = 0;
  #next = 0;
  #isOver = false;
  #hasEnded = false;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;

  constructor(local: Endpoint, remote: Endpoint, carry: Carry) {
    this.local = local;
    this.remote = remote;
    this.#carry = carry;
  }

  pair(other: SimStream): void {
    this.#other = other;
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
    if (this.#isOver) fn();
  }
  onDrain(): void {}
  pause(): void {}
  resume(): void {}

  write(bytes: Uint8Array): boolean {
    if (!this.#isOver && !this.#hasEnded) this.#send({ kind: 'data', bytes });
    return true;
  }

  end(): void {
    if (this.#isOver || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#send({ kind: 'end' });
  }

  destroy(error?: Error): void {
    if (this.#isOver) return;
    this.#send({ kind: 'gone' });
    this.#over(error);
  }

  #send(item: Item): void {
    const sequence = this.#sent++;
    this.#carry(item.kind === 'data' ? item.bytes.length : 0, () => this.#other.#arrive(sequence, item));
  }

  #arrive(sequence: number, item: Item): void {
    this.#arrived.set(sequence, item);
    this.#deliver();
  }

  #deliver(): void {
    while (this.#data !== undefined && !this.#isOver) {
      const item = this.#arrived.get(this.#next);
      if (item === undefined) return;
      this.#arrived.delete(this.#next++);
      if (item.kind === 'data') this.#data(item.bytes);
      else if (item.kind === 'end') this.#end?.();
      else this.#over();
    }
  }

  #over(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#arrived.clear();
    this.#close?.(error);
  }
}
