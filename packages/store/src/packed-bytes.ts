/** Up to this size bytes are kept as a string with one byte for each character: no buffer of its own, no view object. */
export const PACKED_STRING_BYTES_MAX = 4096;

/** Bytes as a table keeps them: never a view of a buffer that came from elsewhere. Empty and absent are both null. */
export type PackedBytes = string | Uint8Array | null;

/** Makes a copy that shares nothing with `bytes`. */
export function pack(bytes: Uint8Array | null): PackedBytes {
  if (bytes === null || bytes.length === 0) return null;
  if (bytes.length > PACKED_STRING_BYTES_MAX) return bytes.slice();
  // The call takes any array-like; the types only know arrays.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** A fresh copy. */
export function unpack(packed: PackedBytes): Uint8Array | null {
  if (packed === null) return null;
  if (typeof packed !== 'string') return packed.slice();
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = packed.charCodeAt(i);
  return bytes;
}

export function packedLength(packed: PackedBytes): number {
  return packed === null ? 0 : packed.length;
}

export function samePacked(a: PackedBytes, b: PackedBytes): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a === 'string' || typeof b === 'string') return false;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
