import type { Millis } from '@proconsul/base';

/** At `at` the leader of `term` said that everything up to `commitIndex` is committed, and nothing else. */
interface Vouch {
  readonly at: Millis;
  readonly term: number;
  readonly commitIndex: number;
}

/**
 * How old the applied state of a follower is. Heartbeats tell that the leader lives, not that nothing is missing here; an
 * append that fits our log tells what is committed. Once that is applied, the state is that of the moment of the append. A
 * new leader does not know all that is committed before an entry of its own term is (thesis section 6.4): what it says
 * before counts for nothing.
 */
export class StateAge {
  /** The oldest word that is not yet lived up to, and the newest one. */
  #waiting: Vouch | undefined;
  #newest: Vouch | undefined;
  #freshAt: Millis = Number.NEGATIVE_INFINITY;

  /** A leader's append fitted our log. It was sent at `at` or later; -Infinity when that is not known. */
  heard(at: Millis, term: number, commitIndex: number): void {
    if (at === Number.NEGATIVE_INFINITY) return;
    const vouch = { at, term, commitIndex };
    this.#waiting ??= vouch;
    this.#newest = vouch;
  }

  /** Milliseconds; Infinity when the state was never known to be complete. `termOf` as of the log. */
  ageMs(now: Millis, applied: number, termOf: (index: number) => number | undefined): Millis {
    const isMet = (v: Vouch): boolean => applied >= v.commitIndex && termOf(v.commitIndex) === v.term;
    if (this.#newest !== undefined && isMet(this.#newest)) {
      this.#freshAt = Math.max(this.#freshAt, this.#newest.at);
      this.#waiting = undefined;
      this.#newest = undefined;
    } else if (this.#waiting !== undefined && isMet(this.#waiting)) {
      this.#freshAt = Math.max(this.#freshAt, this.#waiting.at);
      this.#waiting = this.#newest;
    }
    return now - this.#freshAt;
  }
}
