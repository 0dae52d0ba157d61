import { type Rng, seededRng } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { type CheckType, checkType } from './definition.ts';
import { CheckScheduler, RUN_GRACE_MS, SCHEDULER_DEFAULTS } from './scheduler.ts';
import type { RawResult } from './status.ts';

const S = 1e9;
const passing: RawResult = { status: 'passing', output: 'ok' };
const http = (fields: Partial<CheckType> = {}) =>
  checkType({ HTTP: 'http://x', Interval: 10 * S, Timeout: S, ...fields });
const half: Rng = { ...seededRng(1), float: () => 0.5 };

function setUp(options: Partial<typeof SCHEDULER_DEFAULTS> = {}) {
  const clock = new ManualClock({ nowMs: 1_000 });
  const starts: number[] = [];
  const reported: [string, RawResult][] = [];
  const signals: AbortSignal[] = [];
  const state = { run: async (_check: CheckType): Promise<RawResult> => passing };
  const scheduler = new CheckScheduler(
    { ...SCHEDULER_DEFAULTS, ...options },
    {
      clock,
      rng: half,
      run: (check, signal) => {
        starts.push(clock.now() - 1000);
        signals.push(signal);
        return state.run(check);
      },
      onStatus: (id, result) => reported.push([id, result]),
    },
  );
  const takes =
    (ms: number, result = passing) =>
    () =>
      new Promise<RawResult>((resolve) => clock.after(ms, () => resolve(result)));
  return { clock, starts, reported, signals, state, scheduler, takes };
}

test('the first run comes within the interval and later ones without drift', async () => {
  const { clock, starts, state, scheduler, takes } = setUp();
  state.run = takes(700);
  scheduler.add('c', http());
  await clock.advance(46_000);
  expect(starts).toEqual([5_000, 15_000, 25_000, 35_000, 45_000]);
});

test('a run longer than the interval leaves out planned runs and never overlaps itself', async () => {
  const { clock, starts, state, scheduler, takes } = setUp();
  state.run = takes(23_000);
  scheduler.add('c', http({ Timeout: 100 * S }));
  await clock.advance(100_000);
  expect(starts).toEqual([5_000, 35_000, 65_000, 95_000]);
  expect(scheduler.stats().skipped).toBe(6);
});

test('a rejected or throwing run is critical with the reason', async () => {
  const { clock, reported, state, scheduler } = setUp();
  state.run = () => {
    throw new Error('broken runner');
  };
  scheduler.add('c', http());
  await clock.advance(6_000);
  expect(reported).toEqual([['c', { status: 'critical', output: 'broken runner' }]]);
});

test('a runner that never settles is aborted, counted as critical and its place given back', async () => {
  const { clock, reported, signals, state, scheduler } = setUp({ maxSockets: 1 });
  state.run = () => new Promise(() => {});
  scheduler.add('c', http());
  await clock.advance(5_000 + 1_000 + RUN_GRACE_MS);
  expect(reported).toEqual([['c', { status: 'critical', output: 'Timed out (1s) running check' }]]);
  expect(signals[0]?.aborted).toBe(true);
  expect(scheduler.stats().running).toBe(0);
  await clock.advance(10_000);
  expect(signals).toHaveLength(2);
});

test('adding the same definition again disturbs nothing; a new one starts afresh', async () => {
  const { clock, starts, signals, state, reported, scheduler, takes } = setUp();
  state.run = takes(2_000);
  expect(scheduler.add('c', http())).toBe('added');
  await clock.advance(6_000);
  expect(scheduler.add('c', http())).toBe('kept');
  expect(signals[0]?.aborted).toBe(false);
  expect(scheduler.add('c', http({ Method: 'HEAD' }))).toBe('replaced');
  expect(signals[0]?.aborted).toBe(true);
  await clock.advance(4_999);
  expect(reported).toEqual([]);
  expect(starts).toEqual([5_000]);
  await clock.advance(2_002);
  expect(starts).toEqual([5_000, 11_000]);
  expect(reported).toHaveLength(1);
});

test('a removed check is aborted and says nothing any more', async () => {
  const { clock, reported, signals, state, scheduler, takes } = setUp();
  state.run = takes(2_000);
  scheduler.add('c', http());
  await clock.advance(6_000);
  scheduler.stop();
  expect(signals[0]?.aborted).toBe(true);
  await clock.advance(60_000);
  expect(reported).toEqual([]);
  expect(scheduler.stats()).toEqual({ checks: 0, running: 0, waiting: 0, skipped: 0 });
});

test('scripts and sockets have separate bounds, and those that wait start first come, first served', async () => {
  const { clock, state, scheduler, takes } = setUp({ maxProcesses: 1, maxSockets: 2 });
  const order: string[] = [];
  state.run = (check) => {
    order.push(check.Name);
    return takes(1_000)();
  };
  for (const Name of ['s1', 's2']) scheduler.add(Name, checkType({ Name, ScriptArgs: ['x'], Interval: 10 * S }));
  for (const Name of ['h1', 'h2', 'h3']) scheduler.add(Name, http({ Name }));
  await clock.advance(5_000);
  expect(order).toEqual(['s1', 'h1', 'h2']);
  expect(scheduler.stats()).toMatchObject({ running: 3, waiting: 2 });
  await clock.advance(1_000);
  expect(order).toEqual(['s1', 'h1', 'h2', 's2', 'h3']);
});

test('thresholds hold back results', async () => {
  const { clock, reported, state, scheduler } = setUp();
  const results: RawResult['status'][] = ['passing', 'critical', 'critical', 'critical'];
  state.run = async () => ({ status: results.shift() ?? 'passing', output: `${results.length}` });
  scheduler.add('c', http({ FailuresBeforeWarning: 2, FailuresBeforeCritical: 3 }));
  await clock.advance(36_000);
  expect(reported.map(([, r]) => [r.status, r.output])).toEqual([
    ['passing', '3'],
    ['warning', '1'],
    ['critical', '0'],
  ]);
});
