import { metaFault } from '@proconsul/schema';
import type { Value } from './decode.ts';
import type {
  CheckDefinition,
  CheckType,
  ProxyDefinition,
  ServiceCheck,
  ServiceDefinition,
  UpstreamDefinition,
  Weights,
} from './definitions.ts';
import type { Reader } from './reader.ts';

/** Bytes of check output that are kept when a definition does not say. */
const DEFAULT_OUTPUT_MAX_SIZE = 4096;
/** Largest weight in a DNS answer. */
const MAX_WEIGHT = 65535;

type Fields = { readonly [key: string]: Value };

/** The check definitions of all files: `checks` first, then each file's `check`. Bad durations are problems. */
export function buildChecks(reader: Reader, definitions: readonly Fields[]): CheckDefinition[] {
  return definitions.map((fields) => ({
    ...checkType(reader, fields),
    ID: text(fields, 'id'),
    ServiceID: text(fields, 'service_id'),
    Token: text(fields, 'token'),
    Namespace: '',
    Partition: '',
  }));
}

/** The service definitions of all files: `services` first, then each file's `service`. */
export function buildServices(reader: Reader, definitions: readonly Fields[]): ServiceDefinition[] {
  return definitions.map((fields) => buildService(reader, fields));
}

function buildService(reader: Reader, fields: Fields): ServiceDefinition {
  const name = text(fields, 'name');
  const given = [...list<Fields>(fields, 'checks'), ...optional<Fields>(fields, 'check')];
  const checks = given.map((check) => serviceCheck(reader, check));
  const meta = record<string>(fields, 'meta');
  const badMeta = metaFault(meta);
  if (badMeta !== undefined) reader.problem('services', `invalid meta for service ${name}: ${badMeta}`);
  const weights = buildWeights(reader, name, optional<Fields>(fields, 'weights')[0]);
  const socketPath = text(fields, 'socket_path');
  if (socketPath !== '' && (text(fields, 'address') !== '' || number(fields, 'port') !== 0)) {
    reader.problem('services', `service ${name} cannot have both socket path ${socketPath} and address/port`);
  }
  return {
    Kind: serviceKind(text(fields, 'kind')),
    ID: text(fields, 'id'),
    Name: name,
    Tags: list<string>(fields, 'tags'),
    Address: text(fields, 'address'),
    Port: number(fields, 'port'),
    SocketPath: socketPath,
    TaggedAddresses: taggedAddresses(record<Fields>(fields, 'tagged_addresses')),
    Meta: meta,
    Weights: weights,
    EnableTagOverride: flag(fields, 'enable_tag_override'),
    Token: text(fields, 'token'),
    Checks: checks,
    Proxy: optional<Fields>(fields, 'proxy').map((proxy) => buildProxy(reader, proxy))[0],
    Connect: optional<Fields>(fields, 'connect').map((connect) => buildConnect(reader, connect))[0],
    Locality: optional<Fields>(fields, 'locality').map((l) => ({
      Region: text(l, 'region'),
      Zone: text(l, 'zone'),
    }))[0],
    Namespace: '',
    Partition: '',
  };
}

const KINDS = ['connect-proxy', 'mesh-gateway', 'terminating-gateway', 'ingress-gateway', 'api-gateway'];

/** An unknown kind counts as a typical service, as in Consul. */
function serviceKind(kind: string): string {
  return KINDS.includes(kind) ? kind : '';
}

function buildWeights(reader: Reader, service: string, fields: Fields | undefined): Weights {
  const weights = { Passing: number(fields ?? {}, 'passing', 1), Warning: number(fields ?? {}, 'warning', 1) };
  const complain = (what: string) =>
    reader.problem('services', `Invalid weight definition for service ${service}: ${what}`);
  if (weights.Passing < 1) complain('Passing must be greater than 0');
  else if (weights.Warning < 0) complain('Warning must be greater or equal than 0');
  else if (weights.Passing > MAX_WEIGHT || weights.Warning > MAX_WEIGHT) {
    complain('DNS Weight must be between 0 and 65535');
  }
  return weights;
}

function taggedAddresses(given: Record<string, Fields>): ServiceDefinition['TaggedAddresses'] {
  const entries = Object.entries(given).map(([tag, fields]) => [
    tag,
    { Address: text(fields, 'address'), Port: number(fields, 'port') },
  ]);
  return Object.fromEntries(entries);
}

function buildConnect(reader: Reader, fields: Fields): NonNullable<ServiceDefinition['Connect']> {
  const sidecar = optional<Fields>(fields, 'sidecar_service')[0];
  const built = sidecar && buildService(reader, sidecar);
  if (built !== undefined && built.ID !== '') reader.problem('services', "sidecar_service can't specify an ID");
  if (built?.Connect?.SidecarService !== undefined) {
    reader.problem('services', "sidecar_service can't have a nested sidecar_service");
  }
  return { Native: flag(fields, 'native'), SidecarService: built };
}

