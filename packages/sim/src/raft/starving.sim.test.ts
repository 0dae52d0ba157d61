import { expect, test } from 'vitest';
import { runStarving } from './starving.ts';

const SEEDS = [1, 2, 3, 4];
const FOR_MS = 60_000;

function starved(servers: number, stallMeanMs: number, stallMaxMs: number) {
  const runs = SEEDS.map((seed) => runStarving({ seed, servers, forMs: FOR_MS, stallMeanMs, stallMaxMs }));
  return {
    elections: runs.reduce((sum, r) => sum + r.elections, 0) / runs.length,
    led: runs.reduce((sum, r) => sum + r.led, 0) / runs.length,
  };
}

test.for([3, 5])(
  '%i servers that stand still for 0.1 s on average and 0.6 s at the most keep their leader',
  (servers) => {
    expect(starved(servers, 100, 600)).toEqual({ elections: 0, led: 1 });
  },
);

test.for([3, 5])(
  'of %i that stand still for 0.2 s on average and 1.5 s at the most, one leads nearly all the time',
  (servers) => {
    const { elections, led } = starved(servers, 200, 1500);
    expect(elections).toBeLessThanOrEqual(1);
    expect(led).toBeGreaterThan(0.95);
  },
);

test('however starved they are, somebody leads now and then', () => {
  expect(starved(5, 500, 3000).led).toBeGreaterThan(0.3);
});
