import type { QueryOptions, Struct } from '@proconsul/schema';
import type { CommonArgs } from '../method.ts';
import { READ_NOW, type ReadOptions } from '../view.ts';
import { EMPTY_MAP, readEmpty } from './replies.ts';
import type { RequestCodec } from './wire-method.ts';

const NS_PER_MS = 1e6;

/** The `+QO` fields that say how to read; the token is among the arguments. */
type Options = Pick<QueryOptions, 'MinQueryIndex' | 'MaxQueryTime' | 'AllowStale' | 'RequireConsistent' | 'Token'>;

function setOptions(r: Writable<Options>, options: ReadOptions): void {
  r.MinQueryIndex = options.minIndex;
  r.MaxQueryTime = Math.round(options.waitMs * NS_PER_MS);
  r.AllowStale = options.consistency === 'stale';
  r.RequireConsistent = options.consistency === 'consistent';
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function optionsOf(r: Options): ReadOptions {
  if (!r.AllowStale && !r.RequireConsistent && r.MinQueryIndex === 0 && r.MaxQueryTime === 0) return READ_NOW;
  return {
    consistency: r.RequireConsistent ? 'consistent' : r.AllowStale ? 'stale' : 'default',
    minIndex: r.MinQueryIndex,
    waitMs: Math.max(0, r.MaxQueryTime) / NS_PER_MS,
  };
}

/** How the arguments of a method lie in its request. */
export interface Fitting<A, R> {
  /** Arguments that are fields of the request under the same name, besides `Datacenter` and `Token`. */
  readonly same: readonly (keyof A & keyof R & string)[];
  /** Fields of the request that are made of arguments otherwise. */
  readonly write?: (args: A) => Partial<R>;
  /** The reverse of `write`. */
  readonly read?: (request: R) => Partial<A>;
}

/** Arguments have their own fields only, always in the same order: servers tell questions apart by them. */
function argsOf<A, R extends object>(request: R, { same, read }: Fitting<A, R>): A {
  const from = request as Record<string, unknown>;
  const args: Record<string, unknown> = { Datacenter: from['Datacenter'] ?? '', Token: from['Token'] };
  for (const name of same) args[name] = from[name];
  return (read === undefined ? args : Object.assign(args, read(request))) as A;
}

/** A request without options. A fresh record has all fields already, which is quick. */
function requestOf<A extends CommonArgs, R extends object>(of: Struct<R>, args: A, { same, write }: Fitting<A, R>): R {
  const request = of.make() as Record<string, unknown>;
  if ('Datacenter' in request) request['Datacenter'] = args.Datacenter;
  request['Token'] = args.Token;
  for (const name of same) request[name] = args[name];
  if (write !== undefined) Object.assign(request, write(args));
  return request as R;
}

/** The request of a read. */
export function reading<A extends CommonArgs, R extends Options>(
  request: Struct<R>,
  fit: Fitting<A, R>,
): RequestCodec<A> {
  return {
    encodeRequest: (args, options) => {
      const record = requestOf<A, R>(request, args, fit);
      setOptions(record, options);
      return request.encodeWire(record);
    },
    decodeRequest: (body) => {
      const r = request.decodeWire(body);
      return { args: argsOf(r, fit) as A & CommonArgs, options: optionsOf(r) };
    },
  };
}

/** The request of a change that has a structure of its own. */
export function writing<A extends CommonArgs, R extends { readonly Token: string }>(
  request: Struct<R>,
  fit: Fitting<A, R>,
): RequestCodec<A> {
  return {
    encodeRequest: (args) => request.encodeWire(requestOf<A, R>(request, args, fit)),
    decodeRequest: (body) => ({ args: argsOf(request.decodeWire(body), fit) as A & CommonArgs, options: READ_NOW }),
  };
}

/** A change whose arguments are its structure. */
export function command<A extends CommonArgs>(request: Struct<A>): RequestCodec<A> {
  return {
    encodeRequest: (args) => request.encodeWire(args),
    decodeRequest: (body) => ({ args: request.decodeWire(body), options: READ_NOW }),
  };
}

/** A request without anything in it. */
export const askingNothing: RequestCodec<CommonArgs> = {
  encodeRequest: () => EMPTY_MAP,
  decodeRequest: (body) => {
    readEmpty(body);
    return { args: { Datacenter: '', Token: '' }, options: READ_NOW };
  },
};