function buildProxy(reader: Reader, fields: Fields): ProxyDefinition {
  const transparent = optional<Fields>(fields, 'transparent_proxy')[0] ?? {};
  const expose = optional<Fields>(fields, 'expose')[0] ?? {};
  return {
    DestinationServiceName: text(fields, 'destination_service_name'),
    DestinationServiceID: text(fields, 'destination_service_id'),
    LocalServiceAddress: text(fields, 'local_service_address'),
    LocalServicePort: number(fields, 'local_service_port'),
    LocalServiceSocketPath: text(fields, 'local_service_socket_path'),
    Config: record<unknown>(fields, 'config'),
    Upstreams: list<Fields>(fields, 'upstreams').map((upstream) => buildUpstream(reader, upstream)),
    MeshGateway: meshGateway(reader, fields),
    Mode: word(reader, text(fields, 'mode'), ['', 'transparent', 'direct', 'default'], 'Invalid Proxy Mode'),
    TransparentProxy: {
      OutboundListenerPort: number(transparent, 'outbound_listener_port'),
      DialedDirectly: flag(transparent, 'dialed_directly'),
    },
    Expose: {
      Checks: flag(expose, 'checks'),
      Paths: list<Fields>(expose, 'paths').map((path) => ({
        ListenerPort: number(path, 'listener_port'),
        Path: text(path, 'path'),
        LocalPathPort: number(path, 'local_path_port'),
        Protocol: text(path, 'protocol'),
      })),
    },
    EnvoyExtensions: list<Fields>(fields, 'envoy_extensions').map((extension) => ({
      Name: text(extension, 'name'),
      Required: flag(extension, 'required'),
      Arguments: record<unknown>(extension, 'arguments'),
    })),
  };
}

function buildUpstream(reader: Reader, fields: Fields): UpstreamDefinition {
  return {
    DestinationType: text(fields, 'destination_type') || 'service',
    DestinationNamespace: text(fields, 'destination_namespace'),
    DestinationPartition: text(fields, 'destination_partition'),
    DestinationPeer: text(fields, 'destination_peer'),
    DestinationName: text(fields, 'destination_name'),
    Datacenter: text(fields, 'datacenter'),
    LocalBindAddress: text(fields, 'local_bind_address'),
    LocalBindPort: number(fields, 'local_bind_port'),
    LocalBindSocketPath: text(fields, 'local_bind_socket_path'),
    LocalBindSocketMode: text(fields, 'local_bind_socket_mode'),
    Config: record<unknown>(fields, 'config'),
    MeshGateway: meshGateway(reader, fields),
  };
}

function meshGateway(reader: Reader, fields: Fields): { Mode: string } {
  const mode = text(optional<Fields>(fields, 'mesh_gateway')[0] ?? {}, 'mode');
  return { Mode: word(reader, mode, ['', 'none', 'local', 'remote'], 'Invalid Mesh Gateway Mode') };
}

function word(reader: Reader, given: string, allowed: readonly string[], complaint: string): string {
  if (allowed.includes(given)) return given;
  reader.problem('services', `${complaint}: ${JSON.stringify(given)}`);
  return '';
}

function serviceCheck(reader: Reader, fields: Fields): ServiceCheck {
  return { ...checkType(reader, fields), CheckID: text(fields, 'id') };
}

function checkType(reader: Reader, fields: Fields): CheckType {
  const id = text(fields, 'id');
  const ns = (field: string) => reader.duration(text(fields, field), `check[${id}].${field}`, 'checks') ?? 0;
  const critical = number(fields, 'failures_before_critical');
  const h2ping = text(fields, 'h2ping');
  return {
    Name: text(fields, 'name'),
    Status: text(fields, 'status'),
    Notes: text(fields, 'notes'),
    ScriptArgs: list<string>(fields, 'args'),
    HTTP: text(fields, 'http'),
    Header: record<string[]>(fields, 'header'),
    Method: text(fields, 'method'),
    Body: text(fields, 'body'),
    DisableRedirects: flag(fields, 'disable_redirects'),
    TCP: text(fields, 'tcp'),
    TCPUseTLS: flag(fields, 'tcp_use_tls'),
    UDP: text(fields, 'udp'),
    Interval: ns('interval'),
    AliasNode: text(fields, 'alias_node'),
    AliasService: text(fields, 'alias_service'),
    DockerContainerID: text(fields, 'docker_container_id'),
    Shell: text(fields, 'shell'),
    GRPC: text(fields, 'grpc'),
    GRPCUseTLS: flag(fields, 'grpc_use_tls'),
    H2PING: h2ping,
    H2PingUseTLS: flag(fields, 'h2ping_use_tls', h2ping !== ''),
    OSService: text(fields, 'os_service'),
    TLSServerName: text(fields, 'tls_server_name'),
    TLSSkipVerify: flag(fields, 'tls_skip_verify'),
    Timeout: ns('timeout'),
    TTL: ns('ttl'),
    SuccessBeforePassing: number(fields, 'success_before_passing'),
    FailuresBeforeWarning: number(fields, 'failures_before_warning', critical),
    FailuresBeforeCritical: critical,
    DeregisterCriticalServiceAfter: ns('deregister_critical_service_after'),
    OutputMaxSize: number(fields, 'output_max_size', DEFAULT_OUTPUT_MAX_SIZE),
  };
}

function text(fields: Fields, key: string): string {
  return (fields[key] as string | undefined) ?? '';
}

function number(fields: Fields, key: string, fallback = 0): number {
  return (fields[key] as number | undefined) ?? fallback;
}

function flag(fields: Fields, key: string, fallback = false): boolean {
  return (fields[key] as boolean | undefined) ?? fallback;
}

function list<T>(fields: Fields, key: string): T[] {
  return [...((fields[key] as T[] | undefined) ?? [])];
}

function record<T>(fields: Fields, key: string): Record<string, T> {
  return { ...((fields[key] as Record<string, T> | undefined) ?? {}) };
}

function optional<T>(fields: Fields, key: string): T[] {
  const value = fields[key] as T | undefined;
  return value === undefined ? [] : [value];
}
