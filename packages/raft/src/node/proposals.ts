import type { NewEntry } from '../core/inputs.ts';
import type { Entry } from '../entry.ts';
import { RaftError, type RaftErrorCode } from '../errors.ts';

/** Somebody who waits for an entry to be applied. */
export interface Waiter {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Queued extends Waiter {
  readonly entry: NewEntry;
}

interface Numbered extends Waiter {
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
}

/** Entries that wait for their commit, in the order of the log, and those that do not have an index yet. */
export class Proposals {
  #queued: Queued[] = [];
  /** By ascending index; those before `#head` are settled. */
  #numbered: Numbered[] = [];
  #head = 0;
  #bytes = 0;

  /** Entries that wait. */
  get size(): number {
    return this.#queued.length + this.#numbered.length - this.#head;
  }
  /** Those without an index. */
  get queuedSize(): number {
    return this.#queued.length;
  }
  /** Bytes of their data. */
  get bytes(): number {
    return this.#bytes;
  }

  queue(entry: NewEntry, waiter: Waiter): void {
    this.#bytes += entry.data.length;
    this.#queued.push({ entry, resolve: waiter.resolve, reject: waiter.reject });
  }

  /** What was queued, to be given to the core in one piece. */
  queuedEntries(): NewEntry[] {
    return this.#queued.map(({ entry }) => entry);
  }

  /** The core has given the queued entries the indexes from `first` on. */
  number(first: number, term: number): void {
    let index = first;
    for (const { entry, resolve, reject } of this.#queued) {
      this.#numbered.push({ index: index++, term, bytes: entry.data.length, resolve, reject });
    }
    this.#queued = [];
  }

  /** Waits for an entry that the core made by itself. */
  waitFor(index: number, term: number, waiter: Waiter): void {
    this.#numbered.push({ index, term, bytes: 0, resolve: waiter.resolve, reject: waiter.reject });
  }

  /** The entry was applied, with this result. Entries come in order. */
  settle(entry: Entry, result: unknown): void {
    const next = this.#numbered[this.#head];
    if (next === undefined || next.index > entry.index) return;
    this.#head++;
    this.#bytes -= next.bytes;
    if (next.index === entry.index && next.term === entry.term) next.resolve(result);
    else next.reject(new RaftError('LEADERSHIP_LOST'));
    if (this.#head === this.#numbered.length) {
      this.#numbered = [];
      this.#head = 0;
    } else if (this.#head > 1024 && 2 * this.#head > this.#numbered.length) {
      this.#numbered = this.#numbered.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Rejects what waits for an entry after `index`. */
  rejectAfter(index: number, code: RaftErrorCode): void {
    while (this.#numbered.length > this.#head && this.#numbered[this.#numbered.length - 1]!.index > index) {
      const last = this.#numbered.pop()!;
      this.#bytes -= last.bytes;
      last.reject(new RaftError(code));
    }
  }

  /** Rejects what has no index yet: nothing was done. */
  rejectQueued(code: RaftErrorCode): void {
    for (const { entry, reject } of this.#queued.splice(0)) {
      this.#bytes -= entry.data.length;
      reject(new RaftError(code));
    }
  }

  rejectNumbered(code: RaftErrorCode): void {
    const lost = this.#numbered.slice(this.#head);
    this.#numbered = [];
    this.#head = 0;
    for (const { bytes, reject } of lost) {
      this.#bytes -= bytes;
      reject(new RaftError(code));
    }
  }
}
