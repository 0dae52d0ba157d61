import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type * as Zlib from 'node:zlib';
import type { Codec } from '@proconsul/server';

/** Bytes that one turn of the decompressor makes: each is a trip to another thread. */
const GUNZIP_CHUNK_BYTES = 256 * 1024;

/** Loaded for the first archive. */
const zlib = (): typeof Zlib => process.getBuiltinModule('node:zlib');

/** Hashing and compression of snapshot archives by Node. */
export const archiveCodec: Codec = {
  sha256() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  },
  gzip(chunks) {
    return pipe(chunks, zlib().createGzip({ level: 1 }));
  },
  gunzip(chunks) {
    return pipe(chunks, zlib().createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES }));
  },
};

async function* pipe(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  through: Zlib.Gzip | Zlib.Gunzip,
): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks as AsyncIterable<Uint8Array>, { objectMode: true });
  source.on('error', (error) => through.destroy(error));
  source.pipe(through);
  try {
    for await (const chunk of through) yield chunk as Uint8Array;
  } finally {
    source.destroy();
    through.destroy();
  }
}
