import { expect, test } from 'vitest';
import { busyDetector, WORK_BEGINS, WORK_GOES_ON } from './engine.ts';

const { collections, withinMs } = WORK_GOES_ON;
const every = (ms: number, count: number) => Array.from({ length: count }, (_, i) => 1000 + i * ms);

test('collections in a row tell work, told one by one or together', () => {
  const gap = withinMs / collections;
  expect(busyDetector(WORK_GOES_ON)(every(gap, collections))).toBe(true);
  const busy = busyDetector(WORK_GOES_ON);
  const told = every(gap, collections).map((moment) => busy([moment]));
  expect(told.indexOf(true)).toBe(collections - 1);
});

test('those of an idle agent are too far apart, however many there are', () => {
  expect(busyDetector(WORK_GOES_ON)(every(withinMs / 5, 500))).toBe(false);
});

test('those of a start are too few', () => {
  const busy = busyDetector(WORK_GOES_ON);
  expect(busy(every(20, collections - 1))).toBe(false);
  expect(busy([1_000_000])).toBe(false);
});

test('the first sign of work is a few in a moment', () => {
  const { collections: few, withinMs: moment } = WORK_BEGINS;
  expect(busyDetector(WORK_BEGINS)(every(moment / few, few))).toBe(true);
  expect(busyDetector(WORK_BEGINS)(every(moment, 500))).toBe(false);
});
