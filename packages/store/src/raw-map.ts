import { ProtocolError } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';

/** Where the value of each key of a MessagePack map is. Throws ProtocolError when the bytes do not start with a map. */
export function mapFields(bytes: Uint8Array): Map<string, Uint8Array> {
  const reader = new Reader(bytes);
  const fields = new Map<string, Uint8Array>();
  const count = reader.mapHeader();
  for (let i = 0; i < count; i++) {
    const key = reader.key();
    const start = reader.offset;
    reader.skip();
    fields.set(key, bytes.subarray(start, reader.offset));
  }
  return fields;
}

/** The values of a MessagePack array, as they are written. Nil is the empty one. */
export function arrayItems(bytes: Uint8Array | undefined): Uint8Array[] {
  if (bytes === undefined) return [];
  const reader = new Reader(bytes);
  const items: Uint8Array[] = [];
  const count = reader.arrayHeader();
  for (let i = 0; i < count; i++) {
    const start = reader.offset;
    reader.skip();
    items.push(bytes.subarray(start, reader.offset));
  }
  return items;
}

/** A MessagePack array of values as they are written. */
export function arrayOf(items: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer('rpc');
  writer.arrayHeader(items.length);
  for (const item of items) writer.raw(item);
  return writer.finish();
}

/** A text field; empty when it is not there. */
export function textField(fields: ReadonlyMap<string, Uint8Array>, name: string): string {
  const value = fields.get(name);
  if (value === undefined) return '';
  const reader = new Reader(value);
  return reader.isNil() ? '' : reader.str();
}

/** An index or a count; zero when it is not there. */
export function numberField(fields: ReadonlyMap<string, Uint8Array>, name: string): number {
  const value = fields.get(name);
  if (value === undefined) return 0;
  const reader = new Reader(value);
  return reader.isNil() ? 0 : reader.int();
}

/** False when it is not there. */
export function boolField(fields: ReadonlyMap<string, Uint8Array>, name: string): boolean {
  const value = fields.get(name);
  if (value === undefined) return false;
  const reader = new Reader(value);
  return !reader.isNil() && reader.bool();
}

export function textItems(bytes: Uint8Array | undefined): string[] {
  return arrayItems(bytes).map((item) => new Reader(item).str());
}

/** True when the value is missing or nil. */
export function isNilField(fields: ReadonlyMap<string, Uint8Array>, name: string): boolean {
  const value = fields.get(name);
  return value === undefined || value[0] === 0xc0;
}

/** The map again, in memory of its own, with numbers set; every other value keeps its bytes. Keys are sorted. */
export function withNumbers(bytes: Uint8Array, numbers: Readonly<Record<string, number>>): Uint8Array {
  const fields = mapFields(bytes);
  const writer = new Writer('rpc', bytes.length + 64);
  const keys = [...new Set([...fields.keys(), ...Object.keys(numbers)])].sort();
  writer.mapHeader(keys.length);
  for (const key of keys) {
    writer.key(key);
    const number = numbers[key];
    if (Object.hasOwn(numbers, key) && number !== undefined) writer.uint(number);
    else writer.raw(fields.get(key) as Uint8Array);
  }
  return writer.finish();
}

/** The map again, with the values of some keys replaced; see {@link withNumbers}. */
export function withValues(bytes: Uint8Array, values: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const fields = mapFields(bytes);
  for (const [key, value] of Object.entries(values)) fields.set(key, value);
  const writer = new Writer('rpc', bytes.length + 64);
  writer.mapHeader(fields.size);
  for (const key of [...fields.keys()].sort()) {
    writer.key(key);
    writer.raw(fields.get(key) as Uint8Array);
  }
  return writer.finish();
}

/** Checks that the bytes are exactly one value. */
export function assertOneValue(bytes: Uint8Array): void {
  const reader = new Reader(bytes);
  reader.skip();
  if (reader.remaining > 0) {
    throw new ProtocolError('TRAILING_BYTES', `${reader.remaining} bytes behind the value`, {
      remaining: reader.remaining,
    });
  }
}
