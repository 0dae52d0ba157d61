import { type Clock, invariant, type Metrics, type Millis } from '@proconsul/base';
import type { DurableLog } from '../disk/durable-log.ts';
import { type Entry, LogType } from '../entry.ts';
import type { RaftError } from '../errors.ts';
import { APPLY_SLICE, APPLY_YIELD_ENTRIES, APPLY_YIELD_MS } from './options.ts';
import type { StateMachine } from './state-machine.ts';

export interface ApplierDependencies {
  readonly log: DurableLog;
  readonly machine: StateMachine;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** An entry was applied, with this result. */
  settle(entry: Entry, result: unknown): void;
  /** Everything up to `index` was applied. */
  onApplied(index: number): void;
  onFailed(error: Error): void;
}

/** Bytes of entries read from the disk at once when memory no longer holds them. */
const READ_BYTES_MAX = 1024 * 1024;

interface IndexWaiter {
  readonly index: number;
  resolve(): void;
  reject(error: Error): void;
}

/** Feeds the state machine: committed entries and whole snapshots, one after the other, in the order of the log. */
export class Applier {
  readonly #d: ApplierDependencies;
  #applied: number;
  #target: number;
  /** An asynchronous piece of work is under way; the rest waits for it. */
  #busy = false;
  #restores: { readonly index: number; load(): Promise<void> }[] = [];
  #waiters: IndexWaiter[] = [];
  #idle: (() => void)[] = [];
  #stopped = false;
  /** Entries applied since others had their turn. */
  #sinceYield = 0;

  constructor(applied: number, dependencies: ApplierDependencies) {
    this.#d = dependencies;
    this.#applied = applied;
    this.#target = applied;
  }

  /** The state machine holds everything up to here. */
  get applied(): number {
    return this.#applied;
  }
  /** Committed entries that it does not hold yet. */
  get waiting(): number {
    return this.#target - this.#applied;
  }
  /** The state is being replaced, and may not be captured now. */
  get isRestoring(): boolean {
    return this.#restores.length > 0;
  }

  /** Entries up to `index` may be applied. Small steps are applied before this returns. */
  commit(index: number): void {
    if (index > this.#target) this.#target = index;
    this.#pump();
  }

  /** Replaces the state by what `load` brings, which stands for everything up to `index`. */
  restore(index: number, load: () => Promise<void>): void {
    this.#restores.push({ index, load });
    if (index > this.#target) this.#target = index;
    this.#pump();
  }

  /** Resolves when everything up to `index` is applied. */
  whenApplied(index: number): Promise<void> {
    if (this.#applied >= index) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ index, resolve, reject }));
  }

  rejectWaiters(error: RaftError): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  /** Begins nothing more; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    const startedAt = this.#d.clock.now();
    while (!this.#busy && !this.#stopped) {
      const restore = this.#restores[0];
      if (restore) this.#restore(restore.index, restore.load);
      else if (this.#applied < this.#target) this.#applySlice(startedAt);
      else return;
    }
  }

  #restore(index: number, load: () => Promise<void>): void {
    this.#wait(
      load().then(() => {
        this.#restores.shift();
        this.#applied = Math.max(this.#applied, index);
        this.#notify();
      }),
    );
  }

  #wait(work: Promise<void>): void {
    this.#busy = true;
    const done = (): void => {
      this.#busy = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    };
    work.then(
      () => {
        done();
        this.#pump();
      },
      (error) => {
        this.#stopped = true;
        done();
        this.#d.onFailed(error as Error);
      },
    );
  }

  #applySlice(startedAt: Millis): void {
    const from = this.#applied + 1;
    const to = Math.min(this.#target, this.#applied + APPLY_SLICE);
    const entries = this.#d.log.readCached(from, to, Number.MAX_SAFE_INTEGER);
    if (entries === undefined) return this.#wait(this.#applyFromDisk(from, to));
    this.#apply(entries);
    this.#sinceYield += entries.length;
    if (this.#applied === this.#target) this.#sinceYield = 0;
    else if (this.#sinceYield >= APPLY_YIELD_ENTRIES || this.#d.clock.now() - startedAt >= APPLY_YIELD_MS) {
      // A long way to go, as after a start: others get their turn in between.
      this.#sinceYield = 0;
      this.#wait(new Promise((resolve) => this.#d.clock.after(0, resolve)));
    }
  }

  async #applyFromDisk(from: number, to: number): Promise<void> {
    const entries = await this.#d.log.read(from, to, READ_BYTES_MAX);
    // A snapshot from the leader has taken their place.
    if (this.#restores.length > 0) return;
    invariant(entries !== undefined, 'committed entries are in the log until they are applied');
    this.#apply(entries);
  }

  #apply(entries: readonly Entry[]): void {
    const { machine, clock, metrics } = this.#d;
    let commands = 0;
    for (const { type } of entries) if (type === LogType.command) commands++;
    if (commands > 0) {
      const before = clock.now();
      const isAll = commands === entries.length;
      const results = machine.apply(isAll ? entries : entries.filter((e) => e.type === LogType.command));
      metrics.sample('raft.fsm.apply', clock.now() - before);
      this.#settle(entries, results);
    } else this.#settle(entries, []);
  }

  #settle(entries: readonly Entry[], results: readonly unknown[]): void {
    this.#applied = entries[entries.length - 1]!.index;
    let at = 0;
    for (const entry of entries) {
      const result = entry.type === LogType.command ? results[at++] : undefined;
      entry.command = undefined;
      this.#d.settle(entry, result);
    }
    this.#notify();
  }

  #notify(): void {
    this.#d.onApplied(this.#applied);
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((w) => w.index <= this.#applied);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((w) => w.index > this.#applied);
    for (const { resolve } of due) resolve();
  }
}
