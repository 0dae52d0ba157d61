import { ProtocolError } from '@proconsul/base';

/**
 * Finds where a MessagePack value ends, in bytes that arrive in pieces, without looking at any byte twice. Counts of arrays and
 * maps and lengths of strings only move counters: nothing is allocated for them.
 */
export class MessageScanner {
  /** Values that must still come; 1 at the start of a message. */
  #values = 1;
  /** Bytes of the present value to pass over. */
  #skip = 0;
  /** Bytes of a length that is cut in two: how many are missing, and its value so far. */
  #lengthLeft = 0;
  #length = 0;
  #lengthOf: 'raw' | 'array' | 'map' | 'ext' = 'raw';

  /** Looks at `bytes` from `from` on. The position after the value, or -1 when it goes on. Throws ProtocolError. */
  scan(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at);
        this.#skip -= step;
        at += step;
      } else if (this.#lengthLeft > 0) {
        this.#length = this.#length * 256 + bytes[at++]!;
        if (--this.#lengthLeft === 0) this.#lengthKnown();
      } else this.#code(bytes[at++]!);
      if (this.#values === 0 && this.#skip === 0 && this.#lengthLeft === 0) {
        this.#values = 1;
        return at;
      }
    }
    return -1;
  }

  #code(code: number): void {
    if (code <= 0x7f || code >= 0xe0) this.#values--;
    else if (code <= 0x8f) this.#values += 2 * (code & 0x0f) - 1;
    else if (code <= 0x9f) this.#values += (code & 0x0f) - 1;
    else if (code <= 0xbf) this.#bytesFollow(code & 0x1f);
    else this.#wide(code);
  }

  #bytesFollow(size: number): void {
    this.#values--;
    this.#skip = size;
  }

  #wide(code: number): void {
    if (code <= 0xc3) {
      if (code === 0xc1) throw new ProtocolError('RAFT_MESSAGE', 'not a MessagePack value');
      this.#values--;
    } else if (code <= 0xc6) this.#lengthFollows('raw', 1 << (code - 0xc4));
    else if (code <= 0xc9) this.#lengthFollows('ext', 1 << (code - 0xc7));
    else if (code <= 0xd3) this.#bytesFollow(SCALAR_BYTES[code - 0xca]!);
    else if (code <= 0xd8) this.#bytesFollow(1 + (1 << (code - 0xd4)));
    else if (code <= 0xdb) this.#lengthFollows('raw', 1 << (code - 0xd9));
    else if (code <= 0xdd) this.#lengthFollows('array', 2 << (code - 0xdc));
    else this.#lengthFollows('map', 2 << (code - 0xde));
  }

  #lengthFollows(of: 'raw' | 'array' | 'map' | 'ext', bytes: number): void {
    this.#lengthOf = of;
    this.#lengthLeft = bytes;
    this.#length = 0;
  }

  #lengthKnown(): void {
    const length = this.#length;
    switch (this.#lengthOf) {
      case 'raw':
        return this.#bytesFollow(length);
      case 'ext':
        return this.#bytesFollow(length + 1);
      case 'array':
        this.#values += length - 1;
        return;
      case 'map':
        this.#values += 2 * length - 1;
    }
  }
}

/** Bytes after the codes ca to d3: floats and integers. */
const SCALAR_BYTES: readonly number[] = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];
