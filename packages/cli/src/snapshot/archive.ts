import { createHash } from 'node:crypto';
import { createGunzip } from 'node:zlib';
import { type TarFile, TarReader } from './tar.ts';

/** What meta.json says of a snapshot. */
export interface SnapshotMeta {
  Version: number;
  /** `TERM-INDEX-MILLISECONDS`. */
  ID: string;
  Index: number;
  Term: number;
  Peers?: string;
  Configuration?: { Servers: { Suffrage: number; ID: string; Address: string }[] };
  ConfigurationIndex?: number;
  /** Bytes of state.bin. */
  Size: number;
}

export interface Archive {
  readonly meta: SnapshotMeta;
  /** The records, when they were asked for. */
  readonly state: Buffer | undefined;
}

/** A snapshot that cannot be read. The text says which part, as the servers word it. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

/** Longest meta.json and SHA256SUMS that are read. */
export const SMALL_FILE_BYTES_MAX = 1024 * 1024;
const GZIP_HEADER_BYTES = 10;

/**
 * Reads a snapshot archive to its end and checks its sums: gzip of a tar with meta.json, state.bin and SHA256SUMS in
 * any order. Keeps state.bin only when `keepState` is set. Throws ArchiveError.
 * Source: wire format notes, snapshot archive; recorded error texts.
 */
export async function readArchive(source: AsyncIterable<Uint8Array>, keepState = false): Promise<Archive> {
  const contents = new Map<string, Buffer>();
  const sums = new Map<string, string>();
  let meta: SnapshotMeta | undefined;
  for await (const file of tarFiles(source)) {
    if (file.name !== 'meta.json' && file.name !== 'state.bin' && file.name !== 'SHA256SUMS') {
      throw new ArchiveError(`failed to read snapshot file: unexpected file "${file.name}" in snapshot`);
    }
    const hash = createHash('sha256');
    const chunks: Buffer[] = [];
    const keep = file.name !== 'state.bin' || keepState;
    if (file.name !== 'state.bin' && file.size > SMALL_FILE_BYTES_MAX) {
      throw new ArchiveError(`failed to read snapshot file: "${file.name}" is too large`);
    }
    for await (const chunk of content(file)) {
      hash.update(chunk);
      if (keep) chunks.push(Buffer.from(chunk));
    }
    sums.set(file.name, hash.digest('hex'));
    contents.set(file.name, Buffer.concat(chunks));
    if (file.name === 'meta.json') meta = parseMeta(contents.get(file.name)!);
  }
  if (!meta)
    throw new ArchiveError(
      'failed to read snapshot file: failed checking integrity of snapshot: hash check failed for "meta.json"',
    );
  checkSums(contents.get('SHA256SUMS')?.toString() ?? '', sums);
  return { meta, state: keepState ? (contents.get('state.bin') ?? Buffer.alloc(0)) : undefined };
}

const WHAT: Readonly<Record<string, string>> = {
  'meta.json': 'failed to read snapshot metadata',
  'state.bin': 'failed to read or write snapshot data',
  SHA256SUMS: 'failed to read snapshot hashes',
};

/** The bytes of a file, faults worded by what it is. */
async function* content(file: TarFile): AsyncGenerator<Uint8Array> {
  try {
    yield* file.content;
  } catch (error) {
    throw new ArchiveError(`failed to read snapshot file: ${WHAT[file.name]}: ${(error as Error).message}`);
  }
}

/** Reads meta.json. Throws ArchiveError. */
export function parseMeta(bytes: Uint8Array): SnapshotMeta {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as SnapshotMeta;
  } catch {
    throw new ArchiveError('failed to read snapshot file: failed to decode snapshot metadata');
  }
}

function checkSums(list: string, sums: ReadonlyMap<string, string>): void {
  const prefix = 'failed to read snapshot file: failed checking integrity of snapshot: ';
  const wanted = new Map<string, string>();
  for (const line of list.split('\n')) {
    const m = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line);
    if (m) wanted.set(m[2]!, m[1]!);
  }
  for (const name of ['meta.json', 'state.bin']) {
    if (!wanted.has(name)) throw new ArchiveError(`${prefix}file missing for "${name}"`);
    if (sums.get(name) !== wanted.get(name)) throw new ArchiveError(`${prefix}hash check failed for "${name}"`);
  }
}

async function* tarFiles(source: AsyncIterable<Uint8Array>) {
  const reader = new TarReader(inflate(source));
  try {
    yield* reader.files();
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw new ArchiveError(`failed to read snapshot file: ${(error as Error).message}`);
  }
}

/** Unpacks gzip. Faults in its header are told apart from those behind it. */
async function* inflate(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < GZIP_HEADER_BYTES) {
    const { done, value } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  if (head.length < GZIP_HEADER_BYTES) {
    throw new ArchiveError(`failed to decompress snapshot: ${head.length === 0 ? 'EOF' : 'unexpected EOF'}`);
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b || head[2] !== 8) {
    throw new ArchiveError('failed to decompress snapshot: gzip: invalid header');
  }
  const gunzip = createGunzip();
  const rest = { [Symbol.asyncIterator]: () => iterator };
  const fed = feed(gunzip, head, rest);
  try {
    yield* gunzip;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(code === 'Z_BUF_ERROR' ? 'unexpected EOF' : `flate: corrupt input`);
  } finally {
    gunzip.destroy();
    await fed;
  }
}

/** What ends the wait for room in the unpacker. */
const EVENTS = ['drain', 'close', 'error'] as const;

async function feed(
  gunzip: ReturnType<typeof createGunzip>,
  head: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): Promise<void> {
  const write = async (chunk: Uint8Array) => {
    if (gunzip.destroyed || gunzip.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        for (const event of EVENTS) gunzip.off(event, go);
        resolve();
      };
      for (const event of EVENTS) gunzip.on(event, go);
    });
  };
  try {
    await write(head);
    for await (const chunk of rest) {
      if (gunzip.destroyed) return;
      await write(chunk);
    }
    gunzip.end();
  } catch (error) {
    gunzip.destroy(error as Error);
  }
}
