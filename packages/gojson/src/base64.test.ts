import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, encodeBase64 } from './base64.ts';

/** Longer than what the platform's decoder is asked for. */
const FRONT = 'QUJD'.repeat(12);

describe('long base64', () => {
  test('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(decodeBase64(encodeBase64(bytes))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  test.each(['A===', '====', 'AA=A', '=AAA', 'AA', 'A-_A', 'AA A', 'AAA\u0141', 'AA==AAAA', 'é==='])(
    'that ends in %j is refused at the place where it goes wrong',
    (end) => {
      expect(() => decodeBase64(FRONT + end)).toThrow(/^illegal base64 data at input byte (4[89]|5\d)$/);
    },
  );

  test('may have line breaks', () => {
    expect(decodeBase64(`${FRONT}\r\nQUJD\n`).length).toBe(39);
  });
});
