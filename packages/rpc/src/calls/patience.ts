import { type Clock, type Millis, type Rng, sleep } from '@proconsul/base';

/** The first pause is this part of the hold time, and so is the longest one; each is twice the one before. */
const FIRST_PAUSE_PART = 256;
const LONGEST_PAUSE_PART = 16;

/** How long one call goes on trying: pauses that grow, half of each left to chance. Source: RPC wire, section 5. */
export class Patience {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #holdTimeoutMs: Millis;
  #until: Millis | null = null;
  #nextMs: Millis;

  constructor(clock: Clock, rng: Rng, holdTimeoutMs: Millis) {
    this.#clock = clock;
    this.#rng = rng;
    this.#holdTimeoutMs = holdTimeoutMs;
    this.#nextMs = holdTimeoutMs / FIRST_PAUSE_PART;
  }

  /** Resolves after a pause, true if the call may be made again. It begins with the first failure. */
  async pause(signal?: AbortSignal): Promise<boolean> {
    const now = this.#clock.now();
    this.#until ??= now + this.#holdTimeoutMs;
    const leftMs = this.#until - now;
    if (leftMs <= 0) return false;
    const delayMs = Math.min(this.#nextMs * (1 - this.#rng.float() / 2), leftMs);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#holdTimeoutMs / LONGEST_PAUSE_PART);
    await sleep(this.#clock, delayMs, signal);
    return signal?.aborted !== true;
  }

  /** Begins anew after an attempt that went well for longer than a call may be held: a wait that broke off. */
  renewAfter(attemptMs: Millis): void {
    if (attemptMs <= this.#holdTimeoutMs) return;
    this.#until = null;
    this.#nextMs = this.#holdTimeoutMs / FIRST_PAUSE_PART;
  }
}
