import type { Clock, Millis, Timer } from '@proconsul/base';

/** How long the trace of a deleted key is kept, and how exactly. Source: KV documentation; measured on servers. */
export const TOMBSTONE_TTL_MS: Millis = 15 * 60_000;
export const TOMBSTONE_GRANULARITY_MS: Millis = 30_000;

/**
 * The leader's plan for reaping tombstones: deletions of one half minute share one timer, so the number of timers is
 * bounded by TTL over granularity.
 */
export class TombstoneClock {
  readonly #clock: Clock;
  readonly #reap: (upTo: number) => void;
  /** Slot (a moment in units of the granularity) to the highest index in it. */
  readonly #slots = new Map<number, { index: number; timer: Timer }>();

  constructor(clock: Clock, reap: (upTo: number) => void) {
    this.#clock = clock;
    this.#reap = reap;
  }

  get slots(): number {
    return this.#slots.size;
  }

  /** Something was deleted at this index. */
  deletedAt(index: number): void {
    const due = this.#clock.now() + TOMBSTONE_TTL_MS;
    const slot = Math.ceil(due / TOMBSTONE_GRANULARITY_MS);
    const known = this.#slots.get(slot);
    if (known !== undefined) {
      known.index = Math.max(known.index, index);
      return;
    }
    const timer = this.#clock.after(slot * TOMBSTONE_GRANULARITY_MS - this.#clock.now(), () => {
      const entry = this.#slots.get(slot);
      this.#slots.delete(slot);
      if (entry !== undefined) this.#reap(entry.index);
    });
    this.#slots.set(slot, { index, timer });
  }

  clear(): void {
    for (const { timer } of this.#slots.values()) timer.cancel();
    this.#slots.clear();
  }
}
