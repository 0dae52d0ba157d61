import { invariant } from '@proconsul/base';

/**
 * Which term each entry of the log has, without the entries: first and last index, and where each term starts. A term spans
 * thousands of entries, so this stays tiny. Also knows the entry before the first one (of the snapshot, or 0 and 0).
 */
export class TermRuns {
  /** Index and term of the last entry that is no longer in the log. */
  #baseIndex: number;
  #baseTerm: number;
  #lastIndex: number;
  /** Runs of equal term: starts[i] is the first index of terms[i]. Both ascending; all starts > baseIndex. */
  #starts: number[] = [];
  #terms: number[] = [];

  constructor(baseIndex = 0, baseTerm = 0) {
    this.#baseIndex = baseIndex;
    this.#baseTerm = baseTerm;
    this.#lastIndex = baseIndex;
  }

  get baseIndex(): number {
    return this.#baseIndex;
  }
  get baseTerm(): number {
    return this.#baseTerm;
  }
  /** First index in the log; lastIndex + 1 when it is empty. */
  get firstIndex(): number {
    return this.#baseIndex + 1;
  }
  get lastIndex(): number {
    return this.#lastIndex;
  }
  get lastTerm(): number {
    return this.#terms.length > 0 ? this.#terms[this.#terms.length - 1]! : this.#baseTerm;
  }

  /** Term of an entry in the log or of the one just before it; undefined outside. */
  term(index: number): number | undefined {
    if (index > this.#lastIndex || index < this.#baseIndex) return undefined;
    if (index === this.#baseIndex) return this.#baseTerm;
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >>> 1;
      if (this.#starts[mid]! <= index) low = mid;
      else high = mid - 1;
    }
    return this.#terms[low];
  }

  append(index: number, term: number): void {
    invariant(index === this.#lastIndex + 1, 'log entries are appended without gaps');
    const lastTerm = this.lastTerm;
    invariant(term >= lastTerm, 'terms never go down along the log');
    if (this.#terms.length === 0 || term !== lastTerm) {
      this.#starts.push(index);
      this.#terms.push(term);
    }
    this.#lastIndex = index;
  }

  /** Drops `from` and everything after it. */
  truncateFrom(from: number): void {
    if (from > this.#lastIndex) return;
    invariant(from > this.#baseIndex, 'entries covered by a snapshot are never truncated');
    while (this.#starts.length > 0 && this.#starts[this.#starts.length - 1]! >= from) {
      this.#starts.pop();
      this.#terms.pop();
    }
    this.#lastIndex = from - 1;
  }

  /** Forgets `index` and everything before it. Must be in the log. */
  compactTo(index: number): void {
    if (index <= this.#baseIndex) return;
    const term = this.term(index);
    invariant(term !== undefined, 'compaction stays inside the log');
    this.#baseIndex = index;
    this.#baseTerm = term;
    let drop = 0;
    while (drop + 1 < this.#starts.length && this.#starts[drop + 1]! <= index + 1) drop++;
    this.#starts.splice(0, drop);
    this.#terms.splice(0, drop);
    if (index === this.#lastIndex) {
      this.#starts.length = 0;
      this.#terms.length = 0;
    } else if (this.#starts[0]! <= index) this.#starts[0] = index + 1;
  }

  /** An empty log that goes on after `index`. */
  reset(index: number, term: number): void {
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#lastIndex = index;
    this.#starts.length = 0;
    this.#terms.length = 0;
  }

  /** An independent copy. */
  clone(): TermRuns {
    const copy = new TermRuns(this.#baseIndex, this.#baseTerm);
    copy.#lastIndex = this.#lastIndex;
    copy.#starts = [...this.#starts];
    copy.#terms = [...this.#terms];
    return copy;
  }
}
