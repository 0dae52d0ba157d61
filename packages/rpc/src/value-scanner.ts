import { ProtocolError } from '@proconsul/base';

/**
 * Finds the end of a MessagePack value that arrives in pieces, looking at every byte once. Lengths are believed only as
 * far as `limitBytes`: a header that promises more fails at once.
 */
export class ValueScanner {
  #limit = 0;
  #seen = 0;
  /** Values still to come, the nested ones that we know of included. */
  #values = 0;
  /** Bytes of a string, number or extension still to pass over. */
  #skip = 0;
  /** Bytes of a length still to read, and what they say so far. */
  #lengthBytes = 0;
  #length = 0;
  #code = 0;

  /** Forgets the last value and starts with another, of at most `limitBytes`. */
  start(limitBytes: number): void {
    this.#limit = limitBytes;
    this.#seen = 0;
    this.#values = 1;
    this.#skip = 0;
    this.#lengthBytes = 0;
  }

  /**
   * Goes on at `at`. Returns where the value ends, or -1 when all of `bytes` belongs to it and more must come.
   * Throws ProtocolError RPC_TOO_LONG, or MSGPACK_TYPE for the one byte that begins no value.
   */
  scan(bytes: Uint8Array, at: number): number {
    const start = at;
    while (this.#values > 0) {
      if (at >= bytes.length) {
        this.#seen += at - start;
        return -1;
      }
      if (this.#skip > 0) {
        const size = Math.min(this.#skip, bytes.length - at);
        this.#skip -= size;
        at += size;
        if (this.#skip === 0) this.#values--;
      } else if (this.#lengthBytes > 0) {
        this.#length = this.#length * 256 + bytes[at++]!;
        if (--this.#lengthBytes === 0) this.#haveLength();
      } else {
        this.#begin(bytes[at++]!);
      }
      this.#check(at - start);
    }
    return at;
  }

  #check(seenNow: number): void {
    const least = this.#seen + seenNow + this.#skip + Math.max(0, this.#values - 1);
    if (least > this.#limit) {
      throw new ProtocolError('RPC_TOO_LONG', `value of more than ${this.#limit} bytes`, { least });
    }
  }

  #begin(code: number): void {
    if (code <= 0x7f || code >= 0xe0) this.#values--;
    else if (code <= 0x8f) this.#values += 2 * (code & 0x0f) - 1;
    else if (code <= 0x9f) this.#values += (code & 0x0f) - 1;
    else if (code <= 0xbf) this.#bytesFollow(code & 0x1f);
    else this.#beginWide(code);
  }

  #beginWide(code: number): void {
    const fixed = FIXED_BYTES[code - 0xc0]!;
    if (fixed >= 0) {
      this.#bytesFollow(fixed);
      return;
    }
    const lengthBytes = LENGTH_BYTES[code - 0xc0]!;
    if (lengthBytes === 0) throw new ProtocolError('MSGPACK_TYPE', `byte ${code.toString(16)} begins no value`);
    this.#code = code;
    this.#length = 0;
    this.#lengthBytes = lengthBytes;
  }

  #haveLength(): void {
    if (this.#code >= 0xde) this.#values += 2 * this.#length - 1;
    else if (this.#code >= 0xdc) this.#values += this.#length - 1;
    else this.#bytesFollow(this.#code >= 0xc7 && this.#code <= 0xc9 ? this.#length + 1 : this.#length);
  }

  #bytesFollow(size: number): void {
    if (size === 0) this.#values--;
    else this.#skip = size;
  }
}

/** Bytes after the codes c0 to df where the code alone says so; -1 where a length follows (or nothing is defined). */
const FIXED_BYTES: readonly number[] = [
  0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, -1, -1, -1, -1, -1, -1, -1,
];

/** Bytes of the length after the codes c0 to df; 0: no length. */
const LENGTH_BYTES: readonly number[] = [
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
];
