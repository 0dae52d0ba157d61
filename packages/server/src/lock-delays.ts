import type { Clock, Millis } from '@proconsul/base';

/** Longest time that a key stays closed. Source: sessions documentation. */
export const LOCK_DELAY_MS_MAX: Millis = 60_000;

/** Keys remembered; beyond it the delays that end first give way. */
export const LOCK_DELAYS_MAX = 100_000;

/**
 * Keys that nobody may lock for a while, because the session that held them was invalidated and its owner may not know
 * yet. Kept only by the leader, in memory.
 */
export class LockDelays {
  readonly #clock: Clock;
  /** Key to the moment when it opens, in the order in which they were closed. */
  readonly #opensAt = new Map<string, Millis>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  close(key: string, delayMs: Millis): void {
    const opensAt = this.#clock.now() + Math.min(delayMs, LOCK_DELAY_MS_MAX);
    if (delayMs <= 0) return;
    this.#opensAt.delete(key);
    this.#opensAt.set(key, opensAt);
    if (this.#opensAt.size > LOCK_DELAYS_MAX) this.#sweep();
  }

  isClosed(key: string): boolean {
    const opensAt = this.#opensAt.get(key);
    if (opensAt === undefined) return false;
    if (this.#clock.now() < opensAt) return true;
    this.#opensAt.delete(key);
    return false;
  }

  clear(): void {
    this.#opensAt.clear();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const [key, opensAt] of this.#opensAt) if (opensAt <= now) this.#opensAt.delete(key);
    for (const key of this.#opensAt.keys()) {
      if (this.#opensAt.size <= LOCK_DELAYS_MAX) return;
      this.#opensAt.delete(key);
    }
  }
}
