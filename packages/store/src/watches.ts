import type { Dep, DepKind } from './dep.ts';
import { DEP_KINDS } from './dep.ts';

interface Watcher {
  readonly fn: () => void;
  readonly rows: WatchRow[];
}

/** The watchers of one dep. Exists only while there is one. */
interface WatchRow {
  readonly kind: DepKind;
  readonly key: string;
  readonly watchers: Set<Watcher>;
  dirty: boolean;
}

/**
 * Who waits for what. A watcher is an entry in the row of each of its deps; a change looks its rows up, so that its
 * cost follows what changed and who waits for that, never how many wait in all.
 */
export class Watches {
  readonly #rows = Object.fromEntries(DEP_KINDS.map((k) => [k, new Map()])) as Record<DepKind, Map<string, WatchRow>>;
  /** How many watched prefixes have a length: a changed key is cut to these lengths only. */
  readonly #prefixLengths = new Map<number, number>();
  #dirty: WatchRow[] = [];
  #count = 0;

  /** Watchers that wait now. */
  get size(): number {
    return this.#count;
  }

  /** Calls `fn` once, in the first {@link Watches.flush} after one of `deps` was touched. Returns how to stop waiting. */
  watch(deps: readonly Dep[], fn: () => void): () => void {
    const watcher: Watcher = { fn, rows: [] };
    for (const d of deps) {
      const row = this.#rowFor(d);
      row.watchers.add(watcher);
      watcher.rows.push(row);
    }
    this.#count++;
    return () => this.#remove(watcher);
  }

  touch(kind: DepKind, key: string): void {
    const row = this.#rows[kind].get(key);
    if (row !== undefined) this.#mark(row);
  }

  /** A KV entry changed: its own watchers, and those of every watched prefix of its key. */
  touchKey(key: string): void {
    this.touch('key', key);
    if (this.#rows.prefix.size === 0) return;
    for (const length of this.#prefixLengths.keys()) {
      if (length <= key.length) this.touch('prefix', key.slice(0, length));
    }
  }

  touchEverything(): void {
    for (const rows of Object.values(this.#rows)) for (const row of rows.values()) this.#mark(row);
  }

  /**
   * Calls the watchers of everything that was touched since the last call. They may watch again at once. When some
   * throw, all are called, then the first error is thrown.
   */
  flush(): void {
    if (this.#dirty.length === 0) return;
    const due: Watcher[] = [];
    for (const row of this.#dirty) {
      row.dirty = false;
      for (const watcher of row.watchers) due.push(watcher);
    }
    this.#dirty = [];
    const errors: unknown[] = [];
    for (const watcher of due) {
      if (!this.#remove(watcher)) continue; // Touched by two deps, or stopped by a watcher before it.
      try {
        watcher.fn();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  #mark(row: WatchRow): void {
    if (row.dirty) return;
    row.dirty = true;
    this.#dirty.push(row);
  }

  #rowFor(d: Dep): WatchRow {
    const rows = this.#rows[d.kind];
    let row = rows.get(d.key);
    if (row === undefined) {
      row = { kind: d.kind, key: d.key, watchers: new Set(), dirty: false };
      rows.set(d.key, row);
      if (d.kind === 'prefix') this.#countPrefix(d.key.length, 1);
    }
    return row;
  }

  /** False when it is gone already. */
  #remove(watcher: Watcher): boolean {
    if (watcher.rows.length === 0) return false;
    for (const row of watcher.rows) {
      row.watchers.delete(watcher);
      if (row.watchers.size === 0 && this.#rows[row.kind].get(row.key) === row) {
        this.#rows[row.kind].delete(row.key);
        if (row.kind === 'prefix') this.#countPrefix(row.key.length, -1);
      }
    }
    watcher.rows.length = 0;
    this.#count--;
    return true;
  }

  #countPrefix(length: number, by: number): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + by;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}
