import type { Clock, Disk, Log, Rng } from '@proconsul/base';
import type { ConfigurationCodec } from '../configuration.ts';
import type { ConfigurationAt, InitialState } from '../core/core-options.ts';
import { LogType } from '../entry.ts';
import { DamageError } from '../errors.ts';
import { DurableLog, type LogEvents } from './durable-log.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { readVoteState } from './state-file.ts';

export interface StorageOptions {
  readonly directory: string;
  readonly segmentBytes: number;
  readonly markDelayMs: number;
}

export interface Storage {
  readonly log: DurableLog;
  readonly snapshots: SnapshotStore;
  readonly votePath: string;
  readonly initial: InitialState;
}

/**
 * Opens what a server keeps on its disk, verified: `vote`, `log/*.log` and `snapshots/` below the directory. Throws DamageError
 * naming the file when anything does not verify or is missing, DiskError when the disk fails.
 */
export async function openStorage(
  options: StorageOptions,
  deps: { readonly disk: Disk; readonly clock: Clock; readonly rng: Rng; readonly log: Log },
  codec: ConfigurationCodec,
  events: LogEvents,
): Promise<Storage> {
  const { directory, segmentBytes, markDelayMs } = options;
  await deps.disk.mkdir(directory);
  const votePath = `${directory}/vote`;
  const vote = await readVoteState(deps.disk, votePath);
  const snapshots = await SnapshotStore.open(`${directory}/snapshots`, deps);
  const latest = snapshots.latest;
  const snapshot = { index: latest?.index ?? 0, term: latest?.term ?? 0 };
  const logOptions = { directory: `${directory}/log`, segmentBytes, markDelayMs, snapshot };
  const log = await DurableLog.open(logOptions, deps, events);
  if (log.tornBytes > 0) {
    deps.log.warn('cut an unfinished write off the end of the log', { bytes: log.tornBytes });
  }
  const lastTerm = Math.max(log.lastTerm, snapshot.term);
  if (vote === undefined ? log.lastIndex > 0 : vote.term < lastTerm) {
    throw new DamageError(
      votePath,
      0,
      vote === undefined ? 'the file is missing' : `term ${vote.term} is older than the log`,
    );
  }
  const configurations: ConfigurationAt[] = latest
    ? [{ index: latest.configurationIndex, configuration: latest.configuration }]
    : [];
  for (let index = snapshot.index + 1; index <= log.lastIndex; index++) {
    const entry = log.cached(index);
    if (entry?.type !== LogType.configuration) continue;
    if (configurations.length > 0 && index <= configurations[configurations.length - 1]!.index) continue;
    configurations.push({ index, configuration: codec.decode(entry.data) });
  }
  const initial: InitialState = {
    term: vote?.term ?? 0,
    votedFor: vote?.votedFor,
    runs: log.runs(),
    snapshotIndex: snapshot.index,
    configurations,
  };
  return { log, snapshots, votePath, initial };
}
