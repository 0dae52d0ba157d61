import type { Clock, Millis, Timer } from '@proconsul/base';

/** Longest delay that one timer of Node takes; a longer wait is made of several. */
const TIMER_MS_MAX = 2 ** 31 - 1;

class SystemTimer implements Timer {
  readonly #dueAt: Millis;
  #fn: (() => void) | undefined;
  #handle: NodeJS.Timeout | undefined;

  constructor(delayMs: Millis, fn: () => void) {
    this.#dueAt = performance.now() + delayMs;
    this.#fn = fn;
    this.#arm(delayMs);
  }

  #arm(delayMs: Millis): void {
    this.#handle = setTimeout(SystemTimer.#fire, Math.min(Math.max(Math.ceil(delayMs), 0), TIMER_MS_MAX), this);
  }

  static #fire(timer: SystemTimer): void {
    // Node rounds to its loop's time and may be early by a part of a millisecond; a caller that compares must not see that.
    const left = timer.#dueAt - performance.now();
    if (left > 0) {
      timer.#arm(left);
      return;
    }
    const fn = timer.#fn;
    timer.#fn = undefined;
    fn?.();
  }

  cancel(): void {
    this.#fn = undefined;
    clearTimeout(this.#handle);
  }
}

/** The time of this machine. Timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, fn) => new SystemTimer(delayMs, fn),
  soon: (fn) => {
    setImmediate(fn);
  },
};
