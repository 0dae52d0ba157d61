import type { Clock, Disk, Log, Rng } from '@proconsul/base';
import { msgpackConfiguration, RAFT_DEFAULTS, TAKEN_OVER_DIRECTORY, takeOver } from '@proconsul/raft';
import { processUsing } from './raft-recovery.ts';

export interface TakingOverDependencies {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Of the server. */
  readonly log: Log;
  /** On the machine. */
  readonly dataDir: string;
}

/**
 * Takes over what a server of Consul has left in the data directory, before Raft opens its files: this server goes on in its place.
 * Rejects when a process still uses the directory, and when something there is damaged.
 */
export async function takeOverConsul({ dataDir, ...deps }: TakingOverDependencies): Promise<void> {
  const { log } = deps;
  const user = processUsing(dataDir);
  if (user !== undefined) throw new Error(`process ${user} uses ${dataDir}: stop that server first`);
  log.info('found the log of a Consul server, taking it over...');
  const taken = await takeOver(RAFT_DEFAULTS, { ...deps, codec: msgpackConfiguration });
  if (taken === undefined) return;
  const { directory } = RAFT_DEFAULTS;
  log.info('took over the log of a Consul server', { ...taken, kept: `${directory}/${TAKEN_OVER_DIRECTORY}` });
}
