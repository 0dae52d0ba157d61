import { type Caller, type CommonArgs, READ_NOW, type ReadMethod } from '@proconsul/endpoints';

/** The answer of this moment, as a promise. Rejects with the error of the read. */
export function readOnce<A extends CommonArgs, T>(caller: Caller, method: ReadMethod<A, T>, args: A): Promise<T> {
  return new Promise((resolve, reject) => {
    caller.read(method, args, READ_NOW, (error, view) => {
      if (error !== null) reject(error);
      else resolve(view?.value as T);
    });
  });
}
