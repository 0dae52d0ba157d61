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
export type DCSpecificRequest = Infer<typeof DCSpecificRequest>;

export const NodeSpecificRequest = struct('NodeSpecificRequest', {
  ...readOptions,
  Node: str,
  PeerName: str,
  MergeCentralConfig: bool,
});
export type NodeSpecificRequest = Infer<typeof NodeSpecificRequest>;

/** Which instances a health read keeps. Source: calls to a server of version 1.21.0 with each of the numbers. */
export const HealthFilter = { all: 0, exceptCritical: 1, onlyPassing: 2 } as const;

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
export type ServiceDumpRequest = Infer<typeof ServiceDumpRequest>;

export const ChecksInStateRequest = struct('ChecksInStateRequest', { ...readOptions, ...refined, State: str });
export type ChecksInStateRequest = Infer<typeof ChecksInStateRequest>;

export const KeyRequest = struct('KeyRequest', { ...readOptions, Key: str });
export type KeyRequest = Infer<typeof KeyRequest>;
export const KeyListRequest = struct('KeyListRequest', { ...readOptions, Prefix: str, Seperator: str });
export type KeyListRequest = Infer<typeof KeyListRequest>;

/** `Session` is the older name of the same field; peers fill both. */
export const SessionSpecificRequest = struct('SessionSpecificRequest', {
  ...readOptions,
  SessionID: str,
  Session: str,
});
export type SessionSpecificRequest = Infer<typeof SessionSpecificRequest>;

export const TxnReadRequest = struct('TxnReadRequest', { ...readOptions, Ops: list(TxnOp) });
export type TxnReadRequest = Infer<typeof TxnReadRequest>;

export const CoordinateUpdateRequest = struct('CoordinateUpdateRequest', {
  ...writeOptions,
  Node: str,
  Segment: str,
  Coord: pointer(Coord),
});
export type CoordinateUpdateRequest = Infer<typeof CoordinateUpdateRequest>;

export const OperatorUsageRequest = struct('OperatorUsageRequest', { ...readOptions, ...refined, Global: bool });
export type OperatorUsageRequest = Infer<typeof OperatorUsageRequest>;
export const RaftRemovePeerRequest = struct('RaftRemovePeerRequest', { ...writeOptions, Address: str, ID: str });
export type RaftRemovePeerRequest = Infer<typeof RaftRemovePeerRequest>;
/** Ours: the reference hands leadership over by other means. An empty id leaves the choice to the leader. */
export const LeaderTransferRequest = struct('LeaderTransferRequest', { ...writeOptions, ID: str });
export type LeaderTransferRequest = Infer<typeof LeaderTransferRequest>;

export const PreparedQueryExecuteRequest = struct('PreparedQueryExecuteRequest', {
  ...readOptions,
  QueryIDOrName: str,
  Limit: int,
  Connect: bool,
  Source: QuerySource,
  Agent: QuerySource,
});
export type PreparedQueryExecuteRequest = Infer<typeof PreparedQueryExecuteRequest>;
export const PreparedQueryExecuteRemoteRequest = struct('PreparedQueryExecuteRemoteRequest', {
  ...readOptions,
  Query: PreparedQuery,
  Limit: int,
  Connect: bool,
});
export type PreparedQueryExecuteRemoteRequest = Infer<typeof PreparedQueryExecuteRemoteRequest>;
export const PreparedQuerySpecificRequest = struct('PreparedQuerySpecificRequest', { ...readOptions, QueryID: str });
export type PreparedQuerySpecificRequest = Infer<typeof PreparedQuerySpecificRequest>;

export const ConfigEntryQuery = struct('ConfigEntryQuery', { ...readOptions, Kind: str, Name: str });
export type ConfigEntryQuery = Infer<typeof ConfigEntryQuery>;
export const ConfigEntryListAllRequest = struct('ConfigEntryListAllRequest', { ...readOptions, Kinds: list(str) });
export type ConfigEntryListAllRequest = Infer<typeof ConfigEntryListAllRequest>;

export const ServiceName = struct('ServiceName', { Name: str });
export type ServiceName = Infer<typeof ServiceName>;
export const PeeredServiceName = struct('PeeredServiceName', { ServiceName, Peer: str });
export type PeeredServiceName = Infer<typeof PeeredServiceName>;
export const ServiceConfigRequest = struct('ServiceConfigRequest', {
  ...readOptions,
  Name: str,
  MeshGateway: MeshGatewayConfig,
  Mode: str,
  UpstreamServiceNames: list(PeeredServiceName),
});
export type ServiceConfigRequest = Infer<typeof ServiceConfigRequest>;

/** `Legacy` asks for intentions of old versions, which are no config entries. */
export const IntentionListRequest = struct('IntentionListRequest', { ...readOptions, Legacy: bool });
export type IntentionListRequest = Infer<typeof IntentionListRequest>;

/** Named services; namespaces and partitions are of another edition. */
const IntentionMatchEntry = struct('IntentionMatchEntry', { Namespace: str, Partition: str, Name: str });
const sides = {
  SourceNS: str,
  SourceName: str,
  DestinationNS: str,
  DestinationName: str,
  SourcePartition: str,
  DestinationPartition: str,
};
/** One of the four is filled: what is asked. */
export const IntentionQueryRequest = struct('IntentionQueryRequest', {
  ...readOptions,
  IntentionID: str,
  Match: pointer(
    struct('IntentionQueryMatch', { Type: str, Entries: list(IntentionMatchEntry), WithSamenessGroups: bool }),
  ),
  Check: pointer(struct('IntentionQueryCheck', { ...sides, SourceType: str })),
  Exact: pointer(struct('IntentionQueryExact', { ...sides, SourcePeer: str, SourceSamenessGroup: str })),
});
export type IntentionQueryRequest = Infer<typeof IntentionQueryRequest>;

export const FederationStateQuery = struct('FederationStateQuery', { ...readOptions, TargetDatacenter: str });
export type FederationStateQuery = Infer<typeof FederationStateQuery>;

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

/** Asks for a certificate. The request for it is in PEM. */
export const CASignRequest = struct('CASignRequest', { ...writeOptions, CSR: str });
export type CASignRequest = Infer<typeof CASignRequest>;

/** Asked on a connection of its own (first byte 5). Op: 0 saves, 1 restores. */
export const SnapshotRequest = struct('SnapshotRequest', { ...writeOptions, AllowStale: bool, Op: int });
export type SnapshotRequest = Infer<typeof SnapshotRequest>;
