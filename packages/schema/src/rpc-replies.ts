import {
  AccessLogsConfig,
  CheckServiceNode,
  Coordinate,
  EnvoyExtension,
  ExposeConfig,
  HealthCheck,
  MeshGatewayConfig,
  Node,
  NodeInfo,
  NodeServiceList,
  NodeServices,
  ServiceNode,
  TransparentProxyConfig,
} from './catalog.ts';
import { Intention } from './config-entries/index.ts';
import { CARoot } from './connect.ts';
import { any, bool, durationNs, index, int, list, map, pointer, str, time } from './kind.ts';
import { DirEntry, Session, TxnError, TxnResult } from './kv.ts';
import { FederationState, RaftServer } from './operator.ts';
import { PreparedQuery } from './query.ts';
import { queryMeta } from './rpc-common.ts';
import { PeeredServiceName, ServiceName } from './rpc-requests.ts';
import { type Infer, struct } from './struct.ts';

// Answers of RPC. Source: field lists recorded from servers of version 1.21.0, checked against captured calls.

export const IndexedNodes = struct('IndexedNodes', { Nodes: list(Node), ...queryMeta });
export const IndexedServices = struct('IndexedServices', { Services: map(list(str)), ...queryMeta });
export const IndexedServiceList = struct('IndexedServiceList', { Services: list(ServiceName), ...queryMeta });
export const IndexedServiceNodes = struct('IndexedServiceNodes', { ServiceNodes: list(ServiceNode), ...queryMeta });
export const IndexedNodeServices = struct('IndexedNodeServices', { NodeServices: pointer(NodeServices), ...queryMeta });
export const IndexedNodeServiceList = struct('IndexedNodeServiceList', { NodeServices: NodeServiceList, ...queryMeta });
export const IndexedHealthChecks = struct('IndexedHealthChecks', { HealthChecks: list(HealthCheck), ...queryMeta });
export const IndexedCheckServiceNodes = struct('IndexedCheckServiceNodes', {
  Nodes: list(CheckServiceNode),
  ...queryMeta,
});

/** One service that a gateway serves. */
export const GatewayService = struct('GatewayService', {
  Gateway: ServiceName,
  Service: ServiceName,
  GatewayKind: str,
  Port: { kind: int, omitEmpty: true },
  Protocol: { kind: str, omitEmpty: true },
  Hosts: { kind: list(str), omitEmpty: true },
  CAFile: { kind: str, omitEmpty: true },
  CertFile: { kind: str, omitEmpty: true },
  KeyFile: { kind: str, omitEmpty: true },
  SNI: { kind: str, omitEmpty: true },
  FromWildcard: { kind: bool, omitEmpty: true },
  ServiceKind: { kind: str, omitEmpty: true },
  CreateIndex: index,
  ModifyIndex: index,
  AutoHostRewrite: { kind: bool, omitEmpty: true },
});
export type GatewayService = Infer<typeof GatewayService>;
export const IndexedGatewayServices = struct('IndexedGatewayServices', {
  Services: list(GatewayService),
  ...queryMeta,
});

export const IndexedNodeDump = struct('IndexedNodeDump', {
  ImportedDump: list(NodeInfo),
  Dump: list(NodeInfo),
  ...queryMeta,
});
export const IndexedNodesWithGateways = struct('IndexedNodesWithGateways', {
  ImportedNodes: list(CheckServiceNode),
  Nodes: list(CheckServiceNode),
  Gateways: list(GatewayService),
  ...queryMeta,
});

export const IndexedDirEntries = struct('IndexedDirEntries', { Entries: list(DirEntry), ...queryMeta });
export const IndexedKeyList = struct('IndexedKeyList', { Keys: list(str), ...queryMeta });
export const IndexedSessions = struct('IndexedSessions', { Sessions: list(Session), ...queryMeta });
export const TxnReadResponse = struct('TxnReadResponse', {
  Results: list(TxnResult),
  Errors: list(TxnError),
  ...queryMeta,
});

