import { ConnectProxyConfig, Locality, ServiceAddress, Weights } from './catalog.ts';
import { bool, checkId, durationText, int, list, map, named, pointer, str } from './kind.ts';
import { type Infer, struct } from './struct.ts';

// Source: HTTP API documentation (agent/service, agent/check) and recorded answers, refused names included.

const checkFields = {
  Name: str,
  Notes: str,
  Status: str,
  ScriptArgs: { kind: list(str), alias: ['args', 'script_args'] },
  HTTP: str,
  H2PING: str,
  H2PingUseTLS: { kind: bool, alias: ['h2ping_use_tls'] },
  Header: map(list(str)),
  Method: str,
  Body: str,
  DisableRedirects: bool,
  TCP: str,
  TCPUseTLS: { kind: bool, alias: ['tcp_use_tls'] },
  UDP: str,
  OSService: str,
  Interval: durationText,
  AliasNode: str,
  AliasService: str,
  DockerContainerID: { kind: str, alias: ['docker_container_id'] },
  Shell: str,
  GRPC: str,
  GRPCUseTLS: { kind: bool, alias: ['grpc_use_tls'] },
  TLSServerName: { kind: str, alias: ['tls_server_name'] },
  TLSSkipVerify: { kind: bool, alias: ['tls_skip_verify'] },
  Timeout: durationText,
  TTL: durationText,
  SuccessBeforePassing: int,
  FailuresBeforeWarning: int,
  FailuresBeforeCritical: int,
  DeregisterCriticalServiceAfter: { kind: durationText, alias: ['deregister_critical_service_after'] },
  OutputMaxSize: int,
  ProxyHTTP: { kind: str, json: null },
  ProxyGRPC: { kind: str, json: null },
};

/** A check inside a service body: it takes `CheckID` and refuses `ID`. Durations are nanoseconds. */
export const CheckType = struct(
  'CheckType',
  {
    CheckID: checkId,
    ...checkFields,
    // Taken from bodies without a word and not looked at: the check belongs to the service around it.
    ServiceID: { kind: str, alias: ['service_id'], inputOnly: true, wire: null },
  },
  { viaAlias: true },
);
export type CheckType = Infer<typeof CheckType>;

/** What `/v1/agent/check/register` takes: `ID`, and the service and token that it belongs to. */
export const CheckDefinition = struct('CheckDefinition', {
  ID: checkId,
  ServiceID: { kind: str, alias: ['service_id'] },
  Token: str,
  ...checkFields,
  DisableRedirects: { kind: bool, alias: ['disable_redirects'] },
});
export type CheckDefinition = Infer<typeof CheckDefinition>;

const serviceFields = {
  Kind: named('structs.ServiceKind'),
  ID: str,
  Name: str,
  Tags: list(str),
  Address: str,
  TaggedAddresses: { kind: map(ServiceAddress), alias: ['tagged_addresses'] },
  Meta: map(str),
  Port: int,
  SocketPath: str,
  Check: pointer(CheckType),
  Checks: list(CheckType, 'structs.CheckTypes'),
  Weights: pointer(Weights),
  Token: str,
  EnableTagOverride: { kind: bool, alias: ['enable_tag_override'] },
  Locality: pointer(Locality),
  Proxy: pointer(ConnectProxyConfig),
};

/** A sidecar inside `Connect`: the same as a service, except that it has no sidecar itself. */
export const SidecarDefinition = struct('ServiceDefinition', serviceFields, { viaAlias: true });
export type SidecarDefinition = Infer<typeof SidecarDefinition>;

export const ConnectDefinition = struct(
  'ServiceConnect',
  {
    Native: bool,
    SidecarService: { kind: pointer(SidecarDefinition), alias: ['sidecar_service'] },
  },
  { viaAlias: true, ignoresUnknown: true },
);
export type ConnectDefinition = Infer<typeof ConnectDefinition>;

/** What `/v1/agent/service/register` and service files take. */
export const ServiceDefinition = struct('ServiceDefinition', { ...serviceFields, Connect: pointer(ConnectDefinition) });
export type ServiceDefinition = Infer<typeof ServiceDefinition>;
