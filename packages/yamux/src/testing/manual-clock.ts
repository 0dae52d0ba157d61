import type { Clock, Millis, Timer } from '@proconsul/base';

interface Pending {
  readonly at: Millis;
  readonly fn: () => void;
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #pending = new Set<Pending>();

  now(): Millis {
    return this.#now;
  }

  wallMs(): Millis {
    return 1_700_000_000_000 + this.#now;
  }

  after(delayMs: Millis, fn: () => void): Timer {
    const pending: Pending = { at: this.#now + delayMs, fn };
    this.#pending.add(pending);
    return { cancel: () => this.#pending.delete(pending) };
  }

  get timerCount(): number {
    return this.#pending.size;
  }

  /** Fires what is due within `ms`, in order, and lets promises settle after each. */
  async advance(ms: Millis): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      let next: Pending | undefined;
      for (const p of this.#pending) if (p.at <= until && (next === undefined || p.at < next.at)) next = p;
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await settle();
    }
    this.#now = until;
  }
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
