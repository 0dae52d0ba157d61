import { bool, durationNs, index, int, type Kind, str } from './kind.ts';
import { type Infer, struct } from './struct.ts';

// Source of these tables: field lists recorded from servers of version 1.21.0, checked against captured calls.

/** What every read over RPC may ask for. Durations are nanoseconds. Those of caches mean nothing to servers. */
export const queryOptions = {
  Token: str,
  MinQueryIndex: index,
  MaxQueryTime: durationNs,
  AllowStale: bool,
  RequireConsistent: bool,
  UseCache: bool,
  MaxStaleDuration: durationNs,
  MaxAge: durationNs,
  MustRevalidate: bool,
  StaleIfError: durationNs,
  Filter: str,
  AllowNotModifiedResponse: bool,
};

/** What an answer to a read tells about itself. `LastContact` is nanoseconds. */
export const queryMeta = {
  Index: index,
  LastContact: durationNs,
  KnownLeader: bool,
  ConsistencyLevel: str,
  NotModified: bool,
  Backend: int,
  ResultsFilteredByACLs: bool,
};

/** Where a read comes from, for sorting by distance. */
export const QuerySource = struct('QuerySource', {
  Datacenter: str,
  Segment: str,
  Node: str,
  NodePartition: str,
  DisableNode: bool,
  Ip: str,
});
export type QuerySource = Infer<typeof QuerySource>;

/** A structure that is always there on the wire: null is written as the zero value. */
export function present<T>(of: Kind<T>): Kind<T | null> {
  return {
    ...of,
    zero: () => null,
    isEmpty: (v) => v === null,
    toJson: (v) => of.toJson(v ?? of.zero()),
    write: (w, v) => of.write(w, v ?? of.zero()),
  };
}

export type QueryOptions = Infer<typeof QueryOptions>;
/** The options alone: the request of `Catalog.ListDatacenters`. */
export const QueryOptions = struct('DatacentersRequest', queryOptions);
export const QueryMeta = struct('QueryMeta', queryMeta);
export type QueryMeta = Infer<typeof QueryMeta>;

/** What changes carry besides their subject. */
export const writeOptions = { Datacenter: str, Token: str };
/** What reads carry besides their subject. */
export const readOptions = { Datacenter: str, ...queryOptions };
