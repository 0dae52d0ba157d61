import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { concatBytes, fromUtf8, utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Codec, readArchive, SMALL_FILE_BYTES_MAX, writeArchive } from './archive.ts';
import { PAX_BYTES_MAX, TAR_END, TarReader, tarFile } from './tar.ts';

async function collect(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const c of chunks) all.push(c);
  return concatBytes(all);
}

const codec: Codec = {
  sha256() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  },
  async *gzip(chunks) {
    yield gzipSync(await collect(chunks));
  },
  async *gunzip(chunks) {
    yield gunzipSync(await collect(chunks));
  },
};

const META = {
  ...{ ID: '2-22-1', Index: 22, Term: 2, ConfigurationIndex: 1 },
  Configuration: { Servers: [{ Suffrage: 0, ID: 'id-1', Address: '127.0.0.1:8300' }] },
};
const STATE = [utf8('first chunk '), utf8('second chunk')];

const archive = (state: Uint8Array[] = STATE) => collect(writeArchive(META, state, codec, Date.UTC(2026, 10, 21)));

async function* pieces(bytes: Uint8Array, size = bytes.length): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += Math.max(1, size)) yield bytes.subarray(at, at + size);
}
const read = (bytes: Uint8Array, size?: number) => readArchive(pieces(bytes, size), codec);

/** An archive of these files, in this order. */
const packed = (files: Readonly<Record<string, string>>) =>
  gzipSync(concatBytes([...Object.entries(files).flatMap(([name, text]) => tarFile(name, [utf8(text)], 0)), TAR_END]));
const sum = (text: string) => createHash('sha256').update(text).digest('hex');
const sumsOf = (files: Readonly<Record<string, string>>) =>
  Object.entries(files)
    .map(([name, text]) => `${sum(text)}  ${name}\n`)
    .join('');

describe('an archive', () => {
  test('comes back as it was written', async () => {
    const { meta, state } = await read(await archive());
    expect(meta).toMatchObject({ ...META, Version: 1, Size: 24 });
    expect(fromUtf8(concatBytes([...state]))).toBe('first chunk second chunk');
  });

  test('may be of an empty state', async () => {
    const { meta, state } = await read(await archive([]));
    expect([meta.Size, concatBytes([...state]).length]).toEqual([0, 0]);
  });

  test('comes back whatever the state is and in whatever pieces it arrives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 4 }), fc.nat(700), async (s, size) => {
        const { state } = await read(await archive(s), size + 1);
        expect(concatBytes([...state])).toEqual(concatBytes(s));
      }),
      { numRuns: 50 },
    );
  });

  test('is never taken for whole after any cut', async () => {
    const whole = await archive();
    for (let end = 1; end < whole.length; end++) {
      const place =
        end < 10 ? 'failed to decompress snapshot' : 'failed to read snapshot file: failed reading snapshot';
      await expect(read(whole.subarray(0, end))).rejects.toThrow(`${place}: unexpected EOF`);
    }
  });

  test('is refused when it is not compressed', async () => {
    await expect(read(utf8('this is not an archive'))).rejects.toThrow(
      'failed to decompress snapshot: gzip: invalid header',
    );
  });

  test('is refused when a bit of it is flipped, unless that bit means nothing', async () => {
    const whole = await archive();
    const plain = gunzipSync(whole);
    let meaningless = 0;
    for (let at = 10; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] as number) ^ 0x10;
      const same = await codec
        .gunzip(pieces(damaged))
        [Symbol.asyncIterator]()
        .next()
        .then(
          ({ value }) => plain.equals(value),
          () => false,
        );
      if (same) meaningless++;
      else await expect(read(damaged)).rejects.toThrow();
    }
    expect(meaningless).toBeLessThan(3);
  });
});

