import { LEASE_MARGIN } from '@proconsul/raft';
import { expect, test } from 'vitest';
import { SimulationFailure } from './failure.ts';
import { DRIFT_MAX, runScenario } from './scenario.ts';
import type { Sabotage } from './world.ts';

/** Seeds of every test run. Thousands are for `npm run sim`. */
const SEEDS = 40;

test(`${SEEDS} clusters keep the promises of Raft through crashes, partitions and changes, and recover`, () => {
  let elections = 0;
  let committed = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = runScenario({ seed });
    elections += result.elections;
    committed += result.committed;
  }
  // Otherwise the runs would prove little.
  expect(elections).toBeGreaterThan(2 * SEEDS);
  expect(committed).toBeGreaterThan(50 * SEEDS);
});

test('a server that is paused when its disk fails, and still when everything is healed, is restarted as well', () => {
  expect(runScenario({ seed: 5074 }).committed).toBeGreaterThan(0);
});

test('the wall clock is for people: where it jumps by an hour and stops, the same happens as where it does not', () => {
  for (let seed = 1; seed <= 15; seed++) {
    expect(runScenario({ seed })).toEqual(runScenario({ seed, hasWildWallClocks: false }));
  }
});

test('clocks that run further apart than the lease allows for are seen: the bound is where it is said to be', () => {
  expect((1 + DRIFT_MAX) / (1 - DRIFT_MAX)).toBeLessThan(LEASE_MARGIN);
  const beyond = (): void => {
    for (let seed = 1; seed <= 100; seed++) runScenario({ seed, drift: 0.2 });
  };
  expect(beyond).toThrow(SimulationFailure);
});

test('a seed gives the same run each time, and another seed another run', () => {
  const first = runScenario({ seed: 7 });
  expect(runScenario({ seed: 7 })).toEqual(first);
  expect(runScenario({ seed: 8 }).hash).not.toBe(first.hash);
});

/** The rule that is broken, and seeds among which one shows it. */
test.for<[Sabotage, number, number]>([
  ['sync-lies', 1, 20],
  ['vote-forgotten', 1, 20],
  ['verify-skipped', 1, 300],
  ['lease-ignored', 1, 20],
])('the checks see a server that breaks the rules: %s', ([sabotage, from, to]) => {
  const find = (): void => {
    for (let seed = from; seed <= to; seed++) runScenario({ seed, sabotage });
  };
  let failure: unknown;
  try {
    find();
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(SimulationFailure);
  expect((failure as Error).message).toMatch(/^seed \d+: .*\n.*starts: term/s);
});
