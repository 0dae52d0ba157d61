import { invariant } from '@proconsul/base';
import { compareUtf8, hasSurrogate } from './utf8-order.ts';

/** Rows that a leaf holds at most; a full leaf splits in two. */
export const LEAF_ROWS_MAX = 256;

interface Leaf<T> {
  rows: T[];
  /** Largest index of its rows; -1 when not known. */
  maxIndex: number;
  /** The leaf may be changed in place only by the epoch that made it; snapshots hold older ones. */
  epoch: number;
}

/** The rows of one moment, in order: as leaves, which later writes do not touch. */
export type FrozenRows<T> = readonly (readonly T[])[];

/**
 * Rows sorted by the UTF-8 bytes of their key, one for each key: a list of sorted leaves. Finding, putting and removing
 * cost O(log n) comparisons; rows that come in order are appended; a snapshot is a list of leaves, copied on the next write.
 */
export class OrderedRows<T> {
  readonly #keyOf: (row: T) => string;
  readonly #indexOf: (row: T) => number;
  #leaves: Leaf<T>[] = [];
  #size = 0;
  #epoch = 0;
  /** Set by the first key with surrogates; from then on comparisons are slow and exact. */
  #exotic = false;

  /** `indexOf` gives a row's Raft index, for {@link OrderedRows.maxIndexUnder}. */
  constructor(keyOf: (row: T) => string, indexOf: (row: T) => number = () => 0) {
    this.#keyOf = keyOf;
    this.#indexOf = indexOf;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): T | undefined {
    const leaf = this.#leaves[this.#leafFor(key)];
    if (leaf === undefined) return undefined;
    const at = this.#lowerBound(leaf.rows, key);
    const row = leaf.rows[at];
    return row !== undefined && this.#keyOf(row) === key ? row : undefined;
  }

