import {
  type AutopilotConfig,
  AutopilotSetConfigRequest,
  type CAConfiguration,
  type CARoot,
  type CheckServiceNode,
  type Coordinate,
  DeregisterRequest,
  type DirEntry,
  type FederationState as FederationStateRecord,
  FederationStateRequest,
  type HealthCheck,
  type Intention,
  KVSRequest,
  type Node,
  type NodeInfo,
  type NodeServiceList,
  type NodeServices,
  type PeeredServiceName,
  type PreparedQuery,
  PreparedQueryRequest,
  type QueryMeta,
  type RaftStats,
  RegisterRequest,
  type ServiceConfigResponse,
  type ServiceNode,
  type Session,
  SessionRequest,
  type TxnError,
  type TxnOp,
  TxnRequest,
  type TxnResponse,
  type TxnResult,
} from '@proconsul/schema';
import { type CommonArgs, read, write } from './method.ts';

/** Sorts by round-trip time from a node. Empty `Node`: no sorting. */
export interface QuerySource {
  readonly Datacenter: string;
  readonly Node: string;
  readonly Segment: string;
  /** Client address, for `near=_ip`. */
  readonly Ip: string;
}

/** Reads over lists: node metadata that must match, a filter expression, and a node to sort near to. */
export interface ListArgs extends CommonArgs {
  readonly NodeMetaFilters: Readonly<Record<string, string>> | null;
  readonly Filter: string;
  readonly Source: QuerySource | null;
}

export interface NodeArgs extends CommonArgs {
  readonly Node: string;
  readonly Filter: string;
}

export interface ServiceArgs extends ListArgs {
  readonly ServiceName: string;
  /** All must be present, compared without regard to case. */
  readonly ServiceTags: readonly string[];
  /** True when `tag` was given, even empty. */
  readonly TagFilter: boolean;
  readonly Connect: boolean;
  readonly Ingress: boolean;
  readonly PeerName: string;
  /** `/v1/health/service?passing`: drops instances with a check that is not passing. Catalog ignores it. */
  readonly OnlyPassing: boolean;
  /** What DNS wants: drops instances with a critical check. Catalog ignores it. */
  readonly ExceptCritical?: boolean;
  readonly MergeCentralConfig: boolean;
}

export interface ServiceKindArgs extends ListArgs {
  readonly ServiceKind: string;
  readonly UseServiceKind: boolean;
  readonly NodesOnly: boolean;
}

export interface KeyArgs extends CommonArgs {
  readonly Key: string;
}

export interface KeyListArgs extends CommonArgs {
  readonly Prefix: string;
  readonly Seperator: string;
}

export interface StateArgs extends ListArgs {
  /** passing, warning, critical or any. */
  readonly State: string;
}

export interface SessionArgs extends CommonArgs {
  readonly SessionID: string;
}

export interface TxnReadArgs extends CommonArgs {
  readonly Ops: readonly TxnOp[];
}

export interface TxnReadReply {
  readonly Results: readonly TxnResult[] | null;
  readonly Errors: readonly TxnError[] | null;
  /** False when the operations were refused before the state was asked. */
  readonly Answered: boolean;
}

export const Catalog = {
  ListNodes: read<ListArgs, readonly Node[]>('Catalog.ListNodes'),
  /** Names with the union of their instances' tags. */
  ListServices: read<ListArgs, Readonly<Record<string, readonly string[]>>>('Catalog.ListServices'),
  ServiceNodes: read<ServiceArgs, readonly ServiceNode[]>('Catalog.ServiceNodes'),
  /** Null for an unknown node. */
  NodeServices: read<NodeArgs, NodeServices | null>('Catalog.NodeServices'),
  /** `Node: null, Services: null` for an unknown node. */
  NodeServiceList: read<NodeArgs & { readonly MergeCentralConfig: boolean }, NodeServiceList>(
    'Catalog.NodeServiceList',
  ),
  /** Names alone, in order. */
  ServiceList: read<CommonArgs, readonly { readonly Name: string }[]>('Catalog.ServiceList'),
  ListDatacenters: read<CommonArgs, readonly string[]>('Catalog.ListDatacenters', { blocking: false }),
  GatewayServices: read<CommonArgs & { readonly ServiceName: string }, readonly unknown[]>('Catalog.GatewayServices'),
  Register: write<RegisterRequest, null>('Catalog.Register', RegisterRequest),
  Deregister: write<DeregisterRequest, null>('Catalog.Deregister', DeregisterRequest),
} as const;

