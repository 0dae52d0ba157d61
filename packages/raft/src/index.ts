export * from './chunking.ts';
export * from './configuration.ts';
export { msgpackConfiguration } from './configuration-codec.ts';
export { RaftCore } from './core/core.ts';
export type { ConfigurationAt, CoreOptions, InitialState } from './core/core-options.ts';
export type { NewEntry, RaftEffect, RaftInput, Role, Sent } from './core/inputs.ts';
export type * from './core/messages.ts';
export { TermRuns } from './core/term-runs.ts';
export { LEASE_MARGIN } from './core/timing.ts';
export { crc32c } from './disk/crc32c.ts';
export { DurableLog, LOG_DEFAULTS, type LogEvents, type LogOptions } from './disk/durable-log.ts';
export * from './disk/recover.ts';
export { type SnapshotMeta, SnapshotStore } from './disk/snapshot-store.ts';
export { type Entry, LogType } from './entry.ts';
export * from './errors.ts';
export { RaftNode } from './node/node.ts';
export type { RaftDependencies } from './node/node-parts.ts';
export {
  APPLY_SLICE,
  APPLY_YIELD_ENTRIES,
  APPLY_YIELD_MS,
  RAFT_DEFAULTS,
  type RaftOptions,
  WAITING_INPUTS_MAX,
} from './node/options.ts';
export type { StateCapture, StateMachine } from './node/state-machine.ts';
export type { RaftStats } from './node/stats.ts';
export type { RequestHandler, SnapshotState, Transport } from './node/transport.ts';
export { noTransport } from './node/transport.ts';
export { isConsulStore, TAKEN_OVER_DIRECTORY, type TakenOver, takeOver } from './takeover/take-over.ts';
export {
  NETWORK_TRANSPORT_DEFAULTS,
  NetworkTransport,
  type NetworkTransportDependencies,
  type NetworkTransportOptions,
} from './wire/network-transport.ts';
export * from './wire/protocol.ts';
