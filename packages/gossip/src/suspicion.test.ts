import { EventQueue, SimClock } from '@proconsul/sim';
import { expect, test } from 'vitest';
import { Suspicion } from './suspicion.ts';

function suspect(wanted: number): {
  events: EventQueue;
  suspicion: Suspicion;
  died: () => [number, number] | undefined;
} {
  const events = new EventQueue();
  let died: [number, number] | undefined;
  const options = { from: 'first', wanted, minMs: 4000, maxMs: 24_000 };
  const suspicion = new Suspicion(new SimClock(events), options, (confirmations) => {
    died = [events.now, confirmations];
  });
  return { events, suspicion, died: () => died };
}

test('without confirmations the wait is longest', () => {
  const { events, died } = suspect(2);
  events.step(1e9);
  expect(died()).toEqual([24_000, 0]);
});

test('a pool too small for confirmations waits the least', () => {
  const { events, died } = suspect(0);
  events.step(1e9);
  expect(died()).toEqual([4000, 0]);
});

test('each new accuser shortens the wait; the first one and echoes do not count', () => {
  const { events, suspicion, died } = suspect(2);
  events.step(1000);
  expect(suspicion.confirm('first')).toBe(false);
  expect(suspicion.confirm('second')).toBe(true);
  expect(suspicion.confirm('second')).toBe(false);
  expect(suspicion.confirmations).toBe(1);
  events.step(11_380);
  expect(died()).toBeUndefined();
  events.step(11_382);
  expect(died()).toEqual([11_381, 1]);
});

test('a confirmation that comes late ends the wait at once, and more than wanted are not passed on', () => {
  const { events, suspicion, died } = suspect(1);
  events.step(20_000);
  expect(suspicion.confirm('second')).toBe(true);
  expect(suspicion.confirm('third')).toBe(false);
  events.step(20_001);
  expect(died()).toEqual([20_000, 1]);
});

test('a suspicion that was cleared never ends', () => {
  const { events, suspicion, died } = suspect(0);
  suspicion.cancel();
  events.step(1e9);
  expect(died()).toBeUndefined();
});

test('time in which we stood still ourselves gives the suspect a grace', () => {
  const events = new EventQueue();
  const clock = new SimClock(events);
  let isStalled = false;
  const waiting: (() => void)[] = [];
  const stalling = {
    ...clock,
    now: () => clock.now(),
    wallMs: () => 0,
    after: (ms: number, fn: () => void) => clock.after(ms, () => (isStalled ? void waiting.push(fn) : fn())),
  };
  let died = 0;
  new Suspicion(stalling, { from: 'a', wanted: 0, minMs: 4000, maxMs: 24_000 }, () => {
    died = events.now;
  });
  isStalled = true;
  while (events.step(6000));
  expect(died).toBe(0);
  isStalled = false;
  for (const fn of waiting) fn();
  while (events.step(60_000));
  expect(died).toBe(8000);
});