export const Health = {
  NodeChecks: read<NodeArgs, readonly HealthCheck[]>('Health.NodeChecks'),
  ServiceChecks: read<ServiceArgs, readonly HealthCheck[]>('Health.ServiceChecks'),
  ChecksInState: read<StateArgs, readonly HealthCheck[]>('Health.ChecksInState'),
  ServiceNodes: read<ServiceArgs, readonly CheckServiceNode[]>('Health.ServiceNodes'),
} as const;

export const KVS = {
  /** Null when the key is not there. */
  Get: read<KeyArgs, DirEntry | null>('KVS.Get'),
  /** All entries under the prefix in byte order; null when there is none. */
  List: read<KeyArgs, readonly DirEntry[] | null>('KVS.List'),
  ListKeys: read<KeyListArgs, readonly string[]>('KVS.ListKeys'),
  /** False only for operations with a condition that does not hold. */
  Apply: write<KVSRequest, boolean>('KVS.Apply', KVSRequest),
} as const;

export const SessionMethods = {
  Get: read<SessionArgs, readonly Session[]>('Session.Get'),
  List: read<CommonArgs, readonly Session[]>('Session.List'),
  NodeSessions: read<CommonArgs & { readonly Node: string }, readonly Session[]>('Session.NodeSessions'),
  /** Answers the id of the created session, empty for destroy. */
  Apply: write<SessionRequest, string>('Session.Apply', SessionRequest),
  /** Restarts the TTL; null when there is no such session. */
  Renew: write<SessionArgs, Session | null>('Session.Renew', null),
} as const;

export const Txn = {
  Read: read<TxnReadArgs, TxnReadReply>('Txn.Read', { blocking: false }),
  Apply: write<TxnRequest, TxnResponse>('Txn.Apply', TxnRequest),
} as const;

export const CoordinateMethods = {
  ListDatacenters: read<
    CommonArgs,
    readonly { readonly Datacenter: string; readonly AreaID: string; readonly Coordinates: readonly Coordinate[] }[]
  >('Coordinate.ListDatacenters', { blocking: false }),
  ListNodes: read<ListArgs, readonly Coordinate[]>('Coordinate.ListNodes'),
  Node: read<CommonArgs & { readonly Node: string }, readonly Coordinate[]>('Coordinate.Node'),
  /** Collected and applied in batches. */
  Update: write<CommonArgs & Coordinate, null>('Coordinate.Update', null),
} as const;

export const Status = {
  Leader: read<CommonArgs, string>('Status.Leader', { blocking: false }),
  Peers: read<CommonArgs, readonly string[]>('Status.Peers', { blocking: false }),
  /** Whether the server answers at all. */
  Ping: read<CommonArgs, null>('Status.Ping', { blocking: false }),
  /** How far the asked server itself is, leader or not. */
  RaftStats: read<CommonArgs, RaftStats>('Status.RaftStats', { blocking: false }),
} as const;

export interface RaftServerRow {
  readonly ID: string;
  readonly Node: string;
  readonly Address: string;
  readonly Leader: boolean;
  readonly ProtocolVersion: string;
  readonly Voter: boolean;
  readonly LastIndex: number;
}

export interface ServerHealthRow {
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly SerfStatus: string;
  readonly Version: string;
  readonly Leader: boolean;
  /** Nanoseconds. */
  readonly LastContact: number;
  readonly LastTerm: number;
  readonly LastIndex: number;
  readonly Healthy: boolean;
  readonly Voter: boolean;
  /** Wall-clock milliseconds. */
  readonly StableSinceMs: number;
}

export interface AutopilotHealth {
  readonly Healthy: boolean;
  readonly FailureTolerance: number;
  readonly Servers: readonly ServerHealthRow[];
}

