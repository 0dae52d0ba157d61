import {
  any,
  bool,
  checkId,
  float64,
  index,
  int,
  list,
  map,
  named,
  nodeId,
  nullAsEmpty,
  pointer,
  str,
  strictDurationText,
  uint,
} from './kind.ts';
import { type Infer, struct } from './struct.ts';

// Sources: HTTP API documentation (catalog, health, agent); recorded answers; MessagePack field lists recorded from servers.

const indexes = { CreateIndex: index, ModifyIndex: index };

export const Locality = struct('Locality', {
  Region: { kind: str, omitEmpty: true },
  Zone: { kind: str, omitEmpty: true },
});
export type Locality = Infer<typeof Locality>;

/** A machine or pod that services run on. */
export const Node = struct('Node', {
  ID: nodeId,
  Node: str,
  Address: str,
  Datacenter: str,
  Partition: { kind: str, json: null },
  TaggedAddresses: map(str),
  Meta: map(str),
  PeerName: { kind: str, omitEmpty: true },
  Locality: { kind: pointer(Locality), omitEmpty: true },
  ...indexes,
});
export type Node = Infer<typeof Node>;

export const ServiceAddress = struct('ServiceAddress', { Address: str, Port: int });
export type ServiceAddress = Infer<typeof ServiceAddress>;

export const Weights = struct('Weights', { Passing: int, Warning: int });
export type Weights = Infer<typeof Weights>;

export const MeshGatewayConfig = struct('MeshGatewayConfig', {
  Mode: { kind: named('structs.MeshGatewayMode'), omitEmpty: true },
});

const upstreamFields = {
  DestinationType: { kind: str, alias: ['destination_type'], omitEmpty: true },
  DestinationNamespace: { kind: str, alias: ['destination_namespace'], omitEmpty: true },
  DestinationPartition: { kind: str, alias: ['destination_partition'], omitEmpty: true },
  DestinationPeer: { kind: str, alias: ['destination_peer'], omitEmpty: true },
  DestinationName: { kind: str, alias: ['destination_name'] },
  Datacenter: { kind: str, omitEmpty: true },
  LocalBindAddress: { kind: str, alias: ['local_bind_address'], omitEmpty: true },
  LocalBindPort: { kind: int, alias: ['local_bind_port'], omitEmpty: true },
  LocalBindSocketPath: { kind: str, alias: ['local_bind_socket_path'], omitEmpty: true },
  LocalBindSocketMode: { kind: str, alias: ['local_bind_socket_mode'], omitEmpty: true },
  Config: { kind: map(any), omitEmpty: true },
  MeshGateway: { kind: MeshGatewayConfig, alias: ['mesh_gateway'] },
  IngressHosts: { kind: list(str), json: null },
  CentrallyConfigured: { kind: bool, json: null },
};
/** An upstream as agents print their own. */
export const AgentUpstream = struct('Upstream', upstreamFields);
/** The same as the catalog prints it. Source: recorded answers. */
export const Upstream = struct(
  'Upstream',
  {
    ...upstreamFields,
    DestinationType: { ...upstreamFields.DestinationType, omitEmpty: false },
    Datacenter: str,
  },
  { viaAlias: true },
);
export type Upstream = Infer<typeof Upstream>;

export const ExposePath = struct(
  'ExposePath',
  {
    ListenerPort: { kind: int, alias: ['listener_port'], omitEmpty: true },
    Path: { kind: str, omitEmpty: true },
    LocalPathPort: { kind: int, alias: ['local_path_port'], omitEmpty: true },
    Protocol: { kind: str, omitEmpty: true },
    ParsedFromCheck: { kind: bool, omitEmpty: true },
  },
  { viaAlias: true },
);

export const ExposeConfig = struct('ExposeConfig', {
  Checks: { kind: bool, omitEmpty: true },
  Paths: { kind: list(ExposePath), omitEmpty: true },
});

export const TransparentProxyConfig = struct('TransparentProxyConfig', {
  OutboundListenerPort: { kind: int, omitEmpty: true },
  DialedDirectly: { kind: bool, omitEmpty: true },
});

export const AccessLogsConfig = struct('AccessLogsConfig', {
  Enabled: { kind: bool, omitEmpty: true },
  DisableListenerLogs: { kind: bool, omitEmpty: true },
  Type: { kind: str, omitEmpty: true },
  Path: { kind: str, omitEmpty: true },
  JSONFormat: { kind: str, omitEmpty: true },
  TextFormat: { kind: str, omitEmpty: true },
});

