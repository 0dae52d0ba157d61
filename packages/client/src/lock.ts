import { type Clock, type Millis, sleep } from '@proconsul/base';
import { ApiError, LockError } from './errors.ts';
import type { Uint64 } from './json.ts';
import type { KV } from './kv.ts';
import { systemClock } from './platform.ts';
import type { Sessions } from './session.ts';
import { untilLost } from './still-held.ts';
import type { KVPair, SessionRequest } from './types.ts';

/** Marks keys that are locks, so that a lock is not mistaken for other data. Source: recorded lock keys. */
export const LOCK_FLAGS = 0x2ddccbc058a50c18n;
/** How long one wait for a busy lock blocks at the agent. */
const LOCK_WAIT_MS = 15_000;
/** Pause after the agent refused a lock that nobody holds: the lock-delay of its last holder is running. */
const LOCK_RETRY_MS = 5_000;
const SESSION_TTL_MS = 15_000;

export interface LockOptions {
  readonly value?: Uint8Array | string | undefined;
  /** How the session is made. The time to live is 15 s unless it is given. */
  readonly session?: SessionRequest | undefined;
  /** How often monitoring repeats a read that failed with a server error before the lock counts as lost. */
  readonly monitorRetries?: number | undefined;
}

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  /** Gives up with undefined after this long; 0 or absent waits for ever. */
  readonly timeoutMs?: Millis | undefined;
}

export interface LockDependencies {
  readonly kv: KV;
  readonly sessions: Sessions;
  readonly clock?: Clock | undefined;
}

/** A session with a time to live that renews itself until it is closed. */
export class LiveSession {
  readonly id: string;
  /** Aborts when the session is known to be gone. */
  readonly lost: AbortSignal;
  readonly #sessions: Sessions;
  readonly #stop = new AbortController();

  private constructor(id: string, sessions: Sessions, clock: Clock) {
    this.id = id;
    this.#sessions = sessions;
    const lost = new AbortController();
    this.lost = lost.signal;
    void this.#renew(clock, lost);
  }

  static async open(request: SessionRequest, sessions: Sessions, clock: Clock): Promise<LiveSession> {
    const id = await sessions.create({ TTL: `${SESSION_TTL_MS / 1000}s`, ...request });
    return new LiveSession(id, sessions, clock);
  }

  async #renew(clock: Clock, lost: AbortController): Promise<void> {
    let pause = SESSION_TTL_MS / 2;
    while (!this.#stop.signal.aborted) {
      await sleep(clock, pause, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      try {
        await this.#sessions.renew(this.id, { signal: this.#stop.signal });
        pause = SESSION_TTL_MS / 2;
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return lost.abort();
        pause = 1_000;
      }
    }
  }

  /** Stops renewing and destroys the session; failing to is no error, it ends by its time to live. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#sessions.destroy(this.id).catch(() => {});
  }
}

/** A lock that is held. Check `lost` before every step that the lock protects. */
export interface HeldLock {
  readonly key: string;
  readonly session: string;
  /**
   * ModifyIndex of the write that took the lock: greater for every later holder, also when the key was deleted in
   * between. Hand it to what the lock protects, which refuses lower numbers than it has seen.
   */
  readonly fencingIndex: Uint64;
  /** Aborts as soon as the lock is known to be lost. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** A lock on one key, for one holder. Source: documentation, leader election with sessions. */
export class Lock {
  readonly key: string;
  readonly #options: LockOptions;
  readonly #deps: LockDependencies;
  readonly #clock: Clock;
  constructor(key: string, options: LockOptions, dependencies: LockDependencies) {
    this.key = key;
    this.#options = options;
    this.#deps = dependencies;
    this.#clock = dependencies.clock ?? systemClock;
  }

  /**
   * Waits until the lock is ours. Undefined when `signal` aborts or the time is over first.
   * Throws LockError LOCK_CONFLICT when the key is no lock.
   */
  async acquire(options: AcquireOptions = {}): Promise<HeldLock | undefined> {
    const session = await LiveSession.open(this.#options.session ?? {}, this.#deps.sessions, this.#clock);
    try {
      const taken = await this.#take(session, options);
      if (taken) return this.#hold(taken, session);
    } catch (error) {
      await session.close();
      if (options.signal?.aborted) return undefined;
      throw error;
    }
    await session.close();
    return undefined;
  }

  async #take(session: LiveSession, { signal, timeoutMs }: AcquireOptions): Promise<KVPair | undefined> {
    const { kv } = this.#deps;
    const deadline = timeoutMs ? this.#clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
    let index: Uint64 = 0;
    for (;;) {
      if (signal?.aborted || session.lost.aborted) return undefined;
      const left = deadline - this.#clock.now();
      if (left <= 0) return undefined;
      const waitMs = Math.min(LOCK_WAIT_MS, left);
      const { value: pair, meta } = await kv.get(this.key, { index, waitMs, signal });
      if (pair && BigInt(pair.Flags) !== LOCK_FLAGS) {
        throw new LockError('LOCK_CONFLICT', 'Existing key does not match lock use', { key: this.key });
      }
      if (pair?.Session && pair.Session !== session.id) {
        index = meta.index;
        continue;
      }
      const acquire = { acquire: session.id, flags: LOCK_FLAGS, signal };
      if (pair?.Session === session.id || (await kv.put(this.key, this.#options.value ?? '', acquire))) {
        const held = (await kv.get(this.key, { consistent: true, signal })).value;
        if (held?.Session === session.id) return held;
      }
      index = 0;
      // Refused although free: a lock-delay is running. If somebody was just quicker, the next read sees it.
      const now = await kv.get(this.key, { signal });
      if (!now.value?.Session) await sleep(this.#clock, Math.min(LOCK_RETRY_MS, deadline - this.#clock.now()), signal);
    }
  }

  #hold(pair: KVPair, session: LiveSession): HeldLock {
    const stop = new AbortController();
    const lost = new AbortController();
    const lose = () => lost.abort(new LockError('LOCK_LOST', 'Lock lost', { key: this.key }));
    session.lost.addEventListener('abort', lose, { once: true });
    void this.#monitor(session.id, stop.signal).then(() => {
      if (!stop.signal.aborted) lose();
    });
    return {
      key: this.key,
      session: session.id,
      fencingIndex: pair.ModifyIndex,
      lost: lost.signal,
      release: async () => {
        stop.abort();
        try {
          await this.#deps.kv.put(this.key, this.#options.value ?? '', { release: session.id, flags: LOCK_FLAGS });
        } finally {
          await session.close();
        }
      },
    };
  }

  /** Resolves when the lock is no longer ours, or `signal` aborts. */
  #monitor(session: string, signal: AbortSignal): Promise<void> {
    return untilLost(
      async (index) => {
        const { value, meta } = await this.#deps.kv.get(this.key, { index, consistent: true, signal });
        return { isHeld: value?.Session === session, index: meta.index };
      },
      { clock: this.#clock, retries: this.#options.monitorRetries ?? 0, signal },
    );
  }

  /** Removes the key when nobody holds it. False when it is in use. */
  async destroy(): Promise<boolean> {
    const { value: pair } = await this.#deps.kv.get(this.key);
    if (!pair) return true;
    if (BigInt(pair.Flags) !== LOCK_FLAGS) {
      throw new LockError('LOCK_CONFLICT', 'Existing key does not match lock use', { key: this.key });
    }
    if (pair.Session) return false;
    return this.#deps.kv.delete(this.key, { cas: pair.ModifyIndex });
  }
}
