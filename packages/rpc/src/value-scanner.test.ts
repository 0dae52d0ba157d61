import { concatBytes, unhex } from '@proconsul/base';
import { encodeAny, Reader } from '@proconsul/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ValueScanner } from './value-scanner.ts';

const NO_LIMIT = 1e9;

/** Where the value at the front of `bytes` ends when they arrive in pieces of `size`; -1: not within them. */
function scan(bytes: Uint8Array, size: number, limit = NO_LIMIT): number {
  const scanner = new ValueScanner();
  scanner.start(limit);
  for (let at = 0; at < bytes.length; at += size) {
    const end = scanner.scan(bytes.subarray(0, at + size), at);
    if (end >= 0) return end;
  }
  return -1;
}

/** The same by the reader, which needs the whole value. */
function skip(bytes: Uint8Array): number | string {
  const reader = new Reader(bytes);
  try {
    reader.skip();
    return reader.offset;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test('any bytes end where the reader says that the value ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (bytes, size) => {
      const wanted = skip(bytes);
      let found: number | string;
      try {
        found = scan(bytes, size);
      } catch (error) {
        found = (error as { code: string }).code;
      }
      if (wanted === 'MSGPACK_TRUNCATED') {
        // The reader sees that a list of four billion cannot fit; here that is the limit's business. A wrong byte may
        // follow in what the reader never looked at.
        expect(found === -1 || found === 'RPC_TOO_LONG' || found === 'MSGPACK_TYPE').toBe(true);
      } else expect(found).toBe(wanted);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 5_000) },
  );
});

test('every code of the format is passed over with what belongs to it', () => {
  for (let code = 0; code < 256; code++) {
    const bytes = concatBytes([Uint8Array.of(code), new Uint8Array(40)]);
    const wanted = skip(bytes);
    if (typeof wanted === 'number')
      for (const size of [1, 2, 3, 50]) expect([code, scan(bytes, size)]).toEqual([code, wanted]);
    else expect(() => scan(bytes, 1)).toThrow('begins no value');
  }
});

test('values that nest and repeat are found whatever the pieces', () => {
  fc.assert(
    fc.property(fc.json(), fc.integer({ min: 1, max: 9 }), (json, size) => {
      const bytes = encodeAny(JSON.parse(json), 'rpc');
      expect(scan(concatBytes([bytes, unhex('c0c0')]), size)).toBe(bytes.length);
    }),
  );
});

test.for([
  ['a string of 4 GiB', 'dbffffffff'],
  ['bytes over the limit', 'c50401'],
  ['a list of four billion', 'ddffffffff'],
  ['a map of two billion pairs', 'df7fffffff'],
  ['lists in lists in lists', 'dc0300dc0300'],
] as const)('%s fails as soon as its header is there', ([, head]) => {
  expect(() => scan(unhex(head), 1, 1_024)).toThrowError(expect.objectContaining({ code: 'RPC_TOO_LONG' }));
});

test('the limit is exact', () => {
  const bytes = concatBytes([unhex('da0064'), new Uint8Array(100)]);
  expect(scan(bytes, 10, 103)).toBe(103);
  expect(() => scan(bytes, 10, 102)).toThrow('value of more than 102 bytes');
});

test('a million bytes that come one by one are looked at once each', () => {
  const bytes = concatBytes([unhex('c6000f4240'), new Uint8Array(1_000_000)]);
  const startedAt = performance.now();
  expect(scan(bytes, 1)).toBe(bytes.length);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