export const EnvoyExtension = struct('EnvoyExtension', {
  Name: str,
  Required: bool,
  Arguments: { kind: map(any) },
  ConsulVersion: str,
  EnvoyVersion: str,
});

/** A structure whose zero value is left out of JSON although Go's omitempty would print it (a pointer in the API). */
function omitZero<T>(of: ReturnType<typeof struct> & { zero(): T }) {
  let zero: string | undefined;
  const isEmpty = (v: never) => {
    zero ??= of.toJson(of.zero() as never);
    return of.toJson(v) === zero;
  };
  return { ...of, isEmpty } as typeof of;
}

/** The fields of a proxy's configuration, for the structures that print them differently. */
export const proxyFields = {
  EnvoyExtensions: { kind: list(EnvoyExtension), omitEmpty: true },
  DestinationServiceName: { kind: str, alias: ['destination_service_name'], omitEmpty: true },
  DestinationServiceID: { kind: str, alias: ['destination_service_id'], omitEmpty: true },
  LocalServiceAddress: { kind: str, alias: ['local_service_address'], omitEmpty: true },
  LocalServicePort: { kind: int, alias: ['local_service_port'], omitEmpty: true },
  LocalServiceSocketPath: { kind: str, alias: ['local_service_socket_path'], omitEmpty: true },
  Mode: named('structs.ProxyMode'),
  Config: { kind: map(any), omitEmpty: true },
  Upstreams: { kind: list(Upstream, 'structs.Upstreams'), omitEmpty: true },
  MeshGateway: { kind: MeshGatewayConfig, alias: ['mesh_gateway'] },
  Expose: ExposeConfig,
  TransparentProxy: {
    kind: omitZero(TransparentProxyConfig as never) as unknown as typeof TransparentProxyConfig,
    alias: ['transparent_proxy'],
    omitEmpty: true,
  },
  MutualTLSMode: { kind: str, omitEmpty: true },
  AccessLogs: {
    kind: omitZero(AccessLogsConfig as never) as unknown as typeof AccessLogsConfig,
    alias: ['access_logs'],
    omitEmpty: true,
  },
};

export const ConnectProxyConfig = struct('ConnectProxyConfig', proxyFields, { viaAlias: true });
export type ConnectProxyConfig = Infer<typeof ConnectProxyConfig>;

export const PeeringServiceMeta = struct('PeeringServiceMeta', {
  SNI: { kind: list(str), omitEmpty: true },
  SpiffeID: { kind: list(str), omitEmpty: true },
  Protocol: { kind: str, omitEmpty: true },
});

/** A sidecar's definition is for agents (service-definition.ts): the catalog takes no notice of it, nor of unknown fields. */
export const ServiceConnect = struct(
  'ServiceConnect',
  {
    Native: { kind: bool, omitEmpty: true },
    PeerMeta: { kind: pointer(PeeringServiceMeta), omitEmpty: true },
  },
  { wireNil: ['SidecarService'], viaAlias: true, ignoresUnknown: true },
);
export type ServiceConnect = Infer<typeof ServiceConnect>;

/** One instance of a service on a node. */
export const NodeService = struct('NodeService', {
  Kind: { kind: str, omitEmpty: true },
  ID: str,
  Service: str,
  Tags: list(str),
  Address: str,
  TaggedAddresses: { kind: map(ServiceAddress), alias: ['tagged_addresses'], omitEmpty: true },
  Meta: map(str),
  Port: { kind: int, omitEmpty: true },
  SocketPath: { kind: str, omitEmpty: true },
  Weights: pointer(Weights),
  EnableTagOverride: { kind: bool, alias: ['enable_tag_override'] },
  Locality: { kind: pointer(Locality), omitEmpty: true },
  Proxy: ConnectProxyConfig,
  Connect: ServiceConnect,
  LocallyRegisteredAsSidecar: { kind: bool, json: null },
  PeerName: str,
  ...indexes,
});
export type NodeService = Infer<typeof NodeService>;

