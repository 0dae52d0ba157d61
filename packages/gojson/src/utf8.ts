/** Throws when the bytes are no UTF-8. A mark of the byte order is a character like others. */
export const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true });

const SURROGATE = /[\ud800-\udfff]/;
const REPLACEMENT = 0xfffd;

/** Whether there is one, in a pair or alone. In texts of one-byte characters the engine knows at once that there is none. */
export const hasSurrogate = (text: string): boolean => SURROGATE.test(text);

/**
 * Text of UTF-8 bytes as Go reads it: each byte that does not belong to a valid sequence becomes one U+FFFD (the
 * platform's decoder would merge some of them).
 */
export function decodeGoUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return decodeLossy(bytes);
  }
}

function decodeLossy(bytes: Uint8Array): string {
  // Written byte by byte, so that the order of bytes of the machine does not matter.
  const units = new Uint8Array(2 * bytes.length);
  let size = 0;
  let at = 0;
  while (at < bytes.length) {
    const width = sequenceSize(bytes, at);
    let point = width === 0 ? REPLACEMENT : pointAt(bytes, at, width);
    if (point > 0xffff) {
      const high = 0xd7c0 + (point >> 10);
      units[size++] = high;
      units[size++] = high >> 8;
      point = 0xdc00 | (point & 0x3ff);
    }
    units[size++] = point;
    units[size++] = point >> 8;
    at += width || 1;
  }
  return utf16.decode(units.subarray(0, size));
}

/** The code point of a valid sequence. */
function pointAt(bytes: Uint8Array, at: number, width: number): number {
  const lead = bytes[at]!;
  if (width === 1) return lead;
  let point = lead & (0x7f >> width);
  for (let i = 1; i < width; i++) point = (point << 6) | (bytes[at + i]! & 0x3f);
  return point;
}

/** Bytes of the valid sequence that starts at `at`; 0 when there is none. Source: RFC 3629, section 4. */
function sequenceSize(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const second = byteAt(bytes, at + 1);
  if (lead < 0xc2 || lead > 0xf4 || !isTail(second)) return 0;
  if (lead < 0xe0) return 2;
  if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f) || !isTail(byteAt(bytes, at + 2))) return 0;
  if (lead < 0xf0) return 3;
  if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f) || !isTail(byteAt(bytes, at + 3))) return 0;
  return 4;
}

const byteAt = (bytes: Uint8Array, at: number): number => (at < bytes.length ? bytes[at]! : 0);

const isTail = (byte: number): boolean => (byte & 0xc0) === 0x80;
