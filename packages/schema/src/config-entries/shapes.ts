import { free, freeMap, hidden, list, map, maybe } from './containers.ts';
import { jsonOnly, wireOnly } from './part.ts';
import {
  base64,
  duration,
  durationText,
  flag,
  float,
  int,
  maybeFlag,
  maybeInt,
  moment,
  text,
  textOf,
  uint32,
  uint64,
} from './scalars.ts';
import { type Shape, shape } from './shape.ts';

const texts = list(text);
const pairs = map(text);
const gatewayMode = shape({ Mode: textOf('structs.MeshGatewayMode') });
const transparentProxy = shape({ OutboundListenerPort: int, DialedDirectly: flag });

const exposedPath = shape({
  ListenerPort: int,
  Path: text,
  LocalPathPort: int,
  Protocol: text,
  ParsedFromCheck: wireOnly(flag),
});
const expose = shape({ Checks: flag, Paths: list(exposedPath) });

const extension = shape({
  Name: text,
  'Required!': flag,
  'Arguments!': free,
  'ConsulVersion!': text,
  'EnvoyVersion!': text,
});

const healthCheck = shape({
  Interval: duration,
  MaxFailures: uint32,
  EnforcingConsecutive5xx: maybeInt,
  MaxEjectionPercent: maybeInt,
  BaseEjectionTime: maybe(duration),
});

const upstream = shape({
  Name: text,
  'Peer!': text,
  EnvoyListenerJSON: text,
  EnvoyClusterJSON: text,
  Protocol: text,
  ConnectTimeoutMs: int,
  Limits: maybe(shape({ MaxConnections: maybeInt, MaxPendingRequests: maybeInt, MaxConcurrentRequests: maybeInt })),
  PassiveHealthCheck: maybe(healthCheck),
  MeshGateway: gatewayMode,
  BalanceOutboundConnections: text,
});

/** What every entry ends with. */
const indexes = { 'Hash!': uint64, 'CreateIndex!': uint64, 'ModifyIndex!': uint64 };
const named = { 'Kind!': text, 'Name!': text };
/** Of kinds that are not told apart by a field on the wire. */
const kindless = { 'Kind!': jsonOnly(text), 'Name!': text };
const meta = { Meta: pairs };

const rateLimits = shape({
  InstanceLevel: shape({
    RequestsPerSecond: int,
    RequestsMaxBurst: int,
    Routes: list(
      shape({ PathExact: text, PathPrefix: text, PathRegex: text, RequestsPerSecond: int, RequestsMaxBurst: int }),
    ),
  }),
});

const serviceDefaults = shape({
  ...named,
  'Protocol!': text,
  Mode: text,
  TransparentProxy: transparentProxy,
  MutualTLSMode: text,
  MeshGateway: gatewayMode,
  Expose: expose,
  ExternalSNI: text,
  UpstreamConfig: maybe(shape({ Overrides: list(upstream), Defaults: maybe(upstream) })),
  Destination: maybe(shape({ 'Addresses!': texts, 'Port!': int })),
  MaxInboundConnections: int,
  LocalConnectTimeoutMs: int,
  LocalRequestTimeoutMs: int,
  BalanceInboundConnections: text,
  RateLimits: maybe(rateLimits),
  EnvoyExtensions: list(extension),
  ...meta,
  ...indexes,
});

const proxyDefaults = shape({
  ...named,
  Protocol: wireOnly(text),
  'Config!': freeMap,
  Mode: text,
  TransparentProxy: transparentProxy,
  MutualTLSMode: text,
  MeshGateway: gatewayMode,
  Expose: expose,
  AccessLogs: shape({
    Enabled: flag,
    DisableListenerLogs: flag,
    Type: text,
    Path: text,
    JSONFormat: text,
    TextFormat: text,
  }),
  EnvoyExtensions: list(extension),
  FailoverPolicy: maybe(shape({ Mode: text, Regions: texts })),
  PrioritizeByLocality: maybe(shape({ Mode: text })),
  ...meta,
  ...indexes,
});

const failoverTarget = shape({
  Service: text,
  ServiceSubset: text,
  Partition: text,
  Namespace: text,
  Datacenter: text,
  Peer: text,
});

const loadBalancer = shape({
  Policy: text,
  RingHashConfig: maybe(shape({ MinimumRingSize: uint64, MaximumRingSize: uint64 })),
  LeastRequestConfig: maybe(shape({ ChoiceCount: uint32 })),
  HashPolicies: list(
    shape({
      Field: text,
      FieldValue: text,
      CookieConfig: maybe(shape({ Session: flag, TTL: duration, Path: text })),
      SourceIP: flag,
      Terminal: flag,
    }),
  ),
});

