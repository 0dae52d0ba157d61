import { invariant, type Rng } from '@proconsul/base';
import { type Entry, TermRuns } from '@proconsul/raft';

/** One change of a log, in the order in which it reaches the disk. */
export type LogOp =
  | { readonly kind: 'append'; readonly entry: Entry }
  | { readonly kind: 'truncate'; readonly index: number }
  | { readonly kind: 'reset'; readonly index: number; readonly term: number }
  | { readonly kind: 'compact'; readonly index: number };

/** The content of a log, in memory or on a disk: entries after a base that a snapshot covers. */
export class LogImage {
  #base = 0;
  #baseTerm = 0;
  #entries: Entry[] = [];

  get base(): number {
    return this.#base;
  }
  get lastIndex(): number {
    return this.#base + this.#entries.length;
  }

  entry(index: number): Entry | undefined {
    return this.#entries[index - this.#base - 1];
  }

  term(index: number): number | undefined {
    return index === this.#base ? this.#baseTerm : this.entry(index)?.term;
  }

  /** Whether this entry is here or was, and is covered by a snapshot now. */
  covers(index: number, term: number): boolean {
    return index < this.#base || this.term(index) === term;
  }

  apply(op: LogOp): void {
    switch (op.kind) {
      case 'append':
        invariant(op.entry.index === this.lastIndex + 1, 'the log has no gap');
        this.#entries.push(op.entry);
        return;
      case 'truncate':
        invariant(op.index > this.#base, 'what a snapshot covers is never truncated');
        this.#entries.length = Math.min(this.#entries.length, op.index - this.#base - 1);
        return;
      case 'reset':
        this.#base = op.index;
        this.#baseTerm = op.term;
        this.#entries = [];
        return;
      case 'compact': {
        if (op.index <= this.#base) return;
        const term = this.term(op.index);
        invariant(term !== undefined, 'compaction stays inside the log');
        this.#entries.splice(0, op.index - this.#base);
        this.#base = op.index;
        this.#baseTerm = term;
        return;
      }
    }
  }

  runs(): TermRuns {
    const runs = new TermRuns(this.#base, this.#baseTerm);
    for (const { index, term } of this.#entries) runs.append(index, term);
    return runs;
  }

  clone(): LogImage {
    const copy = new LogImage();
    copy.#base = this.#base;
    copy.#baseTerm = this.#baseTerm;
    copy.#entries = [...this.#entries];
    return copy;
  }
}

/** Changes on the way to the disk. A crash keeps a random number of the first ones. */
export class LogWriter {
  readonly durable: LogImage;
  #queue: LogOp[] = [];

  constructor(durable: LogImage = new LogImage()) {
    this.durable = durable;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  push(op: LogOp): void {
    this.#queue.push(op);
  }

  /** The first `count` changes are durable. */
  flush(count: number): void {
    for (const op of this.#queue.splice(0, count)) this.durable.apply(op);
  }

  /** Takes every waiting change back, for a disk that is full. */
  take(): LogOp[] {
    return this.#queue.splice(0);
  }

  crash(rng: Rng): void {
    this.flush(rng.int(this.#queue.length + 1));
    this.#queue = [];
  }
}
