import type { Millis } from '@proconsul/base';

/*
 * Timing as functions of the size of the pool. Source: gossip wire, section 3; Lifeguard (Dadgar, Phillips, Currey
 * 2018), section IV. Vectors: testdata/gossip-formulas.json.
 */

/** Below this size a full exchange happens at its base interval. */
const PUSH_PULL_SCALE_FROM = 32;

/** How long a member of a pool of `n` stays suspect at least. */
export function suspicionMinMs(multiplier: number, n: number, probeIntervalMs: Millis): Millis {
  const scale = Math.max(1, Math.log10(Math.max(1, n)));
  return (multiplier * Math.trunc(scale * 1000) * probeIntervalMs) / 1000;
}

/** How long a suspicion lasts after `confirmations` of the `wanted` ones, counted from its start. */
export function suspicionMs(confirmations: number, wanted: number, minMs: Millis, maxMs: Millis): Millis {
  if (wanted === 0) return minMs;
  const share = Math.log(confirmations + 1) / Math.log(wanted + 1);
  return Math.max(minMs, Math.floor(maxMs - share * (maxMs - minMs)));
}

/** Accusers wanted besides the first. Too few members: none, and the suspicion lasts the least time. */
export function confirmationsWanted(multiplier: number, n: number): number {
  const wanted = multiplier - 2;
  return n - 2 < wanted ? 0 : Math.max(0, wanted);
}

/** How often a message is sent by each member that has it. */
export function transmitLimit(multiplier: number, n: number): number {
  return multiplier * Math.ceil(Math.log10(n + 1));
}

/** Interval between full exchanges: large pools make them more rarely. */
export function pushPullMs(intervalMs: Millis, n: number): Millis {
  if (n <= PUSH_PULL_SCALE_FROM) return intervalMs;
  return intervalMs * (Math.ceil(Math.log2(n) - Math.log2(PUSH_PULL_SCALE_FROM)) + 1);
}