export const DatacenterMap = struct('DatacenterMap', { Datacenter: str, AreaID: str, Coordinates: list(Coordinate) });
export type DatacenterMap = Infer<typeof DatacenterMap>;
export const IndexedCoordinates = struct('IndexedCoordinates', { Coordinates: list(Coordinate), ...queryMeta });

/** `LastContact` is a text: `0`, a duration, or `never`. */
export const RaftStats = struct('RaftStats', { LastContact: str, LastTerm: index, LastIndex: index });
export type RaftStats = Infer<typeof RaftStats>;

export const RaftConfigurationResponse = struct('RaftConfigurationResponse', {
  Servers: list(RaftServer),
  Index: index,
});

/** `SerfStatus` is the number of the member's state; `LastContact` is nanoseconds. */
export const AutopilotServerHealth = struct('AutopilotServerHealth', {
  ID: str,
  Name: str,
  Address: str,
  SerfStatus: int,
  Version: str,
  Leader: bool,
  LastContact: durationNs,
  LastTerm: index,
  LastIndex: index,
  Healthy: bool,
  Voter: bool,
  StableSince: time,
});
export type AutopilotServerHealth = Infer<typeof AutopilotServerHealth>;
export const AutopilotHealthReply = struct('AutopilotHealthReply', {
  Healthy: bool,
  FailureTolerance: int,
  Servers: list(AutopilotServerHealth),
});

export const AutopilotServer = struct(
  'raft-autopilot.Server',
  {
    ID: str,
    Name: str,
    Address: str,
    NodeStatus: str,
    Version: str,
    Meta: map(str),
    RaftVersion: int,
    IsLeader: bool,
    NodeType: str,
  },
  { wireNil: ['Ext'] },
);
export const AutopilotServerState = struct('raft-autopilot.ServerState', {
  Server: AutopilotServer,
  State: str,
  Stats: struct('raft-autopilot.ServerStats', { LastContact: durationNs, LastTerm: index, LastIndex: index }),
  Health: struct('raft-autopilot.ServerHealth', { Healthy: bool, StableSince: time }),
});
export type AutopilotServerState = Infer<typeof AutopilotServerState>;
export const AutopilotStateReply = struct(
  'raft-autopilot.State',
  {
    Healthy: bool,
    FailureTolerance: int,
    Servers: map(AutopilotServerState),
    Leader: str,
    Voters: list(str),
  },
  { wireNil: ['Ext'] },
);

export const ServiceUsage = struct('ServiceUsage', {
  Services: int,
  ServiceInstances: int,
  ConnectServiceInstances: map(int),
  BillableServiceInstances: int,
  Nodes: int,
});
export const UsageReply = struct('Usage', { Usage: map(ServiceUsage), ...queryMeta });

export const HealthSummary = struct('HealthSummary', {
  Name: str,
  Total: int,
  Passing: int,
  Warning: int,
  Critical: int,
});
export const CatalogSummary = struct('CatalogSummary', {
  Nodes: list(HealthSummary),
  Services: list(HealthSummary),
  Checks: list(HealthSummary),
});

const executed = {
  Service: str,
  Nodes: list(CheckServiceNode),
  DNS: struct('QueryDNSOptions', { TTL: str }),
  Datacenter: str,
  PeerName: str,
  Failovers: int,
};
export const PreparedQueryExecuteResponse = struct('PreparedQueryExecuteResponse', { ...executed, ...queryMeta });
export type PreparedQueryExecuteResponse = Infer<typeof PreparedQueryExecuteResponse>;
export const PreparedQueryExplainResponse = struct('PreparedQueryExplainResponse', {
  Query: PreparedQuery,
  ...queryMeta,
});
export const IndexedPreparedQueries = struct('IndexedPreparedQueries', { Queries: list(PreparedQuery), ...queryMeta });

export const ConfigEntryDeleteResponse = struct('ConfigEntryDeleteResponse', { Deleted: bool });

export const RateLimits = struct('RateLimits', {
  InstanceLevel: struct('InstanceLevelRateLimits', {
    RequestsPerSecond: int,
    RequestsMaxBurst: int,
    Routes: list(
      struct('InstanceLevelRouteRateLimits', {
        PathExact: str,
        PathPrefix: str,
        PathRegex: str,
        RequestsPerSecond: int,
        RequestsMaxBurst: int,
      }),
    ),
  }),
});

