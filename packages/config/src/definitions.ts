/**
 * Service, check and watch definitions as the agent takes them from configuration files. Field names are those of the
 * register bodies of the HTTP API, so that one path in the agent handles both. Durations are nanoseconds (number).
 * Source: https://developer.hashicorp.com/consul/docs/services/configuration/services-configuration-reference and the
 * checks reference beside it; shapes confirmed with the reference agent.
 */

/** What a health check does; everything that is not given has its zero value. */
export interface CheckType {
  Name: string;
  Status: string;
  Notes: string;
  ScriptArgs: string[];
  HTTP: string;
  Header: Record<string, string[]>;
  Method: string;
  Body: string;
  DisableRedirects: boolean;
  TCP: string;
  TCPUseTLS: boolean;
  UDP: string;
  /** Nanoseconds; 0 when not given. */
  Interval: number;
  AliasNode: string;
  AliasService: string;
  DockerContainerID: string;
  Shell: string;
  GRPC: string;
  GRPCUseTLS: boolean;
  H2PING: string;
  H2PingUseTLS: boolean;
  OSService: string;
  TLSServerName: string;
  TLSSkipVerify: boolean;
  /** Nanoseconds; 0 when not given. */
  Timeout: number;
  /** Nanoseconds; 0 when not given. */
  TTL: number;
  SuccessBeforePassing: number;
  /** As given; equal to FailuresBeforeCritical when it was not given. */
  FailuresBeforeWarning: number;
  FailuresBeforeCritical: number;
  /** Nanoseconds; 0 when not given. */
  DeregisterCriticalServiceAfter: number;
  /** Bytes; 4096 when not given. */
  OutputMaxSize: number;
}

/** A check inside a service definition. `CheckID` is "" unless the file names it. */
export interface ServiceCheck extends CheckType {
  CheckID: string;
}

/** A check of its own (`check`, `checks` at top level). `ID` is "" unless the file names it. */
export interface CheckDefinition extends CheckType {
  ID: string;
  ServiceID: string;
  Token: string;
  Namespace: string;
  Partition: string;
}

export interface ServiceAddress {
  Address: string;
  Port: number;
}

export interface Weights {
  Passing: number;
  Warning: number;
}

export interface Locality {
  Region: string;
  Zone: string;
}

export interface UpstreamDefinition {
  DestinationType: string;
  DestinationNamespace: string;
  DestinationPartition: string;
  DestinationPeer: string;
  DestinationName: string;
  Datacenter: string;
  LocalBindAddress: string;
  LocalBindPort: number;
  LocalBindSocketPath: string;
  LocalBindSocketMode: string;
  Config: Record<string, unknown>;
  MeshGateway: { Mode: string };
}

export interface ExposePath {
  ListenerPort: number;
  Path: string;
  LocalPathPort: number;
  Protocol: string;
}

export interface ProxyDefinition {
  DestinationServiceName: string;
  DestinationServiceID: string;
  LocalServiceAddress: string;
  LocalServicePort: number;
  LocalServiceSocketPath: string;
  Mode: string;
  TransparentProxy: { OutboundListenerPort: number; DialedDirectly: boolean };
  Config: Record<string, unknown>;
  Upstreams: UpstreamDefinition[];
  MeshGateway: { Mode: string };
  Expose: { Checks: boolean; Paths: ExposePath[] };
  EnvoyExtensions: { Name: string; Required: boolean; Arguments: Record<string, unknown> }[];
}

export interface ServiceDefinition {
  Kind: string;
  /** "" when not given: the agent then uses Name. */
  ID: string;
  Name: string;
  Tags: string[];
  Address: string;
  Port: number;
  SocketPath: string;
  TaggedAddresses: Record<string, ServiceAddress>;
  Meta: Record<string, string>;
  Weights: Weights;
  EnableTagOverride: boolean;
  Token: string;
  /** `check` (first) and `checks` together, in the order written. */
  Checks: ServiceCheck[];
  Proxy: ProxyDefinition | undefined;
  Connect: { Native: boolean; SidecarService: ServiceDefinition | undefined } | undefined;
  Locality: Locality | undefined;
  Namespace: string;
  Partition: string;
}

/**
 * One watch, keys as written in the file (lower case): `type`, its parameters, and `args`, `handler` or
 * `handler_type` with `http_handler_config`. A list of one element is the element (`args = ["x"]` gives "x"), as in
 * Consul. The agent checks a watch when it starts it.
 */
export type WatchDefinition = Record<string, unknown>;
