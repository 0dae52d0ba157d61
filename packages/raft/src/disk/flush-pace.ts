import type { Millis } from '@proconsul/base';

/** A flush that took longer than this should not have been waited for. */
export const QUICK_FLUSH_MS: Millis = 5;
/** After such a one, flushes are left to the background for so many batches; four times as many after the next, up to the most. */
export const BACKGROUND_BATCHES = 64;
export const BACKGROUND_BATCHES_MAX = 16_384;
/** Batches that are worth waiting for: a larger one takes longer, and comes when there is other work to do meanwhile. */
export const WAITED_RECORDS_MAX = 8;
export const WAITED_BYTES_MAX = 64 * 1024;

/**
 * Decides whether the whole process waits for a flush of the disk. On a quick disk (0.1 ms) that is much cheaper than to have a
 * thread do it and to be woken by it: for one client that writes, most of its time. On a slow one, or one that stalls, nothing
 * else may suffer for it, so it is only tried now and then, and ever more seldom.
 */
export class FlushPace {
  /** Batches still to be left to the background. */
  #left = 0;
  #penalty = BACKGROUND_BATCHES;

  /** Asked once for each batch. */
  mayWait(records: number, bytes: number): boolean {
    if (this.#left > 0) {
      this.#left--;
      return false;
    }
    return records <= WAITED_RECORDS_MAX && bytes <= WAITED_BYTES_MAX;
  }

  /** A flush that was waited for took so long. */
  waited(tookMs: Millis): void {
    if (tookMs <= QUICK_FLUSH_MS) {
      // As many quick ones as the last penalty had batches, and it is forgiven.
      this.#penalty = Math.max(BACKGROUND_BATCHES, this.#penalty - 1);
      return;
    }
    this.#left = this.#penalty;
    this.#penalty = Math.min(this.#penalty * 4, BACKGROUND_BATCHES_MAX);
  }
}
