const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A stray byte inside a text: the low surrogate U+DC00 plus the byte, which valid UTF-8 never yields. */
const STRAY = 0xdc00;
/** Looked for first: in texts of one-byte characters the engine knows at once that there is none. */
const ANY_SURROGATE = /[\ud800-\udfff]/;
/** Those that are no part of a pair. */
const ANY_STRAY = /[\ud800-\udfff]/u;
const EVERY_STRAY = /[\ud800-\udfff]/gu;

/**
 * Text of UTF-8 bytes as Go reads it: each byte that does not belong to a valid sequence becomes one U+FFFD (the
 * platform's decoder would merge some of them).
 */
export function decodeGoUtf8(bytes: Uint8Array): string {
  return replaceStray(decodeKeepingStray(bytes));
}

export const hasStray = (text: string): boolean => ANY_SURROGATE.test(text) && ANY_STRAY.test(text);

/** Replaces stray bytes, and lone surrogates of any other origin, by U+FFFD. */
export const replaceStray = (text: string): string =>
  ANY_SURROGATE.test(text) ? text.replace(EVERY_STRAY, '\ufffd') : text;

/** As {@link decodeGoUtf8}, but stray bytes are kept (as lone surrogates), so that an error can name them. */
export function decodeKeepingStray(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeLossy(bytes);
  }
}

/** Units that are turned into text at a time: each is an argument of a call. */
const UNITS_AT_ONCE = 4096;

function decodeLossy(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let size = 0;
  let at = 0;
  while (at < bytes.length) {
    const width = sequenceSize(bytes, at);
    const point = width === 0 ? STRAY + bytes[at]! : pointAt(bytes, at, width);
    if (point > 0xffff) {
      units[size++] = 0xd7c0 + (point >> 10);
      units[size++] = 0xdc00 | (point & 0x3ff);
    } else units[size++] = point;
    at += width || 1;
  }
  let text = '';
  for (let from = 0; from < size; from += UNITS_AT_ONCE) {
    text += String.fromCharCode(...units.subarray(from, Math.min(size, from + UNITS_AT_ONCE)));
  }
  return text;
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
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const second = bytes[at + 1] ?? 0;
  if (lead < 0xc2 || lead > 0xf4 || !isTail(second)) return 0;
  if (lead < 0xe0) return 2;
  if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f) || !isTail(bytes[at + 2] ?? 0)) return 0;
  if (lead < 0xf0) return 3;
  if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f) || !isTail(bytes[at + 3] ?? 0)) return 0;
  return 4;
}

const isTail = (byte: number): boolean => (byte & 0xc0) === 0x80;

const isStray = (unit: number): boolean => (unit & 0xff00) === STRAY;

/** Size in UTF-8, stray bytes counting as one, of the first `end` code units of `text`. */
export function utf8Size(text: string, end: number = text.length): number {
  let size = 0;
  for (let i = 0; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) size += 1;
    else if (unit < 0x800) size += 2;
    else if (unit >= 0xd800 && unit <= 0xdbff && i + 1 < end) {
      size += 4;
      i++;
    } else size += isStray(unit) ? 1 : 3;
  }
  return size;
}

/** The first UTF-8 byte of the character that starts at `at`. */
export function leadByte(text: string, at: number): number {
  const point = text.codePointAt(at) ?? 0;
  if (point < 0x80) return point;
  if (point < 0x800) return 0xc0 | (point >> 6);
  if (isStray(point)) return point - STRAY;
  if (point < 0x10000) return 0xe0 | (point >> 12);
  return 0xf0 | (point >> 18);
}
