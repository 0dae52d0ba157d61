import type { Clock, Millis, Timer } from '@proconsul/base';
import { onceRead } from '../late.ts';

/** Wakes the core when it wants to be woken, never before. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #timer: Timer | undefined;
  /** When `#timer` goes off, and when the core wants to be woken: never before that. */
  #dueAt: Millis = 0;
  #wakeAt: Millis | undefined;
  #isStopped = false;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** In place of any earlier wish; undefined: not at all. */
  set(at: Millis | undefined): void {
    this.#wakeAt = at;
    // Nearly every message puts the wish off. The timer that runs is left alone and, when it goes off, set for the rest.
    if (this.#timer && at !== undefined && at >= this.#dueAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at !== undefined && !this.#isStopped) this.#arm(at);
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #arm(at: Millis): void {
    const clock = this.#clock;
    this.#dueAt = at;
    this.#timer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timer = undefined;
      const wakeAt = this.#wakeAt;
      if (wakeAt === undefined) return;
      if (wakeAt > clock.now()) return this.#arm(wakeAt);
      onceRead(clock, wakeAt, () => this.#goOff());
    });
  }

  /** What was read meanwhile may have put the wish off, or withdrawn it. */
  #goOff(): void {
    if (this.#isStopped || this.#timer || this.#wakeAt === undefined) return;
    this.#wakeAt = undefined;
    this.#wake();
  }
}
