import type { Millis } from '@proconsul/base';

/** A flush that was quicker did not keep anybody waiting. */
export const QUICK_FLUSH_MS: Millis = 2;
/** After a slower one, flushes are left to the background for so many times as long as it took: a fifth of the time is lost at most. */
export const REST = 4;
/** A flush that took longer than this may not be waited for. */
export const STALL_MS: Millis = 50;
/** After such a one, flushes are left to the background for so long. */
export const STALL_REST_MS: Millis = 30_000;
/** Batches that are worth waiting for: a larger one takes longer, and comes when there is other work to do meanwhile. */
export const WAITED_RECORDS_MAX = 8;
export const WAITED_BYTES_MAX = 64 * 1024;

/**
 * Decides whether the whole process waits for a flush of the disk. On a quick disk (0.1 ms) that is much cheaper than to have a
 * thread do it and to be woken by it: for one client that writes, a quarter of its time. On a slow one others may suffer little
 * for it, and on one that stalls not at all.
 */
export class FlushPace {
  #restUntil: Millis = Number.NEGATIVE_INFINITY;

  /** Asked once for each batch. */
  mayWait(records: number, bytes: number, now: Millis): boolean {
    return now >= this.#restUntil && records <= WAITED_RECORDS_MAX && bytes <= WAITED_BYTES_MAX;
  }

  /** A flush that was waited for took so long, until `now`. */
  waited(tookMs: Millis, now: Millis): void {
    if (tookMs > STALL_MS) this.#restUntil = now + STALL_REST_MS;
    else if (tookMs > QUICK_FLUSH_MS) this.#restUntil = now + tookMs * REST;
  }
}
