import { Reader } from '@proconsul/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { list } from './kind.ts';
import { DirEntry, dirEntriesJson } from './kv.ts';

const entries = fc.array(
  fc.record({
    LockIndex: fc.nat(),
    Key: fc.string({ unit: 'binary' }),
    Flags: fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    Value: fc.oneof(fc.constant(null), fc.uint8Array()),
    Session: fc.oneof(fc.constant(''), fc.uuid()),
    CreateIndex: fc.nat(),
    ModifyIndex: fc.nat(),
  }),
);

test('many entries as bytes are what the list of them prints, whether their values are packed or not', () => {
  fc.assert(
    fc.property(entries, (rows) => {
      const want = list(DirEntry).toJson(rows);
      expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(dirEntriesJson(rows))).toBe(want);
      const packed = rows.map((row) => ({
        ...row,
        packed: row.Value === null ? null : String.fromCharCode(...row.Value),
      }));
      expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(dirEntriesJson(packed))).toBe(want);
    }),
  );
});

test('an index that no state can reach is read as one that none has reached', () => {
  const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  // A map with one field, ModifyIndex: the largest uint64, as clients may send it with ?cas.
  const largest = DirEntry.read(new Reader(bytes('81ab4d6f64696679496e646578cfffffffffffffffff')));
  expect(largest.ModifyIndex).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => DirEntry.read(new Reader(bytes('81ab4d6f64696679496e646578ff')))).toThrow('negative value -1');
});