const serviceResolver = shape({
  ConnectTimeout: durationText,
  RequestTimeout: durationText,
  ...named,
  DefaultSubset: text,
  Subsets: map(shape({ Filter: text, OnlyPassing: flag })),
  Redirect: maybe(
    shape({
      Service: text,
      ServiceSubset: text,
      Namespace: text,
      Partition: text,
      Datacenter: text,
      Peer: text,
      SamenessGroup: text,
    }),
  ),
  Failover: map(
    shape({
      Service: text,
      ServiceSubset: text,
      Namespace: text,
      Datacenters: texts,
      Targets: list(failoverTarget),
      Policy: maybe(shape({ Mode: text, Regions: texts })),
      SamenessGroup: text,
    }),
  ),
  PrioritizeByLocality: maybe(shape({ Mode: text })),
  LoadBalancer: maybe(loadBalancer),
  ...meta,
  ...indexes,
});

const headerChanges = shape({ Add: pairs, Set: pairs, Remove: texts });

const serviceSplitter = shape({
  ...named,
  'Splits!': list(
    shape({
      'Weight!': float,
      Service: text,
      ServiceSubset: text,
      Namespace: text,
      Partition: text,
      RequestHeaders: maybe(headerChanges),
      ResponseHeaders: maybe(headerChanges),
    }),
  ),
  ...meta,
  ...indexes,
});

const headerMatch = shape({
  'Name!': text,
  Present: flag,
  Exact: text,
  Prefix: text,
  Suffix: text,
  Regex: text,
  Invert: flag,
});

const permissionHeader = shape({
  'Name!': text,
  Present: flag,
  Exact: text,
  Prefix: text,
  Suffix: text,
  Contains: text,
  Regex: text,
  Invert: flag,
  IgnoreCase: flag,
});

const routeMatch = shape({
  PathExact: text,
  PathPrefix: text,
  PathRegex: text,
  CaseInsensitive: flag,
  Header: list(headerMatch),
  QueryParam: list(shape({ 'Name!': text, Present: flag, Exact: text, Regex: text })),
  Methods: texts,
});

const routeDestination = shape({
  RequestTimeout: durationText,
  IdleTimeout: durationText,
  Service: text,
  ServiceSubset: text,
  Namespace: text,
  Partition: text,
  PrefixRewrite: text,
  NumRetries: uint32,
  RetryOnConnectFailure: flag,
  RetryOn: texts,
  RetryOnStatusCodes: list(uint32),
  RequestHeaders: maybe(headerChanges),
  ResponseHeaders: maybe(headerChanges),
});

const serviceRouter = shape({
  ...named,
  'Routes!': list(shape({ Match: maybe(shape({ HTTP: maybe(routeMatch) })), Destination: maybe(routeDestination) })),
  ...meta,
  ...indexes,
});

const jwtRequirement = maybe(
  shape({
    Providers: list(shape({ Name: text, VerifyClaims: list(shape({ Path: texts, Value: text })) })),
  }),
);

const permissions = list(
  shape({
    'Action!': text,
    HTTP: maybe(
      shape({
        PathExact: text,
        PathPrefix: text,
        PathRegex: text,
        Header: list(permissionHeader),
        Methods: texts,
      }),
    ),
    JWT: jwtRequirement,
  }),
);

/**
 * One intention: a source of a `service-intentions` entry with its destination. Source: recorded answers of
 * `connect/intentions` and of `Intention.List`.
 */
export const INTENTION_SHAPE: Shape = shape({
  ID: text,
  Description: text,
  'SourceNS!': text,
  'SourceName!': text,
  SourcePartition: text,
  SourcePeer: text,
  SourceSamenessGroup: text,
  'DestinationNS!': text,
  'DestinationName!': text,
  DestinationPartition: text,
  'SourceType!': text,
  Action: text,
  Permissions: permissions,
  JWT: jwtRequirement,
  Meta: pairs,
  'Precedence!': int,
  CreatedAt: moment,
  UpdatedAt: moment,
  Hash: wireOnly(base64),
  'CreateIndex!': uint64,
  'ModifyIndex!': uint64,
});

