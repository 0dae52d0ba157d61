import { readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type Disk, fromUtf8, type Log } from '@proconsul/base';
import { systemClock, systemRng } from '@proconsul/io-node';
import {
  isConsulStore,
  keepOnly,
  msgpackConfiguration,
  RAFT_DEFAULTS,
  recoverConfiguration,
  summariseRaft,
} from '@proconsul/raft';
import { Store } from '@proconsul/store';
import { storeMachine } from './store-machine.ts';

/** What a stopped server's data directory holds of its cluster. */
export interface RaftState {
  /** The server's own id. */
  readonly self: string;
  readonly term: number;
  readonly lastIndex: number;
  readonly servers: readonly { readonly id: string; readonly address: string; readonly voter: boolean }[];
}

export interface RecoveryWorld {
  readonly disk: Disk;
  readonly log: Log;
}

const rest = () => ({ clock: systemClock, rng: systemRng, codec: msgpackConfiguration });

/** Reads what a stopped server knows. Rejects with DiskError, DamageError, and where a server of Consul has left its log. */
export async function readRaftState({ disk, log }: RecoveryWorld): Promise<RaftState> {
  if (await isConsulStore(disk, RAFT_DEFAULTS.directory)) {
    throw new Error(
      'the log is still that of a Consul server: start the agent once, it takes the log over, and stop it again',
    );
  }
  const { term, lastIndex, configuration } = await summariseRaft(RAFT_DEFAULTS, { disk, log, ...rest() });
  const servers = configuration.servers.map(({ id, address, suffrage }) => ({
    id,
    address,
    voter: suffrage === 'voter',
  }));
  return { self: fromUtf8(await disk.read('node-id')).trim(), term, lastIndex, servers };
}

/**
 * Makes `keep` the only servers of the cluster that a stopped server belongs to, with everything that its log holds. To be done
 * on each of them, with the same list. Rejects with RaftError for an id that the configuration does not have.
 */
export async function recoverRaft({ disk, log }: RecoveryWorld, keep: readonly string[]): Promise<RaftState> {
  const deps = { disk, log, ...rest() };
  const { configuration } = await summariseRaft(RAFT_DEFAULTS, deps);
  const machine = storeMachine(new Store({ datacenter: '' }));
  await recoverConfiguration(RAFT_DEFAULTS, { ...deps, machine }, keepOnly(configuration, keep));
  return readRaftState({ disk, log });
}

/**
 * The superuser goes on as the user whose files these are: what is written must be readable for the server, which seldom runs as
 * root. Throws the error of the system where there are no files of a server, or none that we may see.
 */
export function becomeOwner(dataDir: string): void {
  const { uid, gid } = statSync(join(dataDir, 'raft'));
  if (process.getuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

/**
 * The process that has files of `dataDir` open; undefined when there is none, or where the system does not tell. Changing the
 * files of a running server would ruin them.
 */
export function processUsing(dataDir: string): number | undefined {
  let raft: string;
  try {
    raft = realpathSync(join(dataDir, 'raft')) + sep;
  } catch {
    return undefined;
  }
  for (const name of entries('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    for (const fd of entries(`/proc/${name}/fd`)) {
      if (linkOf(`/proc/${name}/fd/${fd}`).startsWith(raft)) return Number(name);
    }
  }
  return undefined;
}

function entries(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
