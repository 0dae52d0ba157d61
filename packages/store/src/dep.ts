/**
 * What an answer was made from, as exactly as the tables can tell. A commit that touches it makes the answer old; any
 * other commit leaves it valid.
 */
export interface Dep {
  readonly kind: DepKind;
  /** Names of nodes and services are in lower case, since they compare so. */
  readonly key: string;
}

/**
 * - `key`: one KV entry. `prefix`: all KV entries whose key starts with it.
 * - `table`: anything in a whole table, by its index name (`nodes`, `services`, `checks`, `sessions`, ...).
 * - `service-names`: which service names exist and which tags each has.
 * - `service`: the instances of a name, their nodes and all checks that concern them. `service-checks`: only the checks
 *   registered for its instances. `connect`: the same as `service` for the proxies of a destination.
 * - `service-kind`: instances of a kind, their nodes and checks (`typical` is the empty kind).
 * - `node`: the node's own record. `node-services`, `node-checks`: what is registered on it.
 * - `check-state`: checks in a state; key `any` is every check.
 * - `session`, `session-node`: one session; the sessions of a node.
 * - `coordinate`: the coordinates of a node.
 * - `query`: one prepared query by id.
 * - `config`: one config entry, `kind/name`. `config-kind`: all entries of a kind.
 */
export const DEP_KINDS = [
  'key',
  'prefix',
  'table',
  'service-names',
  'service',
  'service-checks',
  'connect',
  'service-kind',
  'node',
  'node-services',
  'node-checks',
  'check-state',
  'session',
  'session-node',
  'coordinate',
  'query',
  'config',
  'config-kind',
] as const;
export type DepKind = (typeof DEP_KINDS)[number];

export function dep(kind: DepKind, key = ''): Dep {
  return { kind, key };
}

/**
 * An answer of the tables. `value` and everything in it never change; parts that later answers share with it are the
 * same objects, so that encoders can remember what they made of them.
 */
export interface ReadResult<T> {
  /** Raft index that a blocking read of this answer waits to be passed; at least 1. */
  readonly index: number;
  readonly value: T;
  readonly deps: readonly Dep[];
  /**
   * Lower index that the reference reports for this answer where its own misses changes (catalog reads of mesh
   * proxies). Reporting it to reads that do not block costs their next blocking read one early return, nothing more.
   */
  readonly plainIndex?: number;
}
