import type { Millis } from '@proconsul/base';

/** Something that happens at a moment of virtual time. */
export interface ScheduledEvent {
  readonly at: Millis;
  /** Order of scheduling: equal moments keep it, so that a run is the same every time. */
  readonly sequence: number;
  run: (() => void) | undefined;
}

/** Events that may wait at one time. A simulation that needs more has a loop without end. */
export const EVENTS_MAX = 1_000_000;

/** Virtual time: events by moment, then by order of scheduling. A binary heap. */
export class EventQueue {
  #now: Millis = 0;
  #sequence = 0;
  #heap: ScheduledEvent[] = [];

  /** The moment of the event run last. */
  get now(): Millis {
    return this.#now;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Runs `run` once, `delayMs` from now. Throws RangeError beyond {@link EVENTS_MAX}. */
  after(delayMs: Millis, run: () => void): ScheduledEvent {
    if (this.#heap.length >= EVENTS_MAX) throw new RangeError('too many events are waiting');
    const event = { at: this.#now + Math.max(0, delayMs), sequence: this.#sequence++, run };
    this.#heap.push(event);
    this.#up(this.#heap.length - 1);
    return event;
  }

  /** The event will not run. Harmless afterwards. */
  cancel(event: ScheduledEvent): void {
    event.run = undefined;
  }

  /** Runs the next event. False when there is none, or none up to `until`: then time is at `until`. */
  step(until: Millis = Number.POSITIVE_INFINITY): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) {
        if (until !== Number.POSITIVE_INFINITY) this.#now = Math.max(this.#now, until);
        return false;
      }
      this.#pop();
      if (next.run === undefined) continue;
      this.#now = next.at;
      next.run();
      return true;
    }
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(from: number): void {
    const heap = this.#heap;
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >>> 1;
      if (!isBefore(heap[i]!, heap[parent]!)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(from: number): void {
    const heap = this.#heap;
    for (let i = from; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const held = heap[a]!;
    heap[a] = heap[b]!;
    heap[b] = held;
  }
}

const isBefore = (a: ScheduledEvent, b: ScheduledEvent): boolean =>
  a.at !== b.at ? a.at < b.at : a.sequence < b.sequence;
