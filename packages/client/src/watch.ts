import { type Clock, type Millis, type Rng, sleep } from '@proconsul/base';
import { ApiError } from './errors.ts';
import type { Uint64 } from './json.ts';
import { systemClock, systemRng } from './platform.ts';
import type { Answer } from './query.ts';

/** First and longest pause after a failed read; each failure in a row doubles the pause, up to a quarter less by chance. */
export const BACKOFF_MIN_MS = 1_000;
export const BACKOFF_MAX_MS = 60_000;
/** How long beyond the agreed wait (and the agent's extra sixteenth) an answer may take before the read is given up. */
export const WATCH_GRACE_MS = 30_000;
/** What the agent waits when nothing is said. */
const WAIT_DEFAULT_MS = 300_000;

/** What {@link watch} hands to each read: pass all of it on. */
export interface BlockingRead {
  readonly index: Uint64;
  readonly waitMs?: number | undefined;
  readonly signal: AbortSignal;
}

export interface WatchOptions {
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined;
  readonly waitMs?: number | undefined;
  /** For indexes that only tell equal from different, such as those of user events. */
  readonly opaqueIndex?: boolean | undefined;
  /** Told of each failed read; true ends the iteration with the error. Default: only 400 and 405, which never heal. */
  readonly onError?: ((error: unknown, failures: number) => boolean | undefined) | undefined;
  readonly clock?: Clock | undefined;
  readonly rng?: Pick<Rng, 'float'> | undefined;
}

/**
 * The index to block on after an answer with index `next`: 0, that is start over, when it went backwards (a restored
 * snapshot, a new cluster), and never below 1 otherwise.
 * Source: HTTP API documentation, blocking queries, implementation details.
 */
export function nextIndex(last: Uint64, next: Uint64): Uint64 {
  if (next < last) return 0;
  return next < 1 ? 1 : next;
}

/** The pause after the `failures`th failure in a row, counted from 1. */
export function backoffMs(failures: number, rng: Pick<Rng, 'float'>): Millis {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 16));
  return full * (0.75 + rng.float() / 4);
}

/**
 * Yields the present answer, and then each new one when its index has moved. Failed reads are repeated after a pause;
 * a slow consumer sees the newest state, never a queue.
 *
 *     for await (const { value } of watch((block) => consul.health.service('web', block), { signal })) ...
 */
export async function* watch<T>(
  read: (block: BlockingRead) => Promise<Answer<T>>,
  options: WatchOptions = {},
): AsyncGenerator<Answer<T>, void, undefined> {
  const { clock = systemClock, rng = systemRng, waitMs, signal } = options;
  let index: Uint64 = 0;
  let seen: Uint64 | undefined;
  let failures = 0;
  while (!signal?.aborted) {
    let answer: Answer<T>;
    try {
      answer = await readOnce(read, { index, waitMs }, signal, clock);
      failures = 0;
    } catch (error) {
      if (signal?.aborted) return;
      failures++;
      if (options.onError ? options.onError(error, failures) : isFinal(error)) throw error;
      await sleep(clock, backoffMs(failures, rng), signal);
      continue;
    }
    const next = answer.meta.index;
    index = options.opaqueIndex ? next : nextIndex(index, next);
    if (index !== 0 && index === seen) continue;
    seen = next;
    yield answer;
  }
}

async function readOnce<T>(
  read: (block: BlockingRead) => Promise<Answer<T>>,
  block: { index: Uint64; waitMs: number | undefined },
  outer: AbortSignal | undefined,
  clock: Clock,
): Promise<Answer<T>> {
  const inner = new AbortController();
  const stop = () => inner.abort(outer?.reason);
  outer?.addEventListener('abort', stop, { once: true });
  const waitMs = block.waitMs ?? WAIT_DEFAULT_MS;
  const limit = waitMs + waitMs / 16 + WATCH_GRACE_MS;
  const timer = clock.after(limit, () => inner.abort(new Error(`no answer within ${limit} ms`)));
  try {
    return await read({ ...block, signal: inner.signal });
  } finally {
    timer.cancel();
    outer?.removeEventListener('abort', stop);
  }
}

const isFinal = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 400 || error.status === 405);
