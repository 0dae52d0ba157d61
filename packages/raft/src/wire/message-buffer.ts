import { concatBytes, ProtocolError } from '@proconsul/base';
import { MessageScanner } from './message-scanner.ts';

/** Bytes of a connection as they come, and whole values taken out of them. Copies only what arrived in pieces. */
export class MessageBuffer {
  #chunks: Uint8Array[] = [];
  #size = 0;
  /** Chunks before this one were looked at by the scanner, and do not end the value. */
  #scanned = 0;
  readonly #scanner = new MessageScanner();
  #valuesFound = 0;
  /** Where to go on in the first chunk that is not scanned, when more than one value is wanted. */
  #scanFrom = 0;

  /** Bytes held. */
  get size(): number {
    return this.#size;
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#size += bytes.length;
  }

  /** Takes one byte; undefined when there is none. Not while a value is half there. */
  byte(): number | undefined {
    const first = this.#chunks[0];
    if (first === undefined) return undefined;
    this.#drop(1);
    return first[0];
  }

  /** Takes at most `max` bytes that are there; undefined when there is none. */
  some(max: number): Uint8Array | undefined {
    const first = this.#chunks[0];
    if (first === undefined) return undefined;
    const bytes = first.subarray(0, Math.min(max, first.length));
    this.#drop(bytes.length);
    return bytes;
  }

  /** Takes `count` whole values as one piece; undefined while they are not all there. Throws ProtocolError past `maxBytes`. */
  values(count: number, maxBytes: number): Uint8Array | undefined {
    while (this.#scanned < this.#chunks.length) {
      const chunk = this.#chunks[this.#scanned]!;
      const end = this.#scanner.scan(chunk, this.#scanFrom);
      if (end < 0) {
        this.#scanned++;
        this.#scanFrom = 0;
        continue;
      }
      this.#scanFrom = end;
      if (++this.#valuesFound < count) continue;
      return this.#take(end, maxBytes);
    }
    if (this.#size > maxBytes) tooLarge(maxBytes);
    return undefined;
  }

  /** Everything up to `end` of the chunk that the scanner stopped in. */
  #take(end: number, maxBytes: number): Uint8Array {
    const parts = this.#chunks.slice(0, this.#scanned);
    parts.push(this.#chunks[this.#scanned]!.subarray(0, end));
    const value = parts.length === 1 ? parts[0]! : concatBytes(parts);
    if (value.length > maxBytes) tooLarge(maxBytes);
    this.#drop(value.length);
    this.#valuesFound = 0;
    return value;
  }

  #drop(size: number): void {
    this.#size -= size;
    let left = size;
    let whole = 0;
    while (left > 0 && this.#chunks[whole]!.length <= left) left -= this.#chunks[whole++]!.length;
    if (whole > 0) this.#chunks.splice(0, whole);
    if (left > 0) this.#chunks[0] = this.#chunks[0]!.subarray(left);
    this.#scanned = 0;
    this.#scanFrom = 0;
  }
}

function tooLarge(maxBytes: number): never {
  throw new ProtocolError('RAFT_MESSAGE_SIZE', `a message of more than ${maxBytes} bytes`);
}
