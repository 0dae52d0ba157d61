import { EventQueue, SimClock } from '@proconsul/sim';
import { expect, test } from 'vitest';
import { WakeTimer } from './wake-timer.ts';

function timer() {
  const events = new EventQueue();
  const clock = new SimClock(events);
  const woken: number[] = [];
  return { events, woken, timer: new WakeTimer(clock, () => woken.push(clock.now())) };
}

/** Runs whatever is planned; returns how many times a timer went off. */
function runAll(events: EventQueue): number {
  let steps = 0;
  while (events.step()) steps++;
  return steps;
}

test('a wish that is put off again and again costs one timer for each time that passes, not one for each wish', () => {
  const { events, woken, timer: t } = timer();
  for (let at = 100; at <= 1000; at++) t.set(at);
  expect(runAll(events)).toBe(2);
  expect(woken).toEqual([1000]);
});

test('an earlier wish takes the place of a later one', () => {
  const { events, woken, timer: t } = timer();
  t.set(1000);
  t.set(10);
  runAll(events);
  expect(woken).toEqual([10]);
});

test('who no longer wants to be woken is not', () => {
  const { events, woken, timer: t } = timer();
  t.set(10);
  t.set(undefined);
  runAll(events);
  expect(woken).toEqual([]);
});

test('a moment that has passed is now', () => {
  const { events, woken, timer: t } = timer();
  t.set(-5);
  runAll(events);
  expect(woken).toEqual([0]);
});

test('once stopped, it never wakes again, whatever is wished', () => {
  const { events, woken, timer: t } = timer();
  t.set(10);
  t.stop();
  t.set(5);
  t.set(20);
  runAll(events);
  expect(woken).toEqual([]);
});

/** A clock whose process stands still: timers go off late, and before what has arrived meanwhile is read. */
function stalled() {
  let now = 0;
  let fire: (() => void) | undefined;
  const turns: (() => void)[] = [];
  const woken: number[] = [];
  const clock = {
    now: () => now,
    wallMs: () => now,
    after: (_: number, run: () => void) => {
      fire = run;
      return { cancel: () => (fire = undefined) };
    },
    soon: (run: () => void) => void turns.push(run),
  };
  const goOffAt = (at: number) => {
    now = at;
    fire?.();
  };
  const read = () => turns.splice(0).forEach((run) => void run());
  return { goOffAt, read, woken, timer: new WakeTimer(clock, () => woken.push(now)) };
}

test('a process that stood still reads what has come before it wakes the core', () => {
  const { goOffAt, read, woken, timer: t } = stalled();
  t.set(100);
  goOffAt(400);
  expect(woken).toEqual([]);
  read();
  expect(woken).toEqual([400]);
});

test('what is read meanwhile may put the wish off, withdraw it, or end everything', () => {
  for (const change of [(t: WakeTimer) => t.set(900), (t: WakeTimer) => t.set(undefined), (t: WakeTimer) => t.stop()]) {
    const { goOffAt, read, woken, timer: t } = stalled();
    t.set(100);
    goOffAt(400);
    change(t);
    read();
    expect(woken).toEqual([]);
  }
});

test('a timer that is a little late wakes at once', () => {
  const { goOffAt, woken, timer: t } = stalled();
  t.set(100);
  goOffAt(104);
  expect(woken).toEqual([104]);
});
