/** Up to this size bytes are kept as a string with one byte for each character: no buffer of its own, no view object. */
export const PACKED_STRING_BYTES_MAX = 4096;

/** Bytes as a table keeps them: never a view of a buffer that came from elsewhere. Empty and absent are both null. */
export type PackedBytes = string | Uint8Array | null;

/** From this length on the platform's codecs beat a loop; they serve for bytes below 0x80 only. */
const LONG_BYTES = 40;

/** Node's buffers make such texts of any bytes, and fast. Other platforms do without. */
const latin1Slice = (globalThis as { Buffer?: { prototype: LatinSlicer } }).Buffer?.prototype.latin1Slice;
interface LatinSlicer {
  readonly latin1Slice?: (this: Uint8Array, start: number, end: number) => string;
}

const encoder = new TextEncoder();

/** Makes a copy that shares nothing with `bytes`. */
export function pack(bytes: Uint8Array | null): PackedBytes {
  if (bytes === null || bytes.length === 0) return null;
  if (bytes.length > PACKED_STRING_BYTES_MAX) return bytes.slice();
  return textOfUnits(bytes);
}

/** A text in one piece, with one character for each byte. Not for more than {@link PACKED_STRING_BYTES_MAX}. */
export function textOfUnits(bytes: Uint8Array): string {
  if (latin1Slice !== undefined) return latin1Slice.call(bytes, 0, bytes.length);
  // The call takes any array-like; the types only know arrays.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

export function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) > 0x7f) return false;
  return true;
}

/** A fresh copy. */
export function unpack(packed: PackedBytes): Uint8Array | null {
  if (packed === null) return null;
  if (typeof packed !== 'string') return packed.slice();
  const bytes = new Uint8Array(packed.length);
  unpackInto(packed, bytes);
  return bytes;
}

/** Writes the bytes at the front of `target`, which has room for them. */
export function unpackInto(packed: string, target: Uint8Array): void {
  const size = packed.length;
  if (size >= LONG_BYTES) {
    // Characters from 0x80 on take two bytes in UTF-8: only when all are written as one is the result the packed bytes.
    const { read, written } = encoder.encodeInto(packed, target);
    if (read === size && written === size) return;
  }
  for (let i = 0; i < size; i++) target[i] = packed.charCodeAt(i);
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
