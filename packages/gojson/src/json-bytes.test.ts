import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeBase64 } from './base64.ts';
import { JsonBytes } from './json-bytes.ts';
import { quoteJson } from './write.ts';

const written = (write: (out: JsonBytes) => void): string => {
  const out = new JsonBytes();
  write(out);
  return new TextDecoder().decode(out.finish());
};

describe('JSON written as bytes', () => {
  test('strings are the same as in JSON made as text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (a, b) => {
        const text = written((out) => {
          out.string(a);
          out.ascii(',');
          out.string(b);
        });
        expect(text).toBe(`${quoteJson(a)},${quoteJson(b)}`);
      }),
    );
  });

  test('what Go escapes is escaped', () => {
    expect(written((out) => out.string('a"\\<>&\u0001\u2028\u007f\ud800é'))).toBe(
      '"a\\"\\\\\\u003c\\u003e\\u0026\\u0001\\u2028\u007f\\ufffdé"',
    );
  });

  test('bytes are base64, whether they come as bytes or packed into a string', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const want = `"${encodeBase64(bytes)}"`;
        expect(written((out) => out.base64(bytes))).toBe(want);
        expect(written((out) => out.base64(String.fromCharCode(...bytes)))).toBe(want);
      }),
    );
  });

  test('whole numbers are written with all their digits', () => {
    const numbers = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    fc.assert(fc.property(numbers, (n) => written((out) => out.uint(n)) === String(n)));
    for (const n of [0, 9, 10, 99, 100, 999_999_999, 1_000_000_000, 2 ** 31 - 1, 2 ** 31]) {
      expect(written((out) => out.uint(n))).toBe(String(n));
    }
  });

  test('it grows beyond its first size without losing anything', () => {
    const part = 'x'.repeat(1000);
    const text = written((out) => {
      for (let i = 0; i < 500; i++) out.string(part);
    });
    expect(text).toBe(`"${part}"`.repeat(500));
  });
});
