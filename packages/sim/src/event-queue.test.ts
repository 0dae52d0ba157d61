import { seededRng } from '@proconsul/base';
import { expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';

test('events run by moment, and equal moments in the order of scheduling', () => {
  const queue = new EventQueue();
  const rng = seededRng(1);
  const expected: { at: number; name: number }[] = [];
  const ran: { at: number; name: number }[] = [];
  for (let name = 0; name < 2000; name++) {
    const at = rng.int(100);
    expected.push({ at, name });
    queue.after(at, () => ran.push({ at: queue.now, name }));
  }
  expected.sort((a, b) => a.at - b.at || a.name - b.name);
  while (queue.step()) expect(queue.size).toBeLessThan(2000);
  expect(ran).toEqual(expected);
});

test('time stops at the limit, and what lies behind it waits', () => {
  const queue = new EventQueue();
  const ran: number[] = [];
  queue.after(10, () => ran.push(queue.now));
  queue.after(20, () => ran.push(queue.now));
  expect(queue.step(15)).toBe(true);
  expect(queue.step(15)).toBe(false);
  expect(queue.now).toBe(15);
  expect(ran).toEqual([10]);
  expect(queue.step()).toBe(true);
  expect(ran).toEqual([10, 20]);
});

test('a cancelled event does not run, and an event may schedule others', () => {
  const queue = new EventQueue();
  const ran: string[] = [];
  const never = queue.after(5, () => ran.push('never'));
  queue.after(1, () => {
    ran.push('first');
    queue.cancel(never);
    queue.after(-3, () => ran.push(`at ${queue.now}`));
  });
  while (queue.step());
  expect(ran).toEqual(['first', 'at 1']);
});
