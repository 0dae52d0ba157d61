import { type Clock, type Rng, sleep } from '@proconsul/base';

/** The second attempt follows at once, the third after this, and then after twice as long each time. Source: recorded log. */
const FIRST_PAUSE_MS = 1_000;
export const PAUSE_MAX_MS = 60_000;
/** Pauses are stretched by up to this part. */
const JITTER = 0.2;

/** Growing pauses between attempts. */
export class Backoff {
  readonly #clock: Clock;
  readonly #rng: Rng;
  #failures = 0;

  constructor(clock: Clock, rng: Rng) {
    this.#clock = clock;
    this.#rng = rng;
  }

  /** How long to wait after one more failure. */
  next(): number {
    this.#failures++;
    if (this.#failures === 1) return 0;
    const pause = Math.min(PAUSE_MAX_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 2));
    return pause * (1 + this.#rng.float() * JITTER);
  }

  async pause(signal: AbortSignal): Promise<void> {
    await sleep(this.#clock, this.next(), signal);
  }
}
