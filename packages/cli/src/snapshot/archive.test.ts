import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArchiveError, readArchive } from './archive.ts';
import { recordJson } from './record-json.ts';
import { stateRecords } from './records.ts';
import { TAR_END, tarEntry } from './tar.ts';

/** Saved by a real server; its secrets belong to a cluster that is gone. */
const SAMPLE = readFileSync(new URL('../testdata/snapshot-rich.snap', import.meta.url));

/** The bytes in pieces of `size`. */
async function* pieces(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** An archive of these files, as servers write it. */
function archive(files: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(files).map(([name, text]) => tarEntry({ name, content: Buffer.from(text), mtime: 0 }));
  return gzipSync(Buffer.concat([...entries, TAR_END]));
}

const META = '{"Version":1,"ID":"2-51-1","Index":51,"Term":2,"Size":5}';
const sumsOf = (files: Readonly<Record<string, string>>): string =>
  Object.entries(files)
    .map(([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}\n`)
    .join('');

test('a snapshot of a real server is read whole, in pieces of any size', async () => {
  for (const size of [1, 7, 512, SAMPLE.length]) {
    const { meta, state } = await readArchive(pieces(SAMPLE, size), true);
    expect(meta).toMatchObject({ ID: '2-51-1795228869227', Index: 51, Term: 2, Version: 1, Size: 17323 });
    expect(state!.length).toBe(meta.Size);
  }
});

test('its records add up to the state, every type is known, and each can be decoded', async () => {
  const { state } = await readArchive(pieces(SAMPLE), true);
  const records = [...stateRecords(state!)];
  expect(records).toHaveLength(85);
  expect(records.reduce((sum, record) => sum + record.sizeBytes, 0)).toBe(17323);
  expect(records.filter((record) => record.type.startsWith('Unknown'))).toEqual([]);
  const keys = records.filter((record) => record.type === 'KVS').map((record) => recordJson(record.value()));
  expect(keys).toContainEqual(expect.objectContaining({ Key: 'foo' }));
  expect(() => JSON.stringify(records.map((record) => recordJson(record.value())))).not.toThrow();
});

test('files may come in any order', async () => {
  const files = { 'state.bin': 'state', 'meta.json': META };
  const { state } = await readArchive(pieces(archive({ SHA256SUMS: sumsOf(files), ...files })), true);
  expect(state!.toString()).toBe('state');
});

test.for([
  ['nothing', Buffer.alloc(0), 'failed to decompress snapshot: EOF'],
  ['less than a header', Buffer.from('filedata\n'), 'failed to decompress snapshot: unexpected EOF'],
  ['no gzip', Buffer.from('this is no archive'), 'failed to decompress snapshot: gzip: invalid header'],
] as const)('%s is refused with the text of the servers', async ([, bytes, text]) => {
  await expect(readArchive(pieces(bytes))).rejects.toThrow(new ArchiveError(text));
});

test('a wrong sum, a missing sum and a foreign file are named', async () => {
  const files = { 'meta.json': META, 'state.bin': 'state' };
  const prefix = 'failed to read snapshot file: ';
  const wrong = archive({ ...files, 'state.bin': 'stale', SHA256SUMS: sumsOf(files) });
  await expect(readArchive(pieces(wrong))).rejects.toThrow(
    `${prefix}failed checking integrity of snapshot: hash check failed for "state.bin"`,
  );
  const missing = archive({ ...files, SHA256SUMS: sumsOf({ 'meta.json': META }) });
  await expect(readArchive(pieces(missing))).rejects.toThrow('file missing for "state.bin"');
  await expect(readArchive(pieces(archive({ ...files, more: '' })))).rejects.toThrow(
    'unexpected file "more" in snapshot',
  );
});

test('an archive that is cut or damaged anywhere is refused, never read as if it were whole', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: SAMPLE.length - 1 }), fc.boolean(), async (at, cut) => {
      const bytes = cut ? SAMPLE.subarray(0, at) : Buffer.from(SAMPLE);
      if (!cut) bytes[at]! ^= 0x55;
      // Flags, time and system in the gzip header say nothing about the content.
      fc.pre(cut || at >= 10);
      await expect(readArchive(pieces(bytes), true)).rejects.toThrow(ArchiveError);
    }),
    { numRuns: 60 },
  );
});

test('records that are damaged are refused or differ, and never crash the reader', async () => {
  const { state } = await readArchive(pieces(SAMPLE), true);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: state!.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(state!);
      bytes[at]! ^= flip;
      try {
        for (const record of stateRecords(bytes)) expect(record.sizeBytes).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(ArchiveError);
      }
    }),
    { numRuns: 300 },
  );
});

test('what we write as tar the platform unpacks the same way', () => {
  const long = `${'d'.repeat(60)}/${'f'.repeat(80)}`;
  const bytes = gunzipSync(
    gzipSync(Buffer.concat([tarEntry({ name: long, content: Buffer.from('x'), mtime: 5 }), TAR_END])),
  );
  expect(bytes.length % 512).toBe(0);
  expect(bytes.toString('latin1', 345, 345 + 60)).toBe('d'.repeat(60));
});
