import { ManualClock } from '@proconsul/base/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DueQueue } from './due-queue.ts';

test('keys come at their moment and in order, whatever is moved or removed', async () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 9 }).map(String),
    delay: fc.option(fc.integer({ min: 0, max: 100 })),
    wait: fc.integer({ min: 0, max: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new ManualClock({ nowMs: 1_000 });
      const model = new Map<string, number>();
      const queue = new DueQueue(clock, (key, dueAt) => {
        expect(model.get(key)).toBe(dueAt);
        expect(clock.now()).toBe(dueAt);
        expect(Math.min(...model.values())).toBe(dueAt);
        model.delete(key);
      });
      for (const { key, delay, wait } of steps) {
        if (delay === null) {
          model.delete(key);
          queue.delete(key);
        } else {
          model.set(key, clock.now() + delay);
          queue.set(key, clock.now() + delay);
        }
        await clock.advance(wait);
        expect(queue.size).toBe(model.size);
      }
      await clock.advance(200);
      expect(model.size).toBe(0);
    }),
    { numRuns: 200 },
  );
});
