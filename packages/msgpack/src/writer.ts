import { invariant } from '@proconsul/base';
import type { Dialect } from './dialect.ts';
import { GO_TIME_BYTES, type GoTime, putGoTime } from './time.ts';

/** From this length on the platform's UTF-8 encoder beats a loop over the characters. */
const LONG_STRING = 48;
const INITIAL_BYTES = 256;
/** From this length on the platform's copy beats a loop, though it wants a view. */
const LONG_PART = 128;

/** Buffers of writers that are done, and their largest size. */
export const SPARES_MAX = 4;
export const SPARE_BYTES_MAX = 32 * 1024;

interface Room {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function roomOf(size: number): Room {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

const NO_ROOM = roomOf(0);
const spares: Room[] = [];

const encoder = new TextEncoder();

/**
 * Writes MessagePack into a buffer that grows. The caller keeps counts and contents in step: a header promises that
 * many values. One writer may be used again after {@link Writer.reset}.
 */
export class Writer {
  readonly #signedInts: boolean;
  readonly #newForms: boolean;
  #bytes: Uint8Array;
  #view: DataView;
  #size = 0;

  constructor(dialect: Dialect = 'rpc', initialBytes: number = INITIAL_BYTES) {
    this.#signedInts = dialect === 'raft';
    this.#newForms = dialect === 'event';
    const spare = initialBytes <= SPARE_BYTES_MAX ? spares.pop() : undefined;
    const room = spare && spare.bytes.length >= initialBytes ? spare : roomOf(Math.max(initialBytes, 16));
    this.#bytes = room.bytes;
    this.#view = room.view;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#size;
  }

  nil(): void {
    this.byte(0xc0);
  }

  bool(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2);
  }

  /** A Go unsigned integer, 0 to 2^64-1. */
  uint(value: number | bigint): void {
    if (typeof value === 'number') {
      this.#unsigned(value);
      return;
    }
    invariant(value >= 0n && value <= 0xffff_ffff_ffff_ffffn, 'uint does not fit in 64 bits');
    if (value > 0xffff_ffffn) this.#head64(0xcf, value);
    else this.#unsigned(Number(value));
  }

