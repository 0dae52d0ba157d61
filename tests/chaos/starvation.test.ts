import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FairTime, waitedMs } from './starvation.ts';

test('a process that is not there has not waited', () => {
  expect(waitedMs(0)).toBe(0);
});

test.skipIf(!existsSync('/proc/self/schedstat'))(
  'the first process has waited for a processor, in milliseconds',
  () => {
    expect(waitedMs(1)).toBeGreaterThan(0);
  },
);

test('time in which one of several processes waited for a processor is left out, of those that start meanwhile too', () => {
  let now = 1000;
  const waited = new Map([[7, 500]]);
  const time = new FairTime(
    () => [...waited.keys()],
    (pid) => waited.get(pid) ?? 0,
    () => now,
  );
  const after = (ms: number, ...waits: [number, number][]): number => {
    now += ms;
    for (const [pid, total] of waits) waited.set(pid, total);
    return time.elapsedMs();
  };
  expect(after(100)).toBe(100);
  expect(after(100, [7, 570])).toBe(130);
  expect(after(100, [7, 590], [8, 40])).toBe(190);
  expect(after(10, [7, 690])).toBe(190);
});
