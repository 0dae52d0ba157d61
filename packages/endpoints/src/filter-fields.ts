/**
 * What filter expressions may name, by the record they are applied to. Source: filtering documentation and recorded
 * answers; see `?filter` in the HTTP API.
 */
const address = { Address: 'string', Port: 'int' } as const;

const locality = { Region: 'string', Zone: 'string' } as const;

const proxy = {
  Config: { map: 'string' },
  DestinationServiceID: 'string',
  DestinationServiceName: 'string',
  Expose: {
    Checks: 'bool',
    Paths: {
      list: { ListenerPort: 'int', LocalPathPort: 'int', ParsedFromCheck: 'bool', Path: 'string', Protocol: 'string' },
    },
  },
  LocalServiceAddress: 'string',
  LocalServicePort: 'int',
  LocalServiceSocketPath: 'string',
  MeshGateway: { Mode: 'string' },
  Mode: 'string',
  TransparentProxy: { DialedDirectly: 'bool', OutboundListenerPort: 'int' },
  Upstreams: {
    list: {
      CentrallyConfigured: 'bool',
      Datacenter: 'string',
      DestinationName: 'string',
      DestinationNamespace: 'string',
      DestinationPeer: 'string',
      DestinationType: 'string',
      LocalBindAddress: 'string',
      LocalBindPort: 'int',
      LocalBindSocketMode: 'string',
      LocalBindSocketPath: 'string',
      MeshGateway: { Mode: 'string' },
    },
  },
} as const;

const weights = { Passing: 'int', Warning: 'int' } as const;

export const nodeFields = {
  Address: 'string',
  Datacenter: 'string',
  ID: 'string',
  Locality: locality,
  Meta: { map: 'string' },
  Node: 'string',
  PeerName: 'string',
  TaggedAddresses: { map: 'string' },
} as const;

/** Of a service on a node: catalog/node, and `Service.` of the health endpoints. */
export const serviceFields = {
  Address: 'string',
  Connect: { Native: 'bool' },
  EnableTagOverride: 'bool',
  ID: 'string',
  Kind: 'string',
  Locality: locality,
  Meta: { map: 'string' },
  PeerName: 'string',
  Port: 'int',
  Proxy: proxy,
  Service: 'string',
  SocketPath: 'string',
  TaggedAddresses: { map: address },
  Tags: { list: 'string' },
  Weights: weights,
} as const;

/** Of the agent's own services. */
export const agentServiceFields = {
  ...serviceFields,
  ContentHash: 'string',
  Datacenter: 'string',
} as const;

/** Of the flat records of catalog/service. */
export const serviceNodeFields = {
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
  ServiceLocality: locality,
  ServiceMeta: { map: 'string' },
  ServiceName: 'string',
  ServicePort: 'int',
  ServiceProxy: proxy,
  ServiceSocketPath: 'string',
  ServiceTaggedAddresses: { map: address },
  ServiceTags: { list: 'string' },
  ServiceWeights: weights,
  TaggedAddresses: { map: 'string' },
} as const;

export const checkFields = {
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
} as const;

export const checkServiceNodeFields = {
  Node: nodeFields,
  Service: serviceFields,
  Checks: { list: checkFields },
} as const;

/** Of a node with everything on it. */
export const nodeInfoFields = {
  Address: 'string',
  Checks: { list: checkFields },
  ID: 'string',
  Meta: { map: 'string' },
  Node: 'string',
  PeerName: 'string',
  Services: { list: serviceFields },
  TaggedAddresses: { map: 'string' },
} as const;

export const memberFields = {
  Addr: 'string',
  DelegateCur: 'int',
  DelegateMax: 'int',
  DelegateMin: 'int',
  Name: 'string',
  Port: 'int',
  ProtocolCur: 'int',
  ProtocolMax: 'int',
  ProtocolMin: 'int',
  Status: 'int',
  Tags: { map: 'string' },
} as const;
