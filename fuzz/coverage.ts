/** The counters of the instrumented modules; see scripts/instrument.mjs. */
export interface Counters {
  readonly counts: Uint32Array;
  /** Numbers of the counters that are not 0, in the order they were met. */
  readonly touched: Uint32Array;
  size: number;
  /** Elements asked for by allocations with a size. */
  allocated: number;
}

/** Classes of how often a branch was taken, as powers of two: taking it far more often than ever is news. */
const bucketOf = (count: number): number => 1 << Math.min(24, 32 - Math.clz32(count));

/** What all executions so far have reached. */
export class Coverage {
  readonly #counters: Counters | undefined;
  readonly #seen: Uint32Array;
  /** Branches met at least once. */
  branches = 0;

  constructor(counters: Counters | undefined) {
    this.#counters = counters;
    this.#seen = new Uint32Array(counters?.counts.length ?? 0);
  }

  get isOn(): boolean {
    return this.#counters !== undefined;
  }

  get allocated(): number {
    return this.#counters?.allocated ?? 0;
  }

  /** Forgets what was counted since the last call. */
  reset(): void {
    const c = this.#counters;
    if (c === undefined) return;
    for (let i = 0; i < c.size; i++) c.counts[c.touched[i]!] = 0;
    c.size = 0;
    c.allocated = 0;
  }

  /** Whether the execution just made reached something new, which is then remembered. */
  take(): boolean {
    const c = this.#counters;
    if (c === undefined) return false;
    let isNew = false;
    const { counts, touched, size } = c;
    const seen = this.#seen;
    for (let i = 0; i < size; i++) {
      const id = touched[i]!;
      const bucket = bucketOf(counts[id]!);
      const before = seen[id]!;
      if ((before & bucket) === 0) {
        if (before === 0) this.branches++;
        seen[id] = before | bucket;
        isNew = true;
      }
    }
    return isNew;
  }

  /** Branch and class of each counter of the execution just made. */
  features(): Uint32Array {
    const c = this.#counters;
    if (c === undefined) return new Uint32Array(0);
    const out = new Uint32Array(c.size);
    for (let i = 0; i < c.size; i++) {
      const id = c.touched[i]!;
      out[i] = id * 32 + Math.min(24, 32 - Math.clz32(c.counts[id]!));
    }
    return out;
  }

  /** Branches taken by the execution just made, each time counted: a measure of its work that is always the same. */
  get steps(): number {
    const c = this.#counters;
    let sum = 0;
    if (c !== undefined) for (let i = 0; i < c.size; i++) sum += c.counts[c.touched[i]!]!;
    return sum;
  }
}
