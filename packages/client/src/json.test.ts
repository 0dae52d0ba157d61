import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeJson, parseJson, parseUint64 } from './json.ts';

test('integers that a double cannot hold become bigint, and nothing else does', () => {
  const text = '{"a":18446744073709551615,"b":9007199254740991,"c":"18446744073709551615","d":1234567890123456.5}';
  expect(parseJson(text)).toEqual({
    a: 18446744073709551615n,
    b: 9007199254740991,
    c: '18446744073709551615',
    d: 1234567890123456.5,
  });
});

test('the digits of a fraction are no integer, whatever stands beside it', () => {
  expect(parseJson('[3.9855659008026123,1e-1234567890123456,1795270880205000001]')).toEqual([
    3.9855659008026123,
    0,
    1795270880205000001n,
  ]);
});

test('digits after an escaped quote stay a string', () => {
  expect(parseJson('["a\\"12345678901234567890",12345678901234567890]')).toEqual([
    'a"12345678901234567890',
    12345678901234567890n,
  ]);
});

test('any JSON value parses as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      const expected = JSON.parse(text);
      fc.pre(!/\d{16}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '')));
      expect(parseJson(text)).toEqual(expected);
    }),
  );
});

test('64-bit integers come through a round trip', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.string(), (n, s) => {
      const [back, text] = parseJson(encodeJson([n, s])) as [number | bigint, string];
      expect(BigInt(back)).toBe(n);
      expect(text).toBe(s);
    }),
  );
});

test('an index is read exactly, and only from digits', () => {
  expect(parseUint64('42')).toBe(42);
  expect(parseUint64('18446744073709551615')).toBe(18446744073709551615n);
  for (const bad of ['', '-1', '1.5', 'x', undefined]) expect(parseUint64(bad)).toBeUndefined();
});
