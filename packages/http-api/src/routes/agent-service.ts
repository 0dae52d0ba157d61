import {
  AgentUpstream,
  bool,
  int,
  Locality,
  list,
  map,
  nullAsEmpty,
  pointer,
  proxyFields,
  ServiceAddress,
  ServiceConnect,
  str,
  struct,
  Weights,
} from '@proconsul/schema';
import type { LocalService } from '../agent-api.ts';
import type { ApiExchange } from '../api-exchange.ts';
import { serviceContentHash, showsProxy } from '../content-hash.ts';

const { DestinationServiceName, DestinationServiceID, LocalServiceAddress, ...others } = proxyFields;
const { LocalServicePort, LocalServiceSocketPath, TransparentProxy, ...last } = others;
const AgentExposePath = struct('ExposePath', {
  ListenerPort: { kind: int, omitEmpty: true },
  Path: { kind: str, omitEmpty: true },
  LocalPathPort: { kind: int, omitEmpty: true },
  Protocol: { kind: str, omitEmpty: true },
  ParsedFromCheck: bool,
});
const AgentExpose = struct('ExposeConfig', {
  Checks: { kind: bool, omitEmpty: true },
  Paths: { kind: list(AgentExposePath), omitEmpty: true },
});

/** Here an empty mode is left out, a path always says whether a check gave it, and the order differs. */
const AgentProxy = struct('ConnectProxyConfig', {
  EnvoyExtensions: last.EnvoyExtensions,
  ...{ DestinationServiceName, DestinationServiceID, LocalServiceAddress, LocalServicePort, LocalServiceSocketPath },
  Mode: { kind: str, omitEmpty: true },
  TransparentProxy,
  ...{
    Config: last.Config,
    Upstreams: { ...last.Upstreams, kind: list(AgentUpstream) },
    MeshGateway: last.MeshGateway,
  },
  Expose: AgentExpose,
  ...{ MutualTLSMode: last.MutualTLSMode, AccessLogs: last.AccessLogs },
});
const proxyOrNull = pointer(AgentProxy);
const connectOrNull = pointer(ServiceConnect);

/** A service as the agent's own endpoints show it. Source: recorded answers of agent/services and agent/service. */
export const AgentService = struct('AgentService', {
  Kind: { kind: str, omitEmpty: true },
  ID: str,
  Service: str,
  Tags: nullAsEmpty(list(str)),
  Meta: nullAsEmpty(map(str)),
  Port: int,
  Address: str,
  SocketPath: { kind: str, omitEmpty: true },
  TaggedAddresses: { kind: map(ServiceAddress), omitEmpty: true },
  Weights,
  EnableTagOverride: bool,
  ContentHash: { kind: str, omitEmpty: true },
  Proxy: { kind: proxyOrNull, omitEmpty: true },
  Connect: { kind: connectOrNull, omitEmpty: true },
  PeerName: { kind: str, omitEmpty: true },
  Datacenter: str,
  Locality: { kind: pointer(Locality), omitEmpty: true },
});

/** Without a hash: the form in which lists and health answers print a service. */
export function agentService(x: ApiExchange, local: LocalService, withHash: boolean) {
  const s = local.service;
  return AgentService.make({
    Kind: s.Kind,
    ID: s.ID,
    Service: s.Service,
    Tags: s.Tags,
    Meta: s.Meta,
    Port: s.Port,
    Address: s.Address,
    SocketPath: s.SocketPath,
    TaggedAddresses: s.TaggedAddresses,
    Weights: s.Weights ?? { Passing: 1, Warning: 1 },
    EnableTagOverride: s.EnableTagOverride,
    ContentHash: withHash ? serviceContentHash(s) : '',
    Proxy: showsProxy(s.Kind) ? s.Proxy : null,
    Connect: s.Connect.Native ? s.Connect : null,
    PeerName: s.PeerName,
    Datacenter: x.api.datacenter,
    Locality: s.Locality,
  });
}
