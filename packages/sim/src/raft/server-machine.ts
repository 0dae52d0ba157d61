import {
  type ConfigurationAt,
  type Entry,
  LogType,
  msgpackConfiguration,
  type RaftCore,
  type RaftEffect,
} from '@proconsul/raft';
import type { SimSnapshot } from './disk.ts';
import type { ServerLog } from './server-log.ts';
import type { Host } from './world.ts';

/** Share of snapshots for which a disk has no room, though entries still fit. */
const SNAPSHOT_MISFITS = 0.1;

/** A read that waits until everything up to `readIndex` is applied, and what was seen before it began. */
export interface PendingRead {
  readonly floor: number;
  readonly readIndex: number;
}

/** The state machine of one life, and the clients that wait for it. The oracle hears of everything that they are told. */
export class ServerMachine {
  readonly #host: Host;
  readonly #log: ServerLog;
  applied: number;
  state: number;
  #commitTarget: number;
  #configuration: ConfigurationAt | undefined;
  #restoring = 0;
  /** What was seen before a proposal was made, by its data, until it has an index. */
  #proposals = new Map<Uint8Array, number>();
  #writes = new Map<number, { readonly floor: number; readonly term: number }>();
  #reads: PendingRead[] = [];

  constructor(host: Host, log: ServerLog) {
    this.#host = host;
    this.#log = log;
    const { latest } = host.storage;
    this.applied = latest?.index ?? 0;
    this.state = latest?.state ?? 0;
    this.#commitTarget = this.applied;
    this.#configuration = latest && { index: latest.configurationIndex, configuration: latest.configuration };
  }

  /** Those of the snapshot and of the log, as a start finds them. */
  configurations(): ConfigurationAt[] {
    const found: ConfigurationAt[] = this.#configuration ? [this.#configuration] : [];
    for (let index = this.applied + 1; index <= this.#log.memory.lastIndex; index++) {
      const entry = this.#log.memory.entry(index);
      if (entry?.type !== LogType.configuration) continue;
      found.push({ index, configuration: msgpackConfiguration.decode(entry.data) });
    }
    return found;
  }

  // Clients.

  proposed(data: Uint8Array): void {
    this.#proposals.set(data, this.#host.world.oracle.floor);
  }

  /** An entry is about to be in the log. */
  appended(core: RaftCore, entry: Entry): void {
    const floor = this.#proposals.get(entry.data);
    this.#proposals.delete(entry.data);
    if (floor !== undefined && core.role === 'leader') this.#writes.set(entry.index, { floor, term: entry.term });
  }

  forgetWritesFrom(index: number): void {
    for (const at of this.#writes.keys()) if (at >= index) this.#writes.delete(at);
  }

  /** Nobody is told anything any more: the leadership is lost. */
  forgetClients(): void {
    this.#writes.clear();
    this.#reads = [];
  }

  answerWhenApplied(read: PendingRead): void {
    this.#reads.push(read);
    this.#apply();
  }

  // Entries.

  commit(index: number): void {
    this.#commitTarget = Math.max(this.#commitTarget, index);
    this.#apply();
  }

  #apply(): void {
    if (this.#restoring > 0) return;
    const { id, world } = this.#host;
    const { oracle } = world;
    while (this.applied < this.#commitTarget) {
      const entry = this.#log.memory.entry(this.applied + 1);
      oracle.check(entry !== undefined, () => `${id}: committed ${this.applied + 1} is not in the log`);
      if (!entry) return;
      this.state = oracle.onApply(id, entry, this.state);
      this.applied = entry.index;
      if (entry.type === LogType.configuration) {
        this.#configuration = { index: entry.index, configuration: msgpackConfiguration.decode(entry.data) };
      }
      const write = this.#writes.get(entry.index);
      this.#writes.delete(entry.index);
      if (write?.term === entry.term) oracle.onWriteDone(id, write.floor, entry.index);
    }
    const ready = this.#reads.filter((read) => read.readIndex <= this.applied);
    this.#reads = this.#reads.filter((read) => read.readIndex > this.applied);
    for (const { floor } of ready) oracle.onReadDone(id, 'verified', floor, this.applied);
  }

  // Snapshots.

  takeSnapshot(core: RaftCore, trailing: number): void {
    const { applied: index, state } = this;
    const { storage } = this.#host;
    const term = core.termOf(index);
    const members = this.#configuration;
    if (this.#restoring > 0 || !members || term === undefined || index <= (storage.latest?.index ?? 0)) return;
    const { configuration, index: configurationIndex } = members;
    this.#host.later(storage.latency(), () => {
      storage.store({ index, term, state, configuration, configurationIndex });
      this.#host.note(`has a snapshot of ${index}`);
      const compactTo = Math.max(0, index - trailing);
      this.#host.input({ kind: 'snapshot-taken', at: this.#host.clock.now(), index, compactTo });
    });
  }

  store({ token, request }: Extract<RaftEffect, { kind: 'store-snapshot' }>, state: SimSnapshot | undefined): void {
    const { storage, world } = this.#host;
    this.#host.later(storage.latency() * 4, () => {
      const fits = world.rng.float() >= SNAPSHOT_MISFITS;
      const ok = state !== undefined && fits && !storage.isFull;
      if (ok) storage.store(state);
      this.#host.input({ kind: 'snapshot-stored', at: this.#host.clock.now(), token, request, ok });
    });
  }

  restore({ index, term, keepLog }: Extract<RaftEffect, { kind: 'restore-snapshot' }>): void {
    const { id, storage, world } = this.#host;
    this.#host.note(`restores a snapshot of ${index}`);
    if (keepLog) this.#log.compactTo(index);
    else {
      this.#log.reset(index, term);
      this.#writes.clear();
    }
    const snapshot = storage.snapshots.find((s) => s.index === index);
    world.oracle.check(snapshot !== undefined, () => `${id}: the snapshot of ${index} is gone`);
    if (!snapshot) return;
    this.#restoring++;
    this.#host.later(storage.latency(), () => {
      this.#restoring--;
      world.oracle.onRestore(id, index, snapshot.state);
      // A later one may have been faster.
      if (index <= this.applied) return this.#apply();
      this.applied = index;
      this.state = snapshot.state;
      this.#configuration = { index: snapshot.configurationIndex, configuration: snapshot.configuration };
      this.commit(index);
    });
  }
}
