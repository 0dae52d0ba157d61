import { type Disk, fromUtf8, ProtocolError, readIfThere, viewOf } from '@proconsul/base';
import { encodeBase64 } from '@proconsul/gojson';
import type { Configuration, Server } from '../configuration.ts';
import { SUFFRAGES } from '../configuration-codec.ts';
import { getU64 } from '../disk/segment.ts';
import { compareIds, parseId, type SnapshotSource } from '../disk/snapshot-store.ts';
import type { Entry } from '../entry.ts';
import { DamageError } from '../errors.ts';
import { decodeEntry } from '../wire/request-codec.ts';
import { BoltFile } from './bolt.ts';
import { crc64 } from './crc64.ts';
import { decodeWalSegments, walEntries, walFileName } from './wal.ts';

/** Names below `raft/`: the log of Consul's servers in its two forms, of which the first wins. */
export const BOLT_FILE = 'raft.db';
export const WAL_DIRECTORY = 'wal';
const WAL_META = `${WAL_DIRECTORY}/wal-meta.db`;

/** What a server of Consul had written down. */
export interface ConsulLog {
  readonly term: number;
  /** Address of the candidate that it voted for in this term. */
  readonly votedFor: string | undefined;
  /** In order, without a gap. Throws DamageError. */
  entries(): AsyncIterable<Entry>;
}

export interface ConsulSnapshot {
  readonly source: SnapshotSource;
  readonly state: Uint8Array;
}

/** Keys of the part that is no log. Source: raft wire, section 4. */
const TERM = 'CurrentTerm';
const VOTE_TERM = 'LastVoteTerm';
const VOTED_FOR = 'LastVoteCand';

/** Reads the log in a directory; undefined when there is none. Throws DamageError, DiskError. */
export async function readConsulLog(disk: Disk, directory: string): Promise<ConsulLog | undefined> {
  const boltPath = `${directory}/${BOLT_FILE}`;
  const bolt = await readIfThere(disk, boltPath);
  if (bolt !== undefined) return boltLog(boltPath, bolt);
  const metaPath = `${directory}/${WAL_META}`;
  const meta = await readIfThere(disk, metaPath);
  return meta === undefined ? undefined : walLog(disk, directory, metaPath, meta);
}

function boltLog(path: string, bytes: Uint8Array): ConsulLog {
  const file = new BoltFile(path, bytes);
  const number = (value: Uint8Array): number => Number(viewOf(value).getBigUint64(0));
  return {
    ...votes(file, 'conf', number),
    async *entries() {
      for (const { key, value } of file.bucket('logs')) {
        const at = value.byteOffset - bytes.byteOffset;
        const entry = sound(path, at, () => decodeEntry(value));
        if (key.length !== 8 || number(key) !== entry.index)
          throw new DamageError(path, at, 'an entry of another place');
        yield entry;
      }
    },
  };
}

function walLog(disk: Disk, directory: string, metaPath: string, bytes: Uint8Array): ConsulLog {
  const file = new BoltFile(metaPath, bytes);
  const segments = sound(metaPath, 0, () => {
    const json = file.value('wal-meta', 'm');
    return json === undefined ? [] : decodeWalSegments(json);
  });
  return {
    ...votes(file, 'stable', (value) => getU64(viewOf(value), 0)),
    async *entries() {
      for (const segment of segments) {
        const path = `${directory}/${WAL_DIRECTORY}/${walFileName(segment)}`;
        const content = await readIfThere(disk, path);
        if (content === undefined) throw new DamageError(path, 0, 'the file is missing');
        yield* walEntries(path, content, segment);
      }
    },
  };
}

function votes(file: BoltFile, bucket: string, number: (value: Uint8Array) => number): Omit<ConsulLog, 'entries'> {
  const value = (key: string): number => {
    const bytes = file.value(bucket, key);
    return bytes?.length === 8 ? number(bytes) : 0;
  };
  const term = value(TERM);
  const candidate = fromUtf8(file.value(bucket, VOTED_FOR) ?? new Uint8Array());
  return { term, votedFor: value(VOTE_TERM) === term && candidate !== '' ? candidate : undefined };
}

/** `meta.json` of a snapshot; `CRC` is that of state.bin. Source: raft wire, section 4. */
interface SnapshotJson {
  readonly Index: number;
  readonly Term: number;
  readonly Configuration: {
    readonly Servers: readonly { readonly Suffrage: number; readonly ID: string; readonly Address: string }[];
  };
  readonly ConfigurationIndex: number;
  readonly Size: number;
  readonly CRC: string;
}

/**
 * The newest snapshot in `directory`, verified; undefined when there is none. Throws DamageError when it is damaged, as an older one
 * would lack what the log no longer has.
 */
export async function readConsulSnapshot(disk: Disk, directory: string): Promise<ConsulSnapshot | undefined> {
  const names = (await disk.list(directory)).filter((name) => parseId(name) !== undefined);
  const newest = names.sort((a, b) => compareIds(parseId(a)!, parseId(b)!)).at(-1);
  if (newest === undefined) return undefined;
  const metaPath = `${directory}/${newest}/meta.json`;
  const meta = await disk.read(metaPath);
  const json = sound(metaPath, 0, () => JSON.parse(fromUtf8(meta)) as SnapshotJson);
  const source = sound(metaPath, 0, () => snapshotSource(json));
  const statePath = `${directory}/${newest}/state.bin`;
  const state = await disk.read(statePath);
  if (state.length !== json.Size) {
    throw new DamageError(
      statePath,
      Math.min(state.length, json.Size),
      `${state.length} bytes instead of ${json.Size}`,
    );
  }
  if (encodeBase64(crc64(state)) !== json.CRC) throw new DamageError(statePath, 0, 'checksum mismatch');
  return { source, state };
}

function snapshotSource(json: SnapshotJson): SnapshotSource {
  const { Index: index, Term: term, ConfigurationIndex: configurationIndex } = json;
  for (const n of [index, term, configurationIndex]) {
    if (!Number.isSafeInteger(n) || n < 0) throw new ProtocolError('SNAPSHOT_META', 'an invalid index or term');
  }
  const servers = json.Configuration.Servers.map((s): Server => {
    const suffrage = SUFFRAGES[s.Suffrage];
    if (suffrage === undefined) throw new ProtocolError('SNAPSHOT_META', 'unknown suffrage');
    return { id: s.ID, address: s.Address, suffrage };
  });
  const configuration: Configuration = { servers };
  return { index, term, configuration, configurationIndex };
}

/** What `decode` gives; what it throws becomes a DamageError that names the file. */
function sound<T>(path: string, at: number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DamageError) throw error;
    throw new DamageError(path, at, (error as Error).message);
  }
}
