/**
 * 64-bit hash of a structured value: equal values hash alike on every run and machine, whatever the order of map keys.
 *
 * FNV-1 over the bytes of text, and of numbers in little-endian. A list folds its items in order; a map and a structure
 * are the exclusive or of `pair(key, value)`, a structure's name coming in as well.
 * Source: documentation of Go's hashstructure library (format 1); the numbers in the tests were printed by that library.
 */
export type Hash64 = bigint;

const OFFSET: Hash64 = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

function fnv1(bytes: Uint8Array): Hash64 {
  let hash = OFFSET;
  for (const byte of bytes) hash = BigInt.asUintN(64, hash * PRIME) ^ BigInt(byte);
  return hash;
}

const utf8 = new TextEncoder();

export const hashText = (text: string): Hash64 => fnv1(utf8.encode(text));

export const hashBool = (value: boolean): Hash64 => fnv1(Uint8Array.of(value ? 1 : 0));

/** Any of Go's whole numbers. */
export function hashInt(value: number): Hash64 {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigInt64(0, BigInt(value), true);
  return fnv1(new Uint8Array(bytes.buffer));
}

export function hashFloat(value: number): Hash64 {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setFloat64(0, value, true);
  return fnv1(new Uint8Array(bytes.buffer));
}

/** Nothing: a nil pointer or interface. */
export const HASH_NIL: Hash64 = hashInt(0);

/** Two hashes in order. */
export function hashPair(first: Hash64, second: Hash64): Hash64 {
  const bytes = new DataView(new ArrayBuffer(16));
  bytes.setBigUint64(0, first, true);
  bytes.setBigUint64(8, second, true);
  return fnv1(new Uint8Array(bytes.buffer));
}

export const hashList = (items: readonly Hash64[]): Hash64 => items.reduce(hashPair, 0n);

export function hashMap(entries: Iterable<readonly [key: string, value: Hash64]>): Hash64 {
  let hash = 0n;
  for (const [key, value] of entries) hash ^= hashPair(hashText(key), value);
  return hash;
}

export const hashStruct = (name: string, fields: Readonly<Record<string, Hash64>>): Hash64 =>
  hashText(name) ^ hashMap(Object.entries(fields));

/** What JSON held: its numbers are floats. */
export function hashJson(value: unknown): Hash64 {
  if (typeof value === 'string') return hashText(value);
  if (typeof value === 'number') return hashFloat(value);
  if (typeof value === 'boolean') return hashBool(value);
  if (Array.isArray(value)) return hashList(value.map(hashJson));
  if (typeof value !== 'object' || value === null) return HASH_NIL;
  return hashMap(Object.entries(value).map(([key, item]) => [key, hashJson(item)] as const));
}
