import { FilterError } from './errors.ts';

/** A match of a pattern that takes no longer is what patterns of people take; it is never held against a filter. */
export const MATCH_FREE_MS = 0.1;
/** How long the matches of one filter may take together beyond that. */
export const SLOW_MATCHES_MS_MAX = 50;

/**
 * Watches how long the patterns of one filter take. Nearly all take microseconds; a few, on texts made for them, take milliseconds for
 * each, and a catalog has thousands: nobody else would be served meanwhile.
 */
export class Patience {
  readonly #now: () => number;
  #leftMs = SLOW_MATCHES_MS_MAX;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Throws FilterError FILTER_LIMIT when the matches have taken too long. */
  timed(match: () => boolean): boolean {
    const startedAt = this.#now();
    const found = match();
    const overMs = this.#now() - startedAt - MATCH_FREE_MS;
    if (overMs > 0) this.#leftMs -= overMs;
    if (this.#leftMs < 0) throw new FilterError('FILTER_LIMIT', 'the patterns of the filter take too long');
    return found;
  }
}
