import type { Clock, Timer } from '@proconsul/base';

/** A clock that stands still until it is advanced. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; fn: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#now;
  }

  after(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.#now + delayMs, fn };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer);
      },
    };
  }

  /** Delays until the next timer; undefined when there is none. */
  get pending(): number | undefined {
    const next = Math.min(...this.#timers.map((t) => t.at));
    return Number.isFinite(next) ? next - this.#now : undefined;
  }

  /** Moves time on, running what comes due, and lets promises settle between. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const due = this.#timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((t) => t !== due);
      this.#now = due.at;
      due.fn();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets every promise that is ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
