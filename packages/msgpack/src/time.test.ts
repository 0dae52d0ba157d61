import { hex, ProtocolError, unhex } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeGoTime, encodeGoTime, goTimeFromRfc3339, goTimeToRfc3339, isZeroTime, ZERO_TIME } from './index.ts';
import vectors from './testdata/go-times.json' with { type: 'json' };

type Row = { text: string; error?: string; hex?: string; again?: string };

test.for(vectors.times as Row[])('reads the time $text as Go does', ({ text, error, hex: wire, again }) => {
  if (error !== undefined) {
    expect(() => goTimeFromRfc3339(text)).toThrow(expect.objectContaining({ message: error, code: 'TIME_SYNTAX' }));
    return;
  }
  const time = goTimeFromRfc3339(text);
  expect(hex(encodeGoTime(time))).toBe(wire);
  expect(decodeGoTime(unhex(wire!))).toEqual(time);
  // Go refuses to print zones of a whole day and more; such a time cannot be told from others here.
  if (!again!.startsWith('json:')) expect(goTimeToRfc3339(time)).toBe(again);
});

describe('Go time', () => {
  test('has a zero that prints as the first of January of the year one', () => {
    expect(goTimeToRfc3339(ZERO_TIME)).toBe('0001-01-01T00:00:00Z');
    expect(isZeroTime(goTimeFromRfc3339('0001-01-01T00:00:00Z'))).toBe(true);
    expect(isZeroTime(goTimeFromRfc3339('1970-01-01T00:00:00Z'))).toBe(false);
  });

  test('survives text and bytes for every moment with a four-digit year', () => {
    const moments = fc.record({
      seconds: fc.integer({ min: -62135596800 + 86400, max: 253402300799 - 86400 }),
      nanos: fc.integer({ min: 0, max: 999_999_999 }),
      offsetMinutes: fc.integer({ min: -1439, max: 1439 }).filter((m) => m !== 0 && m !== -1),
    });
    fc.assert(
      fc.property(moments, (time) => {
        expect(goTimeFromRfc3339(goTimeToRfc3339(time))).toEqual(time);
        expect(decodeGoTime(encodeGoTime(time))).toEqual(time);
      }),
    );
  });

  test('agrees with the platform on the calendar', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62167219200, max: 253402300799 }), (seconds) => {
        const expected = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
        expect(goTimeToRfc3339({ seconds, nanos: 0, offsetMinutes: -1 })).toBe(expected);
      }),
    );
  });

  test('refuses bytes of the wrong size, version or range', () => {
    for (const wire of [
      '',
      '01',
      '03000000000000000000000000ffff',
      '01000000000000000000000000ffff00',
      '01000000000000000080000000ffff',
      '017fffffffffffffff00000000ffff',
    ]) {
      expect(() => decodeGoTime(unhex(wire))).toThrow(ProtocolError);
    }
  });

  test('refuses to print years without four digits', () => {
    expect(() => goTimeToRfc3339({ seconds: 253402300800, nanos: 0, offsetMinutes: -1 })).toThrow(
      'year outside of range',
    );
  });
});
