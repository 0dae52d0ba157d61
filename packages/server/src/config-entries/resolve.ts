import type { ServiceConfig, ServiceConfigArgs } from '@proconsul/endpoints';
import { type ConfigEntry, ServiceConfigResponse } from '@proconsul/schema';
import type { EntryView } from '@proconsul/store';
import { type Fields, numberOf, recordOf, recordsOf, textOf } from '@proconsul/store';

type Upstream = NonNullable<ServiceConfig['UpstreamConfigs']>[number];

/** Stands for every upstream that has no configuration of its own. */
const WILDCARD = '*';

/** What a service gives its proxy, by the names that proxies know. */
const INBOUND: readonly (readonly [field: string, name: string])[] = [
  ['Protocol', 'protocol'],
  ['BalanceInboundConnections', 'balance_inbound_connections'],
  ['MaxInboundConnections', 'max_inbound_connections'],
  ['LocalConnectTimeoutMs', 'local_connect_timeout_ms'],
  ['LocalRequestTimeoutMs', 'local_request_timeout_ms'],
];

/** The same for an upstream. */
const OUTBOUND: readonly (readonly [field: string, name: string])[] = [
  ['Protocol', 'protocol'],
  ['ConnectTimeoutMs', 'connect_timeout_ms'],
  ['EnvoyListenerJSON', 'envoy_listener_json'],
  ['EnvoyClusterJSON', 'envoy_cluster_json'],
  ['BalanceOutboundConnections', 'balance_outbound_connections'],
];

/** Structures that are handed on as they are, with all of their fields. */
const WHOLE: readonly (readonly [field: string, name: string, members: readonly string[]])[] = [
  ['Limits', 'limits', ['MaxConnections', 'MaxPendingRequests', 'MaxConcurrentRequests']],
  [
    'PassiveHealthCheck',
    'passive_health_check',
    ['Interval', 'MaxFailures', 'EnforcingConsecutive5xx', 'MaxEjectionPercent', 'BaseEjectionTime'],
  ],
];

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== '' && value !== 0;

function taken(from: Fields, table: typeof INBOUND): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [field, name] of table) if (isSet(from[field])) out[name] = from[field];
  return out;
}

const modeOf = (entry: Fields | null): string => textOf(recordOf(entry?.['MeshGateway'])['Mode']);

/**
 * What central configuration makes of a service and of the services that it calls: the defaults of all proxies, then
 * what the service says, then what it says about each upstream. Source: answers of a server of version 1.21.0.
 */
export function resolveServiceConfig(view: EntryView, args: ServiceConfigArgs): ServiceConfig {
  const global = view.get('proxy-defaults', 'global');
  const own = args.Name === '' ? null : view.get('service-defaults', args.Name);
  const zero = ServiceConfigResponse.zero();
  const Mode = textOf(own?.['Mode']) || textOf(global?.['Mode']);
  const MeshGateway = { Mode: modeOf(own) || modeOf(global) };
  return {
    ProxyConfig: proxyConfig(global, own),
    UpstreamConfigs: upstreamConfigs(view, args, { global, own, Mode, gateway: MeshGateway.Mode }),
    MeshGateway,
    Expose: expose(global, own),
    TransparentProxy: transparentProxy(global, own),
    MutualTLSMode: textOf(own?.['MutualTLSMode']) || textOf(global?.['MutualTLSMode']),
    Mode,
    Destination: destination(own),
    AccessLogs: { ...zero.AccessLogs, ...recordOf(global?.['AccessLogs']) },
    Meta: own?.['Meta'] === undefined ? null : (recordOf(own['Meta']) as Record<string, string>),
    EnvoyExtensions: extensions(global, own),
    RateLimits: zero.RateLimits,
  };
}

function proxyConfig(global: ConfigEntry | null, own: ConfigEntry | null): Record<string, unknown> | null {
  const config = { ...recordOf(global?.['Config']), ...taken(own ?? {}, INBOUND) };
  return Object.keys(config).length === 0 ? null : config;
}

function expose(global: ConfigEntry | null, own: ConfigEntry | null): ServiceConfig['Expose'] {
  const [base, over] = [recordOf(global?.['Expose']), recordOf(own?.['Expose'])];
  const paths = recordsOf(over['Paths']).length > 0 ? recordsOf(over['Paths']) : recordsOf(base['Paths']);
  const zero = { ListenerPort: 0, Path: '', LocalPathPort: 0, Protocol: '', ParsedFromCheck: false };
  return {
    Checks: over['Checks'] === true || base['Checks'] === true,
    Paths: paths.length === 0 ? null : paths.map((path) => ({ ...zero, ...path })),
  };
}

