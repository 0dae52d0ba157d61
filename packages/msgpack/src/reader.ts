import { ProtocolError } from '@proconsul/base';
import { cachedKey } from './key-cache.ts';
import { decodeGoTime, type GoTime, ZERO_TIME } from './time.ts';

/** Up to this size a loop over the bytes beats the platform's UTF-8 decoder. */
const SHORT_STRING = 32;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export type MsgpackKind = 'nil' | 'bool' | 'int' | 'float' | 'str' | 'bin' | 'array' | 'map' | 'ext';

/**
 * Reads MessagePack of any dialect from the front of a buffer, one value with each call. Wide and narrow, signed and
 * unsigned forms are all taken; strings and bytes may come in the raw, str8 or bin form. Every length is checked
 * against what is left before anything is allocated. A failed read throws ProtocolError; its position is then of no use.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  /** Made when the first wide number comes: most inputs have none, or few. */
  #wide: DataView | undefined;
  readonly #end: number;
  /** Position of the next value in the buffer. */
  offset: number;

  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#end = Math.min(end, bytes.length);
    this.offset = offset;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#end - this.offset;
  }

  /** Kind of the next value, which is not consumed. */
  peekKind(): MsgpackKind {
    const code = this.#peek();
    if (code <= 0x7f || code >= 0xe0) return 'int';
    if (code <= 0x8f) return 'map';
    if (code <= 0x9f) return 'array';
    if (code <= 0xbf) return 'str';
    const kind = KINDS[code - 0xc0];
    return kind === undefined ? this.#unexpected('a value', code) : kind;
  }

  /** True, and the value is consumed, when the next value is nil. */
  isNil(): boolean {
    if (this.offset >= this.#end || this.#bytes[this.offset] !== 0xc0) return false;
    this.offset++;
    return true;
  }

  /** The integers 0 and 1 count as well. */
  bool(): boolean {
    const code = this.#byte();
    if (code === 0xc3 || code === 1) return true;
    if (code === 0xc2 || code === 0) return false;
    return this.#unexpected('a bool', code);
  }

  /** An integer that a double holds exactly. Throws MSGPACK_RANGE for others. */
  int(): number {
    const code = this.#byte();
    if (code <= 0x7f) return code;
    if (code >= 0xe0) return code - 0x100;
    const value = this.#wideInt(code);
    return typeof value === 'number' ? value : this.#range(value);
  }

  big(): bigint {
    return BigInt(this.intOrBig());
  }

  /** A number when it is exact, else a bigint. */
  intOrBig(): number | bigint {
    const code = this.#byte();
    if (code <= 0x7f) return code;
    if (code >= 0xe0) return code - 0x100;
    return this.#wideInt(code);
  }

  /** Integers count as well. */
  float(): number {
    const code = this.#peek();
    if (code === 0xcb) return this.#view.getFloat64(this.#take(9) + 1);
    if (code === 0xca) return this.#view.getFloat32(this.#take(5) + 1);
    return Number(this.intOrBig());
  }

  /** Stray bytes become U+FFFD. */
  str(): string {
    const size = this.#rawSize('a string');
    const start = this.#take(size);
    const bytes = this.#bytes;
    if (size > SHORT_STRING) return decoder.decode(bytes.subarray(start, start + size));
    let text = '';
    for (let at = start; at < start + size; at++) {
      const byte = bytes[at]!;
      if (byte > 0x7f) return decoder.decode(bytes.subarray(start, start + size));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** A map key: as {@link Reader.str}, but keys seen before come from a small cache. */
  key(): string {
    const size = this.#rawSize('a string');
    const start = this.#take(size);
    return cachedKey(this.#bytes, start, size) ?? decoder.decode(this.#bytes.subarray(start, start + size));
  }

  /** True, and they are consumed, when the next bytes are these: a quick way past a key that is expected. */
  isNext(encoded: Uint8Array): boolean {
    const { offset } = this;
    const size = encoded.length;
    if (size > this.remaining) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < size; i++) if (bytes[offset + i] !== encoded[i]) return false;
    this.offset = offset + size;
    return true;
  }

  /** A copy, so that it does not keep the whole input alive. Nil is null. An array of small integers counts as well. */
  bytes(): Uint8Array | null {
    const alias = this.bytesAlias();
    return alias === null ? null : alias.slice();
  }

  /** As {@link Reader.bytes} without the copy: a view of the input. */
  bytesAlias(): Uint8Array | null {
    if (this.isNil()) return null;
    if (this.peekKind() === 'array') return this.#byteArray();
    const size = this.#rawSize('bytes');
    const start = this.#take(size);
    return this.#bytes.subarray(start, start + size);
  }

  /** Count of an array whose values come next; -1 for nil. Never more than the bytes left. */
  arrayHeader(): number {
    const code = this.#byte();
    let count: number;
    if ((code & 0xf0) === 0x90) count = code & 0x0f;
    else if (code === 0xdc) count = this.#u16(this.#take(2));
    else if (code === 0xdd) count = this.#u32(this.#take(4));
    else if (code === 0xc0) return -1;
    else return this.#unexpected('an array', code);
    this.#checkRoom(count);
    return count;
  }

  /** Count of pairs of a map, key before value; -1 for nil. Never more than half of the bytes left. */
  mapHeader(): number {
    const code = this.#byte();
    let count: number;
    if ((code & 0xf0) === 0x80) count = code & 0x0f;
    else if (code === 0xde) count = this.#u16(this.#take(2));
    else if (code === 0xdf) count = this.#u32(this.#take(4));
    else if (code === 0xc0) return -1;
    else return this.#unexpected('a map', code);
    this.#checkRoom(count * 2);
    return count;
  }

  /** Go's binary form in a raw value, or the timestamp extension. Nil is the zero time. */
  time(): GoTime {
    if (this.isNil()) return ZERO_TIME;
    if (this.peekKind() === 'ext') return this.#timestamp();
    const size = this.#rawSize('a time');
    const start = this.#take(size);
    return decodeGoTime(this.#bytes.subarray(start, start + size));
  }

  /** Passes over the next value with all that it contains. Does not recurse. */
  skip(): void {
    for (let values = 1; values > 0; values--) {
      const code = this.#peek();
      if (code <= 0x7f || code >= 0xe0) {
        this.offset++;
        continue;
      }
      switch (this.peekKind()) {
        case 'array':
          values += this.arrayHeader();
          break;
        case 'map':
          values += 2 * this.mapHeader();
          break;
        case 'str':
        case 'bin':
          this.#take(this.#rawSize('a string'));
          break;
        case 'ext':
          this.#take(this.#extSize() + 1);
          break;
        default:
          this.#take(SCALAR_BYTES[code - 0xc0] ?? 1);
      }
    }
  }

  #peek(): number {
    if (this.offset >= this.#end) this.#truncated(1);
    return this.#bytes[this.offset]!;
  }

  #byte(): number {
    const code = this.#peek();
    this.offset++;
    return code;
  }

  get #view(): DataView {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    this.#wide ??= new DataView(buffer, byteOffset, byteLength);
    return this.#wide;
  }

  #u16(at: number): number {
    return this.#bytes[at]! * 0x100 + this.#bytes[at + 1]!;
  }

  #u32(at: number): number {
    return this.#u16(at) * 0x1_0000 + this.#u16(at + 2);
  }

  /** Moves over `size` bytes and returns where they start. */
  #take(size: number): number {
    const start = this.offset;
    if (size > this.#end - start) this.#truncated(size);
    this.offset = start + size;
    return start;
  }

  #checkRoom(values: number): void {
    if (values > this.#end - this.offset) this.#truncated(values);
  }

  #wideInt(code: number): number | bigint {
    switch (code) {
      case 0xcc:
        return this.#bytes[this.#take(1)]!;
      case 0xcd:
        return this.#u16(this.#take(2));
      case 0xce:
        return this.#u32(this.#take(4));
      case 0xcf:
      case 0xd3:
        return this.#int64(code === 0xd3);
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      default:
        return this.#unexpected('an integer', code);
    }
  }

  #int64(isSigned: boolean): number | bigint {
    const at = this.#take(8);
    const high = isSigned ? this.#u32(at) | 0 : this.#u32(at);
    const value = high * 2 ** 32 + this.#u32(at + 4);
    if (Number.isSafeInteger(value)) return value;
    return isSigned ? this.#view.getBigInt64(at) : this.#view.getBigUint64(at);
  }

  /** Consumes the header of a string or of bytes in any form. */
  #rawSize(wanted: string): number {
    const code = this.#byte();
    if ((code & 0xe0) === 0xa0) return code & 0x1f;
    switch (code) {
      case 0xda:
      case 0xc5:
        return this.#u16(this.#take(2));
      case 0xdb:
      case 0xc6:
        return this.#u32(this.#take(4));
      case 0xd9:
      case 0xc4:
        return this.#bytes[this.#take(1)]!;
      default:
        return this.#unexpected(wanted, code);
    }
  }

  /** Consumes the header of an extension, up to its type byte. */
  #extSize(): number {
    const code = this.#byte();
    switch (code) {
      case 0xc7:
        return this.#bytes[this.#take(1)]!;
      case 0xc8:
        return this.#u16(this.#take(2));
      case 0xc9:
        return this.#u32(this.#take(4));
      default:
        return 1 << (code - 0xd4); // fixext 1, 2, 4, 8, 16
    }
  }

  /** Extension -1 in its three sizes. Source: the MessagePack specification, timestamp type. */
  #timestamp(): GoTime {
    const size = this.#extSize();
    const start = this.#take(size + 1);
    const view = this.#view;
    if (view.getInt8(start) !== -1) throw new ProtocolError('MSGPACK_TYPE', 'expected a time, found an extension');
    const at = start + 1;
    if (size === 4) return { seconds: view.getUint32(at), nanos: 0, offsetMinutes: -1 };
    if (size === 8) {
      const word = view.getUint32(at);
      return this.#moment((word & 3) * 2 ** 32 + view.getUint32(at + 4), word >>> 2);
    }
    if (size !== 12) throw new ProtocolError('MSGPACK_TIME', 'not a time', { size });
    return this.#moment(view.getInt32(at + 4) * 2 ** 32 + view.getUint32(at + 8), view.getUint32(at));
  }

  #moment(seconds: number, nanos: number): GoTime {
    if (!Number.isSafeInteger(seconds) || nanos > 999_999_999) {
      throw new ProtocolError('MSGPACK_TIME', 'time out of range', { seconds, nanos });
    }
    return { seconds, nanos, offsetMinutes: -1 };
  }

  #byteArray(): Uint8Array {
    const out = new Uint8Array(this.arrayHeader());
    for (let i = 0; i < out.length; i++) {
      const value = this.int();
      if (value < 0 || value > 0xff) this.#range(value);
      out[i] = value;
    }
    return out;
  }

  #unexpected(wanted: string, code: number): never {
    const found = code.toString(16).padStart(2, '0');
    throw new ProtocolError('MSGPACK_TYPE', `msgpack: expected ${wanted}, found byte ${found}`, {
      offset: this.offset,
    });
  }

  #truncated(wanted: number): never {
    throw new ProtocolError('MSGPACK_TRUNCATED', 'msgpack: input ends inside a value', {
      offset: this.offset,
      wanted,
      remaining: this.remaining,
    });
  }

  #range(value: number | bigint): never {
    throw new ProtocolError('MSGPACK_RANGE', `msgpack: integer ${value} out of range`, { offset: this.offset });
  }
}

/** Kinds of the codes c0 to df; c1 is not used by the format. */
const KINDS: readonly (MsgpackKind | undefined)[] = [
  'nil',
  undefined,
  'bool',
  'bool',
  'bin',
  'bin',
  'bin',
  'ext',
  'ext',
  'ext',
  'float',
  'float',
  'int',
  'int',
  'int',
  'int',
  'int',
  'int',
  'int',
  'int',
  'ext',
  'ext',
  'ext',
  'ext',
  'ext',
  'str',
  'str',
  'str',
  'array',
  'array',
  'map',
  'map',
];

/** Sizes, code included, of nil, bools, floats and integers from c0 on; zero for everything else. */
const SCALAR_BYTES: readonly number[] = [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9];
