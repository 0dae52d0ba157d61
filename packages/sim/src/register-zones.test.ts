import { seededRng } from '@proconsul/base';
import { expect, test } from 'vitest';
import { checkRegister, type Operation } from './linearizability.ts';
import { findAnomaly } from './register-zones.ts';

/** Few operations with random times and mostly sensible values: about half of them cannot be explained. */
function randomHistory(seed: number): Operation[] {
  const rng = seededRng(`zones ${seed}`);
  const ops: Operation[] = [];
  const values: (string | undefined)[] = [undefined];
  for (let i = 0; i < 2 + rng.int(7); i++) {
    const startedAt = rng.float() * 10;
    const endedAt = startedAt + rng.float() * 6;
    if (rng.float() < 0.5) {
      values.push(`v${i}`);
      ops.push({
        kind: 'write',
        value: `v${i}`,
        startedAt,
        endedAt: rng.float() < 0.2 ? Number.POSITIVE_INFINITY : endedAt,
      });
    } else ops.push({ kind: 'read', value: values[rng.int(values.length)], startedAt, endedAt });
  }
  return ops;
}

test('zones and search agree on every history', () => {
  const verdicts = { yes: 0, no: 0 };
  for (let seed = 0; seed < 3000; seed++) {
    const history = randomHistory(seed);
    const found = checkRegister(history);
    expect(findAnomaly(history) === undefined ? 'linearizable' : 'not-linearizable', `history ${seed}`).toBe(found);
    verdicts[found === 'linearizable' ? 'yes' : 'no']++;
  }
  expect(verdicts.yes).toBeGreaterThan(300);
  expect(verdicts.no).toBeGreaterThan(300);
});

test('an anomaly names the values that contradict each other', () => {
  const history: Operation[] = [
    { kind: 'write', value: 'a', startedAt: 0, endedAt: 1 },
    { kind: 'write', value: 'b', startedAt: 2, endedAt: 3 },
    { kind: 'read', value: 'a', startedAt: 4, endedAt: 5 },
  ];
  expect(findAnomaly(history)).toEqual({ why: 'a value had no moment to be there', values: ['b', 'a'] });
});
