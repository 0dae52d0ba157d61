import type { Clock, Millis, Timer } from '@proconsul/base';

/** A clock that a test moves by hand. */
export class ManualClock implements Clock {
  #now: Millis = 0;
  #pending: { at: Millis; fn: () => void }[] = [];

  now = (): Millis => this.#now;
  wallMs = (): Millis => Date.UTC(2026, 10, 21, 2) + this.#now;

  after(delayMs: Millis, fn: () => void): Timer {
    const item = { at: this.#now + delayMs, fn };
    this.#pending.push(item);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((p) => p !== item);
      },
    };
  }

  get waiting(): number {
    return this.#pending.length;
  }

  /** Moves on, calling what becomes due in order. */
  advance(ms: Millis): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#pending.filter((p) => p.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#pending = this.#pending.filter((p) => p !== next);
      this.#now = next.at;
      next.fn();
    }
    this.#now = until;
  }

  /** The same, letting promises settle before and after each call. */
  async settleAndAdvance(ms: Millis): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#pending.filter((p) => p.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.advance(next.at - this.#now);
    }
    this.#now = until;
  }
}

/** Lets chains of a few promises run to their end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}
