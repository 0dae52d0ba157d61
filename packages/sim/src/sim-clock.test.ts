import { expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';
import { SIM_EPOCH_MS, SimClock } from './sim-clock.ts';

test('a fast clock reads more and its timers come early', () => {
  const events = new EventQueue();
  const fast = new SimClock(events, { offsetMs: 50, rate: 2 });
  const fired: number[] = [];
  fast.after(100, () => fired.push(fast.now()));
  fast.after(100, () => fired.push(-1)).cancel();
  while (events.step());
  expect(events.now).toBe(50);
  expect(fired).toEqual([150]);
  expect(fast.wallMs()).toBe(SIM_EPOCH_MS + 150);
});
