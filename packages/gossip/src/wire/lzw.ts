import { ProtocolError } from '@proconsul/base';

/*
 * LZW with codes of 9 to 12 bits, packed least significant bit first, over bytes.
 * Source: gossip wire, section 2.1. Vectors: testdata/lzw.json.
 */

const CLEAR = 256;
const END = 257;
const CODE_BITS_MIN = 9;
const CODE_BITS_MAX = 12;
const CODES_MAX = 1 << CODE_BITS_MAX;
/** Slots of the writer's hash table; a power of two, four times the codes that it can hold. */
const SLOTS = 4 * CODES_MAX;

/** The writer's table: (code, byte) to code, in open addressing. Emptied by counting generations, not by filling. */
class CodeTable {
  readonly #keys = new Uint32Array(SLOTS);
  readonly #codes = new Uint16Array(SLOTS);
  readonly #generations = new Uint32Array(SLOTS);
  #generation = 1;

  clear(): void {
    this.#generation++;
  }

  /** The slot of `key`, or the free one where it belongs. */
  slot(key: number): number {
    let at = (key ^ (key >>> 12)) & (SLOTS - 1);
    while (this.#generations[at] === this.#generation && this.#keys[at] !== key) at = (at + 1) & (SLOTS - 1);
    return at;
  }

  /** The code in a slot; -1 when it is free. */
  code(slot: number): number {
    return this.#generations[slot] === this.#generation ? this.#codes[slot]! : -1;
  }

  put(slot: number, key: number, code: number): void {
    this.#generations[slot] = this.#generation;
    this.#keys[slot] = key;
    this.#codes[slot] = code;
  }
}

const table = new CodeTable();

class BitWriter {
  #out: Uint8Array;
  #size = 0;
  #bits = 0;
  #count = 0;
  width = CODE_BITS_MIN;

  constructor(capacity: number) {
    this.#out = new Uint8Array(capacity);
  }

  code(code: number): void {
    this.#bits |= code << this.#count;
    this.#count += this.width;
    while (this.#count >= 8) this.#byte();
  }

  finish(): Uint8Array {
    if (this.#count > 0) this.#byte();
    return this.#out.slice(0, this.#size);
  }

  #byte(): void {
    this.#out[this.#size++] = this.#bits & 0xff;
    this.#bits >>>= 8;
    this.#count -= 8;
  }
}

/** Never fails. Noise grows by half at most. */
export function lzwCompress(plain: Uint8Array): Uint8Array {
  // At most one code of 12 bits for each byte, a clear code for each 3,838 of them, and the two at the ends.
  const w = new BitWriter(plain.length + (plain.length >>> 1) + (plain.length >>> 8) + 16);
  table.clear();
  w.code(CLEAR);
  let high = END;
  let limit = 1 << CODE_BITS_MIN;
  /** Counts a code that was written. False when the table was full and has been thrown away. */
  const raise = (): boolean => {
    high++;
    if (high === limit) {
      w.width++;
      limit *= 2;
    }
    if (high !== CODES_MAX - 1) return true;
    w.code(CLEAR);
    w.width = CODE_BITS_MIN;
    high = END;
    limit = 1 << CODE_BITS_MIN;
    table.clear();
    return false;
  };
  let code = -1;
  for (const byte of plain) {
    if (code < 0) {
      code = byte;
      continue;
    }
    const key = (code << 8) | byte;
    const slot = table.slot(key);
    const known = table.code(slot);
    if (known >= 0) {
      code = known;
      continue;
    }
    w.code(code);
    code = byte;
    if (raise()) table.put(slot, key, high);
  }
  if (code >= 0) {
    w.code(code);
    raise();
  }
  w.code(END);
  return w.finish();
}

/**
 * Undoes the compression, piece by piece, so that a long one does not hold up everything else. Never gives more than
 * `limitBytes`. `step` throws ProtocolError: LZW_CODE for a code that cannot be, LZW_TRUNCATED when the end code is
 * missing, LZW_LIMIT when the output is longer than allowed.
 */
export class LzwReader {
  readonly #packed: Uint8Array;
  readonly #limit: number;
  readonly #prefixes = new Uint16Array(CODES_MAX);
  readonly #suffixes = new Uint8Array(CODES_MAX);
  readonly #lengths = new Uint16Array(CODES_MAX);
  #out: Uint8Array;
  #size = 0;
  #at = 0;
  #bits = 0;
  #count = 0;
  #width = CODE_BITS_MIN;
  #high = END;
  #last = -1;