const serviceIntentions = shape({
  ...named,
  'Sources!': list(
    shape({
      'Name!': text,
      Action: text,
      Permissions: permissions,
      'Precedence!': int,
      LegacyID: text,
      'Type!': text,
      Description: text,
      LegacyMeta: pairs,
      LegacyCreateTime: maybe(moment),
      LegacyUpdateTime: maybe(moment),
      Peer: text,
      SamenessGroup: text,
    }),
  ),
  JWT: jwtRequirement,
  ...meta,
  ...indexes,
});

const jwksCluster = shape({
  DiscoveryType: text,
  TLSCertificates: maybe(
    shape({
      CaCertificateProviderInstance: maybe(shape({ InstanceName: text, CertificateName: text })),
      TrustedCA: maybe(shape({ Filename: text, EnvironmentVariable: text, InlineString: text, InlineBytes: base64 })),
    }),
  ),
  ConnectTimeout: duration,
});

const jwtProvider = shape({
  ...named,
  'JSONWebKeySet!': maybe(
    shape({
      Local: maybe(shape({ JWKS: text, Filename: text })),
      Remote: maybe(
        shape({
          'URI!': text,
          RequestTimeoutMs: int,
          CacheDuration: duration,
          FetchAsynchronously: flag,
          UseSNI: wireOnly(flag),
          RetryPolicy: maybe(
            shape({
              NumRetries: int,
              RetryPolicyBackOff: maybe(shape({ BaseInterval: duration, MaxInterval: duration })),
            }),
          ),
          JWKSCluster: maybe(jwksCluster),
        }),
      ),
    }),
  ),
  Issuer: text,
  Audiences: texts,
  Locations: list(
    shape({
      Header: maybe(shape({ Name: text, ValuePrefix: text, Forward: flag })),
      QueryParam: maybe(shape({ Name: text })),
      Cookie: maybe(shape({ Name: text })),
    }),
  ),
  Forwarding: maybe(shape({ HeaderName: text, PadForwardPayloadHeader: flag })),
  ClockSkewSeconds: int,
  CacheConfig: maybe(shape({ Size: int })),
  ...meta,
  ...indexes,
});

const sds = maybe(shape({ ClusterName: text, CertResource: text }));
const gatewayTls = {
  'Enabled!': flag,
  SDS: sds,
  TLSMinVersion: text,
  TLSMaxVersion: text,
  CipherSuites: texts,
};
const connectionLimits = {
  MaxConnections: uint32,
  MaxPendingRequests: uint32,
  MaxConcurrentRequests: uint32,
  PassiveHealthCheck: maybe(healthCheck),
};

/** The gateway's own limits are told even when there are none. */
const defaultLimits = {
  'MaxConnections!': uint32,
  'MaxPendingRequests!': uint32,
  'MaxConcurrentRequests!': uint32,
  PassiveHealthCheck: maybe(healthCheck),
};

const ingressGateway = shape({
  ...named,
  TLS: shape(gatewayTls),
  'Listeners!': list(
    shape({
      'Port!': int,
      'Protocol!': text,
      TLS: maybe(shape(gatewayTls)),
      'Services!': list(
        shape({
          'Name!': text,
          'Hosts!': texts,
          TLS: maybe(shape({ SDS: sds })),
          RequestHeaders: maybe(headerChanges),
          ResponseHeaders: maybe(headerChanges),
          ...connectionLimits,
          ...meta,
        }),
      ),
    }),
  ),
  Defaults: maybe(shape(defaultLimits)),
  ...meta,
  ...indexes,
});

const terminatingGateway = shape({
  ...named,
  'Services!': list(
    shape({
      Name: text,
      CAFile: text,
      CertFile: text,
      KeyFile: text,
      SNI: text,
      DisableAutoHostRewrite: flag,
    }),
  ),
  ...meta,
  ...indexes,
});

const tlsVersions = maybe(shape({ TLSMinVersion: text, TLSMaxVersion: text, CipherSuites: texts }));

const mesh = shape({
  'Kind!': jsonOnly(text),
  TransparentProxy: shape({ 'MeshDestinationsOnly!': flag }),
  AllowEnablingPermissiveMutualTLS: flag,
  ValidateClusters: flag,
  TLS: maybe(shape({ Incoming: tlsVersions, Outgoing: tlsVersions })),
  HTTP: maybe(
    shape({
      'SanitizeXForwardedClientCert!': flag,
      Incoming: maybe(
        shape({
          RequestNormalization: maybe(
            shape({
              'InsecureDisablePathNormalization!': flag,
              'MergeSlashes!': flag,
              'PathWithEscapedSlashesAction!': text,
              'HeadersWithUnderscoresAction!': text,
            }),
          ),
        }),
      ),
    }),
  ),
  Peering: maybe(shape({ PeerThroughMeshGateways: flag })),
  ...meta,
  ...indexes,
});

