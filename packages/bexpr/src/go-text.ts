const NAMED: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, '"': 34 };
const ESCAPE = /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)/g;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * The text between double quotes with Go's escapes resolved; undefined if one is wrong or the text holds a line break.
 * Bytes given as `\xff` that do not form UTF-8 become U+FFFD. Source: the Go language specification, string literals.
 */
export function unescapeGo(body: string): string | undefined {
  if (body.includes('\n')) return undefined;
  if (!body.includes('\\')) return body;
  // An escape never has fewer bytes than what it stands for.
  const bytes = new Uint8Array(3 * body.length);
  let size = 0;
  let from = 0;
  for (const match of body.matchAll(ESCAPE)) {
    if (match.index > from) size += encoder.encodeInto(body.slice(from, match.index), bytes.subarray(size)).written;
    from = match.index + match[0].length;
    const [, named, byte, octal] = match;
    if (named !== undefined) bytes[size++] = NAMED[named]!;
    else if (byte !== undefined) bytes[size++] = Number.parseInt(byte, 16);
    else if (octal !== undefined) {
      const value = Number.parseInt(octal, 8);
      if (value > 0xff) return undefined;
      bytes[size++] = value;
    } else {
      const point = escapedPoint(match);
      if (point === undefined) return undefined;
      size += encoder.encodeInto(point, bytes.subarray(size)).written;
    }
  }
  size += encoder.encodeInto(body.slice(from), bytes.subarray(size)).written;
  return decoder.decode(bytes.subarray(0, size));
}

function escapedPoint([, , , , unit, point]: RegExpExecArray): string | undefined {
  const code = Number.parseInt(unit ?? point ?? 'none', 16);
  if (Number.isNaN(code) || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return String.fromCodePoint(code);
}
