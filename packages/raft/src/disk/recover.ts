import { type Clock, type Disk, type Log, ProtocolError, type Rng } from '@proconsul/base';
import {
  type Configuration,
  type ConfigurationCodec,
  checkConfiguration,
  configurationText,
  type Server,
  type ServerId,
} from '../configuration.ts';
import { LogType } from '../entry.ts';
import { RaftError } from '../errors.ts';
import { APPLY_SLICE } from '../node/options.ts';
import { oneChunk } from '../node/outbox.ts';
import type { StateMachine } from '../node/state-machine.ts';
import type { SnapshotMeta } from './snapshot-store.ts';
import { openStorage, type Storage, type StorageOptions } from './storage.ts';

export interface RecoveryDependencies {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly codec: ConfigurationCodec;
}

/** What a stopped server holds. */
export interface RaftSummary {
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Last index that a snapshot covers; 0 without one. */
  readonly snapshotIndex: number;
  /** The newest one, committed or not. */
  readonly configuration: Configuration;
}

const READ_BYTES_MAX = 1024 * 1024;

async function withStorage<T>(
  options: StorageOptions,
  deps: RecoveryDependencies,
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  let failure: Error | undefined;
  const storage = await openStorage(options, deps, deps.codec, {
    durable: () => undefined,
    rejected: (_lastIndex, error) => {
      failure ??= error;
    },
    failed: (error) => {
      failure ??= error;
    },
  });
  try {
    const result = await work(storage);
    if (failure) throw failure;
    return result;
  } finally {
    await storage.log.close();
  }
}

/** Reads what a server holds, while it is stopped. Throws DamageError, DiskError. */
export function summariseRaft(options: StorageOptions, deps: RecoveryDependencies): Promise<RaftSummary> {
  return withStorage(options, deps, async ({ initial, log }) => ({
    term: initial.term,
    lastIndex: initial.runs.lastIndex,
    lastTerm: log.lastTerm || initial.runs.lastTerm,
    snapshotIndex: initial.snapshotIndex,
    configuration: initial.configurations[initial.configurations.length - 1]?.configuration ?? { servers: [] },
  }));
}

/**
 * Gives a stopped server another configuration, for a cluster that lost its quorum for good: everything in its log counts as
 * committed, becomes a snapshot with that configuration, and the log is emptied, so that nothing of the old configuration comes
 * back. `machine` must be fresh; it holds the recovered state afterwards. Safe to repeat after an interruption. Every server of the
 * new configuration must be recovered with the same one, or be empty. Rejects with RaftError INVALID_CONFIGURATION, also for a
 * server that holds nothing, with DamageError and DiskError.
 * Source: Consul's documentation on outage recovery with peers.json.
 */
export async function recoverConfiguration(
  options: StorageOptions,
  deps: RecoveryDependencies & { readonly machine: StateMachine },
  configuration: Configuration,
): Promise<SnapshotMeta> {
  checkConfiguration(configuration);
  return withStorage(options, deps, async (storage) => {
    const { log, snapshots, initial } = storage;
    const { lastIndex, lastTerm } = initial.runs;
    if (lastIndex === 0) {
      throw new RaftError('INVALID_CONFIGURATION', 'refused to recover cluster with no initial state');
    }
    await replay(storage, deps.machine);
    const old = snapshots.list().filter((s) => s.index === lastIndex && s.term === lastTerm);
    const source = { index: lastIndex, term: lastTerm, configuration, configurationIndex: lastIndex };
    const meta = await snapshots.write(source, deps.machine.snapshot().chunks());
    // An interrupted recovery, or a snapshot of the very end of the log, stands at the same place.
    for (const snapshot of old) if (snapshot.id !== meta.id) await snapshots.discard(snapshot);
    log.reset({ index: lastIndex, term: lastTerm });
    await log.settled();
    deps.log.info('recovered configuration', { index: lastIndex, servers: configurationText(configuration) });
    return meta;
  });
}

/** Brings the machine to the end of the log. */
async function replay({ log, snapshots, initial }: Storage, machine: StateMachine): Promise<void> {
  const { latest } = snapshots;
  if (latest) await machine.restore(oneChunk(await snapshots.read(latest)));
  for (let next = (latest?.index ?? 0) + 1; next <= initial.runs.lastIndex; ) {
    const to = Math.min(initial.runs.lastIndex, next + APPLY_SLICE - 1);
    const entries = await log.read(next, to, READ_BYTES_MAX);
    if (!entries || entries.length === 0) throw new RaftError('INVALID_CONFIGURATION', `entry ${next} is missing`);
    const commands = entries.filter((e) => e.type === LogType.command);
    if (commands.length > 0) machine.apply(commands);
    next += entries.length;
  }
}

/** `configuration` with only these servers, all of them voters. Throws RaftError INVALID_CONFIGURATION for unknown ones. */
export function keepOnly(configuration: Configuration, ids: readonly ServerId[]): Configuration {
  const servers = ids.map((id): Server => {
    const server = configuration.servers.find((s) => s.id === id);
    if (!server) throw new RaftError('INVALID_CONFIGURATION', `server ${id} is not in the configuration`);
    return { ...server, suffrage: 'voter' };
  });
  const next = { servers };
  checkConfiguration(next);
  return next;
}

/** Bytes of a peers.json. */
export const PEERS_JSON_MAX_BYTES = 1024 * 1024;

/**
 * The configuration of a peers.json: an array of `{"id", "address", "non_voter"}`. Throws ProtocolError for other JSON, RaftError
 * INVALID_CONFIGURATION for servers that could not elect anybody. Source: Consul's documentation on outage recovery.
 */
export function decodePeersJson(text: string): Configuration {
  if (text.length > PEERS_JSON_MAX_BYTES) throw new ProtocolError('PEERS_JSON', 'peers.json is too large');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ProtocolError('PEERS_JSON', (error as Error).message);
  }
  if (!Array.isArray(json)) throw new ProtocolError('PEERS_JSON', 'peers.json is no array');
  const servers = json.map((peer: unknown): Server => {
    const { id, address, non_voter } = (peer ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof id !== 'string' || typeof address !== 'string') {
      throw new ProtocolError('PEERS_JSON', 'a peer in peers.json needs an id and an address');
    }
    return { id, address, suffrage: non_voter === true ? 'nonvoter' : 'voter' };
  });
  const configuration = { servers };
  checkConfiguration(configuration);
  return configuration;
}
