import { expect, test } from 'vitest';
import { SimulationFailure } from './failure.ts';
import { runScenario } from './scenario.ts';
import type { Sabotage } from './server.ts';

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

test.for([
  ['a leader that removed itself and stepped down before that was committed can be elected again', 77],
  ['a voter whose demotion was never committed is heard by the one that holds it', 1172],
  ['a candidate that a lagging voter does not know yet gets its vote', 5251],
  ['entries that an installed snapshot covers are not offered to others', 6343],
  ['the timer of the lease is not due again at the same moment', 1246],
] as const)('%s (seed %i)', ([, seed]) => {
  expect(runScenario({ seed }).committed).toBeGreaterThan(0);
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