/** What central configuration makes of a service: see `ServiceConfigRequest`. */
export const ServiceConfigResponse = struct('ServiceConfigResponse', {
  ProxyConfig: map(any),
  UpstreamConfigs: list(struct('OpaqueUpstreamConfig', { Upstream: PeeredServiceName, Config: map(any) })),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
  TransparentProxy: TransparentProxyConfig,
  MutualTLSMode: str,
  Mode: str,
  Destination: struct('DestinationConfig', { Addresses: list(str), Port: int }),
  AccessLogs: AccessLogsConfig,
  Meta: map(str),
  EnvoyExtensions: list(EnvoyExtension),
  RateLimits,
  ...queryMeta,
});
export type ServiceConfigResponse = Infer<typeof ServiceConfigResponse>;

export const FederationStateResponse = struct('FederationStateResponse', {
  State: pointer(FederationState),
  ...queryMeta,
});
export const IndexedFederationStates = struct('IndexedFederationStates', {
  States: list(FederationState),
  ...queryMeta,
});

/** `DataOrigin`: `config` for those of config entries, `legacy` for those of old versions. */
export const IndexedIntentions = struct('IndexedIntentions', {
  Intentions: list(Intention),
  DataOrigin: str,
  ...queryMeta,
});
export type IndexedIntentions = Infer<typeof IndexedIntentions>;

/** One list for each service that was asked for; null where nothing matches. */
export const IndexedIntentionMatches = struct('IndexedIntentionMatches', {
  Matches: list(list(Intention)),
  ...queryMeta,
});
export type IndexedIntentionMatches = Infer<typeof IndexedIntentionMatches>;
export const IntentionQueryCheckResponse = struct('IntentionQueryCheckResponse', { Allowed: bool });

export const IndexedCARoots = struct('IndexedCARoots', {
  ActiveRootID: str,
  TrustDomain: str,
  Roots: list(CARoot),
  ...queryMeta,
});
export type IndexedCARoots = Infer<typeof IndexedCARoots>;

/** A certificate of the mesh or of an agent. Only the part is filled that it is for. */
export const IssuedCert = struct('IssuedCert', {
  SerialNumber: str,
  CertPEM: str,
  PrivateKeyPEM: { kind: str, omitEmpty: true },
  Service: { kind: str, omitEmpty: true },
  ServiceURI: { kind: str, omitEmpty: true },
  Agent: { kind: str, omitEmpty: true },
  AgentURI: { kind: str, omitEmpty: true },
  ServerURI: { kind: str, omitEmpty: true },
  Kind: { kind: str, omitEmpty: true },
  KindURI: { kind: str, omitEmpty: true },
  ValidAfter: time,
  ValidBefore: time,
  CreateIndex: index,
  ModifyIndex: index,
});
export type IssuedCert = Infer<typeof IssuedCert>;

/** What an agent gets that has come for its first certificate. */
export const SignedResponse = struct('SignedResponse', {
  IssuedCert,
  ConnectCARoots: IndexedCARoots,
  ManualCARoots: list(str),
  GossipKey: str,
  VerifyServerHostname: bool,
});
export type SignedResponse = Infer<typeof SignedResponse>;

/** What one pool said to an operation on gossip keys. */
export const KeyringResponse = struct('KeyringResponse', {
  WAN: bool,
  Datacenter: str,
  Segment: str,
  Partition: str,
  Messages: map(str),
  Keys: map(int),
  PrimaryKeys: map(int),
  NumNodes: int,
  Error: str,
});
export type KeyringResponse = Infer<typeof KeyringResponse>;
export const KeyringResponses = struct('KeyringResponses', { Responses: list(KeyringResponse), ...queryMeta });
export type KeyringResponses = Infer<typeof KeyringResponses>;

/** Stands before the archive on a connection of its own (first byte 5). */
export const SnapshotResponse = struct('SnapshotResponse', { Error: str, ...queryMeta });
export type SnapshotResponse = Infer<typeof SnapshotResponse>;
