import { expect, test } from 'vitest';
import { quoteGo } from './go-quote.ts';

// What Go's fmt prints with %q for these texts. Source: documentation of strconv.Quote and the language specification.
test.for([
  ['', '""'],
  ['plain text', '"plain text"'],
  ['say "hi"\\', '"say \\"hi\\"\\\\"'],
  ['\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
  ['\0\x1b\x7f', '"\\x00\\x1b\\x7f"'],
  ['grüße 日本 ☃', '"grüße 日本 ☃"'],
  ['\u0085\u00a0\u200b\u2028\ufeff', '"\\u0085\\u00a0\\u200b\\u2028\\ufeff"'],
  ['\u{1f600}\u{e0001}\u{10ffff}', '"\u{1f600}\\U000e0001\\U0010ffff"'],
] as const)('%j', ([text, quoted]) => {
  expect(quoteGo(text)).toBe(quoted);
});
