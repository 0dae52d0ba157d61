const ASCII_PRINTABLE = /^[ -~]*$/;
// Takes the engine milliseconds to put together: made when there is anything but ASCII.
let anyPrintable: RegExp | undefined;

function isPrintable(text: string): boolean {
  if (ASCII_PRINTABLE.test(text)) return true;
  anyPrintable ??= /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;
  return anyPrintable.test(text);
}

const SHORT: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/**
 * A text in double quotes as Go's `%q` prints it. Source: Go's documentation of the formats of fmt, and of strconv.Quote: what
 * unicode.IsPrint does not count as printable is escaped.
 */
export function quoteGo(text: string): string {
  if (isPrintable(text) && !/["\\]/.test(text)) return `"${text}"`;
  let out = '';
  for (const character of text) out += SHORT[character] ?? (isPrintable(character) ? character : numeric(character));
  return `"${out}"`;
}

function numeric(character: string): string {
  const code = character.codePointAt(0)!;
  const digits = code.toString(16);
  if (code < 0x80) return `\\x${digits.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}
