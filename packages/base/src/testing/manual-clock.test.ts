import { expect, test } from 'vitest';
import { sleep } from '../clock.ts';
import { ManualClock } from './manual-clock.ts';
import { settle } from './settle.ts';

test('timers go off in order of their time, and in the order in which they were set when that is the same', async () => {
  const clock = new ManualClock();
  const gone: string[] = [];
  clock.after(20, () => gone.push('b'));
  clock.after(10, () => gone.push('a'));
  clock.after(20, () => gone.push('c'));
  clock.after(21, () => gone.push('too late'));
  await clock.advance(20);
  expect([gone, clock.now(), clock.waiting, clock.nextInMs]).toEqual([['a', 'b', 'c'], 20, 1, 1]);
});

test('a timer sees the moment it was set for, and may set another that is due at once', () => {
  const clock = new ManualClock({ nowMs: 100 });
  const seen: number[] = [];
  clock.after(5, () => {
    seen.push(clock.now());
    clock.after(-1, () => seen.push(clock.now()));
  });
  clock.jump(50);
  expect([seen, clock.now()]).toEqual([[105, 105], 150]);
});

test('a cancelled timer stays silent, also when it is cancelled twice or too late', async () => {
  const clock = new ManualClock();
  let calls = 0;
  const timer = clock.after(10, () => calls++);
  const other = clock.after(5, () => calls++);
  timer.cancel();
  timer.cancel();
  await clock.advance(10);
  other.cancel();
  expect([calls, clock.waiting, clock.nextInMs]).toEqual([1, 0, undefined]);
});

test('chains of promises go on between two timers when it advances, and only afterwards when it jumps', async () => {
  const clock = new ManualClock();
  const sleeper = async (moments: number[]): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await sleep(clock, 10);
      for (let hop = 0; hop < 100; hop++) await undefined;
      moments.push(clock.now());
    }
  };
  const advanced: number[] = [];
  void sleeper(advanced);
  await clock.advance(30);
  expect(advanced).toEqual([10, 20, 30]);
  const jumped: number[] = [];
  void sleeper(jumped);
  clock.jump(30);
  await settle();
  expect(jumped).toEqual([60]);
});

test('the wall clock moves along', () => {
  const clock = new ManualClock({ nowMs: 5, wallMs: 1_000_000 });
  clock.jump(25);
  expect([clock.now(), clock.wallMs()]).toEqual([30, 1_000_025]);
});
