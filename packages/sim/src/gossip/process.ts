import type { Clock, Millis, Timer } from '@proconsul/base';
import type { EventQueue } from '../event-queue.ts';
import { type ClockDrift, SimClock } from '../sim-clock.ts';

/** Packets that wait in the socket of a process that stands still; further ones are lost. */
export const SOCKET_PACKETS_MAX = 1500;

/**
 * A process that may stand still (as after SIGSTOP, or starved of CPU) or die. While it stands still nothing in it happens;
 * afterwards first all timers fire that are due, and then it reads what waits in its sockets, as an event loop does.
 */
export class SimProcess implements Clock {
  readonly #events: EventQueue;
  readonly #clock: SimClock;
  readonly #timers: { readonly due: Millis; readonly fire: () => void }[] = [];
  readonly #input: (() => void)[] = [];
  readonly #output: (() => void)[] = [];
  #packets = 0;
  #stalls = 0;
  #ioStalls = 0;
  isUp = true;
  /** A timer that fires late after a stall still reads the time at which it was due: the process cannot notice. */
  hidesStalls = false;
  #shownMs: Millis | undefined;

  constructor(events: EventQueue, drift?: ClockDrift) {
    this.#events = events;
    this.#clock = new SimClock(events, drift);
  }

  now(): Millis {
    return this.#shownMs ?? this.#clock.now();
  }

  wallMs(): Millis {
    return this.#clock.wallMs();
  }

  after(delayMs: Millis, fn: () => void): Timer {
    let isOpen = true;
    const fire = (): void => {
      if (!isOpen) return;
      isOpen = false;
      fn();
    };
    const timer = this.#clock.after(delayMs, () => {
      if (!this.isUp || !isOpen) return;
      if (this.isStalled) this.#timers.push({ due: this.#clock.now(), fire });
      else fire();
    });
    return {
      cancel: () => {
        isOpen = false;
        timer.cancel();
      },
    };
  }

  get isStalled(): boolean {
    return this.#stalls > 0;
  }

  /** Stands still from now on for `forMs` of virtual time. */
  stall(forMs: Millis): void {
    this.#stalls++;
    this.#events.after(forMs, () => {
      this.#stalls--;
      if (!this.isStalled && this.isUp) this.#resume();
    });
  }

  /** Only its messages stand still, in both directions, for `forMs`: timers go on. The fault of the Lifeguard paper. */
  stallMessages(forMs: Millis): void {
    this.#ioStalls++;
    this.#events.after(forMs, () => {
      this.#ioStalls--;
      if (this.#ioStalls > 0 || this.isStalled || !this.isUp) return;
      this.#flush();
    });
  }

  /** Something leaves it. */
  send(fn: () => void): void {
    if (this.#ioStalls > 0) this.#output.push(fn);
    else fn();
  }

  /** Something arrives at a socket of it. */
  receive(fn: () => void, isPacket: boolean): void {
    if (!this.isUp) return;
    if (!this.isStalled && this.#ioStalls === 0) return fn();
    if (isPacket && this.#packets++ >= SOCKET_PACKETS_MAX) return;
    this.#input.push(fn);
  }

  kill(): void {
    this.isUp = false;
    this.#timers.length = 0;
    this.#input.length = 0;
    this.#output.length = 0;
  }

  #resume(): void {
    for (const { due, fire } of this.#timers.splice(0)) {
      if (this.hidesStalls) this.#shownMs = due;
      fire();
    }
    this.#shownMs = undefined;
    if (this.#ioStalls === 0) this.#flush();
  }

  #flush(): void {
    this.#packets = 0;
    for (const queue of [this.#output, this.#input]) for (const fn of queue.splice(0)) fn();
  }
}
