import { EMPTY_BYTES } from '@proconsul/base';

const FIRST_BYTES = 1_024;

/**
 * Bytes that wait for their reader, in one piece. A list of chunks would let a peer that sends single bytes cost us a
 * hundred times what it sends; here memory is at most twice the content.
 */
export class ReceiveBuffer {
  #bytes: Uint8Array = EMPTY_BYTES;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2, FIRST_BYTES));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#size);
    this.#size = size;
  }

  /** Everything, which is then the caller's. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#size);
    this.#bytes = EMPTY_BYTES;
    this.#size = 0;
    return bytes;
  }
}
