import type { FieldMap } from './bind.ts';

/**
 * The fields that filters may name, for the records that Consul's endpoints filter. Everything else in those records
 * (indexes, Locality, free-form configuration) cannot be selected.
 * Source: probing every field name of the documented records on a 1.21 agent (src/testdata/selectors.json).
 */

const MESH_GATEWAY: FieldMap = { Mode: 'string' };
const TRANSPARENT_PROXY: FieldMap = { OutboundListenerPort: 'int', DialedDirectly: 'bool' };
const EXPOSE: FieldMap = {
  Checks: 'bool',
  Paths: {
    list: { ListenerPort: 'int', Path: 'string', LocalPathPort: 'int', Protocol: 'string', ParsedFromCheck: 'bool' },
  },
};
const ENVOY_EXTENSIONS = {
  list: { Name: 'string', Required: 'bool', ConsulVersion: 'string', EnvoyVersion: 'string' },
} as const;

const PROXY: FieldMap = {
  AccessLogs: {
    Enabled: 'bool',
    DisableListenerLogs: 'bool',
    Type: 'string',
    Path: 'string',
    JSONFormat: 'string',
    TextFormat: 'string',
  },
  DestinationServiceName: 'string',
  DestinationServiceID: 'string',
  EnvoyExtensions: ENVOY_EXTENSIONS,
  Expose: EXPOSE,
  LocalServiceAddress: 'string',
  LocalServicePort: 'int',
  LocalServiceSocketPath: 'string',
  MeshGateway: MESH_GATEWAY,
  Mode: 'string',
  TransparentProxy: TRANSPARENT_PROXY,
  Upstreams: {
    list: {
      Datacenter: 'string',
      DestinationName: 'string',
      DestinationNamespace: 'string',
      DestinationPartition: 'string',
      DestinationPeer: 'string',
      DestinationType: 'string',
      LocalBindAddress: 'string',
      LocalBindPort: 'int',
      LocalBindSocketMode: 'string',
      LocalBindSocketPath: 'string',
      MeshGateway: MESH_GATEWAY,
    },
  },
};

const SERVICE_ADDRESSES = { map: { Address: 'string', Port: 'int' } } as const;
const WEIGHTS: FieldMap = { Passing: 'int', Warning: 'int' };

/** catalog/nodes. */
export const NODE_FIELDS: FieldMap = {
  Address: 'string',
  Datacenter: 'string',
  ID: 'string',
  Meta: { map: 'string' },
  Node: 'string',
  Partition: 'string',
  PeerName: 'string',
  TaggedAddresses: { map: 'string' },
};

/** agent/services, catalog/node, catalog/node-services. */
export const SERVICE_FIELDS: FieldMap = {
  Address: 'string',
  Connect: { Native: 'bool' },
  EnableTagOverride: 'bool',
  ID: 'string',
  Kind: 'string',
  Meta: { map: 'string' },
  PeerName: 'string',
  Port: 'int',
  Proxy: PROXY,
  Service: 'string',
  SocketPath: 'string',
  TaggedAddresses: SERVICE_ADDRESSES,
  Tags: { list: 'string' },
  Weights: WEIGHTS,
};

/** agent/checks, health/node, health/checks, health/state. */
export const CHECK_FIELDS: FieldMap = {
  CheckID: 'string',
  ExposedPort: 'int',
  Interval: 'string',
  Name: 'string',
  Node: 'string',
  Notes: 'string',
  Output: 'string',
  PeerName: 'string',
  ServiceID: 'string',
  ServiceName: 'string',
  ServiceTags: { list: 'string' },
  Status: 'string',
  Timeout: 'string',
  Type: 'string',
};

/** catalog/service, catalog/connect, catalog/services (for each instance). */
export const SERVICE_NODE_FIELDS: FieldMap = {
  Address: 'string',
  Datacenter: 'string',
  ID: 'string',
  Node: 'string',
  NodeMeta: { map: 'string' },
  PeerName: 'string',
  ServiceAddress: 'string',
  ServiceConnect: { Native: 'bool' },
  ServiceEnableTagOverride: 'bool',
  ServiceID: 'string',
  ServiceKind: 'string',
  ServiceMeta: { map: 'string' },
  ServiceName: 'string',
  ServicePort: 'int',
  ServiceProxy: PROXY,
  ServiceSocketPath: 'string',
  ServiceTaggedAddresses: SERVICE_ADDRESSES,
  ServiceTags: { list: 'string' },
  ServiceWeights: WEIGHTS,
  TaggedAddresses: { map: 'string' },
};

