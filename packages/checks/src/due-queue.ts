import { type Clock, invariant, type Millis, type Timer } from '@proconsul/base';

interface Entry {
  readonly key: string;
  dueAt: Millis;
  /** Ties are served in the order in which they were set. */
  order: number;
  index: number;
}

/**
 * Many deadlines behind one clock timer: each key has at most one. `onDue` gets the keys whose time has come, earliest
 * first, and the moment each was due. Setting, moving and removing a deadline costs O(log n).
 */
export class DueQueue {
  readonly #clock: Clock;
  readonly #onDue: (key: string, dueAt: Millis) => void;
  readonly #heap: Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  #orders = 0;
  #timer: Timer | undefined;
  #timerAt: Millis = Number.POSITIVE_INFINITY;
  #draining = false;

  constructor(clock: Clock, onDue: (key: string, dueAt: Millis) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Sets or moves the deadline of `key`. A moment in the past is due at once, but never inside this call. */
  set(key: string, dueAt: Millis): void {
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      entry = { key, dueAt, order: this.#orders++, index: this.#heap.length };
      this.#heap.push(entry);
      this.#byKey.set(key, entry);
      this.#up(entry.index);
    } else {
      entry.dueAt = dueAt;
      entry.order = this.#orders++;
      this.#up(entry.index);
      this.#down(entry.index);
    }
    this.#arm();
  }

  delete(key: string): void {
    const entry = this.#byKey.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  clear(): void {
    this.#heap.length = 0;
    this.#byKey.clear();
    this.#disarm();
  }

  #remove(entry: Entry): void {
    this.#byKey.delete(entry.key);
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#heap[entry.index] = last;
    last.index = entry.index;
    this.#up(last.index);
    this.#down(last.index);
  }

  #arm(): void {
    const first = this.#heap[0];
    if (this.#draining || first === undefined || first.dueAt >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = first.dueAt;
    this.#timer = this.#clock.after(Math.max(0, first.dueAt - this.#clock.now()), () => this.#fire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#draining = true;
    const now = this.#clock.now();
    try {
      for (let first = this.#heap[0]; first !== undefined && first.dueAt <= now; first = this.#heap[0]) {
        this.#remove(first);
        this.#onDue(first.key, first.dueAt);
      }
    } finally {
      this.#draining = false;
      this.#arm();
    }
  }

  #before(a: Entry, b: Entry): boolean {
    return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
  }

  #up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(this.#at(at), this.#at(parent))) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(from: number): void {
    let at = from;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#before(this.#at(child), this.#at(least))) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #at(index: number): Entry {
    const entry = this.#heap[index];
    invariant(entry !== undefined, 'heap index out of range');
    return entry;
  }

  #swap(i: number, j: number): void {
    const a = this.#at(i);
    const b = this.#at(j);
    this.#heap[i] = b;
    this.#heap[j] = a;
    b.index = i;
    a.index = j;
  }
}
