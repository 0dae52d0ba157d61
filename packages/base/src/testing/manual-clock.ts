import type { Clock, Millis, Timer } from '../clock.ts';
import { settle } from './settle.ts';

interface Pending {
  readonly at: Millis;
  readonly fn: () => void;
}

export interface ManualClockOptions {
  /** What the clock shows at first. */
  readonly nowMs?: Millis;
  /** Wall-clock time at that moment; 2026-11-21T02:00:00Z unless given. */
  readonly wallMs?: number;
}

/** A clock that stands still until a test moves it. Timers that are due together go off in the order in which they were set. */
export class ManualClock implements Clock {
  #now: Millis;
  readonly #wallOffsetMs: number;
  /** The next one last. */
  readonly #pending: Pending[] = [];

  constructor({ nowMs = 0, wallMs = Date.UTC(2026, 10, 21, 2) }: ManualClockOptions = {}) {
    this.#now = nowMs;
    this.#wallOffsetMs = wallMs - nowMs;
  }

  now = (): Millis => this.#now;
  wallMs = (): number => this.#wallOffsetMs + this.#now;

  after(delayMs: Millis, fn: () => void): Timer {
    const item: Pending = { at: this.#now + Math.max(0, delayMs), fn };
    this.#pending.splice(this.#placeOf(item.at), 0, item);
    return {
      cancel: () => {
        const index = this.#pending.indexOf(item);
        if (index >= 0) this.#pending.splice(index, 1);
      },
    };
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** How long until the next of them; undefined when there is none. */
  get nextInMs(): Millis | undefined {
    const next = this.#pending.at(-1);
    return next && next.at - this.#now;
  }

  /** Moves on, calling what becomes due in order. Promises settle before the first call and after each. */
  async advance(ms: Millis): Promise<void> {
    const until = this.#now + ms;
    do await settle();
    while (this.#callNext(until));
    this.#now = until;
  }

  /** The same, at once: no promise goes on meanwhile. */
  jump(ms: Millis): void {
    const until = this.#now + ms;
    while (this.#callNext(until));
    this.#now = until;
  }

  #callNext(until: Millis): boolean {
    const next = this.#pending.at(-1);
    if (next === undefined || next.at > until) return false;
    this.#pending.pop();
    this.#now = Math.max(this.#now, next.at);
    next.fn();
    return true;
  }

  /** Before those that are due earlier or, set earlier, at the same moment. */
  #placeOf(at: Millis): number {
    let low = 0;
    let high = this.#pending.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#pending[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
