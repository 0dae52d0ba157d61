import { ManualClock, settle } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { ApiError } from './errors.ts';
import type { Uint64 } from './json.ts';
import type { Answer } from './query.ts';
import { BACKOFF_MAX_MS, type BlockingRead, backoffMs, nextIndex, WATCH_GRACE_MS, watch } from './watch.ts';

const answer = (value: string, index: Uint64): Answer<string> => ({ value, meta: { index } as Answer<string>['meta'] });

/** Reads that give the scripted answers, and remember what index they were asked with. */
function scripted(steps: readonly (Answer<string> | Error)[]) {
  const asked: Uint64[] = [];
  const read = async (block: BlockingRead): Promise<Answer<string>> => {
    asked.push(block.index);
    const step = steps[asked.length - 1];
    if (step instanceof Error) throw step;
    if (step) return step;
    return new Promise((_, reject) => block.signal.addEventListener('abort', () => reject(block.signal.reason)));
  };
  return { asked, read };
}

async function firstValues(count: number, iterator: AsyncGenerator<Answer<string>>): Promise<string[]> {
  const values: string[] = [];
  for await (const { value } of iterator) {
    values.push(value);
    if (values.length === count) break;
  }
  return values;
}

const rng = { float: () => 1 };

test('each answer with a new index is yielded once, and the next read blocks on it', async () => {
  const { asked, read } = scripted([answer('a', 5), answer('a', 5), answer('b', 7)]);
  expect(await firstValues(2, watch(read, { clock: new ManualClock(), rng }))).toEqual(['a', 'b']);
  expect(asked).toEqual([0, 5, 5]);
});

test('an index that goes backwards starts over from 0 and yields the new state once', async () => {
  const { asked, read } = scripted([answer('old', 50), answer('new', 3), answer('new', 3), answer('next', 4)]);
  expect(await firstValues(3, watch(read, { clock: new ManualClock(), rng }))).toEqual(['old', 'new', 'next']);
  expect(asked).toEqual([0, 50, 0, 3]);
});

test('an index never goes below 1', () => {
  expect(nextIndex(0, 0)).toBe(1);
  expect(nextIndex(0, 9)).toBe(9);
  expect(nextIndex(10, 9)).toBe(0);
});

test('an opaque index may go down', async () => {
  const { asked, read } = scripted([answer('a', 2n ** 63n), answer('b', 7)]);
  expect(await firstValues(2, watch(read, { clock: new ManualClock(), rng, opaqueIndex: true }))).toEqual(['a', 'b']);
  expect(asked).toEqual([0, 2n ** 63n]);
});

test('failures are repeated after growing pauses, and a success starts them over', async () => {
  const clock = new ManualClock();
  const { asked, read } = scripted([
    new ApiError(500, 'x'),
    new ApiError(500, 'x'),
    answer('a', 1),
    new Error('gone'),
    answer('b', 2),
  ]);
  const result = firstValues(2, watch(read, { clock, rng }));
  await settle();
  expect(clock.nextInMs).toBe(1000);
  await clock.advance(1000);
  expect(clock.nextInMs).toBe(2000);
  await clock.advance(2000);
  expect(clock.nextInMs).toBe(1000);
  await clock.advance(1000);
  expect(await result).toEqual(['a', 'b']);
  expect(asked).toEqual([0, 0, 0, 1, 1]);
});

test('pauses are bounded', () => {
  expect(backoffMs(1000, rng)).toBe(BACKOFF_MAX_MS);
  expect(backoffMs(1, { float: () => 0 })).toBe(750);
});

test('a request that can never succeed ends the iteration with its error', async () => {
  const { read } = scripted([new ApiError(400, 'Invalid index')]);
  await expect(firstValues(1, watch(read, { clock: new ManualClock(), rng }))).rejects.toThrow('Invalid index');
});

test('onError decides what ends the iteration', async () => {
  const { read } = scripted([new ApiError(403, 'no')]);
  await expect(firstValues(1, watch(read, { clock: new ManualClock(), rng, onError: () => true }))).rejects.toThrow(
    'no',
  );
});

test('an abort ends the iteration without an error, also during a read and a pause', async () => {
  for (const steps of [[], [new Error('down')]]) {
    const stop = new AbortController();
    const { read } = scripted(steps);
    const result = firstValues(1, watch(read, { clock: new ManualClock(), rng, signal: stop.signal }));
    await settle();
    stop.abort();
    expect(await result).toEqual([]);
  }
});

test('a read without an answer is given up after wait, its extra sixteenth and the grace', async () => {
  const clock = new ManualClock();
  const { asked, read } = scripted([]);
  const stop = new AbortController();
  const result = firstValues(1, watch(read, { clock, rng, waitMs: 16_000, signal: stop.signal }));
  await clock.advance(17_000 + WATCH_GRACE_MS - 1);
  expect(asked).toHaveLength(1);
  await clock.advance(1 + 1000);
  expect(asked).toHaveLength(2);
  stop.abort();
  await result;
});
