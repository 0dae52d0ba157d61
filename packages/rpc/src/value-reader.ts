import { EMPTY_BYTES, ProtocolError } from '@proconsul/base';
import type { ByteBudget } from '@proconsul/yamux';
import { ValueScanner } from './value-scanner.ts';

const FIRST_BYTES = 4 * 1024;

/**
 * Cuts a stream of bytes into MessagePack values. What has not arrived whole is kept in one growing buffer (a list of
 * pieces would cost a multiple when they are tiny) and counted against the budget.
 */
export class ValueReader {
  readonly #scanner = new ValueScanner();
  readonly #budget: ByteBudget | undefined;
  #isScanning = false;
  /** The last piece that came, and how far it has been looked at. */
  #chunk: Uint8Array = EMPTY_BYTES;
  #at = 0;
  #partial: Uint8Array = EMPTY_BYTES;
  #partialSize = 0;

  constructor(budget?: ByteBudget) {
    this.#budget = budget;
  }

  /** Bytes of a value whose end has not come. */
  get partialBytes(): number {
    return this.#partialSize;
  }

  /** Bytes that have come and nobody has asked for. */
  get unreadBytes(): number {
    return this.#chunk.length - this.#at;
  }

  push(bytes: Uint8Array): void {
    if (this.#at < this.#chunk.length) {
      const rest = this.#chunk.subarray(this.#at);
      this.#chunk = new Uint8Array(rest.length + bytes.length);
      this.#chunk.set(rest);
      this.#chunk.set(bytes, rest.length);
    } else this.#chunk = bytes;
    this.#at = 0;
  }

  /**
   * The next value of at most `limitBytes`, or undefined when more must come. It may be a view of what was pushed.
   * Throws ProtocolError as {@link ValueScanner.scan}, and RPC_BUFFER when the budget is used up.
   */
  next(limitBytes: number): Uint8Array | undefined {
    if (this.#at >= this.#chunk.length) return undefined;
    if (!this.#isScanning) this.#scanner.start(limitBytes);
    this.#isScanning = true;
    const start = this.#at;
    const end = this.#scanner.scan(this.#chunk, start);
    if (end < 0) {
      this.#keep(this.#chunk.subarray(start));
      this.#chunk = EMPTY_BYTES;
      this.#at = 0;
      return undefined;
    }
    this.#at = end;
    this.#isScanning = false;
    const tail = this.#chunk.subarray(start, end);
    if (this.#at === this.#chunk.length) {
      this.#chunk = EMPTY_BYTES;
      this.#at = 0;
    }
    if (this.#partialSize === 0) return tail;
    this.#keep(tail);
    const value = this.#partial.subarray(0, this.#partialSize);
    this.#drop();
    return value;
  }

  /** What is left after the last value, which is then the caller's. */
  takeRest(): Uint8Array {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = EMPTY_BYTES;
    this.#at = 0;
    return rest;
  }

  /** Forgets everything and gives the budget back. */
  clear(): void {
    this.#chunk = EMPTY_BYTES;
    this.#at = 0;
    this.#drop();
  }

  #keep(bytes: Uint8Array): void {
    if (this.#budget !== undefined && !this.#budget.take(bytes.length)) {
      throw new ProtocolError('RPC_BUFFER', 'too many bytes of unfinished requests');
    }
    const size = this.#partialSize + bytes.length;
    if (size > this.#partial.length) {
      const grown = new Uint8Array(Math.max(size, this.#partial.length * 2, FIRST_BYTES));
      grown.set(this.#partial.subarray(0, this.#partialSize));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#partialSize);
    this.#partialSize = size;
  }

  #drop(): void {
    this.#budget?.give(this.#partialSize);
    this.#partial = EMPTY_BYTES;
    this.#partialSize = 0;
  }
}