  /** A Go signed integer. Values over 127 take the form of the dialect. */
  int(value: number | bigint): void {
    if (typeof value === 'bigint') this.#bigInt(value);
    else if (value < 0 || (this.#signedInts && value > 0x7f)) this.#signed(value);
    else this.#unsigned(value);
  }

  float64(value: number): void {
    const at = this.#reserve(9);
    this.#bytes[at] = 0xcb;
    this.#view.setFloat64(at + 1, value);
  }

  str(text: string): void {
    if (text.length >= LONG_STRING) {
      this.#longString(text);
      return;
    }
    const size = text.length;
    const start = this.#reserve(size + 3);
    const bytes = this.#bytes;
    let at = start + this.#rawHead(start, size);
    for (let i = 0; i < size; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        this.#size = start;
        this.#longString(text);
        return;
      }
      bytes[at++] = unit;
    }
    this.#size = at;
  }

  /** A map key; the same bytes as {@link Writer.str}. */
  key(text: string): void {
    this.str(text);
  }

  /** Few bytes that are MessagePack already, such as a key made ready before; {@link Writer.raw} is for many. */
  ready(encoded: Uint8Array): void {
    const at = this.#reserve(encoded.length);
    this.#bytes.set(encoded, at);
  }

  /** As {@link Writer.ready}, of the bytes from `from` to `to`. */
  part(encoded: Uint8Array, from: number, to: number): void {
    let at = this.#reserve(to - from);
    const bytes = this.#bytes;
    if (to - from > LONG_PART) bytes.set(encoded.subarray(from, to), at);
    else for (let i = from; i < to; i++) bytes[at++] = encoded[i] as number;
  }

  bytes(value: Uint8Array | null): void {
    if (value === null) {
      this.nil();
      return;
    }
    const start = this.#reserve(value.length + 5);
    const head = this.#newForms ? this.#binHead(start, value.length) : this.#rawHead(start, value.length);
    this.#bytes.set(value, start + head);
    this.#size = start + head + value.length;
  }

  arrayHeader(count: number): void {
    if (count < 16) this.byte(0x90 | count);
    else if (count < 0x1_0000) this.#head16(0xdc, count);
    else this.#head32(0xdd, count);
  }

  mapHeader(count: number): void {
    if (count < 16) this.byte(0x80 | count);
    else if (count < 0x1_0000) this.#head16(0xde, count);
    else this.#head32(0xdf, count);
  }

  /** Bytes that are MessagePack already. */
  raw(encoded: Uint8Array): void {
    const at = this.#reserve(encoded.length);
    this.#bytes.set(encoded, at); // Read after #reserve, which may have replaced the buffer.
  }

  /** Fifteen raw bytes; null is nil. */
  time(time: GoTime | null): void {
    if (time === null) {
      this.nil();
      return;
    }
    const at = this.#reserve(1 + GO_TIME_BYTES);
    this.#bytes[at] = 0xa0 | GO_TIME_BYTES;
    putGoTime(this.#view, at + 1, time);
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  /** What was written, and the end of this writer: its buffer goes to the next one. */
  take(): Uint8Array {
    const out = this.#bytes.slice(0, this.#size);
    const { length } = this.#bytes;
    if (length >= INITIAL_BYTES && length <= SPARE_BYTES_MAX && spares.length < SPARES_MAX) {
      spares.push({ bytes: this.#bytes, view: this.#view });
    }
    this.#bytes = NO_ROOM.bytes;
    this.#view = NO_ROOM.view;
    this.#size = 0;
    return out;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  /** Forgets what was written and keeps the buffer. */
  reset(): void {
    this.#size = 0;
  }

  /** Makes room for `size` bytes, moves the end behind them and returns where they start. */
  #reserve(size: number): number {
    const start = this.#size;
    const end = start + size;
    if (end > this.#bytes.length) this.#grow(end);
    this.#size = end;
    return start;
  }

  #grow(needed: number): void {
    const grown = roomOf(Math.max(needed, this.#bytes.length * 2));
    grown.bytes.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown.bytes;
    this.#view = grown.view;
  }

  #longString(text: string): void {
    const start = this.#reserve(text.length * 3 + 5);
    const guess = this.#rawHead(start, text.length);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(start + guess));
    if (written !== text.length) {
      const head = this.#rawHeadSize(written);
      if (head !== guess) this.#bytes.copyWithin(start + head, start + guess, start + guess + written);
      this.#rawHead(start, written);
      this.#size = start + head + written;
    } else {
      this.#size = start + guess + written;
    }
  }

  #rawHeadSize(size: number): number {
    if (size < 32) return 1;
    if (this.#newForms && size < 0x100) return 2;
    return size < 0x1_0000 ? 3 : 5;
  }

  /** Puts the header of a string (or of bytes in the old dialects) at `at` and returns its size. */
  #rawHead(at: number, size: number): number {
    const bytes = this.#bytes;
    if (size < 32) {
      bytes[at] = 0xa0 | size;
      return 1;
    }
    if (this.#newForms && size < 0x100) {
      bytes[at] = 0xd9;
      bytes[at + 1] = size;
      return 2;
    }
    if (size < 0x1_0000) {
      bytes[at] = 0xda;
      this.#view.setUint16(at + 1, size);
      return 3;
    }
    bytes[at] = 0xdb;
    this.#view.setUint32(at + 1, size);
    return 5;
  }

  #binHead(at: number, size: number): number {
    if (size < 0x100) {
      this.#bytes[at] = 0xc4;
      this.#bytes[at + 1] = size;
      return 2;
    }
    if (size < 0x1_0000) {
      this.#bytes[at] = 0xc5;
      this.#view.setUint16(at + 1, size);
      return 3;
    }
    this.#bytes[at] = 0xc6;
    this.#view.setUint32(at + 1, size);
    return 5;
  }

  #unsigned(value: number): void {
    if (value <= 0x7f) {
      invariant(value >= 0 && Number.isInteger(value), 'uint is negative or has a fraction');
      this.byte(value);
    } else if (value <= 0xff) {
      invariant(Number.isInteger(value), 'uint has a fraction');
      const at = this.#reserve(2);
      this.#bytes[at] = 0xcc;
      this.#bytes[at + 1] = value;
    } else if (value <= 0xffff) this.#head16(0xcd, value);
    else if (value <= 0xffff_ffff) this.#head32(0xce, value);
    else this.#head64(0xcf, value);
  }

  #signed(value: number): void {
    if (value >= -32 && value < 0) {
      invariant(Number.isInteger(value), 'int has a fraction');
      this.byte(value & 0xff);
    } else if (value >= -128 && value <= 127) {
      invariant(Number.isInteger(value), 'int has a fraction');
      const at = this.#reserve(2);
      this.#bytes[at] = 0xd0;
      this.#bytes[at + 1] = value & 0xff;
    } else if (value >= -0x8000 && value <= 0x7fff) this.#head16(0xd1, value);
    else if (value >= -0x8000_0000 && value <= 0x7fff_ffff) this.#head32(0xd2, value);
    else this.#head64(0xd3, value);
  }

  #bigInt(value: bigint): void {
    invariant(value >= -(2n ** 63n) && value < 2n ** 64n, 'int does not fit in 64 bits');
    if (value >= -0x8000_0000n && value <= 0xffff_ffffn) {
      this.int(Number(value));
      return;
    }
    // Untyped values may hold a uint64 beyond the signed range: only the unsigned form can carry it.
    const isSigned = value < 0n || (this.#signedInts && value < 2n ** 63n);
    this.#head64(isSigned ? 0xd3 : 0xcf, value);
  }

  #head16(code: number, value: number): void {
    invariant(Number.isInteger(value), 'integer has a fraction');
    const at = this.#reserve(3);
    this.#bytes[at] = code;
    this.#view.setUint16(at + 1, value);
  }

  #head32(code: number, value: number): void {
    invariant(Number.isInteger(value), 'integer has a fraction');
    const at = this.#reserve(5);
    this.#bytes[at] = code;
    this.#view.setUint32(at + 1, value);
  }

  #head64(code: number, value: number | bigint): void {
    const at = this.#reserve(9);
    this.#bytes[at] = code;
    if (typeof value === 'bigint') {
      this.#view.setBigUint64(at + 1, BigInt.asUintN(64, value));
      return;
    }
    invariant(Number.isSafeInteger(value), 'integer is not exact');
    const high = Math.floor(value / 2 ** 32);
    this.#view.setInt32(at + 1, high);
    this.#view.setUint32(at + 5, value - high * 2 ** 32);
  }
}
