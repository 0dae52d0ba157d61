import { type Clock, sleep } from '@proconsul/base';
import { ApiError } from './errors.ts';
import type { Uint64 } from './json.ts';

/** Pause before a read that failed is repeated. */
export const MONITOR_RETRY_MS = 2_000;

export interface StillHeldOptions {
  readonly clock: Clock;
  /** How often a read is repeated that failed with a server error. */
  readonly retries: number;
  readonly signal: AbortSignal;
}

/**
 * Resolves when `look` finds that a lock is no longer held, or cannot tell, or `signal` aborts. `look` reads with the given index,
 * waiting for a change behind it, and resolves with the index of what it found.
 */
export async function untilLost(
  look: (index: Uint64) => Promise<{ readonly isHeld: boolean; readonly index: Uint64 }>,
  { clock, retries, signal }: StillHeldOptions,
): Promise<void> {
  let index: Uint64 = 0;
  let left = retries;
  while (!signal.aborted) {
    try {
      const found = await look(index);
      if (!found.isHeld) return;
      index = found.index;
      left = retries;
    } catch (error) {
      if (signal.aborted) return;
      // Only the server's own trouble is worth another try; a lock whose agent is gone cannot be trusted.
      if (!(error instanceof ApiError && error.status >= 500) || left-- <= 0) return;
      await sleep(clock, MONITOR_RETRY_MS, signal);
      index = 0;
    }
  }
}
