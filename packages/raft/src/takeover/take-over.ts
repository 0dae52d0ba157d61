import type { Clock, Disk, Log, Rng } from '@proconsul/base';
import type { Configuration, ConfigurationCodec } from '../configuration.ts';
import { DurableLog } from '../disk/durable-log.ts';
import { SnapshotStore } from '../disk/snapshot-store.ts';
import { writeVoteState } from '../disk/state-file.ts';
import type { StorageOptions } from '../disk/storage.ts';
import { type Entry, LogType } from '../entry.ts';
import { DamageError, RaftError } from '../errors.ts';
import {
  BOLT_FILE,
  type ConsulLog,
  type ConsulSnapshot,
  readConsulLog,
  readConsulSnapshot,
  WAL_DIRECTORY,
} from './consul-store.ts';

/** Where Consul's files wait, below the directory, until everything in them has been taken over. */
export const TAKING_OVER_DIRECTORY = 'consul';
/** Where they are kept then. */
export const TAKEN_OVER_DIRECTORY = 'consul.old';
/** In this order: as long as one of the last two is in its place, nothing of our own has been written. */
const FOREIGN = ['snapshots', WAL_DIRECTORY, BOLT_FILE] as const;
const OWN = ['log', 'vote', 'snapshots'] as const;

/** Entries that are written together. */
const BATCH = 1024;

export interface TakeOverDependencies {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly codec: ConfigurationCodec;
}

export interface TakenOver {
  readonly term: number;
  readonly lastIndex: number;
  /** Last index that a snapshot covers; 0 without one. */
  readonly snapshotIndex: number;
}

/**
 * Whether the directory holds the log of one of Consul's servers that is still to be taken over. Rejects with RaftError
 * INVALID_CONFIGURATION where there is one of ours as well: only a person can know which of them is the newer one.
 */
export async function isConsulStore(disk: Disk, directory: string): Promise<boolean> {
  const names = new Set(await disk.list(directory));
  if (names.has(TAKING_OVER_DIRECTORY)) return true;
  const foreign = await foreignName(disk, directory, names);
  if (foreign === undefined) return false;
  if (!names.has('log') && !names.has('vote')) return true;
  throw new RaftError(
    'INVALID_CONFIGURATION',
    `${directory} holds the log of a Consul server (${foreign}) and one of ours (log, vote): remove the older of the two`,
  );
}

async function foreignName(disk: Disk, directory: string, names: ReadonlySet<string>): Promise<string | undefined> {
  if (names.has(BOLT_FILE)) return BOLT_FILE;
  return names.has(WAL_DIRECTORY) && (await disk.list(`${directory}/${WAL_DIRECTORY}`)).length > 0
    ? WAL_DIRECTORY
    : undefined;
}

/**
 * Makes the log, the vote and the newest snapshot of one of Consul's servers ours, so that this server goes on where that one has
 * stopped: same term, same vote, same entries; a voter that forgot them could lose what its cluster has acknowledged. To be called
 * before anything else reads the directory, and only while no other process uses it. An interruption leaves nothing half done: the
 * next call does it all again. Consul's own files stay in `consul.old`. Undefined when there is nothing to take over. Rejects with
 * DamageError, DiskError, or as {@link isConsulStore}.
 */
export async function takeOver(options: StorageOptions, deps: TakeOverDependencies): Promise<TakenOver | undefined> {
  const { disk } = deps;
  const { directory } = options;
  if (!(await isConsulStore(disk, directory))) return undefined;
  await setAside(disk, directory);
  const from = `${directory}/${TAKING_OVER_DIRECTORY}`;
  const foreign = await readConsulLog(disk, from);
  if (foreign === undefined) throw new DamageError(from, 0, `neither ${BOLT_FILE} nor ${WAL_DIRECTORY} is there`);
  const snapshot = await readConsulSnapshot(disk, `${from}/snapshots`);
  const taken = await write(options, deps, foreign, snapshot);
  const kept = `${directory}/${TAKEN_OVER_DIRECTORY}`;
  await disk.remove(kept);
  await disk.rename(from, kept);
  await disk.syncDir(directory);
  return taken;
}

