import type { Entry } from '../entry.ts';

const ENTRY_OVERHEAD_BYTES = 64;
export const entryBytes = (entry: Entry): number =>
  entry.data.length + (entry.extensions?.length ?? 0) + ENTRY_OVERHEAD_BYTES;

/** The end of the log in memory: entries in order, without a gap. */
export class EntryCache {
  /** Those before `#head` are forgotten. */
  #entries: (Entry | undefined)[];
  #head = 0;
  #bytes = 0;

  constructor(entries: readonly Entry[]) {
    this.#entries = [...entries];
    for (const entry of entries) this.#bytes += entryBytes(entry);
  }

  get(index: number): Entry | undefined {
    const first = this.#entries[this.#head];
    return first === undefined ? undefined : this.#entries[this.#head + index - first.index];
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entryBytes(entry);
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#head = 0;
  }

  /** Drops entries from `index` on. */
  dropFrom(index: number): void {
    const entries = this.#entries;
    while (entries.length > this.#head && entries[entries.length - 1]!.index >= index) {
      this.#bytes -= entryBytes(entries.pop()!);
    }
  }

  /** Forgets entries up to `index`, the oldest first, while there are more than `budgetBytes`. */
  trim(index: number, budgetBytes: number): void {
    const entries = this.#entries;
    let head = this.#head;
    while (head < entries.length && this.#bytes > budgetBytes) {
      const entry = entries[head]!;
      if (entry.index > index) break;
      this.#bytes -= entryBytes(entry);
      entries[head++] = undefined;
    }
    if (head === entries.length) {
      this.#entries = [];
      head = 0;
    } else if (head > 1024 && head * 2 > entries.length) {
      this.#entries = entries.slice(head);
      head = 0;
    }
    this.#head = head;
  }
}
