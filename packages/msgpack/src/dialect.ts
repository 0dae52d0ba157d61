/**
 * Who is spoken to. Consul's layers use three MessagePack libraries and one of them with extensions on:
 * - `rpc`: Consul RPC, FSM log, snapshots. Strings and bytes share the raw family (no str8, no bin).
 * - `gossip`: memberlist and serf; the same bytes as `rpc`.
 * - `raft`: Raft transport and log store; as `rpc`, but Go ints over 127 take the signed forms.
 * - `event`: payloads of Consul user events; str8 and bin are used.
 * Source: vectors recorded from the three libraries (src/testdata/dialects.json).
 */
export type Dialect = 'rpc' | 'gossip' | 'raft' | 'event';

/** Deepest nesting that the readers and writers of untyped values follow. */
export const MAX_DEPTH = 512;
