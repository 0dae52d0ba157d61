import { expect, test } from 'vitest';
import { StateAge } from './state-age.ts';

const TERM_2 = () => 2;

test('before a leader is heard the age is unknown, and stays so until all it told is applied', () => {
  const age = new StateAge();
  expect(age.ageMs(100, 50, TERM_2)).toBe(Number.POSITIVE_INFINITY);
  age.heard(100, 2, 90);
  expect(age.ageMs(150, 89, TERM_2)).toBe(Number.POSITIVE_INFINITY);
  expect(age.ageMs(160, 90, TERM_2)).toBe(60);
});

test('a follower that lags is as old as the word that it has lived up to', () => {
  const age = new StateAge();
  age.heard(100, 2, 10);
  expect(age.ageMs(100, 10, TERM_2)).toBe(0);
  age.heard(200, 2, 20);
  age.heard(300, 2, 30);
  expect(age.ageMs(400, 15, TERM_2)).toBe(300);
  expect(age.ageMs(400, 20, TERM_2)).toBe(200);
  expect(age.ageMs(400, 30, TERM_2)).toBe(100);
});

test('what a leader says before it has committed in its term counts for nothing', () => {
  const age = new StateAge();
  age.heard(100, 3, 10);
  expect(age.ageMs(120, 10, TERM_2)).toBe(Number.POSITIVE_INFINITY);
  age.heard(200, 3, 11);
  expect(age.ageMs(220, 11, (index) => (index === 11 ? 3 : 2))).toBe(20);
});

test('a word of which nobody knows how long it was on its way counts for nothing', () => {
  const age = new StateAge();
  age.heard(Number.NEGATIVE_INFINITY, 2, 10);
  expect(age.ageMs(100, 10, TERM_2)).toBe(Number.POSITIVE_INFINITY);
  age.heard(90, 2, 10);
  expect(age.ageMs(100, 10, TERM_2)).toBe(10);
});
