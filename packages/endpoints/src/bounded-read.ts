import type { Millis } from '@proconsul/base';
import type { Caller } from './caller.ts';
import type { CommonArgs, ReadMethod } from './method.ts';
import type { ReadDone, ReadOptions } from './view.ts';

/**
 * As `caller.read`, but when the answer of a stale read is older than `maxStaleMs`, it is thrown away and the leader is asked, with
 * the same options otherwise. `done` gets the options that the answer was come by with. Source: `max_stale` in the documentation of
 * the HTTP API and of DNS.
 */
export function boundedRead<A extends CommonArgs, T>(
  caller: Caller,
  method: ReadMethod<A, T>,
  args: A,
  options: ReadOptions,
  maxStaleMs: Millis,
  done: (used: ReadOptions, ...answer: Parameters<ReadDone<T>>) => void,
): () => void {
  let cancelSecond = (): void => {};
  const cancelFirst = caller.read(method, args, options, (error, view, meta) => {
    const isTooOld = error === null && options.consistency === 'stale' && meta.lastContactMs > maxStaleMs;
    if (!isTooOld) return done(options, error, view, meta);
    const fresh: ReadOptions = { ...options, consistency: 'default' };
    cancelSecond = caller.read(method, args, fresh, (...answer) => done(fresh, ...answer));
  });
  return () => {
    cancelFirst();
    cancelSecond();
  };
}
