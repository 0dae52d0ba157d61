import { seededRng } from '@proconsul/base';
import { RaftCluster } from './cluster.ts';
import { FAST_DISK } from './disk.ts';
import { CALM } from './network.ts';
import { pick, restart, Script, setWeather } from './script.ts';
import type { Sabotage } from './world.ts';

export interface ScenarioOptions {
  readonly seed: number;
  /** Things that clients, operators and fate do, before everything is healed. */
  readonly steps?: number;
  readonly sabotage?: Sabotage;
  /** Wall clocks jump by up to an hour, and stop. It must make no difference. Default true. */
  readonly hasWildWallClocks?: boolean;
  /** Clocks run fast or slow by up to this share; chosen by the seed when it is not given. */
  readonly drift?: number;
  readonly sink?: (line: string) => void;
}

export interface ScenarioResult {
  readonly seed: number;
  /** Of everything that happened. */
  readonly hash: string;
  readonly events: number;
  readonly messages: number;
  readonly elections: number;
  readonly committed: number;
  readonly virtualMs: number;
}

export const STEPS_DEFAULT = 150;
export const STEPS_MAX = 100_000;

/** After the last fault the cluster must work again within this time. */
export const HEAL_WITHIN_MS = 60_000;

const BOOTSTRAP_MS = 3000;

/**
 * Clocks run apart by at most this share each way: (1 + d) / (1 - d) must stay below the margin of the lease, which is 1.2 (LEASE_MARGIN),
 * so that no follower forgets its leader while that leader still counts on it. The bound is 1/11.
 */
export const DRIFT_MAX = 0.09;
const DRIFTS: readonly number[] = [0, 0.05, DRIFT_MAX];

/** One run: a cluster, some bad minutes chosen by the seed, and then the proof that it recovers. Throws SimulationFailure. */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const { seed, steps = STEPS_DEFAULT, sabotage = 'none', hasWildWallClocks = true, sink } = options;
  const fate = seededRng(`fate ${seed}`);
  const drift = pick(fate, DRIFTS);
  const cluster = new RaftCluster({
    seed,
    servers: fate.float() < 0.6 ? 3 : 5,
    spares: fate.int(3),
    drift: options.drift ?? drift,
    old: pick(fate, [0, 0, 0.5]),
    hasWildWallClocks,
    sabotage,
    ...(sink ? { sink } : {}),
  });
  setWeather(cluster, fate);
  cluster.start();
  // The first configuration becomes durable everywhere: an operator would see if it had not.
  cluster.run(BOOTSTRAP_MS);
  const script = new Script(cluster, fate);
  for (let step = 0; step < Math.min(steps, STEPS_MAX); step++) {
    cluster.disturbWallClocks();
    let undisturbedMs = 0;
    cluster.guard(() => {
      undisturbedMs = script.act();
    });
    cluster.run(undisturbedMs > 0 ? undisturbedMs : fate.float() * (fate.float() < 0.1 ? 3000 : 120));
  }
  heal(cluster);
  proveRecovery(cluster, script);
  return {
    seed,
    hash: cluster.hash,
    events: cluster.steps,
    messages: cluster.network.messages,
    elections: cluster.oracle.elections,
    committed: cluster.oracle.committedLast,
    virtualMs: cluster.events.now,
  };
}

function heal(cluster: RaftCluster): void {
  cluster.note('everything is healed');
  cluster.network.heal();
  cluster.network.weather = CALM;
  for (const server of cluster.servers) {
    server.storage.weather = FAST_DISK;
    server.storage.isFull = false;
    // One whose disk failed waits for its restart.
    if (server.hasFailed) server.crash();
    cluster.guard(() => restart(server));
  }
}

/** A leader, a new write, a read, and every member with the same state, in bounded time. */
function proveRecovery(cluster: RaftCluster, script: Script): void {
  // Without any write, so that a leader has to come to what it may tell by itself.
  if (!cluster.runUntil(HEAL_WITHIN_MS, () => cluster.servers.some((s) => s.leaseRead()))) {
    throw cluster.failure(`nobody answers reads within ${HEAL_WITHIN_MS} ms`);
  }
  const before = cluster.oracle.committedLast;
  const isSettled = (): boolean => {
    const leader = cluster.leader();
    if (!leader?.core || cluster.oracle.floor <= before) return false;
    const { configuration, lastIndex, commitIndex } = leader.core;
    if (commitIndex < lastIndex) return false;
    return configuration.servers.every(({ id }) => {
      const server = cluster.servers.find((s) => s.id === id);
      return server?.applied === lastIndex && server.state === leader.state;
    });
  };
  for (let waited = 0; waited < HEAL_WITHIN_MS; waited += 2000) {
    cluster.guard(() => {
      script.write(1);
      script.read();
    });
    if (cluster.runUntil(2000, isSettled)) return;
  }
  const states = cluster.servers.map((s) => `${s.id} ${s.summary()}`).join('\n');
  throw cluster.failure(`not recovered within ${HEAL_WITHIN_MS} ms\n${states}`);
}
