import { concatBytes, fromUtf8, ProtocolError, utf8 } from '@proconsul/base';
import { parseJsonDocument } from '@proconsul/gojson';
import { TAR_END, TarReader, tarFile } from './tar.ts';

/** Hashing and compression as dependencies: the real ones are in io-node. */
export interface Codec {
  sha256(): { update(bytes: Uint8Array): void; hex(): string };
  gzip(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** The iteration throws when the input is not gzip, is cut short, or fails its checksum. What it yields is the caller's. */
  gunzip(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

export interface ArchiveServer {
  readonly Suffrage: number;
  readonly ID: string;
  readonly Address: string;
}

/** `meta.json` of an archive. Source: recorded archives. */
export interface ArchiveMeta {
  readonly Version: number;
  readonly ID: string;
  readonly Index: number;
  readonly Term: number;
  readonly Configuration: { readonly Servers: readonly ArchiveServer[] };
  readonly ConfigurationIndex: number;
  readonly Size: number;
}

const STATE = 'state.bin';
const META = 'meta.json';
const SUMS = 'SHA256SUMS';

/** What is shorter cannot even be told from gzip. Source: RFC 1952 section 2.3. */
const GZIP_HEADER_BYTES = 10;

/** Longest meta.json or SHA256SUMS that is read. */
export const SMALL_FILE_BYTES_MAX = 1024 * 1024;

/** Largest state that is restored: a bound on what one request can make a server hold. */
export const STATE_BYTES_MAX = 4 * 1024 ** 3;

/**
 * The archive of a snapshot: a compressed tar of meta.json, state.bin and SHA256SUMS. The tar header of state.bin needs
 * its size first, so the encoded state is held in memory until it is written out.
 */
export async function* writeArchive(
  meta: Omit<ArchiveMeta, 'Size' | 'Version'>,
  state: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  codec: Codec,
  wallMs: number,
): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stateSum = codec.sha256();
  for await (const c of state) {
    stateSum.update(c);
    chunks.push(c);
    size += c.length;
  }
  const metaBytes = utf8(`${JSON.stringify({ Version: 1, ...meta, Peers: '', Size: size })}\n`);
  const metaSum = codec.sha256();
  metaSum.update(metaBytes);
  const sums = utf8(`${metaSum.hex()}  ${META}\n${stateSum.hex()}  ${STATE}\n`);
  const seconds = Math.floor(wallMs / 1000);
  yield* codec.gzip([
    ...tarFile(META, [metaBytes], seconds),
    ...tarFile(STATE, chunks, seconds),
    ...tarFile(SUMS, [sums], seconds),
    TAR_END,
  ]);
}

const READ = 'failed to read snapshot file: ';

export interface ReadArchive {
  readonly meta: ArchiveMeta;
  readonly state: readonly Uint8Array[];
}

/**
 * Reads and verifies a whole archive before anything of it is used. Throws ProtocolError whose text says what is wrong:
 * `failed to decompress snapshot: ...`, `failed to read snapshot file: ...`.
 */
export async function readArchive(chunks: AsyncIterable<Uint8Array>, codec: Codec): Promise<ReadArchive> {
  const files = new Map<string, { chunks: Uint8Array[]; sum: ReturnType<Codec['sha256']>; size: number }>();
  let open: { chunks: Uint8Array[]; sum: ReturnType<Codec['sha256']>; size: number } | null = null;
  const reader = new TarReader({
    begin(name, size) {
      if (name !== STATE && name !== META && name !== SUMS) {
        throw new ProtocolError('ARCHIVE', `${READ}unexpected file "${name}" in snapshot`);
      }
      if (size > (name === STATE ? STATE_BYTES_MAX : SMALL_FILE_BYTES_MAX)) {
        throw new ProtocolError('ARCHIVE', `${READ}"${name}" is too large (${size} bytes)`);
      }
      open = { chunks: [], sum: codec.sha256(), size: 0 };
      files.set(name, open);
    },
    data(bytes) {
      const file = open as NonNullable<typeof open>;
      file.sum.update(bytes);
      file.chunks.push(bytes);
      file.size += bytes.length;
    },
    end() {
      open = null;
    },
  });
  let packedBytes = 0;
  const counted = async function* () {
    for await (const c of chunks) {
      packedBytes += c.length;
      yield c;
    }
  };
  const iterator = codec.gunzip(counted())[Symbol.asyncIterator]();
  for (;;) {
    let step: IteratorResult<Uint8Array>;
    try {
      step = await iterator.next();
    } catch (error) {
      throw unpackError(packedBytes, error);
    }
    if (step.done) break;
    readTar(() => reader.push(step.value as Uint8Array));
  }
  readTar(() => reader.finish());
  return verify(files);
}

/** What is wrong before the end of the header is named otherwise than what comes behind it. */
function unpackError(packedBytes: number, error: unknown): ProtocolError {
  const early = packedBytes < GZIP_HEADER_BYTES;
  const text = packedBytes === 0 ? 'EOF' : early ? 'unexpected EOF' : gzipText(error);
  const place =
    early || text === 'gzip: invalid header' ? 'failed to decompress snapshot' : `${READ}failed reading snapshot`;
  return new ProtocolError('ARCHIVE', `${place}: ${text}`);
}

/** Errors of the archive's own form get their place. */
function readTar(step: () => void): void {
  try {
    step();
  } catch (error) {
    const known = error instanceof ProtocolError && !error.message.startsWith(READ);
    throw known ? new ProtocolError('ARCHIVE', `${READ}failed reading snapshot: ${error.message}`) : error;
  }
}

type FileMap = Map<string, { chunks: Uint8Array[]; sum: { hex(): string }; size: number }>;

function verify(files: FileMap): ReadArchive {
  const sums = files.get(SUMS);
  const metaFile = files.get(META);
  const state = files.get(STATE);
  if (metaFile === undefined || state === undefined || sums === undefined) {
    const missing = metaFile === undefined ? META : state === undefined ? STATE : SUMS;
    throw new ProtocolError('ARCHIVE', `${READ}failed checking integrity of snapshot: file missing for "${missing}"`);
  }
  const listed = new Map<string, string>();
  for (const line of fromUtf8(concatBytes(sums.chunks)).split('\n')) {
    const [sum, name] = line.split('  ');
    if (sum !== undefined && name !== undefined) listed.set(name, sum);
  }
  for (const [name, file] of [
    [META, metaFile],
    [STATE, state],
  ] as const) {
    const want = listed.get(name);
    if (want === undefined)
      throw new ProtocolError('ARCHIVE', `${READ}failed checking integrity of snapshot: file missing for "${name}"`);
    if (want !== file.sum.hex()) {
      throw new ProtocolError(
        'ARCHIVE',
        `${READ}failed checking integrity of snapshot: hash check failed for "${name}"`,
      );
    }
  }
  const meta = decodeMeta(fromUtf8(concatBytes(metaFile.chunks)));
  if (meta.Size !== state.size) throw new ProtocolError('ARCHIVE', `${READ}size didn't match`);
  return { meta, state: state.chunks };
}

function decodeMeta(text: string): ArchiveMeta {
  let json: unknown;
  try {
    json = parseJsonDocument(text);
  } catch (error) {
    throw new ProtocolError('ARCHIVE', `failed to decode snapshot metadata: ${(error as Error).message}`);
  }
  const m = json as ArchiveMeta;
  if (typeof m !== 'object' || m === null || typeof m.Size !== 'number') {
    throw new ProtocolError('ARCHIVE', 'failed to decode snapshot metadata: not a snapshot');
  }
  return m;
}

/** Go's words for what zlib finds, since clients print them. */
function gzipText(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === 'Z_BUF_ERROR') return 'unexpected EOF';
  if (code === 'Z_DATA_ERROR')
    return /header/.test(String((error as Error).message)) ? 'gzip: invalid header' : 'gzip: invalid checksum';
  return error instanceof Error ? error.message : String(error);
}
