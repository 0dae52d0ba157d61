/**
 * JSON that cannot be read. `message` is the text that Go's encoding/json gives for the same bytes, since HTTP clients
 * see it. Source: the documentation of encoding/json (SyntaxError) and recorded answers of its decoder.
 */
export class GoJsonError extends Error {
  override readonly name = 'GoJsonError';
  /** Bytes of UTF-8 read when the error was noticed, the offending one included; the input's size at its end. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** More values than the reader is willing to make. What it throws instead of {@link GoJsonError}: Go knows no such bound. */
export class TooManyValuesError extends Error {
  override readonly name = 'TooManyValuesError';
  readonly maxValues: number;
  constructor(maxValues: number) {
    super(`more than ${maxValues} values in one JSON text`);
    this.maxValues = maxValues;
  }
}

const SHORT: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  39: "\\'",
  92: '\\\\',
};

/** One byte between single quotes, as Go's messages name it. Bytes over 127 are shown as the Latin-1 character. */
export function quoteByte(byte: number): string {
  const short = SHORT[byte];
  if (short !== undefined) return `'${short}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${(byte + 0x100).toString(16).slice(1)}'`;
  // U+0080 to U+00A0 and the soft hyphen do not count as printable.
  if ((byte > 0x7f && byte <= 0xa0) || byte === 0xad) return `'\\u00${byte.toString(16)}'`;
  return `'${String.fromCharCode(byte)}'`;
}
