export * from './chunking.ts';
export * from './configuration.ts';
export { msgpackConfiguration } from './configuration-codec.ts';
export { RaftCore } from './core.ts';
export { crc32c } from './crc32c.ts';
export { DurableLog, LOG_DEFAULTS, type LogEvents, type LogOptions } from './durable-log.ts';
export { type Entry, LogType } from './entry.ts';
export * from './errors.ts';
export type { NewEntry, RaftEffect, RaftInput, Role, Sent } from './inputs.ts';
export type * from './messages.ts';
export { type RaftDependencies, RaftNode } from './node.ts';
export {
  APPLY_SLICE,
  APPLY_YIELD_ENTRIES,
  APPLY_YIELD_MS,
  RAFT_DEFAULTS,
  type RaftOptions,
  WAITING_INPUTS_MAX,
} from './options.ts';
export * from './recover.ts';
export { type SnapshotMeta, SnapshotStore } from './snapshot-store.ts';
export { type ConfigurationAt, type CoreOptions, type InitialState, LEASE_MARGIN } from './state.ts';
export type { StateCapture, StateMachine } from './state-machine.ts';
export type { RaftStats } from './stats.ts';
export { TermRuns } from './term-runs.ts';
export type { RequestHandler, SnapshotState, Transport } from './transport.ts';
export { noTransport } from './transport.ts';
export {
  NETWORK_TRANSPORT_DEFAULTS,
  NetworkTransport,
  type NetworkTransportDependencies,
  type NetworkTransportOptions,
} from './wire/network-transport.ts';
export * from './wire/protocol.ts';
