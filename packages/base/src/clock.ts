/** Milliseconds: a duration, or a moment on the monotonic clock of one process. May have a fraction. */
export type Millis = number;

/** A pending call; `cancel` is idempotent and harmless after the call. */
export interface Timer {
  cancel(): void;
}

/** Time as a dependency, so that a whole cluster can run on virtual time. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start. Never goes backwards. */
  now(): Millis;
  /** Wall-clock time in milliseconds since 1970-01-01T00:00:00Z. May jump. Only for what people and peers read. */
  wallMs(): Millis;
  /** Calls `fn` once, not before `delayMs` have passed. */
  after(delayMs: Millis, fn: () => void): Timer;
  /**
   * Calls `fn` once everything has been looked at that has arrived by now: what many connections bring in one turn can be passed
   * on in one piece. Costs no time when nothing else is there. A clock without it does the same with what one connection brought.
   */
  soon?(fn: () => void): void;
}

/** {@link Clock.soon}, or after the running piece of work where the clock has none. */
export function soon(clock: Clock, fn: () => void): void {
  if (clock.soon) clock.soon(fn);
  else Promise.resolve().then(fn);
}

/** Resolves after `delayMs`, or at once when `signal` aborts (never rejects). */
export function sleep(clock: Clock, delayMs: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
