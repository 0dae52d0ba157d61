import type { Clock, Millis } from '@proconsul/base';
import type { HeaderList } from './exchange.ts';

/** Requests whose last fetch is remembered. */
export const AGENT_CACHE_MAX = 4096;

/** How long an entry that nobody asks for is kept. Source: agent caching documentation. */
export const AGENT_CACHE_TTL_MS: Millis = 3 * 24 * 3600_000;

/**
 * What `?cached` requests tell about the agent's cache. The data itself needs no second copy: answers are shared views
 * that are replaced when the state changes, so a hit is never older than the state.
 */
export class AgentCache {
  readonly #clock: Clock;
  readonly #fetchedAt = new Map<string, Millis>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Headers for a request, and the note that it was made. */
  lookup(key: string, control: { maxAgeSeconds: number | null; mustRevalidate: boolean }): HeaderList {
    const now = this.#clock.now();
    const at = this.#fetchedAt.get(key);
    const ageMs = at === undefined ? Number.POSITIVE_INFINITY : now - at;
    const tooOld = control.maxAgeSeconds !== null && ageMs > control.maxAgeSeconds * 1000;
    if (ageMs > AGENT_CACHE_TTL_MS || tooOld || control.mustRevalidate) {
      this.#fetchedAt.delete(key);
      this.#fetchedAt.set(key, now);
      if (this.#fetchedAt.size > AGENT_CACHE_MAX) this.#fetchedAt.delete(this.#fetchedAt.keys().next().value as string);
      return [['X-Cache', 'MISS']];
    }
    return [
      ['X-Cache', 'HIT'],
      ['Age', String(Math.floor(ageMs / 1000))],
    ];
  }
}