export interface AutopilotStateRow extends ServerHealthRow {
  readonly NodeStatus: string;
  readonly ReadReplica: boolean;
  /** leader, voter, non-voter or staging. */
  readonly Status: string;
  readonly Meta: Readonly<Record<string, string>>;
  readonly NodeType: string;
}

export interface AutopilotState {
  readonly Healthy: boolean;
  readonly FailureTolerance: number;
  readonly OptimisticFailureTolerance: number;
  readonly Servers: Readonly<Record<string, AutopilotStateRow>>;
  readonly Leader: string;
  readonly Voters: readonly string[];
}

export interface Usage {
  readonly Nodes: number;
  readonly Services: number;
  readonly ServiceInstances: number;
  readonly ConnectServiceInstances: Readonly<Record<string, number>>;
  readonly BillableServiceInstances: number;
}

export const Operator = {
  RaftGetConfiguration: read<CommonArgs, { readonly Servers: readonly RaftServerRow[]; readonly Index: number }>(
    'Operator.RaftGetConfiguration',
    { blocking: false },
  ),
  RaftRemovePeer: write<CommonArgs & { readonly ID: string; readonly Address: string }, null>(
    'Operator.RaftRemovePeerByID',
    null,
  ),
  TransferLeader: write<CommonArgs & { readonly ID: string }, boolean>('Operator.TransferLeader', null),
  AutopilotGetConfiguration: read<CommonArgs, AutopilotConfig>('Operator.AutopilotGetConfiguration', {
    blocking: false,
  }),
  AutopilotSetConfiguration: write<AutopilotSetConfigRequest, boolean>(
    'Operator.AutopilotSetConfiguration',
    AutopilotSetConfigRequest,
  ),
  ServerHealth: read<CommonArgs, AutopilotHealth>('Operator.ServerHealth', { blocking: false }),
  AutopilotState: read<CommonArgs, AutopilotState>('Operator.AutopilotState', { blocking: false }),
  /** By datacenter. */
  Usage: read<CommonArgs & { readonly Global: boolean }, Readonly<Record<string, Usage>>>('Operator.Usage'),
} as const;

export interface UiNodesArgs extends ListArgs {
  /** Empty: all nodes. */
  readonly Node: string;
}

/** The console's reads. */
export const Internal = {
  NodeDump: read<ListArgs, readonly NodeInfo[]>('Internal.NodeDump'),
  NodeInfo: read<NodeArgs, readonly NodeInfo[]>('Internal.NodeInfo'),
  ServiceDump: read<ServiceKindArgs, readonly CheckServiceNode[]>('Internal.ServiceDump'),
  /** Counts by node, service name and check name, for the overview. */
  CatalogOverview: read<CommonArgs, unknown>('Internal.CatalogOverview', { blocking: false }),
} as const;

export interface QueryExecuteArgs extends CommonArgs {
  readonly QueryIDOrName: string;
  /** 0: no limit. */
  readonly Limit: number;
  readonly Connect: boolean;
  /** The agent that asks for a client. */
  readonly Agent: { readonly Node: string; readonly Segment: string };
  /** `Node` is what the client wants to be near to: a node, `_agent`, `_ip` or nothing; `Ip` is its address. */
  readonly Source: { readonly Node: string; readonly Ip: string };
}

export interface QueryExecuteReply {
  readonly Service: string;
  readonly Nodes: readonly CheckServiceNode[];
  readonly DNS: PreparedQuery['DNS'];
  readonly Datacenter: string;
  readonly PeerName: string;
  readonly Failovers: number;
}

/** A query of another datacenter, executed here: what is asked of a datacenter when the ones before had nothing. */
export interface QueryExecuteRemoteArgs extends CommonArgs {
  readonly Query: PreparedQuery;
  readonly Limit: number;
  readonly Connect: boolean;
}

export const PreparedQueryMethods = {
  Execute: read<QueryExecuteArgs, QueryExecuteReply>('PreparedQuery.Execute', { blocking: false }),
  ExecuteRemote: read<QueryExecuteRemoteArgs, QueryExecuteReply>('PreparedQuery.ExecuteRemote', { blocking: false }),
  /** The query as it would be executed: templates rendered. */
  Explain: read<QueryExecuteArgs, PreparedQuery>('PreparedQuery.Explain', { blocking: false }),
  Get: read<CommonArgs & { readonly QueryID: string }, readonly PreparedQuery[]>('PreparedQuery.Get'),
  List: read<CommonArgs, readonly PreparedQuery[]>('PreparedQuery.List'),
  Apply: write<PreparedQueryRequest, string>('PreparedQuery.Apply', PreparedQueryRequest),
} as const;

