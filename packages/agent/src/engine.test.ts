import { expect, test } from 'vitest';
import { BUSY_COLLECTIONS, BUSY_WITHIN_MS, busyDetector } from './engine.ts';

const every = (ms: number, count: number) => Array.from({ length: count }, (_, i) => 1000 + i * ms);

test('collections in a row tell work, told one by one or together', () => {
  const gap = BUSY_WITHIN_MS / BUSY_COLLECTIONS;
  expect(busyDetector()(every(gap, BUSY_COLLECTIONS))).toBe(true);
  const busy = busyDetector();
  const told = every(gap, BUSY_COLLECTIONS).map((moment) => busy([moment]));
  expect(told.indexOf(true)).toBe(BUSY_COLLECTIONS - 1);
});

test('those of an idle agent are too far apart, however many there are', () => {
  expect(busyDetector()(every(BUSY_WITHIN_MS / 5, 500))).toBe(false);
});

test('those of a start are too few', () => {
  const busy = busyDetector();
  expect(busy(every(20, BUSY_COLLECTIONS - 1))).toBe(false);
  expect(busy([1_000_000])).toBe(false);
});
