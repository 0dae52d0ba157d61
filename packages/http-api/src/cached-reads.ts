import type { Clock, Millis, Timer } from '@proconsul/base';
import type { Caller, CommonArgs, ReadDone, ReadMeta, ReadMethod, ReadOptions, View } from '@proconsul/endpoints';
import { AGENT_CACHE_TTL_MS } from './agent-cache.ts';
import type { HeaderList } from './exchange.ts';

/**
 * Answers that are kept. Beyond it the one goes that nobody waits for and that was asked for the longest ago; when all are waited
 * for, further questions are calls to a server each.
 */
export const CACHED_READS_MAX = 1024;

/** Pauses before servers that could not be asked are asked again: doubled each time. */
export const REFRESH_PAUSE_MS: Millis = 500;
export const REFRESH_PAUSE_MAX_MS: Millis = 8_000;
/** Between two calls for an answer that somebody has asked for meanwhile. */
export const HURRIED_PAUSE_MS: Millis = 100;

/** Waits for a change: the default one, and the longest. Source: HTTP API documentation, blocking queries. */
const DEFAULT_WAIT_MS: Millis = 300_000;
const WAIT_MAX_MS: Millis = 600_000;

/** How long an answer is kept up to date after the last blocking query that nobody asked to cache. */
export const WATCHED_IDLE_MS: Millis = 20 * 60_000;

/** What a request says about how old an answer may be. */
export interface CacheControl {
  readonly maxAgeSeconds: number | null;
  readonly mustRevalidate: boolean;
  readonly staleIfErrorSeconds: number | null;
}

/** An answer as {@link ReadDone} tells it, and the headers that tell about the cache. */
export type CachedDone<T> = (cache: HeaderList, ...answer: Parameters<ReadDone<T>>) => void;

const NO_CONTROL: CacheControl = { maxAgeSeconds: null, mustRevalidate: false, staleIfErrorSeconds: null };

interface Question<A extends CommonArgs, T> {
  readonly method: ReadMethod<A, T>;
  readonly args: A;
  readonly options: ReadOptions;
  /** Null: a blocking query, which says nothing of the age of answers. */
  readonly control: CacheControl | null;
}

/**
 * What a client agent remembers of what servers have told it, for `?cached` and for blocking queries of the streaming back
 * end. An answer that has been asked for once is kept up to date by one call that waits for its next change, whoever and
 * however many wait for it here. While no server can be asked, the last answer goes on being given; its age is the time since
 * then. What cannot be waited for (prepared queries) is asked again when it is too old for somebody.
 * Source: agent caching documentation.
 */
export class CachedReads {
  readonly #caller: Caller;
  readonly #clock: Clock;
  /** In the order in which they were last asked for. */
  readonly #kept = new Map<string, Kept>();

  constructor(caller: Caller, clock: Clock) {
    this.#caller = caller;
    this.#clock = clock;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Answers once, unless the function that is returned is called before. */
  read<A extends CommonArgs, T>(question: Question<A, T>, done: CachedDone<T>): () => void {
    const { method, args, options } = question;
    const control = question.control ?? NO_CONTROL;
    const key = `${method.name}|${options.consistency}|${JSON.stringify(args)}`;
    const kept = this.#use(key, method as unknown as ReadMethod<CommonArgs, unknown>, args, options.consistency);
    if (kept === undefined) {
      return this.#caller.read(method, args, options, (...answer) => done([['X-Cache', 'MISS']], ...answer));
    }
    kept.use(question.control === null ? WATCHED_IDLE_MS : AGENT_CACHE_TTL_MS);
    const ageMs = kept.ageMs();
    const isFresh = control.maxAgeSeconds === null || ageMs <= control.maxAgeSeconds * 1000;
    if (kept.view === null || !isFresh || control.mustRevalidate) {
      const mayBeOld = ageMs <= (control.staleIfErrorSeconds ?? -1) * 1000;
      let cancelWait = (): void => {};
      const miss = (error: Error | null) =>
        done([['X-Cache', 'MISS']], error, error === null ? (kept.view as View<T>) : null, kept.meta);
      const cancelFetch = kept.fetch((error) => {
        if (error === null) cancelWait = kept.wait(options, () => miss(null));
        else if (mayBeOld && kept.view !== null) done(hit(ageMs), null, kept.view as View<T>, kept.meta);
        else miss(error);
      });
      return () => {
        cancelFetch();
        cancelWait();
      };
    }
    return kept.wait(options, () => done(hit(kept.ageMs()), null, kept.view as View<T>, kept.meta));
  }

  /** Forgets everything and answers nobody any more. */
  close(): void {
    for (const kept of this.#kept.values()) kept.close();
    this.#kept.clear();
  }

  /** Undefined: there is no room. */
  #use(
    key: string,
    method: ReadMethod<CommonArgs, unknown>,
    args: CommonArgs,
    consistency: ReadOptions['consistency'],
  ): Kept | undefined {
    const known = this.#kept.get(key);
    if (known === undefined && !this.#makeRoom()) return undefined;
    const kept =
      known ??
      new Kept(
        this.#clock,
        (minIndex, done) => this.#caller.read(method, args, { consistency, minIndex, waitMs: 0 }, done),
        method.blocking,
        () => this.#drop(key),
      );
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept;
  }

  #makeRoom(): boolean {
    if (this.#kept.size < CACHED_READS_MAX) return true;
    for (const [key, kept] of this.#kept) {
      if (!kept.isIdle) continue;
      this.#drop(key);
      return true;
    }
    return false;
  }

  #drop(key: string): void {
    this.#kept.get(key)?.close();
    this.#kept.delete(key);
  }
}

const hit = (ageMs: Millis): HeaderList => [
  ['X-Cache', 'HIT'],
  ['Age', String(Math.floor(ageMs / 1000))],
];

type Ask = (minIndex: number, done: ReadDone<unknown>) => () => void;

/** One answer, and whoever waits for the next one. */
class Kept {
  readonly #clock: Clock;
  readonly #ask: Ask;
  readonly #isRefreshed: boolean;
  readonly #drop: () => void;
  #fetches = 0;
  readonly #waiting = new Set<{ readonly index: number; readonly wake: () => void }>();
  view: View<unknown> | null = null;
  meta: ReadMeta = { knownLeader: false, lastContactMs: 0 };
  #keptUntil: Millis = 0;
  #fetchedAt: Millis = 0;
  #askedAt: Millis = 0;
  /** Since when no server has answered. */
  #lostAt: Millis | null = null;
  #pauseMs = REFRESH_PAUSE_MS;
  #pause: Timer | undefined;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(clock: Clock, ask: Ask, isRefreshed: boolean, drop: () => void) {
    this.#clock = clock;
    this.#ask = ask;
    this.#isRefreshed = isRefreshed;
    this.#drop = drop;
  }