/** Config entries are kept as decoded JSON values; their kinds are validated by the mesh. */
export interface ConfigEntryRecord {
  readonly Kind: string;
  readonly Name: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  readonly [field: string]: unknown;
}

export interface ServiceConfigArgs extends CommonArgs {
  /** The service that is configured. */
  readonly Name: string;
  /** Proxy mode of the registration: empty, `direct` or `transparent`. */
  readonly Mode: string;
  readonly MeshGateway: ServiceConfigResponse['MeshGateway'];
  readonly UpstreamServiceNames: readonly PeeredServiceName[] | null;
}

export type ServiceConfig = Omit<ServiceConfigResponse, keyof QueryMeta>;

export const ConfigEntryMethods = {
  Get: read<CommonArgs & { readonly Kind: string; readonly Name: string }, ConfigEntryRecord | null>('ConfigEntry.Get'),
  List: read<CommonArgs & { readonly Kind: string; readonly Filter: string }, readonly ConfigEntryRecord[]>(
    'ConfigEntry.List',
  ),
  /** Op: upsert, upsert-cas, delete, delete-cas. Answers whether it took effect. */
  Apply: write<CommonArgs & { readonly Op: string; readonly Entry: ConfigEntryRecord }, boolean>(
    'ConfigEntry.Apply',
    null,
  ),
  /** What the entries make of a service and of those that it calls. */
  ResolveServiceConfig: read<ServiceConfigArgs, ServiceConfig>('ConfigEntry.ResolveServiceConfig'),
} as const;

export const FederationState = {
  List: read<CommonArgs, readonly FederationStateRecord[]>('FederationState.List'),
  Get: read<CommonArgs & { readonly Target: string }, FederationStateRecord | null>('FederationState.Get'),
  /** Op: upsert or delete. Of the primary datacenter: others pass it on there. Answers whether a state was written. */
  Apply: write<FederationStateRequest, boolean>('FederationState.Apply', FederationStateRequest),
} as const;

export interface IntentionList {
  /** `config` or `legacy`. */
  readonly DataOrigin: string;
  readonly Intentions: readonly Intention[];
}

export interface IntentionMatchArgs extends CommonArgs {
  /** `source` or `destination`: which side the names are of. */
  readonly Type: string;
  readonly Names: readonly string[];
}

export interface IntentionPair {
  readonly SourceName: string;
  readonly DestinationName: string;
}

export interface IntentionGetArgs extends CommonArgs {
  /** Of those made through the older API. */
  readonly IntentionID: string;
  readonly Exact: IntentionPair | null;
}

export interface IntentionCheckArgs extends CommonArgs, IntentionPair {
  readonly SourceType: string;
}

export const Intentions = {
  /** The highest precedence first. `Legacy`: those of old versions, of which there are none. */
  List: read<CommonArgs & { readonly Legacy: boolean; readonly Filter: string }, IntentionList>('Intention.List'),
  /** Those that apply to services, for each of them: the highest precedence first. */
  Match: read<IntentionMatchArgs, readonly (readonly Intention[])[]>('Intention.Match'),
  /** One, by id or by source and destination. */
  Get: read<IntentionGetArgs, readonly Intention[]>('Intention.Get'),
  /** Whether connections from one service to another are allowed. */
  Check: read<IntentionCheckArgs, boolean>('Intention.Check', { blocking: false }),
} as const;

export interface CaRoots {
  readonly ActiveRootID: string;
  readonly TrustDomain: string;
  readonly Roots: readonly CARoot[];
}

export const ConnectCA = {
  Roots: read<CommonArgs, CaRoots>('ConnectCA.Roots'),
  ConfigurationGet: read<CommonArgs, CAConfiguration | null>('ConnectCA.ConfigurationGet', { blocking: false }),
} as const;
