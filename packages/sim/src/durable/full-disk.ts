import { type Millis, seededRng } from '@proconsul/base';
import { SimulationFailure } from '../raft/failure.ts';
import { percentiles, type Timing } from '../raft/timing.ts';
import { CalmWorld } from './calm-world.ts';

export interface FullDiskOptions {
  readonly servers: number;
  readonly runs: number;
}

const WRITE_EVERY_MS = 5;
const GIVE_UP_MS = 30_000;
/** After space has returned, the server has everything within this time. */
const RECOVER_WITHIN_MS = 10_000;

/**
 * Measures the time from the moment when nothing more fits on the leader's disk to another leader that may answer, with a client
 * that writes all the time. Meanwhile, and as long as its disk is full, the server answers stale reads; once there is space it takes
 * part again without a restart. Throws SimulationFailure when it does not.
 */
export async function measureFullDisk({ servers, runs }: FullDiskOptions): Promise<Timing> {
  const times: Millis[] = [];
  for (let seed = 1; seed <= runs; seed++) times.push(await oneFullDisk(seed, servers));
  return percentiles(times);
}

async function oneFullDisk(seed: number, servers: number): Promise<Millis> {
  const fail = (message: string): never => {
    throw new SimulationFailure(`seed ${seed}: ${message}`);
  };
  const world = new CalmWorld(seededRng(`full disk ${seed}`), servers, { snapshotIntervalMs: 500, segmentBytes: 4000 });
  const write = (): void => {
    world.write('a');
    world.events.after(WRITE_EVERY_MS, write);
  };
  for (const server of world.servers) server.start();
  if (!(await world.runUntil(GIVE_UP_MS, () => world.leader() !== undefined))) fail('no first leader');
  write();
  await world.run(1200 + world.rng.float() * 1000);
  const old = world.leader() ?? fail('no leader in calm weather');
  old.files.isFull = true;
  const from = world.now;
  const isMoved = (): boolean => {
    if (old.staleRead('a')?.value === undefined) fail(`${old.id} does not answer a stale read`);
    const leader = world.leader();
    return leader !== undefined && leader !== old;
  };
  if (!(await world.runUntil(GIVE_UP_MS, isMoved))) fail('no new leader');
  const took = world.now - from;
  await world.runUntil(1000 + world.rng.float() * 3000, () => old.staleRead('a')?.value === undefined, 10);
  if (old.staleRead('a')?.value === undefined) fail(`${old.id} does not answer a stale read`);
  old.files.isFull = false;
  const { floor } = world.ledger;
  if (!(await world.runUntil(RECOVER_WITHIN_MS, () => old.appliedIndex >= floor, 10))) fail(`${old.id} stays behind`);
  if (old.restarts !== 1) fail(`${old.id} was restarted`);
  return took;
}
