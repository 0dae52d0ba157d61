import { isUnspecified, isV4, parseIp } from './ip.ts';
import type { Reader } from './reader.ts';
import type { Address } from './runtime.ts';
import { expandTemplate, type InterfaceAddress, isTemplate } from './sockaddr.ts';
import { TemplateError } from './template.ts';

type AddressKey =
  | 'advertise_addr'
  | 'advertise_addr_ipv4'
  | 'advertise_addr_ipv6'
  | 'advertise_addr_wan'
  | 'advertise_addr_wan_ipv4'
  | 'advertise_addr_wan_ipv6'
  | 'serf_lan'
  | 'serf_wan';
type AddressListKey =
  | 'client_addr'
  | 'addresses.dns'
  | 'addresses.http'
  | 'addresses.https'
  | 'addresses.grpc'
  | 'addresses.grpc_tls';

/** An address that a setting names: an IP address or the path of a unix socket. */
export type Host = { readonly ip: string } | { readonly path: string };

/** Expands templates of settings against the interfaces of this machine. Mistakes become problems of the reader. */
export class AddressReader {
  readonly #reader: Reader;
  readonly #interfaces: readonly InterfaceAddress[];

  constructor(reader: Reader, interfaces: readonly InterfaceAddress[]) {
    this.#reader = reader;
    this.#interfaces = interfaces;
  }

  /** The one IP address of a setting; undefined when it is not set or wrong (then a problem). */
  ip(key: AddressKey): string | undefined {
    const hosts = this.hosts(key);
    if (hosts.length > 1) {
      this.#reader.problem(key, `${key}: multiple addresses found: ${hosts.map(hostText).join(' ')}`);
      return undefined;
    }
    const host = hosts[0];
    if (host === undefined || 'ip' in host) return host?.ip;
    this.#reader.problem(key, `${key} cannot be a unix socket`);
    return undefined;
  }

  /** The IP addresses of a setting, which may not be unix sockets. */
  ips(key: AddressListKey): string[] {
    const hosts = this.hosts(key);
    const ips = hosts.filter((host) => 'ip' in host).map((host) => host.ip);
    if (ips.length < hosts.length) this.#reader.problem(key, `${key} cannot be a unix socket`);
    return ips;
  }

  /** All addresses of a setting. */
  hosts(key: AddressKey | AddressListKey): Host[] {
    const { hosts, error } = this.parse(this.#reader.text(key));
    if (error !== undefined) this.#reader.problem(key, `${key}: ${error}`);
    return hosts;
  }

  /** Addresses separated by blanks, or what is wrong with them. */
  parse(text: string): { hosts: Host[]; error?: string } {
    const { text: expanded, error } = this.expand(text);
    if (error !== undefined) return { hosts: [], error: `error parsing ${JSON.stringify(text)}: ${error}` };
    const hosts: Host[] = [];
    for (const word of expanded.split(/\s+/).filter((part) => part !== '')) {
      if (word.startsWith('unix://')) {
        hosts.push({ path: word.slice('unix://'.length) });
        continue;
      }
      const ip = parseIp(word === '[::]' ? '::' : word);
      if (ip === undefined) return { hosts: [], error: `invalid ip address: ${word}` };
      hosts.push({ ip: ip.text });
    }
    return { hosts };
  }

  /** A text with its template expanded, or what is wrong with the template. */
  expand(text: string): { text: string; error?: string } {
    if (!isTemplate(text)) return { text };
    try {
      return { text: expandTemplate(text, this.#interfaces) };
    } catch (thrown) {
      if (!(thrown instanceof TemplateError)) throw thrown;
      return { text: '', error: thrown.message };
    }
  }

  /** A list in which each template may stand for several addresses and other items are kept as they are. */
  list(key: 'retry_join' | 'retry_join_wan' | 'primary_gateways' | 'auto_config.server_addresses'): string[] {
    return this.#reader.list(key).flatMap((item, index) => {
      if (!isTemplate(item)) return [item];
      const { text, error } = this.expand(item);
      if (error === undefined) return text.split(/\s+/).filter((part) => part !== '');
      this.#reader.problem(`${key}[${index}]`, `${key}: error parsing ${JSON.stringify(item)}: ${error}`);
      return [];
    });
  }
}

function hostText(host: Host): string {
  return 'ip' in host ? host.ip : host.path;
}

/** Where to listen: each host at `port`; nothing when the port is disabled. */
export function listeners(hosts: readonly Host[], port: number): Address[] {
  if (port <= 0) return [];
  return hosts.map((host) =>
    'ip' in host ? { network: 'tcp', ip: host.ip, port } : { network: 'unix', path: host.path },
  );
}

/** 0.0.0.0 or ::, also as `[::]`. */
export function isAnyAddress(text: string): boolean {
  const ip = parseIp(text === '[::]' ? '::' : text);
  return ip !== undefined && isUnspecified(ip);
}

export function isIpv4(text: string): boolean {
  const ip = parseIp(text);
  return ip !== undefined && isV4(ip);
}
