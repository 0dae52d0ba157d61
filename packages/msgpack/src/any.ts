import { ProtocolError } from '@proconsul/base';
import { type Dialect, MAX_DEPTH } from './dialect.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export interface DecodeAnyOptions {
  /**
   * What a raw value becomes, since the old dialects do not tell strings from bytes: text (stray bytes as U+FFFD),
   * bytes, or text when it is valid UTF-8 and bytes otherwise. Default `string`. Values in bin form are always bytes.
   */
  readonly rawAs?: 'string' | 'bytes' | 'auto';
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one value without knowing its type: null, boolean, number, bigint (integers beyond 2^53), string, Uint8Array,
 * array, or an object without a prototype. Map keys that are not strings are turned into text. What follows the value
 * is left alone. Throws ProtocolError, MSGPACK_DEPTH beyond {@link MAX_DEPTH}.
 */
export function decodeAny(input: Uint8Array | Reader, options: DecodeAnyOptions = {}): unknown {
  const reader = input instanceof Reader ? input : new Reader(input);
  return readAny(reader, options.rawAs ?? 'string', MAX_DEPTH);
}

type RawAs = 'string' | 'bytes' | 'auto';

function readAny(reader: Reader, rawAs: RawAs, depthLeft: number): unknown {
  switch (reader.peekKind()) {
    case 'nil':
      reader.isNil();
      return null;
    case 'bool':
      return reader.bool();
    case 'int':
      return reader.intOrBig();
    case 'float':
      return reader.float();
    case 'bin':
      return reader.bytes();
    case 'str':
      return readRaw(reader, rawAs);
    case 'array':
      return readArray(reader, rawAs, deeper(depthLeft));
    case 'map':
      return readMap(reader, rawAs, deeper(depthLeft));
    case 'ext':
      return reader.time();
  }
}

function deeper(depthLeft: number): number {
  if (depthLeft === 0) throw new ProtocolError('MSGPACK_DEPTH', `msgpack: nested more than ${MAX_DEPTH} deep`);
  return depthLeft - 1;
}

function readRaw(reader: Reader, rawAs: RawAs): unknown {
  if (rawAs === 'string') return reader.str();
  const bytes = reader.bytes();
  if (rawAs === 'bytes' || bytes === null) return bytes;
  try {
    return strict.decode(bytes);
  } catch {
    return bytes;
  }
}

function readArray(reader: Reader, rawAs: RawAs, depthLeft: number): unknown[] {
  const count = reader.arrayHeader();
  const out: unknown[] = [];
  for (let i = 0; i < count; i++) out.push(readAny(reader, rawAs, depthLeft));
  return out;
}

function readMap(reader: Reader, rawAs: RawAs, depthLeft: number): Record<string, unknown> {
  const count = reader.mapHeader();
  const out: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < count; i++) {
    const kind = reader.peekKind();
    const key = kind === 'str' || kind === 'bin' ? reader.key() : scalarKey(reader);
    out[key] = readAny(reader, rawAs, depthLeft);
  }
  return out;
}

function scalarKey(reader: Reader): string {
  const kind = reader.peekKind();
  if (kind === 'array' || kind === 'map' || kind === 'ext') {
    throw new ProtocolError('MSGPACK_TYPE', `msgpack: ${kind} as a map key`);
  }
  return String(readAny(reader, 'string', 0));
}

export interface EncodeAnyOptions {
  /** How whole numbers are written. Go holds every untyped JSON number as float64. Default `int`. */
  readonly wholeNumbersAs?: 'int' | 'float64';
}

/**
 * Writes a value without a type, map keys sorted by their bytes. Properties that are undefined are left out.
 * Throws ProtocolError MSGPACK_DEPTH beyond {@link MAX_DEPTH}, MSGPACK_TYPE for functions and symbols.
 */
export function encodeAny(value: unknown, dialect: Dialect = 'rpc', options: EncodeAnyOptions = {}): Uint8Array {
  const writer = new Writer(dialect);
  writeAny(writer, value, options.wholeNumbersAs === 'float64', MAX_DEPTH);
  return writer.finish();
}

function writeAny(writer: Writer, value: unknown, floats: boolean, depthLeft: number): void {
  switch (typeof value) {
    case 'string':
      writer.str(value);
      break;
    case 'boolean':
      writer.bool(value);
      break;
    case 'bigint':
      if (floats) writer.float64(Number(value));
      else writer.int(value);
      break;
    case 'number':
      if (floats || !Number.isSafeInteger(value) || Object.is(value, -0)) writer.float64(value);
      else writer.int(value);
      break;
    case 'undefined':
      writer.nil();
      break;
    case 'object':
      if (value === null) writer.nil();
      else if (value instanceof Uint8Array) writer.bytes(value);
      else if (Array.isArray(value)) writeArray(writer, value, floats, deeper(depthLeft));
      else writeMap(writer, value as Record<string, unknown>, floats, deeper(depthLeft));
      break;
    default:
      throw new ProtocolError('MSGPACK_TYPE', `msgpack: cannot encode a ${typeof value}`);
  }
}

function writeArray(writer: Writer, values: readonly unknown[], floats: boolean, depthLeft: number): void {
  writer.arrayHeader(values.length);
  for (const value of values) writeAny(writer, value, floats, depthLeft);
}

function writeMap(writer: Writer, map: Record<string, unknown>, floats: boolean, depthLeft: number): void {
  const keys = Object.keys(map).filter((key) => map[key] !== undefined);
  keys.sort();
  writer.mapHeader(keys.length);
  for (const key of keys) {
    writer.key(key);
    writeAny(writer, map[key], floats, depthLeft);
  }
}
