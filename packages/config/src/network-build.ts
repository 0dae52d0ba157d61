import { type AddressReader, type Host, isAnyAddress, isIpv4, listeners } from './addresses.ts';
import { ConfigError } from './errors.ts';
import { isPrivate, isV4, parseIp } from './ip.ts';
import type { Reader } from './reader.ts';
import type { Address, IpPort, RuntimeConfig } from './runtime.ts';
import type { KeyOfType } from './settings.ts';
import type { InterfaceAddress } from './sockaddr.ts';

type Network = Pick<
  RuntimeConfig,
  | 'bindAddr'
  | 'clientAddrs'
  | 'advertiseAddrLan'
  | 'advertiseAddrWan'
  | 'rpcBindAddr'
  | 'rpcAdvertiseAddr'
  | 'serfBindAddrLan'
  | 'serfBindAddrWan'
  | 'serfAdvertiseAddrLan'
  | 'serfAdvertiseAddrWan'
  | 'dnsAddrs'
  | 'httpAddrs'
  | 'httpsAddrs'
  | 'grpcAddrs'
  | 'grpcTlsAddrs'
  | 'ports'
  | 'taggedAddresses'
>;

/** gRPC over TLS on servers that do not say otherwise. */
const SERVER_GRPC_TLS_PORT = 8503;

/** Resolves every address and port. Throws {@link ConfigError}, or leaves problems in the reader. */
export function buildNetwork(
  reader: Reader,
  addresses: AddressReader,
  interfaces: readonly InterfaceAddress[],
): Network {
  const ports = buildPorts(reader);
  const bindAddr = bindAddress(reader, addresses);
  const advertiseLan = addresses.ip('advertise_addr');
  const serfLan = addresses.ip('serf_lan') ?? bindAddr;
  const serfWan = addresses.ip('serf_wan') ?? bindAddr;
  // Asked twice, as the reference notes a bad one twice.
  const given = addresses.ip('advertise_addr') ?? advertiseLan;
  const lan = advertiseAddress(given ?? bindAddr, given !== undefined, reader, interfaces);
  const wan = addresses.ip('advertise_addr_wan') ?? lan;
  const at = (ip: string, port: number): IpPort => ({ ip, port });
  const wanPort = ports.serfWan;
  const taggedAddresses = tagged(reader, addresses, { lan, wan });
  const clients = listenHosts(reader, addresses);
  return {
    bindAddr,
    clientAddrs: clients.client,
    advertiseAddrLan: lan,
    advertiseAddrWan: wan,
    rpcBindAddr: at(bindAddr, ports.server),
    rpcAdvertiseAddr: at(lan, ports.server),
    serfBindAddrLan: at(serfLan, ports.serfLan),
    serfBindAddrWan: wanPort < 0 ? undefined : at(serfWan, wanPort),
    serfAdvertiseAddrLan: at(lan, ports.serfLan),
    serfAdvertiseAddrWan: wanPort < 0 ? undefined : at(wan, wanPort),
    dnsAddrs: overTcpAndUdp(listeners(clients.dns, ports.dns)),
    httpAddrs: listeners(clients.http, ports.http),
    httpsAddrs: listeners(clients.https, ports.https),
    grpcAddrs: listeners(clients.grpc, ports.grpc),
    grpcTlsAddrs: listeners(clients.grpcTls, ports.grpcTls),
    ports,
    taggedAddresses,
  };
}

function overTcpAndUdp(addresses: readonly Address[]): Address[] {
  const udp = addresses.filter((address) => address.network !== 'unix');
  return [...addresses, ...udp.map((address): Address => ({ ...address, network: 'udp' }))];
}

function buildPorts(reader: Reader): RuntimeConfig['ports'] {
  const ports: [KeyOfType<'int'>, number][] = [];
  const port = (key: KeyOfType<'int'>, fallback = 0) => {
    const value = reader.number(key, fallback);
    ports.push([key, value]);
    return value <= 0 ? -1 : value;
  };
  const range = (key: KeyOfType<'int'>) => {
    const value = reader.number(key);
    ports.push([key, value]);
    return value;
  };
  const built = {
    dns: port('ports.dns'),
    http: port('ports.http'),
    https: port('ports.https'),
    server: port('ports.server'),
    grpc: port('ports.grpc'),
    grpcTls: port('ports.grpc_tls', reader.bool('server') ? SERVER_GRPC_TLS_PORT : -1),
    serfLan: port('ports.serf_lan'),
    serfWan: port('ports.serf_wan'),
    sidecarMin: range('ports.sidecar_min_port'),
    sidecarMax: range('ports.sidecar_max_port'),
    exposeMin: range('ports.expose_min_port'),
    exposeMax: range('ports.expose_max_port'),
  };
  if (built.server < 0) throw reader.error('ports.server', 'server-port must be greater than zero');
  if (built.serfLan < 0) throw reader.error('ports.serf_lan', 'serf-lan-port must be greater than zero');
  for (const name of ['proxy', 'sidecar', 'expose'] as const) {
    const [min, max] = [reader.number(`ports.${name}_min_port`), reader.number(`ports.${name}_max_port`)];
    if (max < min) {
      const text = `${name}_min_port must be less than ${name}_max_port. To disable, set both to zero.`;
      throw reader.error(`ports.${name}_min_port`, text);
    }
  }
  for (const [key, value] of ports) if (value > 65535) reader.problem(key, `${key}: invalid port: ${value}`);
  return built;
}