/** health/service, health/connect, health/ingress, internal/ui/services, subsets of service-resolver. */
export const CHECK_SERVICE_NODE_FIELDS: FieldMap = {
  Node: NODE_FIELDS,
  Service: SERVICE_FIELDS,
  Checks: { list: CHECK_FIELDS },
};

/** internal/ui/nodes. */
export const NODE_INFO_FIELDS: FieldMap = {
  Address: 'string',
  Checks: { list: CHECK_FIELDS },
  ID: 'string',
  Meta: { map: 'string' },
  Node: 'string',
  Partition: 'string',
  PeerName: 'string',
  Services: { list: SERVICE_FIELDS },
  TaggedAddresses: { map: 'string' },
};

/** agent/members. `Addr` is the address as bytes. */
export const MEMBER_FIELDS: FieldMap = {
  Addr: { list: 'uint8' },
  DelegateCur: 'uint8',
  DelegateMax: 'uint8',
  DelegateMin: 'uint8',
  Name: 'string',
  Port: 'uint16',
  ProtocolCur: 'uint8',
  ProtocolMax: 'uint8',
  ProtocolMin: 'uint8',
  Status: 'int',
  Tags: { map: 'string' },
};

/** connect/intentions. */
export const INTENTION_FIELDS: FieldMap = {
  Action: 'string',
  Description: 'string',
  DestinationNS: 'string',
  DestinationName: 'string',
  DestinationPartition: 'string',
  ID: 'string',
  Meta: { map: 'string' },
  Precedence: 'int',
  SourceNS: 'string',
  SourceName: 'string',
  SourcePartition: 'string',
  SourcePeer: 'string',
  SourceSamenessGroup: 'string',
  SourceType: 'string',
};

const UPSTREAM: FieldMap = {
  BalanceOutboundConnections: 'string',
  ConnectTimeoutMs: 'int',
  EnterpriseMeta: {},
  EnvoyClusterJSON: 'string',
  EnvoyListenerJSON: 'string',
  Limits: { MaxConcurrentRequests: 'int', MaxConnections: 'int', MaxPendingRequests: 'int' },
  MeshGateway: MESH_GATEWAY,
  Name: 'string',
  PassiveHealthCheck: {
    BaseEjectionTime: 'int',
    EnforcingConsecutive5xx: 'uint32',
    Interval: 'int',
    MaxEjectionPercent: 'uint32',
    MaxFailures: 'uint32',
  },
  Protocol: 'string',
};

const ROUTE_LIMITS: FieldMap = {
  PathExact: 'string',
  PathPrefix: 'string',
  PathRegex: 'string',
  RequestsMaxBurst: 'int',
  RequestsPerSecond: 'int',
};

/** config/service-defaults. Other kinds of configuration entries cannot be filtered. Durations are nanoseconds. */
export const SERVICE_DEFAULTS_FIELDS: FieldMap = {
  BalanceInboundConnections: 'string',
  Destination: { Addresses: { list: 'string' }, Port: 'int' },
  EnterpriseMeta: {},
  EnvoyExtensions: ENVOY_EXTENSIONS,
  Expose: EXPOSE,
  ExternalSNI: 'string',
  Hash: 'uint64',
  Kind: 'string',
  LocalConnectTimeoutMs: 'int',
  LocalRequestTimeoutMs: 'int',
  MaxInboundConnections: 'int',
  MeshGateway: MESH_GATEWAY,
  Meta: { map: 'string' },
  Mode: 'string',
  MutualTLSMode: 'string',
  Name: 'string',
  Protocol: 'string',
  RaftIndex: {},
  RateLimits: {
    InstanceLevel: { RequestsMaxBurst: 'int', RequestsPerSecond: 'int', Routes: { list: ROUTE_LIMITS } },
  },
  TransparentProxy: TRANSPARENT_PROXY,
  UpstreamConfig: { Defaults: UPSTREAM, Overrides: { list: UPSTREAM } },
};
