const TICK_MS = 50;

/** Watches for how long this very program stands still: whoever is stopped from outside judges others by a clock that went on. */
export class OwnPause {
  #lastAt = performance.now();
  #longestMs = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#longestMs = Math.max(this.#longestMs, now - this.#lastAt - TICK_MS);
      this.#lastAt = now;
    }, TICK_MS);
  }

  /** Ends the watch; returns the longest pause in milliseconds. */
  end(): number {
    clearInterval(this.#timer);
    return Math.max(this.#longestMs, performance.now() - this.#lastAt - TICK_MS);
  }
}
