import type { Clock, Millis } from '@proconsul/base';

/** Time that passes whenever somebody waits for it. */
export class HurriedClock implements Clock {
  #now: Millis = 0;
  /** The pauses that were taken. */
  readonly pauses: Millis[] = [];

  now(): Millis {
    return this.#now;
  }

  wallMs(): Millis {
    return this.#now;
  }

  after(delayMs: Millis, fn: () => void) {
    let isCancelled = false;
    this.pauses.push(delayMs);
    queueMicrotask(() => {
      if (isCancelled) return;
      this.#now += delayMs;
      fn();
    });
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }
}
