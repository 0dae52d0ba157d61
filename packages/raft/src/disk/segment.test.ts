import { concatBytes, equalBytes, seededRng } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry } from '../entry.ts';
import {
  type ControlRecord,
  decodeSegmentHeader,
  encodeBatch,
  encodeSegmentHeader,
  RecordKind,
  type ScanResult,
  SEGMENT_HEADER_BYTES,
  scanSegment,
} from './segment.ts';

const rng = seededRng('segment');
const header = encodeSegmentHeader(7, rng.bytes(16));

const entry = (index: number, size = 10): Entry => ({
  index,
  term: 3,
  type: 0,
  data: rng.bytes(size),
  appendedAtMs: 1.5e12,
});

function scan(
  bytes: Uint8Array,
  seed = header.seed,
): { result: ScanResult; entries: Entry[]; controls: ControlRecord[] } {
  const entries: Entry[] = [];
  const controls: ControlRecord[] = [];
  const result = scanSegment(bytes, seed, {
    entry: (e) => entries.push(e),
    control: (c) => controls.push(c),
  });
  return { result, entries, controls };
}

const file = (...batches: (readonly (Entry | ControlRecord)[])[]): Uint8Array =>
  concatBytes([header.bytes, ...batches.flatMap((b) => encodeBatch(b, header.seed))]);

