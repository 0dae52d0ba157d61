import { formatDuration } from '@proconsul/base';
import type { CheckDefinition, CheckType, Locality, ProxyDefinition, ServiceDefinition } from './definitions.ts';

/** Shown instead of every secret, set or not. */
export const HIDDEN = 'hidden';

function showCheck({ Header, ...check }: CheckType): Record<string, unknown> {
  const times = ['DeregisterCriticalServiceAfter', 'Interval', 'TTL', 'Timeout'] as const;
  const shown = Object.fromEntries(times.map((field) => [field, formatDuration(check[field])]));
  return { ...check, Header: sorted(Header), ...shown };
}

export function showNodeCheck(check: CheckDefinition): Record<string, unknown> {
  const { Namespace: _namespace, Partition: _partition, ...fields } = showCheck(check);
  return sorted({ ...fields, EnterpriseMeta: {}, Token: HIDDEN });
}

function showServiceCheck(check: CheckType): Record<string, unknown> {
  return sorted({ ...showCheck(check), ProxyGRPC: '', ProxyHTTP: '' });
}

/** A service has its checks in a list; the single one is shown with nothing in it. */
const NO_CHECK: CheckType & { CheckID: string } = {
  CheckID: '',
  Name: '',
  Status: '',
  Notes: '',
  ScriptArgs: [],
  HTTP: '',
  Header: {},
  Method: '',
  Body: '',
  DisableRedirects: false,
  TCP: '',
  TCPUseTLS: false,
  UDP: '',
  Interval: 0,
  AliasNode: '',
  AliasService: '',
  DockerContainerID: '',
  Shell: '',
  GRPC: '',
  GRPCUseTLS: false,
  H2PING: '',
  H2PingUseTLS: false,
  OSService: '',
  TLSServerName: '',
  TLSSkipVerify: false,
  Timeout: 0,
  TTL: 0,
  SuccessBeforePassing: 0,
  FailuresBeforeWarning: 0,
  FailuresBeforeCritical: 0,
  DeregisterCriticalServiceAfter: 0,
  OutputMaxSize: 0,
};

export function showService(service: ServiceDefinition): Record<string, unknown> {
  return {
    Address: service.Address,
    Check: showServiceCheck(NO_CHECK),
    Checks: service.Checks.map(showServiceCheck),
    Connect: service.Connect === undefined ? null : showConnect(service.Connect),
    EnableTagOverride: service.EnableTagOverride,
    EnterpriseMeta: {},
    ID: service.ID,
    Kind: service.Kind,
    Locality: service.Locality === undefined ? null : showLocality(service.Locality),
    Meta: sorted(service.Meta),
    Name: service.Name,
    Port: service.Port,
    Proxy: service.Proxy === undefined ? null : showProxy(service.Proxy),
    SocketPath: service.SocketPath,
    TaggedAddresses: sorted(service.TaggedAddresses),
    Tags: service.Tags,
    Token: HIDDEN,
    Weights: service.Weights,
  };
}

function showConnect({ Native, SidecarService }: NonNullable<ServiceDefinition['Connect']>) {
  return { Native, PeerMeta: null, SidecarService: SidecarService === undefined ? null : showService(SidecarService) };
}

function showProxy(proxy: ProxyDefinition): Record<string, unknown> {
  return {
    AccessLogs: { DisableListenerLogs: false, Enabled: false, JSONFormat: '', Path: '', TextFormat: '', Type: '' },
    Config: proxy.Config,
    DestinationServiceID: proxy.DestinationServiceID,
    DestinationServiceName: proxy.DestinationServiceName,
    EnvoyExtensions: proxy.EnvoyExtensions,
    Expose: proxy.Expose,
    LocalServiceAddress: proxy.LocalServiceAddress,
    LocalServicePort: proxy.LocalServicePort,
    LocalServiceSocketPath: proxy.LocalServiceSocketPath,
    MeshGateway: proxy.MeshGateway,
    Mode: proxy.Mode,
    MutualTLSMode: '',
    TransparentProxy: sorted(proxy.TransparentProxy),
    Upstreams: proxy.Upstreams.map((upstream) => sorted({ ...upstream, CentrallyConfigured: false, IngressHosts: [] })),
  };
}

export function showLocality({ Region, Zone }: Locality) {
  return { Region, Zone };
}

/** The same record with its keys in alphabetical order. */
export function sorted<T>(record: Readonly<Record<string, T>> | { readonly [K in string]?: T }): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))) as Record<string, T>;
}
