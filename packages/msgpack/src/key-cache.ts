/** Longest key that is remembered, in bytes. */
export const CACHED_KEY_BYTES_MAX = 32;
/** Places in the cache; two keys with the same place take turns. A power of two. */
export const CACHED_KEYS = 1024;

type Entry = { readonly bytes: Uint8Array; readonly text: string };

const entries: (Entry | undefined)[] = new Array<Entry | undefined>(CACHED_KEYS).fill(undefined);

/**
 * Text of an ASCII key, from the cache when these bytes were seen lately: the names of fields come again with every
 * record, and comparing bytes is cheaper than building a string. Undefined for keys that are long or not ASCII.
 */
export function cachedKey(bytes: Uint8Array, start: number, size: number): string | undefined {
  if (size > CACHED_KEY_BYTES_MAX) return undefined;
  let hash = size;
  for (let at = start; at < start + size; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
  const place = (hash ^ (hash >>> 10)) & (CACHED_KEYS - 1);
  const entry = entries[place];
  if (entry !== undefined && isSame(entry.bytes, bytes, start, size)) return entry.text;
  const text = asciiText(bytes, start, size);
  if (text !== undefined) entries[place] = { bytes: bytes.slice(start, start + size), text };
  return text;
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, size: number): boolean {
  if (known.length !== size) return false;
  for (let i = 0; i < size; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}

function asciiText(bytes: Uint8Array, start: number, size: number): string | undefined {
  let text = '';
  for (let at = start; at < start + size; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
