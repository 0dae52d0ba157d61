import type { Clock, Millis } from '@proconsul/base';

/** So many calls a second on average, so many at once at most. A rate of Infinity lets everything through. */
export class TokenBucket {
  readonly #clock: Clock;
  #rate: number;
  #burst: number;
  #tokens: number;
  #at: Millis;

  constructor(ratePerSecond: number, burst: number, clock: Clock) {
    this.#clock = clock;
    this.#rate = ratePerSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = clock.now();
  }

  configure(ratePerSecond: number, burst: number): void {
    this.#rate = ratePerSecond;
    this.#burst = burst;
    this.#tokens = Math.min(this.#tokens, burst);
  }

  /** True, and a token is taken, while there is one. */
  take(): boolean {
    if (this.#rate === Number.POSITIVE_INFINITY) return true;
    const now = this.#clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#rate);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
