import { Coord, MeshGatewayConfig } from './catalog.ts';
import { bool, bytes, int, list, map, pointer, str, uint32 } from './kind.ts';
import { TxnOp } from './kv.ts';
import { PreparedQuery } from './query.ts';
import { present, QuerySource, readOptions, writeOptions } from './rpc-common.ts';
import { type Infer, struct } from './struct.ts';

// Requests of RPC that are not commands of the log as well (those: requests.ts).
// Source: field lists recorded from servers of version 1.21.0, checked against captured calls.

const refined = { NodeMetaFilters: map(str), Source: present(QuerySource), PeerName: str };

export const DCSpecificRequest = struct('DCSpecificRequest', { ...readOptions, ...refined });

export const NodeSpecificRequest = struct('NodeSpecificRequest', {
  ...readOptions,
  Node: str,
  PeerName: str,
  MergeCentralConfig: bool,
});

/** Which instances a health read keeps. Source: recorded calls for `?passing`. */
export const HealthFilter = { all: 0, onlyPassing: 2 } as const;

export const ServiceSpecificRequest = struct('ServiceSpecificRequest', {
  ...readOptions,
  ...refined,
  SamenessGroup: str,
  ServiceName: str,
  ServiceKind: str,
  ServiceTag: str,
  ServiceTags: list(str),
  ServiceAddress: str,
  TagFilter: bool,
  HealthFilterType: int,
  Connect: bool,
  Ingress: bool,
  MergeCentralConfig: bool,
});
export type ServiceSpecificRequest = Infer<typeof ServiceSpecificRequest>;

export const ServiceDumpRequest = struct('ServiceDumpRequest', {
  ...readOptions,
  Source: present(QuerySource),
  PeerName: str,
  ServiceKind: str,
  UseServiceKind: bool,
  NodesOnly: bool,
});

export const ChecksInStateRequest = struct('ChecksInStateRequest', { ...readOptions, ...refined, State: str });

export const KeyRequest = struct('KeyRequest', { ...readOptions, Key: str });
export const KeyListRequest = struct('KeyListRequest', { ...readOptions, Prefix: str, Seperator: str });

/** `Session` is the older name of the same field; peers fill both. */
export const SessionSpecificRequest = struct('SessionSpecificRequest', {
  ...readOptions,
  SessionID: str,
  Session: str,
});

export const TxnReadRequest = struct('TxnReadRequest', { ...readOptions, Ops: list(TxnOp) });

export const CoordinateUpdateRequest = struct('CoordinateUpdateRequest', {
  ...writeOptions,
  Node: str,
  Segment: str,
  Coord: pointer(Coord),
});

export const OperatorUsageRequest = struct('OperatorUsageRequest', { ...readOptions, ...refined, Global: bool });
export const RaftRemovePeerRequest = struct('RaftRemovePeerRequest', { ...writeOptions, Address: str, ID: str });
/** Ours: the reference hands leadership over by other means. An empty id leaves the choice to the leader. */
export const LeaderTransferRequest = struct('LeaderTransferRequest', { ...writeOptions, ID: str });

export const PreparedQueryExecuteRequest = struct('PreparedQueryExecuteRequest', {
  ...readOptions,
  QueryIDOrName: str,
  Limit: int,
  Connect: bool,
  Source: QuerySource,
  Agent: QuerySource,
});
export const PreparedQueryExecuteRemoteRequest = struct('PreparedQueryExecuteRemoteRequest', {
  ...readOptions,
  Query: PreparedQuery,
  Limit: int,
  Connect: bool,
});
export const PreparedQuerySpecificRequest = struct('PreparedQuerySpecificRequest', { ...readOptions, QueryID: str });

export const ConfigEntryQuery = struct('ConfigEntryQuery', { ...readOptions, Kind: str, Name: str });
export const ConfigEntryListAllRequest = struct('ConfigEntryListAllRequest', { ...readOptions, Kinds: list(str) });

export const ServiceName = struct('ServiceName', { Name: str });
export const PeeredServiceName = struct('PeeredServiceName', { ServiceName, Peer: str });
export type PeeredServiceName = Infer<typeof PeeredServiceName>;
export const ServiceConfigRequest = struct('ServiceConfigRequest', {
  ...readOptions,
  Name: str,
  MeshGateway: MeshGatewayConfig,
  Mode: str,
  UpstreamServiceNames: list(PeeredServiceName),
});

export const FederationStateQuery = struct('FederationStateQuery', { ...readOptions, TargetDatacenter: str });

/** `Payload` is the event as the gossip layer sends it. */
export const EventFireRequest = struct('EventFireRequest', { ...readOptions, Name: str, Payload: bytes });
export type EventFireRequest = Infer<typeof EventFireRequest>;

/** Operation: list, install, use or remove. */
export const KeyringRequest = struct('KeyringRequest', {
  ...readOptions,
  Operation: str,
  Key: str,
  RelayFactor: uint32,
  LocalOnly: bool,
  Forwarded: bool,
});
export type KeyringRequest = Infer<typeof KeyringRequest>;

/** Asked on a connection of its own (first byte 5). Op: 0 saves, 1 restores. */
export const SnapshotRequest = struct('SnapshotRequest', { ...writeOptions, AllowStale: bool, Op: int });
export type SnapshotRequest = Infer<typeof SnapshotRequest>;
