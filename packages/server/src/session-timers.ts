import type { Clock, Millis, Timer } from '@proconsul/base';
import { parseDuration } from '@proconsul/base';
import type { Session } from '@proconsul/schema';

/** A session ends this many TTLs after its last renewal. Source: sessions documentation; measured on servers. */
export const TTL_MULTIPLIER = 2;

/** `0` without a TTL. Texts that mean none: empty, 0, 0s, 0m, 0h. */
export function ttlMs(session: Pick<Session, 'TTL'>): Millis {
  if (session.TTL === '') return 0;
  return (parseDuration(session.TTL) ?? 0) / 1e6;
}

/**
 * The leader's clock for sessions with a TTL. A renewal restarts it; a new leader gives every session its full time
 * again, so a TTL is a lower bound, never an upper one.
 */
export class SessionTimers {
  readonly #clock: Clock;
  readonly #expire: (id: string) => void;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock, expire: (id: string) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** Starts or restarts the clock of a session; sessions without a TTL have none. */
  reset(session: Session): void {
    this.clear(session.ID);
    const ttl = ttlMs(session);
    if (ttl <= 0) return;
    const timer = this.#clock.after(ttl * TTL_MULTIPLIER, () => {
      this.#timers.delete(session.ID);
      this.#expire(session.ID);
    });
    this.#timers.set(session.ID, timer);
  }

  clear(id: string): void {
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
  }

  clearAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
