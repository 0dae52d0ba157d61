import type { Clock, Millis, Timer } from '@proconsul/base';
import { suspicionMs } from './formulas.ts';
import { patientTimer } from './patient-timer.ts';

export interface SuspicionOptions {
  /** Who accused first. */
  readonly from: string;
  /** Confirmations by others that bring the wait down to `minMs`; 0: it is `minMs` from the start. */
  readonly wanted: number;
  readonly minMs: Millis;
  readonly maxMs: Millis;
}

/** One member under suspicion, until it is declared dead. Source: Lifeguard (2018), section IV.B, LHA-Suspicion. */
export class Suspicion {
  readonly #clock: Clock;
  readonly #options: SuspicionOptions;
  readonly #startedAt: Millis;
  readonly #onExpired: (confirmations: number) => void;
  /** The first accuser included, so that echoes of gossip do not count. */
  readonly #accusers: Set<string>;
  #timer: Timer;

  /** `onExpired` is called once, unless cancelled. */
  constructor(clock: Clock, options: SuspicionOptions, onExpired: (confirmations: number) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#startedAt = clock.now();
    this.#onExpired = onExpired;
    this.#accusers = new Set([options.from]);
    this.#timer = this.#arm();
  }

  get confirmations(): number {
    return this.#accusers.size - 1;
  }

  /** True when the accusation is news that should be passed on. */
  confirm(from: string): boolean {
    if (this.confirmations >= this.#options.wanted || this.#accusers.has(from)) return false;
    this.#accusers.add(from);
    this.#timer.cancel();
    this.#timer = this.#arm();
    return true;
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #arm(): Timer {
    const { wanted, minMs, maxMs } = this.#options;
    const lasts = suspicionMs(this.confirmations, wanted, minMs, maxMs);
    const left = Math.max(0, this.#startedAt + lasts - this.#clock.now());
    return patientTimer(this.#clock, left, minMs, () => this.#onExpired(this.confirmations));
  }
}
