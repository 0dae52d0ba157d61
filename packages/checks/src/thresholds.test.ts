import { expect, test } from 'vitest';
import { checkType } from './definition.ts';
import type { CheckStatus } from './status.ts';
import recorded from './testdata/thresholds.json' with { type: 'json' };
import { Thresholds, thresholdsOf } from './thresholds.ts';

test.for(recorded.facts.map((f) => ({ ...f, what: JSON.stringify(f.options) })))(
  'thresholds $what report what the reference agent reported',
  ({ options, steps }) => {
    const thresholds = new Thresholds(thresholdsOf(checkType(options)));
    const reported = steps.map(([result]) => {
      const outcome = thresholds.step(result as CheckStatus);
      return outcome.kind === 'report' ? outcome.status : null;
    });
    expect(reported).toEqual(steps.map(([, status]) => status));
  },
);

test('a held result says how many there were in a row', () => {
  const thresholds = new Thresholds({ successBeforePassing: 3, failuresBeforeWarning: 2, failuresBeforeCritical: 4 });
  expect(thresholds.step('passing')).toEqual({ kind: 'report', status: 'passing' });
  expect(thresholds.step('critical')).toEqual({ kind: 'held-failure', count: 1 });
  expect(thresholds.step('passing')).toEqual({ kind: 'held-success', count: 1 });
  expect(thresholds.step('warning')).toEqual({ kind: 'held-success', count: 2 });
  expect(thresholds.step('passing')).toEqual({ kind: 'report', status: 'passing' });
});
