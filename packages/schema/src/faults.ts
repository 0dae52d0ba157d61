import { multiError } from '@proconsul/base';

/** Pairs of metadata on one node or service. */
export const META_PAIRS_MAX = 64;
export const META_KEY_MAX = 128;
export const META_VALUE_MAX = 512;
/** Metadata keys that only the agent sets. */
const RESERVED_PREFIX = 'consul-';

/** What is wrong with metadata, in Consul's words; undefined when nothing is. Source: limits in the API documentation. */
export function metaFault(meta: Readonly<Record<string, string>>, mayBeReserved = false): string | undefined {
  const pairs = Object.entries(meta);
  if (pairs.length > META_PAIRS_MAX) return `Node metadata cannot contain more than ${META_PAIRS_MAX} key/value pairs`;
  for (const [key, value] of pairs) {
    const reason = pairFault(key, value, mayBeReserved);
    if (reason !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${reason}`;
  }
  return undefined;
}

function pairFault(key: string, value: string, mayBeReserved: boolean): string | undefined {
  if (key === '') return 'Key cannot be blank';
  if (!/^[a-zA-Z0-9_-]+$/.test(key)) return 'Key contains invalid characters';
  if (key.length > META_KEY_MAX) return `Key is too long (limit: ${META_KEY_MAX} characters)`;
  if (key.startsWith(RESERVED_PREFIX) && !mayBeReserved) {
    return `Key prefix '${RESERVED_PREFIX}' is reserved for internal use`;
  }
  if (value.length > META_VALUE_MAX) return `Value is too long (limit: ${META_VALUE_MAX} characters)`;
  return undefined;
}

interface UpstreamShape {
  readonly DestinationType: string;
  readonly DestinationName: string;
  readonly DestinationPartition: string;
  readonly DestinationNamespace: string;
  readonly DestinationPeer: string;
  readonly Datacenter: string;
  readonly LocalBindAddress: string;
  readonly LocalBindPort: number;
  readonly LocalBindSocketPath: string;
  readonly CentrallyConfigured?: boolean;
}

interface ProxyShape {
  readonly DestinationServiceName: string;
  readonly DestinationServiceID: string;
  readonly LocalServiceAddress: string;
  readonly LocalServicePort: number;
  readonly Upstreams: readonly UpstreamShape[] | null;
  readonly Expose: {
    readonly Paths:
      | readonly { readonly ListenerPort: number; readonly Path: string; readonly Protocol: string }[]
      | null;
  };
}

/** What the rules look at: of a record of the catalog, and of a definition in a file. */
export interface ServiceShape {
  readonly Kind: string;
  readonly Address: string;
  readonly Port: number;
  readonly SocketPath: string;
  readonly Proxy?: ProxyShape | null | undefined;
  readonly Connect?: { readonly Native: boolean } | null | undefined;
  readonly Locality?: { readonly Region: string; readonly Zone: string } | null | undefined;
}

const UNSPECIFIED = new Set(['0.0.0.0', '::', '[::]']);
/** The refusal of an address that stands for all. */
export const INVALID_ADDRESS = 'Invalid service address';

export const isUnspecified = (address: string): boolean => UNSPECIFIED.has(address);

/** What is wrong with the parts of a service for each other, in Consul's words. Source: answers of the reference. */
export function serviceFaults(service: ServiceShape): string[] {
  const { Kind, Port, SocketPath, Connect, Locality } = service;
  const faults: string[] = [];
  if (Locality && Locality.Zone !== '' && Locality.Region === '') faults.push('zone cannot be set without region');
  if (Kind === 'connect-proxy') faults.push(...proxyFaults(service));
  else if (Kind.endsWith('-gateway')) faults.push(...gatewayFaults(service));
  if (Connect?.Native && Port === 0 && SocketPath === '') {
    faults.push('Port or SocketPath must be set for a Connect native service.');
  }
  return faults;
}

/** The same as one text; undefined when nothing is wrong. */
export function serviceFault(service: ServiceShape): string | undefined {
  const faults = serviceFaults(service);
  return faults.length === 0 ? undefined : multiError(faults);
}

function proxyFaults({ Proxy: proxy, Port, SocketPath, Connect }: ServiceShape): string[] {
  const faults: string[] = [];
  const destination = proxy?.DestinationServiceName ?? '';
  if (Port === 0 && SocketPath === '') faults.push('Port or SocketPath must be set for a connect-proxy');
  if (destination.trim() === '') {
    faults.push('Proxy.DestinationServiceName must be non-empty for Connect proxy services');
  }
  if (destination === '*') {
    faults.push('Proxy.DestinationServiceName must not be a wildcard for Connect proxy services');
  }
  if (Connect?.Native) faults.push('A Proxy cannot also be Connect Native, only typical services');
  if (proxy) faults.push(...upstreamsFaults(proxy.Upstreams ?? []), ...exposeFaults(proxy));
  return faults;
}

function upstreamsFaults(upstreams: readonly UpstreamShape[]): string[] {
  const faults: string[] = [];
  const names = new Set<string>();
  const listeners = new Set<string>();
  for (const upstream of upstreams) {
    const fault = upstreamFault(upstream);
    if (fault !== undefined) {
      faults.push(fault);
      continue;
    }
    const name = identity(upstream);
    const listener =
      upstream.LocalBindSocketPath || `${upstream.LocalBindAddress || '127.0.0.1'}:${upstream.LocalBindPort}`;
    if (names.has(name)) faults.push(`upstreams cannot contain duplicates of [${name}]`);
    else if (upstream.CentrallyConfigured !== true && listeners.has(listener)) {
      faults.push(
        `upstreams cannot contain duplicates by local bind address and port or unix path; "${listener}" is specified twice`,
      );
    }
    names.add(name);
    if (upstream.CentrallyConfigured !== true) listeners.add(listener);
  }
  return faults;
}

function upstreamFault(upstream: UpstreamShape): string | undefined {
  const { DestinationName, DestinationType, LocalBindPort, LocalBindSocketPath } = upstream;
  if (!['', 'service', 'prepared_query'].includes(DestinationType)) {
    return `unknown upstream destination type: ${JSON.stringify(DestinationType)}`;
  }
  if (DestinationName === '') return 'upstream destination name cannot be empty';
  if (DestinationName === '*') return 'upstream destination name cannot be a wildcard';
  if (upstream.DestinationPeer !== '' && upstream.Datacenter !== '') {
    return 'upstream cannot specify both destination peer and datacenter';
  }
  if (upstream.CentrallyConfigured === true) return undefined;
  if (LocalBindPort === 0 && LocalBindSocketPath === '') {
    return 'upstream local bind port or local socket path must be defined and nonzero';
  }
  if (LocalBindPort !== 0 && LocalBindSocketPath !== '') {
    return 'only one of upstream local bind port or local socket path can be defined and nonzero';
  }
  return undefined;
}

function identity(upstream: UpstreamShape): string {
  const parts = [
    ['type', upstream.DestinationType],
    ['name', upstream.DestinationName],
    ['partition', upstream.DestinationPartition],
    ['namespace', upstream.DestinationNamespace],
    ['peer', upstream.DestinationPeer],
    ['datacenter', upstream.Datacenter],
  ];
  return parts.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ');
}

function exposeFaults({ Expose }: ProxyShape): string[] {
  const faults: string[] = [];
  const ports = new Set<number>();
  for (const { ListenerPort, Path, Protocol } of Expose.Paths ?? []) {
    if (Path === '') faults.push('expose.paths: empty path exposed');
    if (ports.has(ListenerPort)) faults.push('expose.paths: duplicate listener ports exposed');
    ports.add(ListenerPort);
    if (ListenerPort <= 0 || ListenerPort > 65535) faults.push(`expose.paths: invalid listener port: ${ListenerPort}`);
    if (Protocol !== '' && Protocol !== 'http' && Protocol !== 'http2') {
      faults.push(`protocol '${Protocol}' not supported for path: ${Path}, must be in: [http http2]`);
    }
  }
  return faults;
}

/** These find their ports in their own configuration. */
const PORTLESS_GATEWAYS = new Set(['ingress-gateway', 'api-gateway']);

function gatewayFaults({ Kind, Port, Proxy: proxy }: ServiceShape): string[] {
  const faults = Port === 0 && !PORTLESS_GATEWAYS.has(Kind) ? [`Port must be non-zero for a ${Kind}`] : [];
  if (!proxy) return faults;
  const refused: readonly (readonly [name: string, isSet: boolean])[] = [
    ['DestinationServiceName', proxy.DestinationServiceName !== ''],
    ['DestinationServiceID', proxy.DestinationServiceID !== ''],
    ['LocalServiceAddress', proxy.LocalServiceAddress !== ''],
    ['LocalServicePort', proxy.LocalServicePort !== 0],
    ['Upstreams', (proxy.Upstreams ?? []).length > 0],
  ];
  for (const [name, isSet] of refused) {
    if (isSet) faults.push(`The Proxy.${name} configuration is invalid for a ${Kind}`);
  }
  return faults;
}
