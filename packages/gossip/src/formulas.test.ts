import { expect, test } from 'vitest';
import { confirmationsWanted, pushPullMs, suspicionMinMs, suspicionMs, transmitLimit } from './formulas.ts';
import { LAN, WAN } from './options.ts';
import { vectors } from './testing/vectors.ts';

interface Vectors {
  readonly by_cluster_size: readonly Readonly<Record<string, number>>[];
  readonly suspicion_after_confirmations: readonly Readonly<Record<string, number>>[];
}
const { by_cluster_size, suspicion_after_confirmations } = vectors<Vectors>('gossip-formulas');

test.for(by_cluster_size)('timing of a pool of $n', (v) => {
  const n = v['n']!;
  for (const [profile, name] of [
    [LAN, 'lan'],
    [WAN, 'wan'],
  ] as const) {
    const min = suspicionMinMs(profile.suspicionMult, n, profile.probeIntervalMs);
    expect(min).toBe(v[`suspicion_min_${name}_ms`]);
    expect(min * profile.suspicionMaxTimeoutMult).toBe(v[`suspicion_max_${name}_ms`]);
    expect(pushPullMs(profile.pushPullIntervalMs, n) / 1000).toBe(v[`push_pull_${name}_s`]);
  }
  expect(transmitLimit(4, n)).toBe(v['retransmit_limit_mult4']);
});

test.for(suspicion_after_confirmations)('suspicion after $confirmations of $k confirmations', (v) => {
  const ms = suspicionMs(v['confirmations']!, v['k']!, v['min_s']! * 1000, v['max_s']! * 1000);
  expect(ms / 1000).toBe(v['timeout_s']);
});

test('a pool too small to confirm does not wait for confirmations', () => {
  expect([1, 2, 3, 4, 5, 100].map((n) => confirmationsWanted(4, n))).toEqual([0, 0, 0, 2, 2, 2]);
  expect(confirmationsWanted(1, 100)).toBe(0);
});