describe('what is wrong with an archive is said', () => {
  const meta = JSON.stringify({ ...META, Version: 1, Size: 5 });
  const good = { 'meta.json': meta, 'state.bin': 'state' };

  test('the pieces of these tests make a good one', async () => {
    expect((await read(packed({ ...good, SHA256SUMS: sumsOf(good) }))).meta.Index).toBe(22);
  });

  test.for([
    ['state.bin', { ...good, 'state.bin': 'tampe' }],
    ['meta.json', { ...good, 'meta.json': meta.replace('22', '23') }],
  ] as const)('a wrong checksum of %s', async ([name, files]) => {
    const refused = read(packed({ ...files, SHA256SUMS: sumsOf(good) }));
    await expect(refused).rejects.toThrow(`failed checking integrity of snapshot: hash check failed for "${name}"`);
  });

  test.for(['meta.json', 'state.bin', 'SHA256SUMS'])('%s is missing', async (name) => {
    const files: Record<string, string> = { ...good, SHA256SUMS: sumsOf(good) };
    delete files[name];
    await expect(read(packed(files))).rejects.toThrow(`file missing for "${name}"`);
  });

  test('a checksum is missing', async () => {
    const files = { ...good, SHA256SUMS: sumsOf({ 'meta.json': meta }) };
    await expect(read(packed(files))).rejects.toThrow('file missing for "state.bin"');
  });

  test('a file that does not belong there', async () => {
    await expect(read(packed({ ...good, 'evil.sh': '' }))).rejects.toThrow(
      'failed to read snapshot file: unexpected file "evil.sh" in snapshot',
    );
  });

  test('a size that is not the one of the state', async () => {
    const files = { ...good, 'meta.json': JSON.stringify({ ...META, Size: 6 }) };
    await expect(read(packed({ ...files, SHA256SUMS: sumsOf(files) }))).rejects.toThrow("size didn't match");
  });

  test.for(['{', 'null', '"text"', '{"Size":"5"}'])('metadata that is %s', async (text) => {
    const files = { ...good, 'meta.json': text };
    await expect(read(packed({ ...files, SHA256SUMS: sumsOf(files) }))).rejects.toThrow(
      'failed to decode snapshot metadata: ',
    );
  });

  test('metadata of more than is ever needed', async () => {
    const files = { 'meta.json': ' '.repeat(SMALL_FILE_BYTES_MAX + 1) };
    await expect(read(packed(files))).rejects.toThrow('"meta.json" is too large');
  });
});

describe('the tar reader', () => {
  function reading(...chunks: Uint8Array[]) {
    const files: Record<string, string> = {};
    let name = '';
    const reader = new TarReader({
      begin: (n) => {
        name = n;
        files[n] = '';
      },
      data: (bytes) => {
        files[name] += fromUtf8(bytes);
      },
      end: () => {
        files[name] += '.';
      },
    });
    for (const c of chunks) reader.push(c);
    reader.finish();
    return files;
  }
  const retyped = (type: string, content: string) => {
    const [head, ...rest] = tarFile('x', [utf8(content)], 0) as [Uint8Array, ...Uint8Array[]];
    const before = head[156] as number;
    head[156] = type.charCodeAt(0);
    const total = Number.parseInt(fromUtf8(head.subarray(148, 154)), 8) - before + type.charCodeAt(0);
    head.set(utf8(total.toString(8).padStart(6, '0')), 148);
    return concatBytes([head, ...rest]);
  };
  const tar = (...files: Uint8Array[][]) => concatBytes([...files.flat(), TAR_END]);

  test('finds the same files in pieces of any size', () => {
    const bytes = tar(tarFile('a', [utf8('x'.repeat(512))], 0), tarFile('b', [], 0), tarFile('c', [utf8('tail')], 0));
    const whole = { a: `${'x'.repeat(512)}.`, b: '.', c: 'tail.' };
    for (const size of [1, 7, 511, 512, 513, bytes.length]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(reading(...chunks)).toEqual(whole);
    }
  });

  test('skips extended headers', () => {
    expect(reading(tar([retyped('g', 'facts')], [retyped('x', 'facts')], tarFile('a', [utf8('1')], 0)))).toEqual({
      a: '1.',
    });
  });

  test('refuses extended headers without measure', () => {
    expect(() => reading(retyped('x', 'y'.repeat(PAX_BYTES_MAX + 1)))).toThrow('invalid tar header');
  });

  test.for(['1', '2', '5', 'L'])('refuses an entry of type %s', (type) => {
    expect(() => reading(tar([retyped(type, '')]))).toThrow(`unexpected entry of type "${type}"`);
  });

  test('refuses a header whose checksum is wrong', () => {
    const bytes = tar(tarFile('a', [utf8('1')], 0));
    bytes[0] = 0x62;
    expect(() => reading(bytes)).toThrow('archive/tar: invalid tar header');
  });

  test('refuses a size that is no number', () => {
    const bytes = tar(tarFile('a', [utf8('1')], 0));
    bytes.set(utf8('zzzzzzzzzzz'), 124);
    expect(() => reading(bytes)).toThrow('archive/tar: invalid tar header');
  });

  test('refuses a file after an empty block, an end inside a file, and bytes after the end', () => {
    const file = concatBytes(tarFile('a', [utf8('1')], 0));
    expect(() => reading(new Uint8Array(512), file)).toThrow('invalid tar header');
    expect(() => reading(file.subarray(0, 512))).toThrow('unexpected EOF');
    expect(() => reading(file.subarray(0, 100))).toThrow('unexpected EOF');
    expect(() => reading(file, TAR_END, utf8('more'))).toThrow('4 unread uncompressed bytes remain');
  });

  test('never fails in another way, whatever the bytes', () => {
    const block = concatBytes(tarFile('a', [utf8('content')], 0));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(1100), (noise, at) => {
        const bytes = concatBytes([block, TAR_END]);
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), at);
        try {
          reading(bytes);
        } catch (error) {
          expect((error as Error).name).toBe('ProtocolError');
        }
      }),
    );
  });
});
