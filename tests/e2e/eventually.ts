const PAUSE_MS = 15;

export interface EventuallyOptions {
  readonly withinMs?: number;
  /** What is waited for, named when it does not come. */
  readonly what?: string;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again and again until the answer is truthy, and returns that; throws the last error after `withinMs` (15 s). */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const { withinMs = 15_000, what = 'the condition' } = options;
  const end = performance.now() + withinMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await ask();
      if (value) return value as Exclude<T, undefined | null | false>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) throw new Error(`${what} did not come within ${withinMs} ms`, { cause: last });
    await pause(PAUSE_MS);
  }
}
