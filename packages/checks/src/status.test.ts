import { expect, test } from 'vitest';
import { isCheckStatus, statusOfExitCode, statusOfHttp } from './status.ts';

test('exit codes 0 and 1 are passing and warning, everything else is critical', () => {
  expect([0, 1, 2, 255, null].map(statusOfExitCode)).toEqual([
    'passing',
    'warning',
    'critical',
    'critical',
    'critical',
  ]);
});

test('HTTP 2xx is passing, 429 warning, everything else critical', () => {
  expect([199, 200, 299, 300, 404, 429, 500].map(statusOfHttp)).toEqual([
    'critical',
    'passing',
    'passing',
    'critical',
    'critical',
    'warning',
    'critical',
  ]);
});

test('only three words are statuses', () => {
  expect(['passing', 'warning', 'critical', '', 'weird', 'Passing'].map(isCheckStatus)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
