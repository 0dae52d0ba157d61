import { expect, test } from 'vitest';
import { type AgentsRunResult, runAgents } from './agents-run.ts';

const TIMEOUT_MS = 120_000;

/** Seeds and steps: a run as they all are; one in which also a disk is damaged and another datacenter is there. */
const RUNS = [
  [5, 12],
  [12, 5],
] as const;

test.for(RUNS)(
  'whole agents keep their promises while everything fails (seed %i, %i steps)',
  { timeout: TIMEOUT_MS },
  async ([seed, steps]) => {
    const { counts, faults }: AgentsRunResult = await runAgents({ seed, steps });
    // The seed is worth something: much was done and went wrong.
    expect(faults).toBe(steps);
    for (const [what, least] of [
      ['writes', 20],
      ['reads', 50],
      ['staleReads', 20],
      ['wakes', 50],
      ['sessions', 4],
      ['locks', 2],
      ['lateRenewals', 2],
      ['dnsAnswers', 2],
      ['discoveries', 10],
      ...(seed === 12
        ? ([
            ['farReads', 2],
            ['farWrites', 2],
          ] as const)
        : []),
    ] as const) {
      expect(counts[what], what).toBeGreaterThan(least);
    }
    if (seed === 12) expect((counts['damagesNamed'] ?? 0) + (counts['damagesHarmless'] ?? 0)).toBe(1);
  },
);

test('a run of agents replays exactly: the same seed gives the same events', { timeout: TIMEOUT_MS }, async () => {
  const options = { seed: 7, steps: 2 };
  expect(await runAgents(options)).toEqual(await runAgents(options));
});