function transparentProxy(global: ConfigEntry | null, own: ConfigEntry | null): ServiceConfig['TransparentProxy'] {
  const [base, over] = [recordOf(global?.['TransparentProxy']), recordOf(own?.['TransparentProxy'])];
  return {
    OutboundListenerPort: numberOf(over['OutboundListenerPort']) || numberOf(base['OutboundListenerPort']),
    DialedDirectly: over['DialedDirectly'] === true || base['DialedDirectly'] === true,
  };
}

function destination(own: ConfigEntry | null): ServiceConfig['Destination'] {
  const { Addresses, Port } = recordOf(own?.['Destination']);
  return { Addresses: Array.isArray(Addresses) ? Addresses : null, Port: numberOf(Port) };
}

function extensions(global: ConfigEntry | null, own: ConfigEntry | null): ServiceConfig['EnvoyExtensions'] {
  const all = [...recordsOf(global?.['EnvoyExtensions']), ...recordsOf(own?.['EnvoyExtensions'])];
  const zero = { Name: '', Required: false, Arguments: null, ConsulVersion: '', EnvoyVersion: '' };
  return all.length === 0 ? null : all.map((extension) => ({ ...zero, ...extension }));
}

interface Resolved {
  readonly global: ConfigEntry | null;
  readonly own: ConfigEntry | null;
  readonly Mode: string;
  /** Mode of mesh gateways that the entries say. */
  readonly gateway: string;
}

const TRANSPARENT = 'transparent';

/** Null when the service calls nobody that is known, and does not call everybody by a transparent proxy either. */
function upstreamConfigs(view: EntryView, args: ServiceConfigArgs, r: Resolved): readonly Upstream[] | null {
  const asked = args.UpstreamServiceNames ?? [];
  if (asked.length === 0 && args.Mode !== TRANSPARENT && r.Mode !== TRANSPARENT) return null;
  const upstreams = recordOf(r.own?.['UpstreamConfig']);
  const defaults = recordOf(upstreams['Defaults']);
  const overrides = new Map<string, Fields>();
  const names = new Map(asked.map((one) => [keyOf(one.ServiceName.Name, one.Peer), one]));
  for (const override of recordsOf(upstreams['Overrides'])) {
    const [Name, Peer] = [textOf(override['Name']), textOf(override['Peer'])];
    overrides.set(keyOf(Name, Peer), override);
    names.set(keyOf(Name, Peer), { ServiceName: { Name }, Peer });
  }
  const gateway = args.MeshGateway.Mode || modeOf(defaults) || r.gateway;
  const out: Upstream[] = [];
  const add = (Upstream: Upstream['Upstream'], Config: Record<string, unknown>) => {
    if (Object.keys(Config).length > 0) out.push({ Upstream, Config });
  };
  add({ ServiceName: { Name: WILDCARD }, Peer: '' }, settings(defaults, gateway));
  for (const [key, name] of names) {
    if (name.ServiceName.Name === WILDCARD) continue;
    const override = overrides.get(key) ?? {};
    const protocol = upstreamProtocol(view, r.global, name.ServiceName.Name);
    add(name, {
      ...(protocol === '' ? {} : { protocol }),
      ...settings(defaults, gateway),
      ...settings(override, modeOf(override)),
    });
  }
  return out.length === 0 ? null : out;
}

const keyOf = (name: string, peer: string): string => `${peer}\0${name.toLowerCase()}`;

function upstreamProtocol(view: EntryView, global: ConfigEntry | null, name: string): string {
  const own = textOf(view.get('service-defaults', name)?.['Protocol']);
  return own !== '' ? own : textOf(recordOf(global?.['Config'])['protocol']);
}

function settings(from: Fields, gateway: string): Record<string, unknown> {
  const out = taken(from, OUTBOUND);
  for (const [field, name, members] of WHOLE) {
    if (from[field] === undefined || from[field] === null) continue;
    const given = recordOf(from[field]);
    out[name] = Object.fromEntries(members.map((member) => [member, given[member] ?? zeroOf(member)]));
  }
  if (gateway !== '') out['mesh_gateway'] = { Mode: gateway };
  return out;
}

/** Two of the members are plain numbers; the others know a difference between zero and nothing. */
const zeroOf = (member: string): number | null => (member === 'Interval' || member === 'MaxFailures' ? 0 : null);
