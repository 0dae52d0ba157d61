import { expect, test } from 'vitest';
import { SimulationFailure } from '../raft/failure.ts';
import { type DurableRunOptions, type DurableRunResult, runDurable } from './durable-run.ts';
import type { DiskLie } from './sim-files.ts';

const TIMEOUT_MS = 120_000;

async function runSeeds(count: number, options: Omit<DurableRunOptions, 'seed'>): Promise<DurableRunResult[]> {
  const results: DurableRunResult[] = [];
  for (let seed = 1; seed <= count; seed++) {
    results.push(await runDurable({ ...options, seed }));
    // Others share this thread.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return results;
}

const sum = (results: readonly DurableRunResult[], of: (r: DurableRunResult) => number): number =>
  results.reduce((total, r) => total + of(r), 0);

test(
  'one server on a bad disk keeps every acknowledged write, or names the damage and serves nothing',
  async () => {
    const results = await runSeeds(200, { servers: 1 });
    // The seeds are worth something: much is written, refused, restarted and damaged in them.
    expect(sum(results, (r) => r.acknowledged)).toBeGreaterThan(7_000);
    expect(sum(results, (r) => r.refused)).toBeGreaterThan(200);
    expect(sum(results, (r) => r.restarts)).toBeGreaterThan(500);
    expect(sum(results, (r) => r.stopped)).toBeGreaterThan(20);
  },
  TIMEOUT_MS,
);

test(
  'without damage one server always comes back, whatever was torn, lost, full or failing',
  async () => {
    const results = await runSeeds(100, { servers: 1, damage: false });
    expect(sum(results, (r) => r.stopped)).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  'three and five servers lose nothing while a minority of disks is damaged and the network fails',
  async () => {
    const three = await runSeeds(40, { servers: 3 });
    const five = await runSeeds(10, { servers: 5 });
    // Without damage, voters come and go too.
    const changing = await runSeeds(40, { servers: 3, damage: false });
    expect(sum(three, (r) => r.acknowledged)).toBeGreaterThan(500);
    expect(sum(five, (r) => r.acknowledged)).toBeGreaterThan(200);
    expect(sum(changing, (r) => r.acknowledged)).toBeGreaterThan(500);
  },
  TIMEOUT_MS,
);

test('a run replays exactly: the same seed gives the same events', async () => {
  for (const options of [
    { seed: 3, servers: 1 },
    { seed: 5, servers: 3 },
  ]) {
    const [first, second] = [await runDurable(options), await runDurable(options)];
    expect(second).toEqual(first);
    expect((await runDurable({ ...options, seed: options.seed + 1 })).hash).not.toBe(first.hash);
  }
});

test(
  'the wall clock is for people: where it jumps by an hour and stops, the same happens as where it does not',
  async () => {
    for (const servers of [1, 3]) {
      for (let seed = 1; seed <= 12; seed++) {
        const wild = await runDurable({ seed, servers });
        expect(wild).toEqual(await runDurable({ seed, servers, hasWildWallClocks: false }));
      }
    }
  },
  TIMEOUT_MS,
);

/** Seeds within which every lie must be found out. */
const LIE_SEEDS = 200;

test.for<DiskLie>(['sync', 'sync-error', 'sync-dir', 'write-atomic', 'rewrite', 'no-space'])(
  'the checks see a disk that lies: %s',
  { timeout: TIMEOUT_MS },
  async (lie) => {
    const failure = await runSeeds(LIE_SEEDS, { servers: 1, lie, damage: false }).catch((error) => error);
    expect(failure).toBeInstanceOf(SimulationFailure);
    expect((failure as Error).message).toMatch(/^seed \d+: /);
  },
);