test('entries of any kind and size come back as they were', () => {
  const bytes = () => fc.uint8Array({ maxLength: 60 });
  const record = fc.record({
    type: fc.constantFrom(0, 1, 4, 5),
    term: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    data: fc.oneof(bytes(), fc.constant(new Uint8Array(20_000).fill(7))),
    extensions: fc.option(bytes(), { nil: undefined }),
    appendedAtMs: fc.double({ min: 0, max: 1e14, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      const entries = records.map(({ extensions, ...rest }, i) =>
        extensions === undefined ? { ...rest, index: i + 2 ** 40 } : { ...rest, extensions, index: i + 2 ** 40 },
      );
      const { result, entries: read } = scan(file(entries));
      expect(result.outcome).toBe('whole');
      expect(read.length).toBe(entries.length);
      for (const [i, { data, extensions, ...rest }] of read.entries()) {
        const { data: wroteData, extensions: wroteExtensions, ...wrote } = entries[i]! as Entry;
        expect(rest).toEqual(wrote);
        expect(equalBytes(data, wroteData)).toBe(true);
        expect(extensions === undefined).toBe(wroteExtensions === undefined);
        if (extensions) expect(equalBytes(extensions, wroteExtensions!)).toBe(true);
      }
    }),
  );
});

test('control records come back, in their place', () => {
  const records: ControlRecord[] = Object.values(RecordKind).map((kind, i) => ({ kind, index: i + 5, term: i }));
  expect(scan(file(records)).controls).toEqual(records);
});

test('a header that is cut, changed or of another file is refused', () => {
  expect(decodeSegmentHeader(header.bytes)).toEqual({ sequence: 7, seed: header.seed });
  for (let size = 0; size < SEGMENT_HEADER_BYTES; size++) {
    expect(decodeSegmentHeader(header.bytes.subarray(0, size))).toBeUndefined();
  }
  for (let bit = 0; bit < SEGMENT_HEADER_BYTES * 8; bit++) {
    const flipped = header.bytes.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    expect(decodeSegmentHeader(flipped)).toBeUndefined();
  }
});

test('a file cut anywhere yields the whole records before the cut and is torn, never damaged', () => {
  const bytes = file([entry(1), entry(2)], [entry(3, 30)], [entry(4)]);
  for (let size = SEGMENT_HEADER_BYTES; size < bytes.length; size++) {
    const { result, entries } = scan(bytes.subarray(0, size));
    expect(entries.map((e) => e.index)).toEqual([1, 2, 3, 4].slice(0, entries.length));
    expect(result.end).toBeLessThanOrEqual(size);
    expect(result.outcome).toBe(result.end === size ? 'whole' : 'torn');
  }
});

test('a flipped bit is damage with reserved space behind it, too: of a size that then reaches far into the zeros as well', () => {
  const sound = file([entry(1)], [entry(2), entry(3)]);
  const bytes = new Uint8Array(sound.length + 2000);
  bytes.set(sound);
  for (let bit = SEGMENT_HEADER_BYTES * 8; bit < sound.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    expect(scan(flipped).result.outcome, `bit ${bit}`).toBe('damaged');
  }
});

test('a flipped bit is damage wherever it is, in the last record too', () => {
  const bytes = file([entry(1), entry(2)], [entry(3)], [entry(4)]);
  for (let bit = SEGMENT_HEADER_BYTES * 8; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    expect(scan(flipped).result.outcome, `bit ${bit}`).toBe('damaged');
  }
});

test('a hole in the batch that a crash interrupted is torn, the same hole before a later batch is damage', () => {
  const before = file([entry(1)]);
  const holed = (bytes: Uint8Array): Uint8Array => bytes.slice().fill(0, before.length + 8, before.length + 60);
  expect(scan(holed(file([entry(1)], [entry(2), entry(3)]))).result).toMatchObject({
    outcome: 'torn',
    end: before.length,
  });
  expect(scan(holed(file([entry(1)], [entry(2), entry(3)], [entry(4)]))).result).toMatchObject({
    outcome: 'damaged',
    end: before.length,
  });
  const marked = file([entry(1)], [entry(2), entry(3)], [{ kind: RecordKind.mark, index: 3, term: 0 }]);
  expect(scan(holed(marked)).result.outcome).toBe('damaged');
});

test('zeros after the last record are unused space; what a crash tore into them is torn', () => {
  const reserve = new Uint8Array(3000);
  const sound = file([entry(1)], [entry(2, 900)]);
  expect(scan(concatBytes([sound, reserve])).result).toEqual({ outcome: 'whole', end: sound.length });
  const before = file([entry(1)]).length;
  for (let cut = before + 1; cut < sound.length; cut++) {
    const torn = concatBytes([sound.subarray(0, cut), reserve]);
    if (torn.subarray(cut, sound.length).every((byte, i) => byte === sound[cut + i])) continue;
    const { result, entries } = scan(torn);
    expect(entries.map((e) => e.index)).toEqual([1]);
    expect(result.end).toBe(before);
    // A sector that is missing whole is a torn write, even when a single bit of the record stood in it.
    if (cut % 512 === 0) expect(result.outcome).toBe('torn');
  }
});

test('a last sector with a single bit in it, not written, is a torn write and no flipped bit', () => {
  const records = (size: number) =>
    file([{ ...entry(1), data: new Uint8Array(size).fill(7, 0, size - 1).fill(1, size - 1) }]);
  const size = 1000 + ((512 - (records(1000).length % 512)) % 512) + 1;
  const bytes = records(size);
  expect(bytes.length % 512).toBe(1);
  const torn = concatBytes([bytes.subarray(0, bytes.length - 1), new Uint8Array(600)]);
  expect(scan(torn).result.outcome).toBe('torn');
});

test('a record of another file does not pass, though its own checksum is right there', () => {
  const other = encodeSegmentHeader(7, rng.bytes(16));
  const stray = concatBytes([...encodeBatch([entry(1)], header.seed)]);
  expect(scan(concatBytes([other.bytes, stray]), other.seed).entries).toEqual([]);
});

test('no bytes make the scanner throw or read beyond them', () => {
  const sound = file([entry(1), entry(2)]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(sound.length), (junk, at) => {
      const cut = Math.max(SEGMENT_HEADER_BYTES, at);
      const { result } = scan(concatBytes([sound.subarray(0, cut), junk]));
      expect(['whole', 'torn', 'damaged']).toContain(result.outcome);
    }),
  );
});

test('a write torn where only a single bit is missing is torn; the same bit flipped in a complete one is damage', () => {
  const noop: Entry = { index: 9, term: 4, type: 1, data: new Uint8Array(0), appendedAtMs: 0 };
  const before = file([entry(8)]);
  const sound = concatBytes([before, ...encodeBatch([noop], header.seed), new Uint8Array(500)]);
  const termAt = before.length + 24;
  expect(sound[termAt]).toBe(4);
  const torn = sound.slice().fill(0, termAt);
  expect(scan(torn).result).toMatchObject({ outcome: 'torn', end: before.length });
  const flipped = sound.slice();
  flipped[termAt] = 0;
  expect(scan(flipped).result.outcome).toBe('damaged');
});