const exportedServices = shape({
  ...kindless,
  Services: list(
    shape({
      'Name!': text,
      Namespace: text,
      'Consumers!': list(shape({ Partition: text, Peer: text, SamenessGroup: text })),
    }),
  ),
  ...meta,
  ...indexes,
});

const reference = shape({ 'Kind!': text, 'Name!': text, 'SectionName!': text });
const status = shape({
  Conditions: list(
    shape({
      'Type!': text,
      'Status!': text,
      'Reason!': text,
      'Message!': text,
      'Resource!': reference,
      'LastTransitionTime!': moment,
    }),
  ),
});

const apiGateway = shape({
  ...named,
  'Listeners!': list(
    shape({
      'Name!': text,
      'Hostname!': text,
      'Port!': int,
      'Protocol!': text,
      'TLS!': shape({
        'Certificates!': list(reference),
        'MaxVersion!': text,
        'MinVersion!': text,
        'CipherSuites!': texts,
      }),
      Default: wireOnly(maybe(free)),
      Override: wireOnly(maybe(free)),
    }),
  ),
  'Status!': status,
  ...meta,
  ...indexes,
});

const routeHeaders = list(shape({ 'Add!': pairs, 'Remove!': texts, 'Set!': pairs }));
const routeFilters = shape({
  'Headers!': routeHeaders,
  'URLRewrite!': maybe(shape({ 'Path!': text })),
  'RetryFilter!': maybe(
    shape({
      'NumRetries!': uint32,
      'RetryOn!': texts,
      'RetryOnStatusCodes!': list(uint32),
      'RetryOnConnectFailure!': maybeFlag,
    }),
  ),
  'TimeoutFilter!': maybe(shape({ 'RequestTimeout!': duration, 'IdleTimeout!': duration })),
  'JWT!': maybe(free),
});
const responseFilters = shape({ 'Headers!': routeHeaders });
const valueMatch = shape({ 'Match!': text, 'Name!': text, 'Value!': text });

const httpRoute = shape({
  ...named,
  'Parents!': list(reference),
  'Rules!': list(
    shape({
      'Filters!': routeFilters,
      'ResponseFilters!': responseFilters,
      'Matches!': list(
        shape({
          'Headers!': list(valueMatch),
          'Method!': text,
          'Path!': shape({ 'Match!': text, 'Value!': text }),
          'Query!': list(valueMatch),
        }),
      ),
      'Services!': list(
        shape({
          'Name!': text,
          'Weight!': int,
          'Filters!': routeFilters,
          'ResponseFilters!': responseFilters,
        }),
      ),
    }),
  ),
  'Hostnames!': texts,
  ...meta,
  'Status!': status,
  ...indexes,
});

const tcpRoute = shape({
  ...named,
  'Parents!': list(reference),
  'Services!': list(shape({ 'Name!': text })),
  ...meta,
  'Status!': status,
  ...indexes,
});

const certificate = shape({
  ...named,
  'Certificate!': text,
  'PrivateKey!': text,
  ...meta,
  ...indexes,
});

const boundApiGateway = shape({
  ...named,
  'Listeners!': list(shape({ Name: text, Routes: list(reference), Certificates: list(reference) })),
  // Keyed by structures on the wire.
  'Services!': hidden,
  ...meta,
  ...indexes,
});

const samenessGroup = shape({
  ...kindless,
  DefaultForFailover: flag,
  IncludeLocal: flag,
  Members: list(shape({ Partition: text, Peer: text })),
  ...meta,
  ...indexes,
});

/** Every kind of config entry. */
export const CONFIG_ENTRY_SHAPES: ReadonlyMap<string, Shape> = new Map([
  ['service-defaults', serviceDefaults],
  ['proxy-defaults', proxyDefaults],
  ['service-router', serviceRouter],
  ['service-splitter', serviceSplitter],
  ['service-resolver', serviceResolver],
  ['ingress-gateway', ingressGateway],
  ['terminating-gateway', terminatingGateway],
  ['service-intentions', serviceIntentions],
  ['mesh', mesh],
  ['exported-services', exportedServices],
  ['sameness-group', samenessGroup],
  ['api-gateway', apiGateway],
  ['bound-api-gateway', boundApiGateway],
  ['inline-certificate', certificate],
  ['file-system-certificate', certificate],
  ['http-route', httpRoute],
  ['tcp-route', tcpRoute],
  ['jwt-provider', jwtProvider],
]);
