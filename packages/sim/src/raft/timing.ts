import type { Millis } from '@proconsul/base';
import { RaftCluster } from './cluster.ts';
import { SimulationFailure } from './failure.ts';
import type { SimServer } from './server.ts';
import { type Stalls, starve } from './starving.ts';

/** Times in milliseconds, from the event to a leader that has committed in its term and may answer. */
export interface Timing {
  readonly p50: Millis;
  readonly p99: Millis;
  readonly max: Millis;
}

export interface TimingOptions {
  readonly servers: number;
  readonly runs: number;
  /** What ends the leadership: the leader dies at once, or hands over. */
  readonly by: 'crash' | 'transfer';
  /** Slowest message and slowest disk write. Default 2 and 10. */
  readonly delayMaxMs?: Millis;
  readonly writeMaxMs?: Millis;
  /** On a machine that is too small. */
  readonly stalls?: Stalls;
}

const GIVE_UP_MS = 30_000;
/** So long it takes until everybody knows how long the pauses of the others are. */
const STARVED_BEFORE_MS = 3_000;

/** Measures how long a cluster with the default settings (`raft_multiplier` 1) is without a leader. */
export function measureFailover(options: TimingOptions): Timing {
  const times: Millis[] = [];
  for (let seed = 1; seed <= options.runs; seed++) times.push(oneFailover(seed, options));
  return percentiles(times);
}

export function percentiles(of: readonly Millis[]): Timing {
  const times = [...of].sort((a, b) => a - b);
  const at = (share: number): Millis => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
  return { p50: at(0.5), p99: at(0.99), max: times[times.length - 1]! };
}

function oneFailover(seed: number, { servers, by, delayMaxMs = 2, writeMaxMs = 10, stalls }: TimingOptions): Millis {
  const cluster = new RaftCluster({ seed: `timing ${seed}`, servers, spares: 0, drift: 0, sabotage: 'none' });
  cluster.network.weather = { delayMinMs: 0.2, delayMaxMs, stragglers: 0, loss: 0, duplicates: 0 };
  for (const { storage } of cluster.servers) storage.weather = { writeMinMs: 0.1, writeMaxMs, stalls: 0 };
  cluster.start();
  const ready = (): SimServer | undefined => cluster.servers.find((s) => s.isLeader && s.leaseRead());
  if (!cluster.runUntil(GIVE_UP_MS, () => ready() !== undefined)) throw new SimulationFailure('no first leader');
  if (stalls) {
    starve(cluster, stalls);
    cluster.run(STARVED_BEFORE_MS);
  }
  // At any moment between two heartbeats.
  cluster.run(500 + cluster.rng.float() * 500);
  if (!cluster.runUntil(stalls ? GIVE_UP_MS : 0, () => ready() !== undefined, 1))
    throw new SimulationFailure('no leader');
  const old = ready() as SimServer;
  const from = cluster.events.now;
  if (by === 'crash') old.crash();
  else cluster.guard(() => old.transfer(undefined));
  const isNew = (): boolean => cluster.servers.some((s) => s !== old && s.isLeader && s.leaseRead());
  if (!cluster.runUntil(GIVE_UP_MS, isNew, 1)) throw new SimulationFailure(`seed ${seed}: no new leader`);
  return cluster.events.now - from;
}
