import { seededRng } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { checkType } from './definition.ts';
import { CheckScheduler } from './scheduler.ts';
import type { RawResult } from './status.ts';

const CHECKS = 5_000;
const INTERVAL_MS = 10_000;

/** Runs 5,000 checks for `forMs` of virtual time; each run takes a random time up to `durationMsMax`. */
async function run(seed: number, maxSockets: number, durationMsMax: number, forMs: number) {
  const clock = new ManualClock({ nowMs: 1_000 });
  const rng = seededRng(seed);
  const starts = new Map<string, number[]>();
  let running = 0;
  let runningMax = 0;
  const scheduler = new CheckScheduler(
    { maxProcesses: 1, maxSockets },
    {
      clock,
      rng,
      run: (check) => {
        starts.get(check.Name)!.push(clock.now());
        runningMax = Math.max(runningMax, ++running);
        return new Promise<RawResult>((resolve) => {
          clock.after(rng.float() * durationMsMax, () => {
            running--;
            resolve({ status: 'passing', output: '' });
          });
        });
      },
      onStatus: () => {},
    },
  );
  const added = clock.now();
  for (let i = 0; i < CHECKS; i++) {
    const Name = `c${i}`;
    starts.set(Name, []);
    scheduler.add(Name, checkType({ Name, TCP: 'x', Interval: INTERVAL_MS * 1e6, Timeout: 60e9 }));
  }
  await clock.advance(forMs);
  return { starts, runningMax, added, stats: scheduler.stats() };
}

test('5,000 checks hold their interval of 10 s to within 100 ms with 512 runs at a time', async () => {
  // On average 5,000 x 0.75 s / 10 s = 375 run at one time.
  const deviationMsMax = 100;
  const { starts, runningMax, added, stats } = await run(7, 512, 1_500, 45_000);
  expect(runningMax).toBeLessThanOrEqual(512);
  expect(runningMax).toBeGreaterThan(350);
  expect(stats.skipped).toBe(0);
  let worst = 0;
  for (const at of starts.values()) {
    expect(at.length).toBeGreaterThanOrEqual(4);
    expect(at[0]! - added).toBeLessThanOrEqual(INTERVAL_MS + deviationMsMax);
    for (let i = 1; i < at.length; i++) worst = Math.max(worst, Math.abs(at[i]! - at[0]! - i * INTERVAL_MS));
  }
  expect(worst).toBeLessThanOrEqual(deviationMsMax);
});

test('with too little room nothing starves: all checks get the same share', async () => {
  // 5,000 x 1 s needs 500 at a time; with 100 every check runs at about a fifth of its rate.
  const { starts, runningMax, stats } = await run(11, 100, 2_000, 160_000);
  expect(runningMax).toBe(100);
  expect(stats.skipped).toBeGreaterThan(0);
  const counts = [...starts.values()].map((at) => at.length);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
});
