import type { Clock, Log, Millis, Timer } from '@proconsul/base';
import { HANDOFF_MAX, HANDOFF_SLICE } from './limits.ts';

/** After a line about a dropped message the next ones are only counted for so long: one packet may hold thousands. */
export const DROPS_COUNTED_MS: Millis = 1000;

interface Waiting {
  readonly message: Uint8Array;
  readonly from: string;
}

/**
 * State messages between their arrival and their handling, so that pings are answered even under a flood of gossip.
 * Alive messages come first, and of each kind the newest. What does not fit is dropped: gossip comes again.
 */
export class Handoff {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #handle: (message: Uint8Array, from: string) => void;
  readonly #urgent: Waiting[] = [];
  readonly #rest: Waiting[] = [];
  #timer: Timer | undefined;
  #quietUntil: Millis = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(clock: Clock, log: Log, handle: (message: Uint8Array, from: string) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#handle = handle;
  }

  get size(): number {
    return this.#urgent.length + this.#rest.length;
  }

  add(message: Uint8Array, from: string, isUrgent: boolean): void {
    const queue = isUrgent ? this.#urgent : this.#rest;
    if (queue.length >= HANDOFF_MAX) return this.#dropped(message, from);
    queue.push({ message, from });
    this.#timer ??= this.#clock.after(0, () => this.#drain());
  }

  #dropped(message: Uint8Array, from: string): void {
    const now = this.#clock.now();
    if (now < this.#quietUntil) {
      this.#untold++;
      return;
    }
    const others = this.#untold === 0 ? '' : ` others=${this.#untold}`;
    this.#log.warn(`memberlist: handler queue full, dropping message (${message[0]}) from=${from}${others}`);
    this.#quietUntil = now + DROPS_COUNTED_MS;
    this.#untold = 0;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#urgent.length = 0;
    this.#rest.length = 0;
  }

  #drain(): void {
    this.#timer = undefined;
    for (let i = 0; i < HANDOFF_SLICE; i++) {
      const next = this.#urgent.pop() ?? this.#rest.pop();
      if (next === undefined) return;
      this.#handle(next.message, next.from);
    }
    if (this.size > 0) this.#timer ??= this.#clock.after(0, () => this.#drain());
  }
}