  /** Adds a row, or replaces the one with its key, which is returned. */
  put(row: T): T | undefined {
    const key = this.#keyOf(row);
    if (!this.#exotic && hasSurrogate(key)) this.#exotic = true;
    if (this.#isBehindAll(key)) {
      this.#append(row);
      return undefined;
    }
    const at = this.#leafFor(key);
    const leaf = this.#own(at);
    const place = this.#lowerBound(leaf.rows, key);
    const old = leaf.rows[place];
    if (old !== undefined && this.#keyOf(old) === key) {
      leaf.rows[place] = row;
      leaf.maxIndex = -1;
      return old;
    }
    leaf.rows.splice(place, 0, row);
    if (leaf.maxIndex >= 0) leaf.maxIndex = Math.max(leaf.maxIndex, this.#indexOf(row));
    this.#size++;
    if (leaf.rows.length > LEAF_ROWS_MAX) this.#split(at);
    return undefined;
  }

  delete(key: string): T | undefined {
    const at = this.#leafFor(key);
    if (at === this.#leaves.length) return undefined;
    const found = this.#lowerBound((this.#leaves[at] as Leaf<T>).rows, key);
    const old = (this.#leaves[at] as Leaf<T>).rows[found];
    if (old === undefined || this.#keyOf(old) !== key) return undefined;
    const leaf = this.#own(at);
    leaf.rows.splice(found, 1);
    leaf.maxIndex = -1;
    this.#size--;
    if (leaf.rows.length === 0) this.#leaves.splice(at, 1);
    return old;
  }

  /** Removes and returns every row whose key starts with `prefix`, in order. */
  deleteUnder(prefix: string): T[] {
    const removed: T[] = [];
    let at = this.#leafFor(prefix);
    while (at < this.#leaves.length) {
      const rows = (this.#leaves[at] as Leaf<T>).rows;
      const from = this.#lowerBound(rows, prefix);
      const to = this.#endUnder(rows, prefix, from);
      if (from === to) break;
      for (let i = from; i < to; i++) removed.push(rows[i] as T);
      const reachesEnd = to === rows.length;
      if (from === 0 && reachesEnd) this.#leaves.splice(at, 1);
      else {
        const leaf = this.#own(at);
        leaf.rows.splice(from, to - from);
        leaf.maxIndex = -1;
        at++;
      }
      if (!reachesEnd) break;
    }
    this.#size -= removed.length;
    return removed;
  }

  /** The rows whose keys start with `prefix`, in order. */
  under(prefix: string): T[] {
    if (prefix === '') return this.all();
    const out: T[] = [];
    for (let at = this.#leafFor(prefix); at < this.#leaves.length; at++) {
      const rows = (this.#leaves[at] as Leaf<T>).rows;
      const from = this.#lowerBound(rows, prefix);
      const to = this.#endUnder(rows, prefix, from);
      for (let i = from; i < to; i++) out.push(rows[i] as T);
      if (to < rows.length) break;
    }
    return out;
  }

  /** Up to `limit` rows with keys greater than `after` that start with `prefix`. */
  page(prefix: string, after: string, limit: number): T[] {
    const out: T[] = [];
    const start = this.#compare(after, prefix) < 0 ? prefix : after;
    for (let at = this.#leafFor(start); at < this.#leaves.length; at++) {
      const rows = (this.#leaves[at] as Leaf<T>).rows;
      for (let i = this.#lowerBound(rows, start); i < rows.length; i++) {
        const row = rows[i] as T;
        const key = this.#keyOf(row);
        if (!key.startsWith(prefix) || out.length >= limit) return out;
        if (key !== after) out.push(row);
      }
    }
    return out;
  }

  all(): T[] {
    const out: T[] = [];
    for (const leaf of this.#leaves) for (const row of leaf.rows) out.push(row);
    return out;
  }

  /** Largest index of the rows under `prefix`; 0 when there is none. Whole leaves are remembered. */
  maxIndexUnder(prefix: string): number {
    let max = 0;
    for (let at = this.#leafFor(prefix); at < this.#leaves.length; at++) {
      const leaf = this.#leaves[at] as Leaf<T>;
      const from = this.#lowerBound(leaf.rows, prefix);
      const to = this.#endUnder(leaf.rows, prefix, from);
      if (from === 0 && to === leaf.rows.length) max = Math.max(max, this.#leafMax(leaf));
      else for (let i = from; i < to; i++) max = Math.max(max, this.#indexOf(leaf.rows[i] as T));
      if (to < leaf.rows.length) break;
    }
    return max;
  }

  /** The rows as they are now. Costs a reference for each leaf. */
  freeze(): FrozenRows<T> {
    this.#epoch++;
    return this.#leaves.map((leaf) => leaf.rows);
  }

  #isBehindAll(key: string): boolean {
    const rows = this.#leaves.at(-1)?.rows;
    if (rows === undefined) return true;
    const last = this.#keyOf(rows[rows.length - 1] as T);
    return this.#exotic ? compareUtf8(last, key) < 0 : last < key;
  }

  #leafMax(leaf: Leaf<T>): number {
    if (leaf.maxIndex < 0) {
      leaf.maxIndex = 0;
      for (const row of leaf.rows) leaf.maxIndex = Math.max(leaf.maxIndex, this.#indexOf(row));
    }
    return leaf.maxIndex;
  }

  #compare(a: string, b: string): number {
    if (this.#exotic || hasSurrogate(a)) return compareUtf8(a, b);
    return a < b ? -1 : a > b ? 1 : 0;
  }

  /** The first leaf whose last key is not less than `key`; the number of leaves when there is none. */
  #leafFor(key: string): number {
    let low = 0;
    let high = this.#leaves.length;
    const slow = this.#exotic || hasSurrogate(key);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const rows = (this.#leaves[middle] as Leaf<T>).rows;
      const last = this.#keyOf(rows[rows.length - 1] as T);
      if (slow ? compareUtf8(last, key) < 0 : last < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first place whose key is not less than `key`. */
  #lowerBound(rows: readonly T[], key: string): number {
    let low = 0;
    let high = rows.length;
    const slow = this.#exotic || hasSurrogate(key);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#keyOf(rows[middle] as T);
      if (slow ? compareUtf8(found, key) < 0 : found < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first place at or after `from` whose key does not start with `prefix`. */
  #endUnder(rows: readonly T[], prefix: string, from: number): number {
    let low = from;
    let high = rows.length;
    if (high > from && this.#keyOf(rows[high - 1] as T).startsWith(prefix)) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keyOf(rows[middle] as T).startsWith(prefix)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds a row behind all others, filling leaves to the brim: bulk loads come this way. */
  #append(row: T): void {
    const at = this.#leaves.length - 1;
    this.#size++;
    if (at < 0 || (this.#leaves[at] as Leaf<T>).rows.length >= LEAF_ROWS_MAX) {
      this.#leaves.push({ rows: [row], maxIndex: -1, epoch: this.#epoch });
      return;
    }
    const leaf = this.#own(at);
    leaf.rows.push(row);
    leaf.maxIndex = -1;
  }

  #own(at: number): Leaf<T> {
    const leaf = this.#leaves[at] as Leaf<T>;
    if (leaf.epoch === this.#epoch) return leaf;
    const copy = { rows: leaf.rows.slice(), maxIndex: leaf.maxIndex, epoch: this.#epoch };
    this.#leaves[at] = copy;
    return copy;
  }

  #split(at: number): void {
    const leaf = this.#leaves[at] as Leaf<T>;
    invariant(leaf.epoch === this.#epoch, 'split of a leaf that a snapshot holds');
    const right = leaf.rows.splice(leaf.rows.length >>> 1);
    leaf.maxIndex = -1;
    this.#leaves.splice(at + 1, 0, { rows: right, maxIndex: -1, epoch: this.#epoch });
  }
}
