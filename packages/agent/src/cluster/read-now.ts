import { type Caller, type CommonArgs, READ_NOW, type ReadMethod } from '@proconsul/endpoints';

/** The answer to a read that waits for nothing. */
export function readNow<A extends CommonArgs, T>(
  caller: Caller,
  method: ReadMethod<A, T>,
  args: A,
  consistency: 'default' | 'stale' = 'default',
): Promise<T> {
  return new Promise((resolve, reject) => {
    caller.read(method, args, { ...READ_NOW, consistency }, (error, view) => {
      if (error !== null || view === null) reject(error ?? new Error('no answer'));
      else resolve(view.value);
    });
  });
}