  constructor(packed: Uint8Array, limitBytes: number) {
    this.#packed = packed;
    this.#limit = limitBytes;
    this.#out = new Uint8Array(Math.min(limitBytes, Math.max(256, packed.length * 3)));
  }

  /** Goes on until the end code (true), or until about `bytes` more have come out (false). */
  step(bytes = Number.POSITIVE_INFINITY): boolean {
    const until = this.#size + bytes;
    while (this.#size < until) {
      const code = this.#nextCode();
      if (code === END) return true;
      if (code === CLEAR) {
        this.#width = CODE_BITS_MIN;
        this.#high = END;
        this.#last = -1;
      } else this.#take(code);
    }
    return false;
  }

  /** What has come out so far, as a view. */
  get output(): Uint8Array {
    return this.#out.subarray(0, this.#size);
  }

  #nextCode(): number {
    while (this.#count < this.#width) {
      if (this.#at >= this.#packed.length) throw new ProtocolError('LZW_TRUNCATED', 'unexpected EOF');
      this.#bits |= this.#packed[this.#at++]! << this.#count;
      this.#count += 8;
    }
    const code = this.#bits & ((1 << this.#width) - 1);
    this.#bits >>>= this.#width;
    this.#count -= this.#width;
    return code;
  }

  #take(code: number): void {
    const last = this.#last;
    const isNext = code === this.#high && last >= 0;
    if (code > END && !isNext && (code >= this.#high || last < 0)) {
      throw new ProtocolError('LZW_CODE', 'lzw: invalid code', { code });
    }
    const length = isNext ? this.#lengthOf(last) + 1 : this.#lengthOf(code);
    const start = this.#room(length);
    const first = isNext ? this.#spell(last, start, length - 1) : this.#spell(code, start, length);
    if (isNext) this.#out[start + length - 1] = first;
    if (last >= 0) {
      this.#prefixes[this.#high] = last;
      this.#suffixes[this.#high] = first;
      this.#lengths[this.#high] = this.#lengthOf(last) + 1;
    }
    this.#last = code;
    this.#high++;
    if (this.#high < 1 << this.#width) return;
    if (this.#width < CODE_BITS_MAX) this.#width++;
    else {
      // A full table: nothing more is learnt until the next clear code.
      this.#last = -1;
      this.#high--;
    }
  }

  #lengthOf(code: number): number {
    return code < CLEAR ? 1 : this.#lengths[code]!;
  }

  /** Writes the string of `code`, which has `length` bytes, at `start`. Returns its first byte. */
  #spell(code: number, start: number, length: number): number {
    const out = this.#out;
    let at = start + length - 1;
    while (code > END) {
      out[at--] = this.#suffixes[code]!;
      code = this.#prefixes[code]!;
    }
    out[at] = code;
    return code;
  }

  /** Makes room for `length` more bytes and returns where they start. */
  #room(length: number): number {
    const start = this.#size;
    const end = start + length;
    if (end > this.#limit)
      throw new ProtocolError('LZW_LIMIT', 'decompressed message is too long', { limit: this.#limit });
    if (end > this.#out.length) {
      const grown = new Uint8Array(Math.min(this.#limit, Math.max(end, this.#out.length * 2)));
      grown.set(this.#out.subarray(0, start));
      this.#out = grown;
    }
    this.#size = end;
    return start;
  }
}

/** All at once. Throws as {@link LzwReader}. */
export function lzwDecompress(packed: Uint8Array, limitBytes: number): Uint8Array {
  const reader = new LzwReader(packed, limitBytes);
  reader.step();
  return reader.output;
}
