import { concatBytes, utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../entry.ts';
import { DamageError } from '../errors.ts';
import { WRITTEN_AT_S, walFile } from '../testing/consul-files.ts';
import { decodeWalSegments, walEntries, walFileName } from './wal.ts';

const entry = (index: number): Entry => ({ index, term: 2, type: 0, data: utf8(`entry ${index}`) });
const TAIL = { id: 4, baseIndex: 10, minIndex: 10, maxIndex: 0 };
const writes = [[entry(10)], [entry(11), entry(12)], [entry(13)]];
const indexes = (bytes: Uint8Array, segment = TAIL): number[] =>
  [...walEntries('f', bytes, segment)].map((e) => e.index);
/** Bytes up to the end of the second write. */
const TWO_WRITES = walFile(4, 10, writes.slice(0, 2)).length;

describe('a segment of the write-ahead log', () => {
  test('gives its entries with all that belongs to them', () => {
    const checkpoint = { ...entry(10), type: 0, extensions: Uint8Array.of(1, 2, 3) };
    const [read] = [...walEntries('f', walFile(4, 10, [[checkpoint]], 4096), TAIL)];
    expect(read).toEqual({ ...checkpoint, appendedAtMs: WRITTEN_AT_S * 1000 });
    expect(indexes(walFile(4, 10, writes, 4096))).toEqual([10, 11, 12, 13]);
    expect(indexes(walFile(4, 10, []))).toEqual([]);
  });

  test('those that were given up at either end do not count', () => {
    expect(indexes(walFile(4, 10, writes), { ...TAIL, minIndex: 11, maxIndex: 12 })).toEqual([11, 12]);
  });

  test('a write that a crash tore is passed over', () => {
    const bytes = walFile(4, 10, writes, 4096);
    for (const at of [TWO_WRITES, TWO_WRITES + 5, TWO_WRITES + 12, TWO_WRITES + 30]) {
      const torn = concatBytes([bytes.subarray(0, at), new Uint8Array(4096 - at)]);
      expect(indexes(torn)).toEqual([10, 11, 12]);
    }
    // Its end came to the disk, its beginning did not.
    const late = bytes.slice();
    late.fill(0, TWO_WRITES, TWO_WRITES + 16);
    expect(indexes(late)).toEqual([10, 11, 12]);
  });

  test('damage before a sound write is no torn one', () => {
    const bytes = walFile(4, 10, writes, 4096);
    for (const at of [40, 50, 80, 84]) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x10;
      expect(() => indexes(damaged), `byte ${at}`).toThrow(/damaged at byte \d+: damage before a sound write/);
    }
  });

  test('a complete one lacks nothing', () => {
    const sealed = { ...TAIL, maxIndex: 13 };
    expect(() => indexes(walFile(4, 10, writes.slice(0, 2)), sealed)).toThrow(/entry 13 is missing/);
    expect(() => indexes(walFile(4, 11, writes), TAIL)).toThrow(/not the header of this segment/);
    expect(() => indexes(walFile(5, 10, writes), TAIL)).toThrow(/not the header of this segment/);
    expect(() => indexes(walFile(4, 10, [[entry(10)], [entry(12)]]), TAIL)).toThrow(/entry 12 instead of 11/);
  });

  test('no flipped byte gives another entry, but for the ends of a segment that is still written', () => {
    const bytes = walFile(4, 10, writes, 512);
    const sound = [...walEntries('f', bytes, TAIL)];
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = bytes.slice();
        damaged[at]! ^= flip;
        try {
          const read = [...walEntries('f', damaged, TAIL)];
          expect(read).toEqual(sound.slice(0, read.length));
          expect(read.length).toBeGreaterThanOrEqual(3);
        } catch (error) {
          expect(error).toBeInstanceOf(DamageError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the list of segments', () => {
  const one = { ID: 3, BaseIndex: 1, MinIndex: 1, MaxIndex: 0, Codec: 1, IndexStart: 0 };
  const decode = (...segments: object[]) =>
    decodeWalSegments(utf8(JSON.stringify({ NextSegmentID: 9, Segments: segments })));

  test('is put in order, and names the files', () => {
    const list = decode({ ...one, ID: 255, BaseIndex: 101 }, one);
    expect(list.map(walFileName)).toEqual([
      '00000000000000000001-0000000000000003.wal',
      '00000000000000000101-00000000000000ff.wal',
    ]);
  });

  test('of another shape is refused', () => {
    expect(() => decode({ ...one, Codec: 2 })).toThrow('unknown codec 2');
    expect(() => decode({ ...one, MinIndex: -1 })).toThrow('an invalid number');
    expect(() => decodeWalSegments(utf8('{}'))).toThrow('no list of segments');
  });
});