  /** Nobody waits for it. */
  get isIdle(): boolean {
    return this.#fetches === 0 && this.#waiting.size === 0;
  }

  /** Somebody asks. Without servers it is looked then whether there is one again. */
  use(keepMs: Millis): void {
    const now = this.#clock.now();
    this.#keptUntil = Math.max(this.#keptUntil, now + keepMs);
    if (this.#pause === undefined || this.#lostAt === null || now - this.#askedAt < HURRIED_PAUSE_MS) return;
    this.#pause.cancel();
    this.#pause = undefined;
    this.#refresh();
  }

  /** 0 for as long as the answer is kept up to date. */
  ageMs(): Millis {
    if (!this.#isRefreshed) return this.#clock.now() - this.#fetchedAt;
    return this.#lostAt === null ? 0 : this.#clock.now() - this.#lostAt;
  }

  /** Asks now. What cannot be asked for the first time is not kept. */
  fetch(done: ReadDone<unknown>): () => void {
    let isOver = false;
    const over = () => {
      if (!isOver) this.#fetches--;
      isOver = true;
    };
    this.#fetches++;
    const cancel = this.#ask(0, (error, view, meta) => {
      over();
      if (view !== null) this.#keep(view, meta);
      else if (this.view === null) this.#drop();
      done(error, view, meta);
      if (view !== null && this.#cancel === undefined && this.#pause === undefined) this.#refresh();
    });
    return () => {
      over();
      cancel();
    };
  }

  /** Calls `done` at once, or when the index has passed the one that is known, at the latest when the wait is over. */
  wait({ minIndex, waitMs }: ReadOptions, done: () => void): () => void {
    if (minIndex <= 0 || (this.view?.index ?? 0) > minIndex) {
      done();
      return () => {};
    }
    const end = () => {
      timer.cancel();
      this.#waiting.delete(waiter);
    };
    const wake = () => {
      end();
      done();
    };
    const waiter = { index: minIndex, wake };
    const timer = this.#clock.after(waitMs <= 0 ? DEFAULT_WAIT_MS : Math.min(waitMs, WAIT_MAX_MS), wake);
    this.#waiting.add(waiter);
    return end;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    this.#pause?.cancel();
    // Their requests are answered with what there is.
    for (const waiter of [...this.#waiting]) waiter.wake();
  }

  #keep(view: View<unknown>, meta: ReadMeta): void {
    // An answer that tells nothing new leaves what was made of the old one in use.
    if (this.view === null || view.index !== this.view.index || !this.#isRefreshed) this.view = view;
    this.meta = meta;
    this.#fetchedAt = this.#clock.now();
    this.#lostAt = null;
    for (const waiter of [...this.#waiting]) if (waiter.index < view.index) waiter.wake();
  }

  /** Waits for the next change at a server, again and again until nobody has asked for long. */
  #refresh(): void {
    if (!this.#isRefreshed || this.#isClosed) return;
    const askedAt = this.#clock.now();
    this.#askedAt = askedAt;
    if (this.#waiting.size === 0 && askedAt > this.#keptUntil) return this.#drop();
    const before = this.view?.index ?? 0;
    this.#cancel = this.#ask(before, (error, view, meta) => {
      this.#cancel = undefined;
      if (this.#isClosed) return;
      if (view !== null) this.#keep(view, meta);
      else this.#lostAt ??= this.#clock.now();
      // A server that answers at once with nothing new is not asked at once again.
      const isOdd = view !== null && view.index <= before && this.#clock.now() - askedAt < REFRESH_PAUSE_MS;
      if (error !== null || isOdd) this.#later();
      else {
        this.#pauseMs = REFRESH_PAUSE_MS;
        this.#refresh();
      }
    });
  }

  #later(): void {
    this.#pause = this.#clock.after(this.#pauseMs, () => {
      this.#pause = undefined;
      this.#refresh();
    });
    this.#pauseMs = Math.min(this.#pauseMs * 2, REFRESH_PAUSE_MAX_MS);
  }
}
