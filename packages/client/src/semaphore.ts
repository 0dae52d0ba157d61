import type { Clock } from '@proconsul/base';
import { LockError } from './errors.ts';
import type { Uint64 } from './json.ts';
import { type AcquireOptions, type HeldLock, LiveSession, type LockDependencies, type LockOptions } from './lock.ts';
import { systemClock } from './platform.ts';
import { untilLost } from './still-held.ts';
import type { KVPair } from './types.ts';

/** Marks keys that belong to a semaphore. Source: recorded semaphore keys. */
export const SEMAPHORE_FLAGS = 0xe0f69a2baa414de0n;
const WAIT_MS = 15_000;
const CONTENTION_MAX = 100;

/** The content of `<prefix>/.lock`. Source: documentation, semaphores; recorded value. */
interface Holders {
  Limit: number;
  Holders: Record<string, boolean>;
}

/** A lock for up to `limit` holders. Source: documentation, distributed semaphores. */
export class Semaphore {
  readonly prefix: string;
  readonly limit: number;
  readonly #options: LockOptions;
  readonly #deps: LockDependencies;
  readonly #clock: Clock;
  constructor(prefix: string, limit: number, options: LockOptions, dependencies: LockDependencies) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError('a semaphore needs a positive limit');
    this.prefix = prefix.replace(/\/$/, '');
    this.limit = limit;
    this.#options = options;
    this.#deps = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
  }

  get #lockKey(): string {
    return `${this.prefix}/.lock`;
  }

  /**
   * Waits for a place. Undefined when `signal` aborts or the time is over first. Throws LockError:
   * SEMAPHORE_CONFLICT when the keys are something else, SEMAPHORE_LIMIT when others use another limit.
   */
  async acquire(options: AcquireOptions = {}): Promise<HeldLock | undefined> {
    const request = { Behavior: 'delete' as const, ...this.#options.session };
    const session = await LiveSession.open(request, this.#deps.sessions, this.#clock);
    try {
      const index = await this.#take(session, options);
      if (index !== undefined) return this.#hold(index, session);
    } catch (error) {
      await this.#withdraw(session);
      if (options.signal?.aborted) return undefined;
      throw error;
    }
    await this.#withdraw(session);
    return undefined;
  }

  async #withdraw(session: LiveSession): Promise<void> {
    await this.#deps.kv.delete(`${this.prefix}/${session.id}`).catch(() => {});
    await session.close();
  }

  async #take(session: LiveSession, { signal, timeoutMs }: AcquireOptions): Promise<Uint64 | undefined> {
    const { kv } = this.#deps;
    const deadline = timeoutMs ? this.#clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
    const entry = { acquire: session.id, flags: SEMAPHORE_FLAGS, signal };
    if (!(await kv.put(`${this.prefix}/${session.id}`, this.#options.value ?? '', entry))) {
      throw new LockError('SEMAPHORE_ENTRY', 'failed to make contender entry', { prefix: this.prefix });
    }
    let index: Uint64 = 0;
    for (;;) {
      const left = deadline - this.#clock.now();
      if (signal?.aborted || session.lost.aborted || left <= 0) return undefined;
      const { value: pairs, meta } = await kv.list(this.prefix, { index, waitMs: Math.min(WAIT_MS, left), signal });
      const { holders, cas } = this.#read(pairs);
      if (Object.keys(holders.Holders).length >= this.limit) {
        index = meta.index;
        continue;
      }
      holders.Holders[session.id] = true;
      if (await kv.put(this.#lockKey, JSON.stringify(holders), { cas, flags: SEMAPHORE_FLAGS, signal })) {
        return (await kv.get(this.#lockKey, { consistent: true, signal })).value?.ModifyIndex ?? meta.index;
      }
      index = 0;
    }
  }

  /** The holders that are alive, and the index that a change of them must name. */
  #read(pairs: readonly KVPair[]): { holders: Holders; cas: number } {
    const lock = pairs.find((p) => p.Key === this.#lockKey);
    if (!lock) return { holders: { Limit: this.limit, Holders: {} }, cas: 0 };
    if (BigInt(lock.Flags) !== SEMAPHORE_FLAGS) {
      throw new LockError('SEMAPHORE_CONFLICT', 'Existing key does not match semaphore use', { key: lock.Key });
    }
    const stored = JSON.parse(new TextDecoder().decode(lock.Value)) as Holders;
    if (stored.Limit !== this.limit) {
      const text = `semaphore limit conflict (lock: ${stored.Limit}, local: ${this.limit})`;
      throw new LockError('SEMAPHORE_LIMIT', text, { key: lock.Key });
    }
    const alive = new Set(pairs.map((p) => p.Session).filter((s) => s !== undefined));
    const kept = Object.keys(stored.Holders).filter((id) => alive.has(id));
    return {
      holders: { Limit: stored.Limit, Holders: Object.fromEntries(kept.map((id) => [id, true])) },
      cas: lock.ModifyIndex,
    };
  }

  #hold(fencingIndex: Uint64, session: LiveSession): HeldLock {
    const stop = new AbortController();
    const lost = new AbortController();
    const lose = () => lost.abort(new LockError('LOCK_LOST', 'Lock lost', { prefix: this.prefix }));
    session.lost.addEventListener('abort', lose, { once: true });
    void this.#monitor(session.id, stop.signal).then(() => {
      if (!stop.signal.aborted) lose();
    });
    const release = async () => {
      stop.abort();
      try {
        await this.#leave(session.id);
        await this.#deps.kv.delete(`${this.prefix}/${session.id}`);
      } finally {
        await session.close();
      }
    };
    return { key: this.#lockKey, session: session.id, fencingIndex, lost: lost.signal, release };
  }

  async #leave(session: string): Promise<void> {
    for (let tries = 0; tries < CONTENTION_MAX; tries++) {
      const { value: lock } = await this.#deps.kv.get(this.#lockKey);
      if (!lock) return;
      const stored = JSON.parse(new TextDecoder().decode(lock.Value)) as Holders;
      if (!stored.Holders[session]) return;
      delete stored.Holders[session];
      const condition = { cas: lock.ModifyIndex, flags: SEMAPHORE_FLAGS };
      if (await this.#deps.kv.put(this.#lockKey, JSON.stringify(stored), condition)) return;
    }
    throw new LockError('SEMAPHORE_BUSY', 'could not release the semaphore: too many concurrent changes', {});
  }

  /** Resolves when our place is gone, or `signal` aborts. */
  #monitor(session: string, signal: AbortSignal): Promise<void> {
    return untilLost(
      async (index) => {
        const { value: pairs, meta } = await this.#deps.kv.list(this.prefix, { index, consistent: true, signal });
        return { isHeld: this.#read(pairs).holders.Holders[session] === true, index: meta.index };
      },
      { clock: this.#clock, retries: this.#options.monitorRetries ?? 0, signal },
    );
  }

  /** Removes the key of a semaphore without holders. False when it is in use. */
  async destroy(): Promise<boolean> {
    const { value: pairs } = await this.#deps.kv.list(this.prefix);
    const lock = pairs.find((p) => p.Key === this.#lockKey);
    if (!lock) return true;
    const { holders } = this.#read(pairs);
    if (Object.keys(holders.Holders).length > 0) return false;
    return this.#deps.kv.delete(this.#lockKey, { cas: lock.ModifyIndex });
  }
}
