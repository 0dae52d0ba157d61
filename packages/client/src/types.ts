/**
 * Structures of the HTTP API with Consul's own spelling of fields. Durations that are numbers are nanoseconds.
 * Source: HTTP API documentation and recorded answers of the 1.21 agent.
 */
import type { Uint64 } from './json.ts';

export type CheckStatus = 'passing' | 'warning' | 'critical' | 'maintenance';

export interface KVPair {
  Key: string;
  CreateIndex: number;
  ModifyIndex: number;
  LockIndex: number;
  /** For the application; 64 bits wide. */
  Flags: Uint64;
  Value: Uint8Array;
  /** The session that holds the lock, when one does. */
  Session?: string;
}

export interface Node {
  ID: string;
  Node: string;
  Address: string;
  Datacenter: string;
  TaggedAddresses: Record<string, string> | null;
  Meta: Record<string, string> | null;
  PeerName?: string;
  CreateIndex: number;
  ModifyIndex: number;
}

export interface ServiceAddress {
  Address: string;
  Port: number;
}

export interface Weights {
  Passing: number;
  Warning: number;
}

/** A service as nodes, health answers and transactions show it. */
export interface NodeService {
  Kind?: string;
  ID: string;
  Service: string;
  Tags: string[];
  Address: string;
  TaggedAddresses?: Record<string, ServiceAddress>;
  Meta: Record<string, string> | null;
  Port: number;
  SocketPath?: string;
  Weights: Weights;
  EnableTagOverride: boolean;
  Proxy?: Record<string, unknown>;
  Connect?: Record<string, unknown>;
  PeerName?: string;
  CreateIndex: number;
  ModifyIndex: number;
}

/** A row of `/v1/catalog/service/:name`. */
export interface CatalogService {
  ID: string;
  Node: string;
  Address: string;
  Datacenter: string;
  TaggedAddresses: Record<string, string> | null;
  NodeMeta: Record<string, string> | null;
  ServiceKind?: string;
  ServiceID: string;
  ServiceName: string;
  ServiceTags: string[];
  ServiceAddress: string;
  ServiceTaggedAddresses?: Record<string, ServiceAddress>;
  ServiceWeights: Weights;
  ServiceMeta: Record<string, string> | null;
  ServicePort: number;
  ServiceEnableTagOverride: boolean;
  CreateIndex: number;
  ModifyIndex: number;
}

export interface CatalogNode {
  Node: Node;
  Services: Record<string, NodeService>;
}

export interface HealthCheck {
  Node: string;
  CheckID: string;
  Name: string;
  Status: CheckStatus;
  Notes: string;
  Output: string;
  ServiceID: string;
  ServiceName: string;
  ServiceTags: string[];
  Type: string;
  Interval?: string;
  Timeout?: string;
  ExposedPort?: number;
  Definition?: Record<string, unknown>;
  CreateIndex: number;
  ModifyIndex: number;
}

/** One instance of a service with its node and checks. */
export interface ServiceEntry {
  Node: Node;
  Service: NodeService;
  Checks: HealthCheck[];
}

/** A check of an agent registration. Durations are texts such as `10s`. */
export interface AgentServiceCheck {
  CheckID?: string;
  Name?: string;
  Notes?: string;
  Status?: CheckStatus;
  Args?: string[];
  HTTP?: string;
  Method?: string;
  Header?: Record<string, string[]>;
  Body?: string;
  TCP?: string;
  UDP?: string;
  GRPC?: string;
  GRPCUseTLS?: boolean;
  H2PING?: string;
  OSService?: string;
  DockerContainerID?: string;
  Shell?: string;
  Interval?: string;
  Timeout?: string;
  TTL?: string;
  TLSServerName?: string;
  TLSSkipVerify?: boolean;
  AliasNode?: string;
  AliasService?: string;
  SuccessBeforePassing?: number;
  FailuresBeforeWarning?: number;
  FailuresBeforeCritical?: number;
  DeregisterCriticalServiceAfter?: string;
}

/** The body of a stand-alone check registration: its identifier is `ID`. */
export interface AgentCheckRegistration extends Omit<AgentServiceCheck, 'CheckID'> {
  ID?: string;
  Name: string;
  ServiceID?: string;
  Token?: string;
}

export interface AgentServiceRegistration {
  Kind?: string;
  ID?: string;
  Name: string;
  Tags?: string[];
  Port?: number;
  Address?: string;
  SocketPath?: string;
  TaggedAddresses?: Record<string, ServiceAddress>;
  EnableTagOverride?: boolean;
  Meta?: Record<string, string>;
  Weights?: Weights;
  Check?: AgentServiceCheck;
  Checks?: AgentServiceCheck[];
  Proxy?: Record<string, unknown>;
  Connect?: Record<string, unknown>;
}

/** A service as its own agent shows it. */
export interface AgentService {
  Kind?: string;
  ID: string;
  Service: string;
  Tags: string[];
  Meta: Record<string, string>;
  Port: number;
  Address: string;
  SocketPath?: string;
  TaggedAddresses?: Record<string, ServiceAddress>;
  Weights: Weights;
  EnableTagOverride: boolean;
  ContentHash?: string;
  Proxy?: Record<string, unknown>;
  Connect?: Record<string, unknown>;
  Datacenter?: string;
}

export interface AgentServiceHealth {
  AggregatedStatus: CheckStatus;
  Service: AgentService | null;
  Checks: HealthCheck[] | null;
}

