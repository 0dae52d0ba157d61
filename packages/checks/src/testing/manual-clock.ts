import type { Clock, Millis, Timer } from '@proconsul/base';

interface Pending {
  readonly at: Millis;
  readonly order: number;
  readonly fn: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now: Millis = 1_000;
  readonly #wallAtZeroMs: number;
  /** Sorted, the latest first, so that the next one is at the end. */
  readonly #pending: Pending[] = [];
  #orders = 0;

  constructor(wallAtZeroMs = 1_700_000_000_000) {
    this.#wallAtZeroMs = wallAtZeroMs;
  }

  now(): Millis {
    return this.#now;
  }

  wallMs(): Millis {
    return this.#wallAtZeroMs + this.#now;
  }

  after(delayMs: Millis, fn: () => void): Timer {
    const item: Pending = { at: this.#now + Math.max(0, delayMs), order: this.#orders++, fn };
    let low = 0;
    let high = this.#pending.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#pending[middle]!;
      if (other.at > item.at || (other.at === item.at && other.order > item.order)) low = middle + 1;
      else high = middle;
    }
    this.#pending.splice(low, 0, item);
    return {
      cancel: () => {
        const index = this.#pending.indexOf(item);
        if (index >= 0) this.#pending.splice(index, 1);
      },
    };
  }

  /** Moves on by `ms`, calling what becomes due in order; promises settle between two calls. */
  async advance(ms: Millis): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#pending.at(-1); next !== undefined && next.at <= until; next = this.#pending.at(-1)) {
      this.#pending.pop();
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await settle();
    }
    this.#now = until;
  }
}

/** Lets chains of a few promises run to their end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}
