import { expect, test } from 'vitest';
import { type AgentsRunResult, runAgents } from './agents-run.ts';

const TIMEOUT_MS = 120_000;

/**
 * Seeds that once broke a promise, in the version of that time.
 * 5: a leader that had just started deregistered the members that it had not met yet, and their sessions ended.
 * 18: a member that had refuted a forced leave stayed "leaving" for others for ever.
 */
const REGRESSIONS = [5, 18];

test.for(REGRESSIONS)(
  'whole agents keep their promises while everything fails (seed %i)',
  { timeout: TIMEOUT_MS },
  async (seed) => {
    const { counts, faults }: AgentsRunResult = await runAgents({ seed });
    // The seed is worth something: much was done and went wrong.
    expect(faults).toBeGreaterThanOrEqual(20);
    for (const [what, least] of [
      ['writes', 20],
      ['reads', 50],
      ['staleReads', 20],
      ['wakes', 50],
      ['sessions', 4],
      ['locks', 4],
    ] as const) {
      expect(counts[what], what).toBeGreaterThan(least);
    }
  },
);

test('a run of agents replays exactly: the same seed gives the same events', { timeout: TIMEOUT_MS }, async () => {
  const options = { seed: 7, steps: 2 };
  expect(await runAgents(options)).toEqual(await runAgents(options));
});