/** Values of {@link Member.Status}. */
export const MEMBER_STATUS = ['none', 'alive', 'leaving', 'left', 'failed'] as const;

export interface Member {
  Name: string;
  Addr: string;
  Port: number;
  Tags: Record<string, string>;
  /** An index into {@link MEMBER_STATUS}. */
  Status: number;
  ProtocolMin: number;
  ProtocolMax: number;
  ProtocolCur: number;
  DelegateMin: number;
  DelegateMax: number;
  DelegateCur: number;
}

export interface AgentSelf {
  Config: { Datacenter: string; NodeName: string; NodeID: string; Version: string; Server: boolean } & Record<
    string,
    unknown
  >;
  Member: Member;
  Coord: Coordinate;
  Stats: Record<string, Record<string, string>>;
  Meta: Record<string, string>;
  DebugConfig: Record<string, unknown>;
}

export interface Session {
  ID: string;
  Name: string;
  Node: string;
  LockDelay: number;
  Behavior: 'release' | 'delete';
  TTL: string;
  NodeChecks: string[] | null;
  ServiceChecks: { ID: string; Namespace?: string }[] | null;
  CreateIndex: number;
  ModifyIndex: number;
}

/** What a session may be created with. Everything has a default of the agent. */
export interface SessionRequest {
  Name?: string;
  Node?: string;
  /** `15s` by default. */
  LockDelay?: string;
  Behavior?: 'release' | 'delete';
  /** Between 10s and 24h; absent means that it never expires by itself. */
  TTL?: string;
  NodeChecks?: string[];
  ServiceChecks?: { ID: string }[];
}

export interface UserEvent {
  ID: string;
  Name: string;
  Payload: Uint8Array;
  NodeFilter: string;
  ServiceFilter: string;
  TagFilter: string;
  Version: number;
  LTime: number;
}

export interface Coordinate {
  Vec: number[];
  Error: number;
  Adjustment: number;
  Height: number;
}

export interface CoordinateEntry {
  Node: string;
  Segment: string;
  Coord: Coordinate;
}

export interface CoordinateDatacenter {
  Datacenter: string;
  AreaID: string;
  Coordinates: CoordinateEntry[];
}

export interface RaftServer {
  ID: string;
  Node: string;
  Address: string;
  Leader: boolean;
  ProtocolVersion: string;
  Voter: boolean;
  LastIndex: number;
}

export interface RaftConfiguration {
  Servers: RaftServer[];
  Index: number;
}

export interface AutopilotConfiguration {
  CleanupDeadServers: boolean;
  LastContactThreshold: string;
  MaxTrailingLogs: Uint64;
  MinQuorum: number;
  ServerStabilizationTime: string;
  RedundancyZoneTag: string;
  DisableUpgradeMigration: boolean;
  UpgradeVersionTag: string;
  CreateIndex: number;
  ModifyIndex: number;
}

export interface AutopilotServer {
  ID: string;
  Name: string;
  Address: string;
  NodeStatus: string;
  Version: string;
  LastContact: string;
  LastTerm: number;
  LastIndex: number;
  Healthy: boolean;
  StableSince: string;
  ReadReplica: boolean;
  Status: string;
  Meta: Record<string, string> | null;
  NodeType: string;
}

export interface AutopilotState {
  Healthy: boolean;
  FailureTolerance: number;
  OptimisticFailureTolerance: number;
  Servers: Record<string, AutopilotServer>;
  Leader: string;
  Voters: string[];
}

export interface KeyringResponse {
  WAN: boolean;
  Datacenter: string;
  Segment: string;
  Messages?: Record<string, string>;
  Keys: Record<string, number>;
  PrimaryKeys: Record<string, number>;
  NumNodes: number;
}

export interface DatacenterUsage {
  Services: number;
  ServiceInstances: number;
  ConnectServiceInstances: Record<string, number>;
  BillableServiceInstances: number;
  Nodes: number;
}

export interface CatalogRegistration {
  ID?: string;
  Node: string;
  Address?: string;
  Datacenter?: string;
  TaggedAddresses?: Record<string, string>;
  NodeMeta?: Record<string, string>;
  Service?: Partial<NodeService> & { Service: string };
  Check?: Partial<HealthCheck>;
  Checks?: Partial<HealthCheck>[];
  SkipNodeUpdate?: boolean;
}

export interface CatalogDeregistration {
  Node: string;
  Datacenter?: string;
  ServiceID?: string;
  CheckID?: string;
}

/** One operation of a transaction: exactly one member. KV values are bytes here and base64 on the wire. */
export interface TxnOperation {
  KV?: {
    Verb: string;
    Key: string;
    Value?: Uint8Array;
    Flags?: Uint64;
    Index?: number;
    Session?: string;
  };
  Node?: { Verb: string; Node: Partial<Node> };
  Service?: { Verb: string; Node: string; Service: Partial<NodeService> };
  Check?: { Verb: string; Check: Partial<HealthCheck> };
}

export interface TxnResult {
  KV?: KVPair;
  Node?: Node;
  Service?: NodeService;
  Check?: HealthCheck;
}

/** Either every operation was applied, or none and `errors` says why. */
export type TxnOutcome =
  | { readonly ok: true; readonly results: TxnResult[] }
  | { readonly ok: false; readonly errors: { OpIndex: number; What: string }[] };

/** A config entry of any kind. `Hash` is 64 bits wide. */
export interface ConfigEntry {
  Kind: string;
  Name: string;
  Hash?: Uint64;
  CreateIndex?: number;
  ModifyIndex?: number;
  [field: string]: unknown;
}
