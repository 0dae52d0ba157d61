import { expect, test } from 'vitest';
import { measureFailover } from './timing.ts';

const RUNS = 60;

test.for([3, 5])('%i servers have a new leader within a second of the death of the old one, mostly', (servers) => {
  const { p50, max } = measureFailover({ servers, runs: RUNS, by: 'crash' });
  expect(p50).toBeLessThanOrEqual(1000);
  expect(max).toBeLessThanOrEqual(3000);
});

test('a leader that hands over is replaced within a tenth of a second', () => {
  const { p50, max } = measureFailover({ servers: 3, runs: RUNS, by: 'transfer' });
  expect(p50).toBeLessThanOrEqual(100);
  expect(max).toBeLessThanOrEqual(1000);
});

test('on a machine that is too small it takes seconds, not minutes', () => {
  const { p50, max } = measureFailover({
    servers: 3,
    runs: 20,
    by: 'crash',
    stalls: { stallMeanMs: 50, stallMaxMs: 400 },
  });
  expect(p50).toBeLessThanOrEqual(3000);
  expect(max).toBeLessThanOrEqual(8000);
});

test('on slow links and disks it takes longer, and still ends', () => {
  const { p50 } = measureFailover({ servers: 5, runs: RUNS, by: 'crash', delayMaxMs: 100, writeMaxMs: 200 });
  expect(p50).toBeLessThanOrEqual(3000);
});
