import type { Entry, RaftCore } from '@proconsul/raft';
import { LogType } from '@proconsul/raft';
import type { LogImage, LogOp } from './log-image.ts';
import type { Host } from './world.ts';

/** The log of one life: what is in memory, and what of it is on its way to the disk. One sync at a time. */
export class ServerLog {
  readonly memory: LogImage;
  readonly #host: Host;
  /** The disk was full: entries after this one are gone. */
  readonly #onRejected: (lastIndex: number) => void;
  #durable: number;
  #syncing = false;
  #inFlightLast = 0;

  constructor(host: Host, onRejected: (lastIndex: number) => void) {
    this.#host = host;
    this.#onRejected = onRejected;
    const { log, latest } = host.storage;
    this.memory = log.durable.clone();
    this.#durable = 0;
    if (latest && this.memory.term(latest.index) !== latest.term) {
      this.#change({ kind: 'reset', index: latest.index, term: latest.term });
    }
    this.#durable = this.memory.lastIndex;
  }

  get durable(): number {
    return this.#durable;
  }

  truncateFrom(index: number): void {
    this.#durable = Math.min(this.#durable, index - 1);
    this.#inFlightLast = Math.min(this.#inFlightLast, index - 1);
    this.#change({ kind: 'truncate', index });
  }

  /** False when an entry does not follow the one before: a full disk has rejected that meanwhile. `onEach` before it is there. */
  append(core: RaftCore, entries: readonly Entry[], onEach: (entry: Entry) => void): boolean {
    const { id, world, storage } = this.#host;
    for (const entry of entries) {
      // Thesis section 4.1 and its errata.
      if (entry.type === LogType.configuration && core.role === 'leader') {
        const isAllowed = core.commitIndex >= core.termStartIndex;
        world.oracle.check(isAllowed, () => `${id} changes members before its first commit`);
      }
      if (entry.index !== this.memory.lastIndex + 1) return false;
      world.oracle.onAppend(id, entry, this.memory.term(entry.index - 1));
      onEach(entry);
      this.memory.apply({ kind: 'append', entry });
      storage.log.push({ kind: 'append', entry });
    }
    this.#sync();
    return true;
  }

  compactTo(index: number): void {
    this.#change({ kind: 'compact', index });
  }

  reset(index: number, term: number): void {
    this.#change({ kind: 'reset', index, term });
    this.#durable = index;
    this.#inFlightLast = 0;
  }

  #change(op: LogOp): void {
    this.memory.apply(op);
    this.#host.storage.log.push(op);
    this.#sync();
  }

  /** What comes meanwhile goes with the next one. */
  #sync(): void {
    const { storage, world } = this.#host;
    if (this.#syncing || storage.log.waiting === 0) return;
    this.#syncing = true;
    const count = storage.log.waiting;
    this.#inFlightLast = this.memory.lastIndex;
    if (world.sabotage === 'sync-lies') this.#host.later(0, () => this.#onSynced());
    this.#host.later(storage.latency(), () => {
      this.#syncing = false;
      if (storage.isFull) return this.#onFull();
      storage.log.flush(count);
      this.#onSynced();
      this.#sync();
    });
  }

  #onSynced(): void {
    if (this.#inFlightLast <= this.#durable) return;
    this.#durable = this.#inFlightLast;
    this.#host.input({ kind: 'durable', at: this.#host.clock.now(), index: this.#durable });
  }

  #onFull(): void {
    const { storage } = this.#host;
    this.#host.note(`the disk is full after ${this.#durable}`);
    const lost = storage.log.take();
    const keep = this.#durable;
    if (this.memory.lastIndex > keep) this.memory.apply({ kind: 'truncate', index: keep + 1 });
    const { base } = this.memory;
    if (lost.some((op) => op.kind === 'reset')) {
      storage.log.push({ kind: 'reset', index: base, term: this.memory.term(base) ?? 0 });
    } else {
      if (lost.some((op) => op.kind === 'truncate')) storage.log.push({ kind: 'truncate', index: keep + 1 });
      storage.log.push({ kind: 'compact', index: base });
    }
    this.#inFlightLast = 0;
    this.#onRejected(keep);
  }
}
