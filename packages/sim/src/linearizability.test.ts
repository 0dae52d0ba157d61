import { seededRng } from '@proconsul/base';
import { expect, test } from 'vitest';
import { checkRegister, type Operation } from './linearizability.ts';

const w = (value: string, startedAt: number, endedAt = Number.POSITIVE_INFINITY): Operation => ({
  kind: 'write',
  value,
  startedAt,
  endedAt,
});
const r = (value: string | undefined, startedAt: number, endedAt: number): Operation => ({
  kind: 'read',
  value,
  startedAt,
  endedAt,
});

test.for<[string, Operation[], string]>([
  ['nothing', [], 'linearizable'],
  ['a read of nothing', [r(undefined, 0, 1)], 'linearizable'],
  ['a read after a write', [w('a', 0, 1), r('a', 2, 3)], 'linearizable'],
  ['a read that misses a write before it', [w('a', 0, 1), r(undefined, 2, 3)], 'not-linearizable'],
  ['a read that may come before or after', [w('a', 0, 5), r(undefined, 1, 2), r('a', 3, 4)], 'linearizable'],
  ['a read that goes back', [w('a', 0, 9), r('a', 1, 2), r(undefined, 3, 4)], 'not-linearizable'],
  [
    'a write without an answer that took effect late',
    [w('a', 0), w('b', 1, 2), r('b', 3, 4), r('a', 5, 6)],
    'linearizable',
  ],
  ['a write without an answer that never did', [w('a', 0), w('b', 1, 2), r('b', 5, 6)], 'linearizable'],
  ['a value from nowhere', [w('a', 0, 1), r('z', 2, 3)], 'not-linearizable'],
  ['an overwritten value that comes back', [w('a', 0, 1), w('b', 2, 3), r('a', 4, 5)], 'not-linearizable'],
  ['writes that overlap, either way', [w('a', 0, 5), w('b', 0, 5), r('a', 6, 7)], 'linearizable'],
  [
    'readers that disagree on the order',
    [w('a', 0, 9), w('b', 0, 9), r('a', 1, 2), r('b', 3, 4), r('a', 5, 6)],
    'not-linearizable',
  ],
])('%s', ([, history, verdict]) => {
  expect(checkRegister(history)).toBe(verdict);
});

/** A real register with random delays around the moment of effect. */
function honestHistory(seed: number): Operation[] {
  const rng = seededRng(seed);
  let value: string | undefined;
  const ops: Operation[] = [];
  for (let i = 0; i < 200; i++) {
    const startedAt = i * 2 - rng.float() * 10;
    const endedAt = i * 2 + rng.float() * 10;
    if (rng.float() < 0.5) {
      const isUnanswered = rng.float() < 0.05;
      if (!isUnanswered || rng.float() < 0.5) value = `v${i}`;
      ops.push(w(`v${i}`, startedAt, isUnanswered ? Number.POSITIVE_INFINITY : endedAt));
    } else ops.push(r(value, startedAt, endedAt));
  }
  return ops;
}

test('histories of a real register pass, and with one stale read they do not', () => {
  for (let seed = 0; seed < 20; seed++) {
    const history = honestHistory(seed);
    expect(checkRegister(history)).toBe('linearizable');
    const first = history.find((op) => op.kind === 'write' && op.endedAt !== Number.POSITIVE_INFINITY)!;
    expect(checkRegister([...history, r(first.value, 1000, 1001)])).toBe('not-linearizable');
  }
});
