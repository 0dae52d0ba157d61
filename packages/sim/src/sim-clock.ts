import type { Clock, Millis, Timer } from '@proconsul/base';
import type { EventQueue } from './event-queue.ts';

/** Clock of one simulated process: it starts somewhere and may run fast or slow. */
export interface ClockDrift {
  /** Reading at virtual time 0. */
  readonly offsetMs: Millis;
  /** Milliseconds that pass on this clock in one millisecond of virtual time. */
  readonly rate: number;
}

/** Wall-clock time at virtual time 0: 2026-01-01T00:00:00Z. */
export const SIM_EPOCH_MS = 1_767_225_600_000;

/** A {@link Clock} on virtual time. Its wall clock may be set to anything, and stop; the monotonic one never notices. */
export class SimClock implements Clock {
  readonly #events: EventQueue;
  readonly #drift: ClockDrift;
  #wallOffsetMs: Millis = SIM_EPOCH_MS;
  #wallStoppedAt: Millis | undefined;

  constructor(events: EventQueue, drift: ClockDrift = { offsetMs: 0, rate: 1 }) {
    this.#events = events;
    this.#drift = drift;
  }

  now(): Millis {
    return this.#drift.offsetMs + this.#events.now * this.#drift.rate;
  }

  wallMs(): Millis {
    return this.#wallStoppedAt ?? this.#wallOffsetMs + this.now();
  }

  /** Somebody sets the wall clock: it goes on from there. */
  setWall(byMs: Millis): void {
    this.#wallOffsetMs = this.wallMs() + byMs - this.now();
    this.#wallStoppedAt = undefined;
  }

  /** The wall clock shows the same time until it is set again. */
  stopWall(): void {
    this.#wallStoppedAt = this.wallMs();
  }

  after(delayMs: Millis, fn: () => void): Timer {
    const event = this.#events.after(delayMs / this.#drift.rate, fn);
    return { cancel: () => this.#events.cancel(event) };
  }
}