/** Moves Consul's files out of the way, then removes what an interrupted attempt has written. */
async function setAside(disk: Disk, directory: string): Promise<void> {
  const aside = `${directory}/${TAKING_OVER_DIRECTORY}`;
  await disk.mkdir(aside);
  const there = new Set(await disk.list(directory));
  const moved = new Set(await disk.list(aside));
  if (there.has(BOLT_FILE) || there.has(WAL_DIRECTORY)) {
    for (const name of FOREIGN) {
      if (!there.has(name) || moved.has(name)) continue;
      await disk.rename(`${directory}/${name}`, `${aside}/${name}`);
      await disk.syncDir(aside);
      await disk.syncDir(directory);
    }
  }
  for (const name of OWN) await disk.remove(`${directory}/${name}`);
  await disk.syncDir(directory);
}

async function write(
  { directory, segmentBytes, markDelayMs }: StorageOptions,
  deps: TakeOverDependencies,
  foreign: ConsulLog,
  snapshot: ConsulSnapshot | undefined,
): Promise<TakenOver> {
  const point = { index: snapshot?.source.index ?? 0, term: snapshot?.source.term ?? 0 };
  if (snapshot !== undefined) {
    const store = await SnapshotStore.open(`${directory}/snapshots`, deps);
    await store.write(snapshot.source, [snapshot.state]);
  }
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
  };
  const events = { durable: () => undefined, rejected: (_: number, error: Error) => fail(error), failed: fail };
  const log = await DurableLog.open(
    { directory: `${directory}/log`, segmentBytes, markDelayMs, snapshot: point },
    deps,
    events,
  );
  let configuration = snapshot?.source.configuration;
  try {
    for await (const batch of batches(follow(foreign.entries(), point.index, directory))) {
      configuration = newestConfiguration(batch, deps.codec) ?? configuration;
      log.append(batch);
      await log.settled();
      if (failure !== undefined) throw failure;
    }
  } finally {
    await log.close();
  }
  const term = Math.max(foreign.term, log.lastTerm);
  await writeVoteState(deps.disk, `${directory}/vote`, { term, votedFor: candidateId(foreign, term, configuration) });
  return { term, lastIndex: log.lastIndex, snapshotIndex: point.index };
}

/** The entries after `index`, checked to leave no gap. Those before it are in the snapshot. */
async function* follow(entries: AsyncIterable<Entry>, index: number, directory: string): AsyncGenerator<Entry> {
  let next: number | undefined;
  for await (const entry of entries) {
    const isGap = next === undefined ? entry.index > index + 1 : entry.index !== next;
    if (isGap) throw new DamageError(directory, 0, `entry ${next ?? index + 1} is missing before entry ${entry.index}`);
    next = entry.index + 1;
    if (entry.index > index) yield entry;
  }
}

async function* batches(entries: AsyncIterable<Entry>): AsyncGenerator<Entry[]> {
  let batch: Entry[] = [];
  for await (const entry of entries) {
    batch.push(entry);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function newestConfiguration(entries: readonly Entry[], codec: ConfigurationCodec): Configuration | undefined {
  const entry = entries.findLast(({ type }) => type === LogType.configuration);
  return entry && codec.decode(entry.data);
}

/** Consul's servers write down the address of a candidate, ours its id. An address that nobody has is kept: it is a vote, too. */
function candidateId(
  { term, votedFor }: ConsulLog,
  current: number,
  configuration: Configuration | undefined,
): string | undefined {
  if (votedFor === undefined || term !== current) return undefined;
  return configuration?.servers.find(({ address }) => address === votedFor)?.id ?? votedFor;
}
