import type { Clock, Millis, Timer } from '@proconsul/base';
import type { EventQueue } from '../event-queue.ts';
import { SIM_EPOCH_MS } from '../sim-clock.ts';

/** The clocks of one machine. */
export interface MachineClock {
  /** Monotonic time at virtual time 0. */
  readonly offsetMs: Millis;
  /** Milliseconds that pass on it in one millisecond of virtual time. */
  readonly rate: number;
  /** What the wall clock is ahead of the true time; may change at any moment. */
  wallAheadMs: Millis;
}

/** Packets that wait in the sockets of a process that stands still; further ones are lost. */
const SOCKET_PACKETS_MAX = 1500;

/**
 * One life of an agent's process. While it stands still (SIGSTOP) nothing in it happens; when it goes on, first the timers
 * fire that are due, then what waits in its sockets and what its disk has done comes in, each in a turn of its own, as an event
 * loop does. After its death nothing happens any more.
 */
export class AgentProcess implements Clock {
  readonly #events: EventQueue;
  readonly #machine: MachineClock;
  #isUp = true;
  #stalls = 0;
  #timers: (() => void)[] = [];
  #input: (() => void)[] = [];
  #packets = 0;
  #isCatchingUp = false;

  constructor(events: EventQueue, machine: MachineClock) {
    this.#events = events;
    this.#machine = machine;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get isStalled(): boolean {
    return this.#stalls > 0;
  }

  now(): Millis {
    return this.#machine.offsetMs + this.#events.now * this.#machine.rate;
  }

  wallMs(): Millis {
    return SIM_EPOCH_MS + this.#events.now + this.#machine.wallAheadMs;
  }

  after(delayMs: Millis, fn: () => void): Timer {
    let isOpen = true;
    const fire = (): void => {
      if (!isOpen) return;
      isOpen = false;
      fn();
    };
    const event = this.#events.after(delayMs / this.#machine.rate, () => {
      if (!this.#isUp || !isOpen) return;
      if (this.#isBusy) this.#timers.push(fire);
      else fire();
    });
    return {
      cancel: () => {
        isOpen = false;
        this.#events.cancel(event);
      },
    };
  }

  /** Something comes in from outside: from the network, or from the disk. */
  receive(fn: () => void, isPacket = false): void {
    if (!this.#isUp) return;
    if (!this.#isBusy) return fn();
    if (isPacket && this.#packets++ >= SOCKET_PACKETS_MAX) return;
    this.#input.push(fn);
  }

  /** Stands still from now on for `forMs`. */
  stall(forMs: Millis): void {
    this.#stalls++;
    this.#events.after(forMs, () => {
      this.#stalls--;
      if (this.#stalls === 0 && this.#isUp) this.#catchUp();
    });
  }

  kill(): void {
    this.#isUp = false;
    this.#timers = [];
    this.#input = [];
  }

  /** What came while it stood still is not worked off yet. */
  get #isBusy(): boolean {
    return this.#stalls > 0 || this.#isCatchingUp;
  }

  #catchUp(): void {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    this.#packets = 0;
    this.#next();
  }

  /** One callback for each event, so that promises go on in between. */
  #next(): void {
    if (!this.#isUp || this.#stalls > 0) {
      this.#isCatchingUp = false;
      return;
    }
    const fn = this.#timers.shift() ?? this.#input.shift();
    if (fn === undefined) {
      this.#isCatchingUp = false;
      return;
    }
    this.#events.after(0, () => this.#next());
    fn();
  }
}
