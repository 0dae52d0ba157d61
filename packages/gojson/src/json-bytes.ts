import { quoteJson } from './write.ts';

const FIRST_BYTES = 64 * 1024;
const QUOTE = 0x22;
const PAD = 0x3d;
const ZERO = 0x30;
const UINT31_DIGITS = 10;

const codes = Uint8Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', (letter) =>
  letter.charCodeAt(0),
);
/** Both digits of twelve bits, the first in the low byte. Filled for the first writer: few programs ever need one. */
const pairs = new Uint16Array(4096);

function fillPairs(): void {
  for (let i = 0; i < pairs.length; i++) pairs[i] = codes[i >> 6]! | (codes[i & 63]! << 8);
}

const encoder = new TextEncoder();

/**
 * JSON that is written straight as UTF-8, for answers of many megabytes: no text of the whole is ever made. Grows as needed.
 */
export class JsonBytes {
  #bytes: Uint8Array;
  #size = 0;

  /** `expectedBytes` saves growing. */
  constructor(expectedBytes: number = FIRST_BYTES) {
    if (pairs[0] === 0) fillPairs();
    this.#bytes = new Uint8Array(expectedBytes);
  }

  /** Text as it is; every character is below 0x80. */
  ascii(text: string): void {
    const bytes = this.#room(text.length);
    let at = this.#size;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#size = at;
  }

  /** A whole number that is not negative. */
  uint(value: number | bigint): void {
    if (typeof value === 'bigint' || value > 0x7fffffff) return this.ascii(String(value));
    const bytes = this.#room(UINT31_DIGITS);
    let digits = 1;
    for (let limit = 10; digits < UINT31_DIGITS && value >= limit; limit *= 10) digits++;
    let left = value;
    for (let at = this.#size + digits - 1; at >= this.#size; at--) {
      const rest = (left / 10) | 0;
      bytes[at] = ZERO + left - rest * 10;
      left = rest;
    }
    this.#size += digits;
  }

  /** A string as {@link quoteJson} writes it. */
  string(text: string): void {
    const bytes = this.#room(text.length + 2);
    const start = this.#size;
    let at = start;
    bytes[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (!isPlain(unit)) return this.#utf8(quoteJson(text));
      bytes[at++] = unit;
    }
    bytes[at++] = QUOTE;
    this.#size = at;
  }

  /** Standard base64 in quotes. `value` is bytes, or a string with one character for each byte. */
  base64(value: Uint8Array | string): void {
    const size = value.length;
    const bytes = this.#room(Math.ceil(size / 3) * 4 + 2);
    bytes[this.#size++] = QUOTE;
    // Two loops, so that the engine knows the type of what each reads.
    this.#size = typeof value === 'string' ? putPacked(bytes, this.#size, value) : putBytes(bytes, this.#size, value);
    bytes[this.#size++] = QUOTE;
  }

  /** What was written. The writer is of no more use. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  #utf8(text: string): void {
    const bytes = this.#room(text.length * 3);
    this.#size += encoder.encodeInto(text, bytes.subarray(this.#size)).written;
  }

  #room(more: number): Uint8Array {
    if (this.#size + more <= this.#bytes.length) return this.#bytes;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + more));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
    return grown;
  }
}

/** Printable ASCII that Go's encoder writes as it is. */
const isPlain = (unit: number): boolean =>
  unit >= 0x20 &&
  unit < 0x7f &&
  unit !== QUOTE &&
  unit !== 0x5c && // \
  unit !== 0x3c && // <
  unit !== 0x3e && // >
  unit !== 0x26; // &

function putPacked(out: Uint8Array, from: number, value: string): number {
  const whole = value.length - (value.length % 3);
  let at = from;
  for (let i = 0; i < whole; i += 3) {
    at = putGroup(out, at, (value.charCodeAt(i) << 16) | (value.charCodeAt(i + 1) << 8) | value.charCodeAt(i + 2));
  }
  return putTail(out, at, value.length - whole, value.charCodeAt(whole), value.charCodeAt(whole + 1));
}

function putBytes(out: Uint8Array, from: number, value: Uint8Array): number {
  const whole = value.length - (value.length % 3);
  let at = from;
  for (let i = 0; i < whole; i += 3) {
    at = putGroup(out, at, (value[i]! << 16) | (value[i + 1]! << 8) | value[i + 2]!);
  }
  return putTail(out, at, value.length - whole, value[whole] ?? 0, value[whole + 1] ?? 0);
}

function putGroup(out: Uint8Array, at: number, group: number): number {
  const first = pairs[group >> 12]!;
  const second = pairs[group & 4095]!;
  out[at] = first;
  out[at + 1] = first >> 8;
  out[at + 2] = second;
  out[at + 3] = second >> 8;
  return at + 4;
}

/** The one or two bytes behind the last whole group. */
function putTail(out: Uint8Array, at: number, left: number, first: number, second: number): number {
  if (left === 0) return at;
  const end = putGroup(out, at, (first << 16) | (left === 2 ? second << 8 : 0));
  if (left === 1) out[end - 2] = PAD;
  out[end - 1] = PAD;
  return end;
}
