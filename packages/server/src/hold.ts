import type { Clock, Millis, Rng } from '@proconsul/base';

/** Calls that may wait for a leader at one time; more fail at once. */
export const HELD_CALLS_MAX = 65_536;

/** The first pause is this part of the hold time, the longest one that. Each is twice as long as the one before. */
const FIRST_PAUSE_PART = 256;
const LONGEST_PAUSE_PART = 16;

/** Calls that wait for a leader: by growing, jittered pauses, cut short when one appears. */
export class HoldRoom {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #holdTimeoutMs: Millis;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, rng: Rng, holdTimeoutMs: Millis) {
    this.#clock = clock;
    this.#rng = rng;
    this.#holdTimeoutMs = holdTimeoutMs;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** A leader is known, or another one: everybody tries again. */
  wake(): void {
    for (const again of [...this.#waiting]) again();
  }

  /** The patience of one call, which begins with its first pause. */
  hold(): Hold {
    return new Hold(this.#holdTimeoutMs, this.#clock, (delayMs, again) => this.#pause(delayMs, again), this.#rng);
  }

  /** Undefined when the room is full. */
  #pause(delayMs: Millis, again: () => void): (() => void) | undefined {
    if (this.#waiting.size >= HELD_CALLS_MAX) return undefined;
    const leave = (): boolean => {
      timer.cancel();
      return this.#waiting.delete(goOn);
    };
    const goOn = () => {
      if (leave()) again();
    };
    const timer = this.#clock.after(delayMs, goOn);
    this.#waiting.add(goOn);
    return leave;
  }
}

/** How long one call goes on trying. */
export class Hold {
  readonly #timeoutMs: Millis;
  readonly #clock: Clock;
  readonly #pause: (delayMs: Millis, again: () => void) => (() => void) | undefined;
  readonly #rng: Rng;
  #until: Millis | undefined;
  #nextMs: Millis;

  constructor(
    timeoutMs: Millis,
    clock: Clock,
    pause: (delayMs: Millis, again: () => void) => (() => void) | undefined,
    rng: Rng,
  ) {
    this.#rng = rng;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#pause = pause;
    this.#nextMs = timeoutMs / FIRST_PAUSE_PART;
  }

  /** Calls `again` later and answers how to give that up; undefined when there is no time left. */
  pause(again: () => void): (() => void) | undefined {
    const now = this.#clock.now();
    this.#until ??= now + this.#timeoutMs;
    const leftMs = this.#until - now;
    if (leftMs <= 0) return undefined;
    // Half of the pause is chance: calls that failed together do not come back together. The last one is all that is left.
    const delayMs = this.#nextMs * (1 - this.#rng.float() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#timeoutMs / LONGEST_PAUSE_PART);
    return this.#pause(Math.min(delayMs, leftMs), again);
  }

  /** Begins anew when the attempt that just failed went well for longer than a call may be held. */
  renewAfter(attemptMs: Millis): void {
    if (attemptMs <= this.#timeoutMs) return;
    this.#until = undefined;
    this.#nextMs = this.#timeoutMs / FIRST_PAUSE_PART;
  }

  /** The same for code that awaits. False when there is no time left. */
  async passed(): Promise<boolean> {
    return await new Promise<boolean>((resolve) => {
      if (this.pause(() => resolve(true)) === undefined) resolve(false);
    });
  }
}
