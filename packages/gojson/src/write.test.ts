import { hex, unhex } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, encodeBase64, formatFloat, GoJsonError, indentJson, quoteJson, stringifyAny } from './index.ts';
import vectors from './testdata/go-json.json' with { type: 'json' };

test('quotes every character as Go does', () => {
  for (const [point, text] of vectors.strings) {
    const character = String.fromCodePoint(Number.parseInt(point!, 16));
    expect(quoteJson(character)).toBe(text);
    expect(quoteJson('a' + character + 'b')).toBe('"a' + text!.slice(1, -1) + 'b"');
  }
  expect(quoteJson('\ud800x')).toBe('"\\ufffdx"');
});

test.for(vectors.floats)('formats the float with bits %s as Go does', ([bits, text]) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt('0x' + bits));
  expect(formatFloat(view.getFloat64(0))).toBe(text);
});

test('numbers without a JSON form are refused', () => {
  expect(() => formatFloat(Number.NaN)).toThrow(GoJsonError);
  expect(() => formatFloat(Number.NEGATIVE_INFINITY)).toThrow('json: unsupported value: -Inf');
});

test.for(vectors.indent)('indents %s as Go does', ([compact, indented]) => {
  expect(indentJson(compact!)).toBe(indented);
});

describe('stringifyAny', () => {
  test('sorts map keys by their bytes, not by UTF-16 units', () => {
    expect(stringifyAny({ '\u{1f600}': 1, '\uff5e': 2, b: 3, a: [4n, null, undefined, true], skip: undefined })).toBe(
      '{"a":[4,null,null,true],"b":3,"\uff5e":2,"\u{1f600}":1}',
    );
  });

  test('has no trouble with deep nesting', () => {
    let value: unknown = 1;
    for (let i = 0; i < 50_000; i++) value = [value];
    expect(stringifyAny(value)).toBe('['.repeat(50_000) + '1' + ']'.repeat(50_000));
  });
});

describe('base64', () => {
  test.for(vectors.base64)('decodes %j as Go does', ([text, bytes, error]) => {
    if (error !== '') expect(() => decodeBase64(text!)).toThrow(expect.objectContaining({ message: error }));
    else expect(hex(decodeBase64(text!))).toBe(bytes);
  });

  test('encodes and decodes any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = encodeBase64(bytes);
        expect(text).toBe(btoa(String.fromCharCode(...bytes)));
        expect(decodeBase64(text)).toEqual(bytes);
      }),
    );
    expect(encodeBase64(unhex('00ff'))).toBe('AP8=');
  });
});
