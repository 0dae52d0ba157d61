import { type Log, silentLog } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { DROPS_COUNTED_MS, Handoff } from './handoff.ts';
import { HANDOFF_MAX } from './limits.ts';

test('a flood fills the queue, not the log: one line a second, and how many others were dropped', async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log: Log = { ...silentLog, warn: (line) => void lines.push(line) };
  let handled = 0;
  const handoff = new Handoff(clock, log, () => handled++);
  const flood = (count: number) => {
    for (let i = 0; i < count; i++) handoff.add(Uint8Array.of(8), '10.0.0.9:7946', false);
  };
  flood(HANDOFF_MAX + 5000);
  expect(handoff.size).toBe(HANDOFF_MAX);
  await clock.advance(DROPS_COUNTED_MS);
  expect(handled).toBe(HANDOFF_MAX);
  flood(HANDOFF_MAX + 1);
  expect(lines).toEqual([
    'memberlist: handler queue full, dropping message (8) from=10.0.0.9:7946',
    'memberlist: handler queue full, dropping message (8) from=10.0.0.9:7946 others=4999',
  ]);
});
