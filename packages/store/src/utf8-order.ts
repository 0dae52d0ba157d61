const SURROGATE = /[\ud800-\udfff]/;

/** True when the text has characters beyond U+FFFF, where UTF-16 order and UTF-8 order part. */
export function hasSurrogate(text: string): boolean {
  return SURROGATE.test(text);
}

/**
 * Order of the UTF-8 forms of two texts: negative, zero or positive. UTF-16 order is the same except that surrogates
 * stand before U+E000 to U+FFFF there and behind them in UTF-8. Source: RFC 3629 section 1 (byte order is code point order).
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates behind all other code units. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