function bindAddress(reader: Reader, addresses: AddressReader): string {
  const { hosts } = addresses.parse(reader.text('bind_addr'));
  const host = hosts[0];
  if (host === undefined) throw reader.error('bind_addr', 'bind_addr cannot be empty');
  if (hosts.length > 1) {
    const text = "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.";
    throw reader.error('bind_addr', text);
  }
  if (!('ip' in host)) throw reader.error('bind_addr', 'bind_addr cannot be a unix socket');
  return host.ip;
}

/** The address to announce: the one given, or that of this machine when it is 0.0.0.0 or ::. */
function advertiseAddress(
  given: string,
  isWritten: boolean,
  reader: Reader,
  interfaces: readonly InterfaceAddress[],
): string {
  // One that could not be read was noted as a problem; it is not to be taken for the unspecified address besides.
  if (reader.text('advertise_addr') !== '' && !isWritten) return '127.0.0.1';
  if (!isAnyAddress(given) || isWritten) return given;
  const wantsV4 = isIpv4(given);
  const kind = wantsV4 ? 'private IPv4' : 'public IPv6';
  const found = candidates(interfaces, (ip) => isV4(ip) === wantsV4 && isPrivate(ip) === wantsV4);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw reader.error('bind_addr', `No ${kind} address found`);
  const text = `Multiple ${kind} addresses found. Please configure one with 'bind' and/or 'advertise'.`;
  throw reader.error('bind_addr', text);
}

function candidates(
  interfaces: readonly InterfaceAddress[],
  isWanted: (ip: NonNullable<ReturnType<typeof parseIp>>) => boolean,
): string[] {
  const up = interfaces.filter(({ flags }) => flags.includes('up'));
  const outside = up.filter(({ flags }) => !flags.includes('loopback'));
  const considered = outside.length > 0 ? outside : up;
  const found = considered.map(({ address }) => parseIp(address)).filter((ip) => ip !== undefined && isWanted(ip));
  return [...new Set(found.map((ip) => ip!.text))];
}

function tagged(reader: Reader, addresses: AddressReader, main: { lan: string; wan: string }): Record<string, string> {
  const out: Record<string, string> = { ...reader.map('tagged_addresses'), ...main };
  for (const pool of ['lan', 'wan'] as const) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const key = pool === 'lan' ? (`advertise_addr_${family}` as const) : (`advertise_addr_wan_${family}` as const);
      const given = addresses.ip(key);
      if (given !== undefined && isIpv4(given) !== (family === 'ipv4')) {
        throw reader.error(key, `${key} must be an ${family} address`);
      }
      const inherited = isIpv4(main[pool]) === (family === 'ipv4') ? main[pool] : out[`lan_${family}`];
      const address = given ?? inherited;
      if (address !== undefined) out[`${pool}_${family}`] = address;
    }
  }
  return out;
}

function listenHosts(reader: Reader, addresses: AddressReader) {
  const client = addresses.ips('client_addr');
  const orClient = (
    key: 'addresses.dns' | 'addresses.http' | 'addresses.https' | 'addresses.grpc' | 'addresses.grpc_tls',
  ) => (reader.has(key) ? addresses.hosts(key) : client.map((ip): Host => ({ ip })));
  const dns = orClient('addresses.dns');
  const http = orClient('addresses.http');
  const https = orClient('addresses.https');
  const grpc = orClient('addresses.grpc');
  const grpcTls = orClient('addresses.grpc_tls');
  return { client, dns, http, https, grpc, grpcTls };
}

/** Two services that want one address. Source: order and texts of the reference. Throws {@link ConfigError}. */
export function checkClashes(config: Network): void {
  const taken = new Map<string, string>();
  const claim = (name: string, address: Address | undefined) => {
    if (address === undefined) return;
    const where = address.network === 'unix' ? address.path : showIpPort(address);
    const owner = taken.get(where);
    if (owner !== undefined) throw new ConfigError(`${name} address ${where} already configured for ${owner}`);
    taken.set(where, name);
  };
  const tcp = (at: IpPort | undefined): Address | undefined => at && { network: 'tcp', ...at };
  for (const address of config.dnsAddrs) if (address.network !== 'udp') claim('DNS', address);
  for (const address of config.httpAddrs) claim('HTTP', address);
  for (const address of config.httpsAddrs) claim('HTTPS', address);
  claim('RPC Advertise', tcp(config.rpcAdvertiseAddr));
  claim('Serf Advertise LAN', tcp(config.serfAdvertiseAddrLan));
  claim('Serf Advertise WAN', tcp(config.serfAdvertiseAddrWan));
}

function showIpPort({ ip, port }: IpPort): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