const definitionFields = {
  HTTP: { kind: str, omitEmpty: true },
  TLSServerName: { kind: str, omitEmpty: true },
  TLSSkipVerify: { kind: bool, omitEmpty: true },
  Header: { kind: map(list(str)), omitEmpty: true },
  Method: { kind: str, omitEmpty: true },
  Body: { kind: str, omitEmpty: true },
  DisableRedirects: { kind: bool, omitEmpty: true },
  TCP: { kind: str, omitEmpty: true },
  TCPUseTLS: { kind: bool, omitEmpty: true },
  UDP: { kind: str, omitEmpty: true },
  H2PING: { kind: str, omitEmpty: true },
  OSService: { kind: str, omitEmpty: true },
  H2PingUseTLS: { kind: bool, omitEmpty: true },
  Interval: { kind: strictDurationText, omitEmpty: true },
  OutputMaxSize: { kind: uint, omitEmpty: true },
  Timeout: { kind: strictDurationText, omitEmpty: true },
  DeregisterCriticalServiceAfter: { kind: strictDurationText, omitEmpty: true },
  ScriptArgs: { kind: list(str), omitEmpty: true },
  DockerContainerID: { kind: str, omitEmpty: true },
  Shell: { kind: str, omitEmpty: true },
  GRPC: { kind: str, omitEmpty: true },
  GRPCUseTLS: { kind: bool, omitEmpty: true },
  AliasNode: { kind: str, omitEmpty: true },
  AliasService: { kind: str, omitEmpty: true },
  TTL: { kind: strictDurationText, omitEmpty: true },
  SessionName: { kind: str, omitEmpty: true },
};

/** How a check is made, as the catalog stores it. Durations are nanoseconds here and texts in JSON. */
export const HealthCheckDefinition = struct('HealthCheckDefinition', definitionFields, {
  viaAlias: true,
  ignoresUnknown: true,
});
export type HealthCheckDefinition = Infer<typeof HealthCheckDefinition>;

/** One check result: of a node when `ServiceID` is empty, else of that service instance. */
export const HealthCheck = struct('HealthCheck', {
  Node: str,
  CheckID: checkId,
  Name: str,
  Status: str,
  Notes: str,
  Output: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str),
  Type: str,
  Interval: str,
  Timeout: str,
  ExposedPort: int,
  PeerName: { kind: str, omitEmpty: true },
  Definition: HealthCheckDefinition,
  ...indexes,
});
export type HealthCheck = Infer<typeof HealthCheck>;

/** What health queries answer: an instance with its node and every check that concerns it. */
export const CheckServiceNode = struct('CheckServiceNode', {
  Node: pointer(Node),
  Service: pointer(NodeService),
  Checks: list(HealthCheck),
});
export type CheckServiceNode = Infer<typeof CheckServiceNode>;

/** What catalog queries answer: node and instance in one flat record. The indexes are those of the instance. */
export const ServiceNode = struct('ServiceNode', {
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  ServiceKind: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: nullAsEmpty(list(str)),
  ServiceAddress: str,
  ServiceTaggedAddresses: { kind: map(ServiceAddress), omitEmpty: true },
  ServiceWeights: Weights,
  ServiceMeta: map(str),
  ServicePort: int,
  ServiceSocketPath: str,
  ServiceEnableTagOverride: bool,
  ServiceProxy: ConnectProxyConfig,
  ServiceConnect,
  ServiceLocality: pointer(Locality),
  PeerName: { kind: str, omitEmpty: true },
  ...indexes,
});
export type ServiceNode = Infer<typeof ServiceNode>;

/** A node with its services by id: `/v1/catalog/node/:node`. */
export const NodeServices = struct('NodeServices', { Node: pointer(Node), Services: map(NodeService) });
export type NodeServices = Infer<typeof NodeServices>;

/** The same as a list: `/v1/catalog/node-services/:node`. */
export const NodeServiceList = struct('NodeServiceList', { Node: pointer(Node), Services: list(NodeService) });
export type NodeServiceList = Infer<typeof NodeServiceList>;

/** A node with everything on it, for the console. */
export const NodeInfo = struct('NodeInfo', {
  ID: str,
  Node: str,
  Partition: { kind: str, omitEmpty: true },
  PeerName: { kind: str, omitEmpty: true },
  Address: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  Services: list(NodeService),
  Checks: list(HealthCheck),
});
export type NodeInfo = Infer<typeof NodeInfo>;

export const Coord = struct('coordinate.Coordinate', {
  Vec: list(float64),
  Error: float64,
  Adjustment: float64,
  Height: float64,
});
export type Coord = Infer<typeof Coord>;

/** A node's network coordinate. Source: Vivaldi (Dabek et al. 2004) with height and adjustment. */
export const Coordinate = struct('Coordinate', {
  Node: str,
  Segment: str,
  Partition: { kind: str, omitEmpty: true },
  Coord: pointer(Coord),
});
export type Coordinate = Infer<typeof Coordinate>;
