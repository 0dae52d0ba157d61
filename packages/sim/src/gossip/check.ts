import { NodeState } from '@proconsul/gossip';
import { SimulationFailure } from '../raft/failure.ts';
import type { PoolEvent, PoolSim } from './pool-sim.ts';

/** Throws SimulationFailure unless every live member knows the live members, with their newest meta, and no other as live. */
export function checkPool(sim: PoolSim, what: string): void {
  const live = sim.live;
  for (const { pool, index } of live) {
    for (const other of live) {
      const self = other.pool.self;
      const known = pool.node(self.name);
      if (known === undefined || known.state !== NodeState.alive) {
        throw new SimulationFailure(`${what}: n${index} holds ${self.name} to be ${known?.state ?? 'nobody'}`);
      }
      if (known.incarnation !== self.incarnation || known.meta.length !== self.meta.length) {
        throw new SimulationFailure(`${what}: n${index} knows an old state of ${self.name}`);
      }
    }
    if (pool.aliveCount() !== live.length) {
      throw new SimulationFailure(`${what}: n${index} counts ${pool.aliveCount()} of ${live.length} members`);
    }
  }
}

/** Failures that members reported of members that were healthy all the time. */
export function falseAlarms(sim: PoolSim, from: number, isHealthy: (index: number) => boolean): PoolEvent[] {
  return sim.seen.filter((e) => e.what === 'failed' && e.at >= from && isHealthy(e.about));
}
