import { unhex } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeGoUtf8,
  GoJsonError,
  type JsonValue,
  kindName,
  parseJson,
  parseJsonDocument,
  parseJsonInSteps,
  stringifyAny,
  TooManyValuesError,
} from './index.ts';
import vectors from './testdata/go-json.json' with { type: 'json' };

type Row = { hex: string; decoder?: string; unmarshal?: string; value?: string };
const rows = vectors.parse as Row[];

function outcome(read: () => JsonValue): { value?: JsonValue; error?: string } {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof GoJsonError)) throw error;
    return { error: error.message };
  }
}

/** Go decodes untyped numbers to float64; here long integers keep their digits. */
function asFloats(value: JsonValue): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(asFloats);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, asFloats(v)]));
}

test.for(rows)('reads $hex as Go does', ({ hex, decoder, unmarshal, value }) => {
  const bytes = unhex(hex);
  const first = outcome(() => parseJson(bytes));
  expect(first.error).toBe(decoder);
  if (value !== undefined) expect(stringifyAny(asFloats(first.value!))).toBe(value);
  expect(outcome(() => parseJsonDocument(bytes)).error).toBe(unmarshal);
});

describe('parseJson', () => {
  test('keeps integers beyond 2^53 exact', () => {
    expect(parseJson('[9007199254740993, 18446744073709551615, -9223372036854775808, 9007199254740991]')).toEqual([
      9007199254740993n,
      18446744073709551615n,
      -9223372036854775808n,
      9007199254740991,
    ]);
  });

  test('makes doubles of integers that no 64-bit field could hold', () => {
    expect(parseJson('1' + '0'.repeat(100))).toBe(1e100);
  });

  test('treats __proto__ as an ordinary key in both parsers', () => {
    for (const text of ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1}} trailing']) {
      const value = parseJson(text) as Record<string, JsonValue>;
      expect(Object.keys(value)).toEqual(['__proto__']);
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
  });

  test('stops at the bound of nesting, wherever the brackets are', () => {
    expect(outcome(() => parseJson('['.repeat(10_000) + ']'.repeat(10_000))).error).toBeUndefined();
    expect(outcome(() => parseJson('['.repeat(10_001) + ']'.repeat(10_001))).error).toBe(
      "invalid character '[' exceeded max depth",
    );
    expect(outcome(() => parseJson('[[[]]]', { maxDepth: 2 })).error).toBe("invalid character '[' exceeded max depth");
    expect(parseJson(JSON.stringify('['.repeat(20_000)))).toBe('['.repeat(20_000));
  });

  test('stops at the bound of values, however short the text is', () => {
    const three = '{"a":[1]}';
    expect(parseJson(three, { maxValues: 3 })).toEqual({ a: [1] });
    expect(() => parseJson(three, { maxValues: 2 })).toThrow(TooManyValuesError);
    expect(() => parseJson('[1,2,3', { maxValues: 3 })).toThrow(TooManyValuesError);
    expect(parseJson('[[], {}] [', { maxValues: 3 })).toEqual([[], {}]);
  });

  test('keeps to its bounds in texts of any length', () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const list = JSON.stringify(Array.from({ length: 3_000 }, (_, i) => `${i},[{`));
    const value = JSON.parse(list);
    expect(parseJson(bytes(list))).toEqual(value);
    expect(parseJson(bytes(list), { maxValues: 3_001 })).toEqual(value);
    expect(() => parseJson(bytes(list), { maxValues: 3_000 })).toThrow(TooManyValuesError);
    const deep = (depth: number) => bytes(`${'['.repeat(depth)}1${' '.repeat(9_000)}${']'.repeat(depth)}`);
    expect(outcome(() => parseJson(deep(1_000), { maxDepth: 1_000 })).error).toBeUndefined();
    expect(outcome(() => parseJson(deep(1_001), { maxDepth: 1_000 })).error).toBe(
      "invalid character '[' exceeded max depth",
    );
  });

  test('tells of a number that does not fit only when the text around it is well-formed', () => {
    expect(outcome(() => parseJson('[1e999, x]')).error).toBe("invalid character 'x' looking for beginning of value");
    expect(outcome(() => parseJson(`[${'9'.repeat(309)}, 1e400]`)).error).toBe(
      `json: cannot unmarshal number ${'9'.repeat(309)} into Go value of type float64`,
    );
    expect(outcome(() => parseJson('9'.repeat(5000))).error!.length).toBeLessThan(1200);
    expect(parseJson(`[0.${'0'.repeat(400)}1e350]`)).toEqual([1e-51]);
  });

  test('reports how many bytes were read when the error was noticed', () => {
    expect.assertions(1);
    try {
      parseJson('["é", x');
    } catch (error) {
      expect((error as GoJsonError).offset).toBe(8);
    }
  });

  test('reads what the platform writes, with or without trailing data', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const expected = JSON.parse(text.replace(/\\ud[89a-f][0-9a-f]{2}/gi, '\\ufffd')) as JsonValue;
        expect(asFloats(parseJson(text))).toEqual(expected);
        expect(asFloats(parseJson(text + ' }'))).toEqual(expected);
      }),
    );
  });

  test('reads a long text in steps, as it reads a short one', () => {
    const steps = (text: string): { steps: number; value: JsonValue } => {
      const reading = parseJsonInSteps(new TextEncoder().encode(text));
      for (let steps = 1; ; steps++) {
        const { done, value } = reading.next();
        if (done) return { steps, value: value as JsonValue };
      }
    };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = `${' '.repeat(20_000)}{"v": ${JSON.stringify(value)},"long":9007199254740993, "u":"\\ud800\\\\"} x`;
        expect(parseJson(text)).toEqual(parseJson(text.trim()));
        expect(steps(text)).toEqual({ steps: 3, value: parseJson(text) });
      }),
      { numRuns: 30 },
    );
    expect(() => steps('[1,')).toThrow('unexpected EOF');
    const long = `[${'9007199254740993,'.repeat(9000)}0]`;
    expect(steps(long)).toEqual({ steps: 5, value: [...Array(9000).fill(9007199254740993n), 0] });
    expect(parseJson(long)).toHaveLength(9001);
  });

  test('throws nothing but GoJsonError on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        outcome(() => parseJson(bytes));
        outcome(() => parseJsonDocument(bytes));
      }),
    );
  });
});

test('each byte that is no UTF-8 becomes one replacement, all others stay', () => {
  const one = Uint8Array.of(
    0xff,
    0x61,
    0xc3,
    0xa9,
    0xe2,
    0x82,
    0xe4,
    0xb8,
    0xad,
    0xf0,
    0x9f,
    0x98,
    0x80,
    0xed,
    0xa0,
    0x80,
  );
  const bytes = Uint8Array.from({ length: 1000 * one.length }, (_, i) => one[i % one.length]!);
  expect(decodeGoUtf8(bytes)).toBe('\ufffda\u00e9\ufffd\ufffd\u4e2d\u{1f600}\ufffd\ufffd\ufffd'.repeat(1000));
});

test('kindName uses the words of unmarshal errors', () => {
  expect(['a', 1, 1n, true, {}, [], null].map(kindName)).toEqual([
    'string',
    'number',
    'number',
    'bool',
    'object',
    'array',
    'null',
  ]);
});
