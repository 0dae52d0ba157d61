import type { IndexTable } from './index-table.ts';
import type { Journal } from './journal.ts';
import type { KvRow } from './kv-row.ts';
import { OrderedRows } from './ordered-rows.ts';

/** Bytes that a tombstone costs beside its key. */
export const TOMBSTONE_OVERHEAD_BYTES = 72;

/** What is left of a deleted key (or tree), so that reads of a prefix can tell that something went. */
export interface Tombstone {
  readonly Key: string;
  readonly ModifyIndex: number;
}

/** The KV entries, their tombstones, and which session holds which keys. Changes keep the three in step. */
export class KvTable {
  readonly rows = new OrderedRows<KvRow>(
    (row) => row.Key,
    (row) => row.ModifyIndex,
  );
  readonly tombstones = new OrderedRows<Tombstone>(
    (row) => row.Key,
    (row) => row.ModifyIndex,
  );
  readonly #heldBy = new Map<string, Set<string>>();
  #bytes = 0;
  #tombstoneBytes = 0;

  get size(): number {
    return this.rows.size;
  }

  /** Estimated memory of the entries. */
  get bytes(): number {
    return this.#bytes;
  }

  get tombstoneBytes(): number {
    return this.#tombstoneBytes;
  }

  get(key: string): KvRow | undefined {
    return this.rows.get(key);
  }

  /** Keys that a session holds, sorted. */
  keysHeldBy(session: string): string[] {
    const keys = this.#heldBy.get(session);
    return keys === undefined ? [] : [...keys].sort();
  }

  put(row: KvRow, indexes: IndexTable, journal: Journal): void {
    const old = this.#set(row);
    if (journal.recording) {
      journal.undoWith(() => {
        if (old === undefined) this.#drop(row.Key);
        else this.#set(old);
      });
    }
    indexes.bump('kvs', journal);
    journal.touchKey(row.Key);
  }

  /** Removes one entry and leaves a tombstone. */
  remove(row: KvRow, indexes: IndexTable, journal: Journal): void {
    this.#drop(row.Key);
    if (journal.recording) journal.undoWith(() => this.#set(row));
    this.#bury(row.Key, indexes, journal);
    journal.touchKey(row.Key);
  }

  /** Removes everything under a prefix and leaves one tombstone for it. False when nothing was there. */
  removeUnder(prefix: string, indexes: IndexTable, journal: Journal): boolean {
    const removed = this.rows.deleteUnder(prefix);
    if (removed.length === 0) return false;
    for (const row of removed) {
      this.#bytes -= row.bytes;
      this.#release(row);
      journal.touchKey(row.Key);
    }
    if (journal.recording) {
      journal.undoWith(() => {
        for (const row of removed) this.#set(row);
      });
    }
    this.#bury(prefix, indexes, journal);
    return true;
  }

  /**
   * Drops the tombstones up to a Raft index. What they told is kept as a floor of all prefix indexes, so that no index
   * goes backwards.
   */
  reap(upTo: number, indexes: IndexTable, journal: Journal): void {
    let floor = indexes.get(REAPED);
    for (const tombstone of this.tombstones.all()) {
      if (tombstone.ModifyIndex > upTo) continue;
      this.tombstones.delete(tombstone.Key);
      this.#tombstoneBytes -= TOMBSTONE_OVERHEAD_BYTES + tombstone.Key.length;
      floor = Math.max(floor, tombstone.ModifyIndex);
    }
    if (floor > 0) indexes.set(REAPED, floor, journal);
  }

  /** Adds a row of a snapshot. */
  load(row: KvRow): void {
    this.#set(row);
  }

  loadTombstone(tombstone: Tombstone): void {
    this.#setTombstone(tombstone);
  }

  #bury(key: string, indexes: IndexTable, journal: Journal): void {
    const tombstone = { Key: key, ModifyIndex: journal.index };
    const old = this.#setTombstone(tombstone);
    if (journal.recording) {
      journal.undoWith(() => {
        if (old !== undefined) this.#setTombstone(old);
        else {
          this.tombstones.delete(key);
          this.#tombstoneBytes -= TOMBSTONE_OVERHEAD_BYTES + key.length;
        }
      });
    }
    indexes.bump('kvs', journal);
    indexes.bump('tombstones', journal);
  }

  #setTombstone(tombstone: Tombstone): Tombstone | undefined {
    const old = this.tombstones.put(tombstone);
    if (old === undefined) this.#tombstoneBytes += TOMBSTONE_OVERHEAD_BYTES + tombstone.Key.length;
    return old;
  }

  #set(row: KvRow): KvRow | undefined {
    const old = this.rows.put(row);
    this.#bytes += row.bytes;
    if (old !== undefined) {
      this.#bytes -= old.bytes;
      if (old.Session === row.Session) return old;
      this.#release(old);
    }
    if (row.Session !== '') this.#hold(row);
    return old;
  }

  #drop(key: string): void {
    const old = this.rows.delete(key);
    if (old === undefined) return;
    this.#bytes -= old.bytes;
    this.#release(old);
  }

  #hold(row: KvRow): void {
    const keys = this.#heldBy.get(row.Session);
    if (keys === undefined) this.#heldBy.set(row.Session, new Set([row.Key]));
    else keys.add(row.Key);
  }

  #release(row: KvRow): void {
    const keys = this.#heldBy.get(row.Session);
    if (keys === undefined) return;
    keys.delete(row.Key);
    if (keys.size === 0) this.#heldBy.delete(row.Session);
  }
}

/** Index name of the newest tombstone that was reaped. Our own; other servers carry it along. */
export const REAPED = 'tombstones-reaped';
