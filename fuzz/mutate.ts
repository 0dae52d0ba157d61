import type { Rng } from '@proconsul/base';

/** Values that lengths and counts go wrong at. */
const INTERESTING_8 = [
  0, 1, 2, 3, 4, 7, 8, 9, 10, 13, 15, 16, 31, 32, 34, 63, 64, 92, 123, 127, 128, 0xc0, 0xc1, 0xd9, 0xdb, 0xdd, 0xdf,
  254, 255,
];
const INTERESTING_16 = [0, 1, 255, 256, 512, 1024, 4096, 0x7fff, 0x8000, 0xfffe, 0xffff];
const INTERESTING_32 = [0, 1, 0xff, 0x100, 0xffff, 0x10000, 0x100000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const NUMBERS = [
  '0',
  '-1',
  '1',
  '00',
  '255',
  '256',
  '65535',
  '65536',
  '2147483648',
  '4294967296',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551615',
  '1e309',
  '1e-9',
  '-0',
  '0x10',
  '1_0',
];

/** Changes made to one input follow each other; most inputs get few. */
const CHANGES_MAX = 6;

/** Makes inputs out of others, in a buffer of its own. */
export class Mutator {
  readonly #rng: Rng;
  readonly #words: readonly Uint8Array[];
  readonly #max: number;
  readonly #buffer: Uint8Array;
  #size = 0;

  constructor(rng: Rng, words: readonly Uint8Array[], bytesMax: number) {
    this.#rng = rng;
    this.#words = words;
    this.#max = bytesMax;
    this.#buffer = new Uint8Array(bytesMax);
  }

  /** A new input; `other` lends pieces. */
  mutate(parent: Uint8Array, other: Uint8Array): Uint8Array {
    this.#size = Math.min(parent.length, this.#max);
    this.#buffer.set(parent.subarray(0, this.#size));
    let changes = 1;
    while (changes < CHANGES_MAX && this.#rng.int(2) === 0) changes++;
    for (let i = 0; i < changes; i++) this.#change(other);
    return this.#buffer.slice(0, this.#size);
  }

  /** Repeats a piece of an input, or nests one in itself, until it is `bytes` long: what is slow with much of something shows. */
  stretch(parent: Uint8Array, bytes: number): Uint8Array {
    const rng = this.#rng;
    const size = Math.min(parent.length, bytes);
    const start = size === 0 ? 0 : rng.int(size);
    const width = Math.max(1, Math.min(size - start, 1 + rng.int(1 << rng.int(8))));
    const piece = size === 0 ? Uint8Array.of(rng.int(256)) : parent.subarray(start, start + width);
    const out = new Uint8Array(bytes);
    out.set(parent.subarray(0, start));
    const tail = parent.subarray(Math.min(start + width, size), size);
    const end = Math.max(start, bytes - tail.length);
    out.set(piece.subarray(0, end - start), start);
    // What is there is doubled.
    for (let size = piece.length; size < end - start; size *= 2)
      out.copyWithin(start + size, start, Math.min(start + size, end - size));
    out.set(tail.subarray(0, bytes - end), end);
    return out;
  }

  #change(other: Uint8Array): void {
    const rng = this.#rng;
    const n = this.#size;
    const b = this.#buffer;
    if (n === 0) return this.#insert(0, this.#word(other));
    const at = rng.int(n);
    switch (rng.int(20)) {
      case 0:
      case 1:
        b[at]! ^= 1 << rng.int(8);
        return;
      case 2:
        b[at] = INTERESTING_8[rng.int(INTERESTING_8.length)]!;
        return;
      case 3:
        b[at] = rng.int(256);
        return;
      case 4:
      case 5:
        b[at] = b[at]! + 1 + rng.int(16) * (rng.int(2) === 0 ? 1 : -1);
        return;
      case 6:
        return this.#number(at, 2, INTERESTING_16[rng.int(INTERESTING_16.length)]!);
      case 7:
        return this.#number(at, 4, INTERESTING_32[rng.int(INTERESTING_32.length)]!);
      case 8: // A length that is nearly right.
        return this.#number(at, 1 << rng.int(3), n - at + rng.int(9) - 6);
      case 9:
      case 10:
        return this.#remove(at, 1 + rng.int(Math.min(n - at, 1 << rng.int(8))));
      case 11: // Once more.
        return this.#insert(rng.int(n + 1), b.slice(at, at + 1 + rng.int(Math.min(n - at, 64))));
      case 12: {
        const size = 1 + rng.int(Math.min(n - at, 32));
        b.copyWithin(rng.int(n - size + 1), at, at + size);
        return;
      }
      case 13:
      case 14:
        return this.#insert(at, this.#word(other));
      case 15:
        return this.#overwrite(at, this.#word(other));
      case 16:
        return this.#insert(at, this.#piece(other));
      case 17:
        return this.#overwrite(at, this.#piece(other));
      case 18:
        if (rng.int(2) === 0) this.#size = at;
        else this.#insert(at, new Uint8Array(1 + rng.int(1 << (1 + rng.int(7)))).fill(b[at]!));
        return;
      default: {
        this.#size = at;
        const rest = other.length === 0 ? other : other.subarray(rng.int(other.length));
        this.#insert(at, rest);
      }
    }
  }

  #word(other: Uint8Array): Uint8Array {
    const rng = this.#rng;
    const words = this.#words;
    if (words.length > 0 && rng.int(4) > 0) return words[rng.int(words.length)]!;
    if (rng.int(3) > 0) return this.#piece(other);
    const text = NUMBERS[rng.int(NUMBERS.length)]!;
    return Uint8Array.from(text, (c) => c.charCodeAt(0));
  }

  #piece(other: Uint8Array): Uint8Array {
    if (other.length === 0) return other;
    const at = this.#rng.int(other.length);
    return other.subarray(at, at + 1 + this.#rng.int(Math.min(other.length - at, 64)));
  }

  /** Big endian, now and then little. */
  #number(at: number, bytes: number, value: number): void {
    const size = Math.min(bytes, this.#size - at);
    const isLittle = this.#rng.int(4) === 0;
    for (let i = 0; i < size; i++) {
      const shift = 8 * (isLittle ? i : size - 1 - i);
      this.#buffer[at + i] = value >>> shift;
    }
  }

  #remove(at: number, count: number): void {
    this.#buffer.copyWithin(at, at + count, this.#size);
    this.#size -= count;
  }

  #insert(at: number, bytes: Uint8Array): void {
    const count = Math.min(bytes.length, this.#max - this.#size);
    this.#buffer.copyWithin(at + count, at, this.#size);
    this.#buffer.set(bytes.subarray(0, count), at);
    this.#size += count;
  }

  #overwrite(at: number, bytes: Uint8Array): void {
    this.#buffer.set(bytes.subarray(0, this.#size - at), at);
  }
}
