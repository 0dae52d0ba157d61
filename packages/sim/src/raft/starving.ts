import type { Millis } from '@proconsul/base';
import { RaftCluster } from './cluster.ts';
import { SimulationFailure } from './failure.ts';
import type { SimServer } from './server.ts';

/** Mean and longest time for which the system gives a process no processor. */
export interface Stalls {
  readonly stallMeanMs: Millis;
  readonly stallMaxMs: Millis;
}

export interface StarvingOptions extends Stalls {
  readonly seed: number;
  readonly servers: number;
  /** Virtual time that is looked at. */
  readonly forMs: Millis;
}

export interface Starved {
  readonly elections: number;
  readonly committed: number;
  /** Share of the time in which somebody led. */
  readonly led: number;
}

const GIVE_UP_MS = 30_000;
/** A process that gets the processor keeps it for up to so long. */
const AWAKE_MAX_MS = 6;
const WRITE_EVERY_MS = 50;

/** Lets every process stand still again and again, for random times and each by itself. Returns what ends that. */
export function starve({ servers, rng }: RaftCluster, { stallMeanMs, stallMaxMs }: Stalls): () => void {
  let isOver = false;
  const next = (server: SimServer): void => {
    if (isOver) return;
    const stallMs = Math.min(stallMaxMs, -Math.log(1 - rng.float()) * stallMeanMs);
    server.pause(stallMs);
    server.later(stallMs + rng.float() * AWAKE_MAX_MS, () => next(server));
  };
  for (const server of servers) next(server);
  return () => {
    isOver = true;
  };
}

/**
 * A cluster on a machine that is far too small. What comes meanwhile waits; timers that were due go off late. Throws SimulationFailure when a promise is broken.
 */
export function runStarving({ seed, servers, forMs, stallMeanMs, stallMaxMs }: StarvingOptions): Starved {
  const cluster = new RaftCluster({ seed: `starving ${seed}`, servers, spares: 0, drift: 0, sabotage: 'none' });
  for (const { storage } of cluster.servers) storage.weather = { writeMinMs: 0.1, writeMaxMs: 10, stalls: 0 };
  cluster.start();
  const leads = (): boolean => cluster.servers.some((s) => s.isLeader);
  if (!cluster.runUntil(GIVE_UP_MS, leads)) throw new SimulationFailure('no first leader');
  const { oracle } = cluster;
  const feed = starve(cluster, { stallMeanMs, stallMaxMs });
  const [electionsBefore, committedBefore] = [oracle.elections, oracle.committedLast];
  let [looks, led] = [0, 0];
  let writes = 0;
  for (const until = cluster.events.now + forMs; cluster.events.now < until; ) {
    const leader = cluster.leader();
    cluster.guard(() => leader?.propose(new TextEncoder().encode(`w${writes++}`)));
    cluster.run(WRITE_EVERY_MS);
    looks++;
    if (leads()) led++;
  }
  feed();
  return {
    elections: oracle.elections - electionsBefore,
    committed: oracle.committedLast - committedBefore,
    led: led / looks,
  };
}
