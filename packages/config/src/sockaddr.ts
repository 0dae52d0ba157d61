import { quoteGo } from '@proconsul/base';
import { contains, type Ip, isPrivate, isV4, parseCidr, parseIp } from './ip.ts';
import { Template, TemplateError } from './template.ts';

/** One address of one network interface of this machine. */
export interface InterfaceAddress {
  /** `eth0`. */
  readonly name: string;
  readonly address: string;
  readonly prefixLength: number;
  /** Words such as `up`, `loopback`, `broadcast`, `multicast`, `pointtopoint`. */
  readonly flags: readonly string[];
  /** The default route goes out here. */
  readonly isDefault: boolean;
}

/** An address in a template: that of an interface. */
interface Entry {
  readonly name: string;
  readonly ip: Ip;
  readonly prefixLength: number;
  readonly flags: ReadonlySet<string>;
  readonly isDefault: boolean;
}

const RFC_BLOCKS: Readonly<Record<string, readonly string[]>> = {
  '1112': ['224.0.0.0/4'],
  '1122': ['0.0.0.0/8', '127.0.0.0/8'],
  '1918': ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  '3330': ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16'],
  '3849': ['2001:db8::/32'],
  '3927': ['169.254.0.0/16'],
  '4193': ['fc00::/7'],
  '4291': ['::/128', '::1/128', 'ff00::/8', 'fe80::/10'],
  '5735': ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '198.18.0.0/15'],
  '6598': ['100.64.0.0/10'],
};

/**
 * Expands a template of the go-sockaddr library: `{{ GetPrivateIP }}`, `{{ GetAllInterfaces | include "type" "IPv4" |
 * attr "address" }}`. Text outside of braces stays. Throws {@link TemplateError} with Consul's text.
 * Source: the public documentation of go-sockaddr/template.
 */
export function expandTemplate(text: string, interfaces: readonly InterfaceAddress[]): string {
  const entries = interfaces.map(entryOf).filter((entry) => entry !== undefined);
  try {
    return Template.parse(text, new Set(Object.keys(FUNCTIONS))).run((name, args) => FUNCTIONS[name]!(entries, args));
  } catch (thrown) {
    if (!(thrown instanceof TemplateError)) throw thrown;
    if (thrown.phase === 'parse') {
      throw new TemplateError(`unable to parse template ${quoteGo(text)}: ${thrown.message}`, 'parse');
    }
    throw new TemplateError(`unable to execute sockaddr input ${quoteGo(text)}: ${thrown.message}`, 'run');
  }
}

/** Has a template in it. */
export function isTemplate(text: string): boolean {
  return text.includes('{{');
}

function entryOf({ name, address, prefixLength, flags, isDefault }: InterfaceAddress): Entry | undefined {
  const ip = parseIp(address);
  return ip && { name, ip, prefixLength, flags: new Set(flags), isDefault };
}

type Fn = (entries: readonly Entry[], args: readonly unknown[]) => unknown;

const firstIp = (entries: readonly Entry[]): string => entries[0]?.ip.text ?? '';
const allIps = (entries: readonly Entry[]): string => entries.map((entry) => entry.ip.text).join(' ');
const isForwardable = ({ ip, flags }: Entry): boolean => !flags.has('loopback') && !isLinkLocal(ip);
const privateOnes = (entries: readonly Entry[]) =>
  usable(entries).filter((e) => isDefaultHere(entries, e) && isPrivate(e.ip));
const publicOnes = (entries: readonly Entry[]) =>
  usable(entries).filter((e) => isDefaultHere(entries, e) && !isPrivate(e.ip));
const namedIps = (entries: readonly Entry[], names: string) =>
  entries.filter(({ name }) => names.split('|').includes(name)).sort(byKind);

const FUNCTIONS: Readonly<Record<string, Fn>> = {
  GetAllInterfaces: (entries) => [...entries].sort(byKind),
  GetDefaultInterfaces: (entries) => entries.filter((entry) => isDefaultHere(entries, entry)).sort(byKind),
  GetPrivateInterfaces: privateOnes,
  GetPublicInterfaces: publicOnes,
  GetPrivateIP: (entries) => firstIp(privateOnes(entries).filter(({ ip }) => isV4(ip))),
  GetPrivateIPs: (entries) => allIps(usable(entries).filter(({ ip }) => isPrivate(ip))),
  GetPublicIP: (entries) => firstIp(publicOnes(entries).filter(({ ip }) => isV4(ip))),
  GetPublicIPs: (entries) => allIps(usable(entries).filter(({ ip }) => !isPrivate(ip))),
  GetInterfaceIP: (entries, [name]) => firstIp(namedIps(entries, text(name))),
  GetInterfaceIPs: (entries, [name]) => allIps(namedIps(entries, text(name))),
  include: (_, [by, value, list]) => listOf(list).filter(matcher(text(by), text(value))),
  exclude: (_, [by, value, list]) => listOf(list).filter((entry) => !matcher(text(by), text(value))(entry)),
  sort: (_, [by, list]) => sortBy(text(by), listOf(list)),
  unique: (_, [by, list]) => uniqueBy(text(by), listOf(list)),
  limit: (_, [count, list]) => listOf(list).slice(0, integer(count)),
  offset: (_, [count, list]) => listOf(list).slice(integer(count)),
  attr: (_, [name, list]) => attribute(text(name), listOf(list)[0]),
  join: (_, [name, between, list]) =>
    listOf(list)
      .map((e) => attribute(text(name), e))
      .join(text(between)),
  math: (_, [operation, value, list]) => compute(text(operation), integer(value), listOf(list)),
};

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TemplateError('wrong type for value; expected string', 'run');
  return value;
}

/** A number as it is, or as a text: `"+2"`. */
function integer(value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new TemplateError(`invalid number: ${quoteGo(String(value))}`, 'run');
  return number;
}

function listOf(value: unknown): Entry[] {
  if (!Array.isArray(value)) throw new TemplateError('wrong type for value; expected sockaddr.IfAddrs', 'run');
  return value as Entry[];
}

function usable(entries: readonly Entry[]): Entry[] {
  return entries.filter((entry) => entry.flags.has('up') && isForwardable(entry)).sort(byKind);
}

/** When no interface is known to have the default route, every one counts. */
function isDefaultHere(entries: readonly Entry[], entry: Entry): boolean {
  return entry.isDefault || !entries.some(({ isDefault }) => isDefault);
}

function isLinkLocal(ip: Ip): boolean {
  return ['169.254.0.0/16', 'fe80::/10'].some((network) => contains(parseCidr(network)!, ip));
}

/** Forwardable before others, IPv4 before IPv6, public before private is left to the caller. */
function byKind(a: Entry, b: Entry): number {
  return Number(isForwardable(b)) - Number(isForwardable(a)) || a.ip.bytes.length - b.ip.bytes.length;
}

function matcher(by: string, value: string): (entry: Entry) => boolean {
  switch (by.toLowerCase()) {
    case 'type':
      return ({ ip }) => /^ip$/i.test(value) || (isV4(ip) ? /^ipv4$/i : /^ipv6$/i).test(value);
    case 'name': {
      const pattern = regexp(value);
      return ({ name }) => pattern.test(name);
    }
    case 'address': {
      const pattern = regexp(value);
      return ({ ip }) => pattern.test(ip.text);
    }
    case 'network': {
      const networks = value.split('|').map((network) => parseCidr(network));
      return ({ ip }) => networks.some((network) => network !== undefined && contains(network, ip));
    }
    case 'flag':
    case 'flags':
      return (entry) => value.split('|').every((flag) => hasFlag(entry, flag));
    case 'rfc':
      return ({ ip }) => value.split('|').some((rfc) => inRfc(rfc, ip));
    case 'size':
      return ({ prefixLength }) => `/${prefixLength}` === value || String(prefixLength) === value;
    case 'port':
      return () => value === '0';
    default:
      throw new TemplateError(`unsupported filter ${quoteGo(by)}`, 'run');
  }
}

function regexp(source: string): RegExp {
  try {
    return new RegExp(source, 'u');
  } catch {
    throw new TemplateError(`unable to compile regexp: ${source}`, 'run');
  }
}

function hasFlag(entry: Entry, flag: string): boolean {
  switch (flag.toLowerCase()) {
    case 'forwardable':
      return isForwardable(entry);
    case 'global unicast':
      return !entry.flags.has('loopback') && !isLinkLocal(entry.ip);
    case 'link-local unicast':
      return isLinkLocal(entry.ip);
    default:
      return entry.flags.has(flag.toLowerCase());
  }
}

function inRfc(rfc: string, ip: Ip): boolean {
  if (rfc === '6890') return isPrivate(ip);
  return (RFC_BLOCKS[rfc] ?? []).some((network) => contains(parseCidr(network)!, ip));
}

function sortBy(by: string, list: readonly Entry[]): Entry[] {
  const orders = by.split(',').map((word) => {
    const descending = word.trim().startsWith('-');
    const compare = ORDERS[word.trim().replace(/^[-+]/, '')];
    if (compare === undefined) throw new TemplateError(`unknown sort type: ${quoteGo(word)}`, 'run');
    return (a: Entry, b: Entry) => (descending ? compare(b, a) : compare(a, b));
  });
  return [...list].sort((a, b) => orders.reduce((order, compare) => order || compare(a, b), 0));
}

const ORDERS: Readonly<Record<string, (a: Entry, b: Entry) => number>> = {
  address: (a, b) => compareBytes(a.ip.bytes, b.ip.bytes),
  default: (a, b) => Number(b.isDefault) - Number(a.isDefault),
  name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  port: () => 0,
  private: (a, b) => Number(isPrivate(b.ip)) - Number(isPrivate(a.ip)),
  size: (a, b) => a.prefixLength - b.prefixLength,
  type: (a, b) => a.ip.bytes.length - b.ip.bytes.length,
};

function compareBytes(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return a.length - b.length;
  const index = a.findIndex((byte, i) => byte !== b[i]);
  return index < 0 ? 0 : a[index]! - b[index]!;
}

function uniqueBy(by: string, list: readonly Entry[]): Entry[] {
  const seen = new Set<string>();
  return list.filter((entry) => {
    const key = by === 'name' ? entry.name : entry.ip.text;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function attribute(name: string, entry: Entry | undefined): string {
  if (entry === undefined) return '';
  switch (name.toLowerCase()) {
    case 'address':
    case 'host':
    case 'string':
      return entry.ip.text;
    case 'name':
      return entry.name;
    case 'type':
      return isV4(entry.ip) ? 'IPv4' : 'IPv6';
    case 'size':
      return String(entry.prefixLength);
    case 'port':
      return '0';
    case 'flags':
      return [...entry.flags].join('|');
    default:
      throw new TemplateError(`unsupported attribute name ${quoteGo(name)}`, 'run');
  }
}

function compute(operation: string, value: number, list: readonly Entry[]): Entry[] {
  return list.map((entry) => {
    const size = BigInt(entry.ip.bytes.length * 8);
    const full = entry.ip.bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const hostBits = size - BigInt(entry.prefixLength);
    const network = (full >> hostBits) << hostBits;
    const hosts = 1n << hostBits;
    if (operation === 'address') return withAddress(entry, full + BigInt(value), size);
    if (operation === 'network') return withAddress(entry, network + (value < 0 ? hosts : 0n) + BigInt(value), size);
    throw new TemplateError(`unsupported math operation ${quoteGo(operation)}`, 'run');
  });
}

function withAddress(entry: Entry, value: bigint, size: bigint): Entry {
  const wrapped = BigInt.asUintN(Number(size), value);
  const bytes = Array.from({ length: Number(size / 8n) }, (_, i) =>
    Number((wrapped >> (size - 8n * BigInt(i + 1))) & 255n),
  );
  const words = Array.from({ length: bytes.length / 2 }, (_, i) =>
    ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
  );
  const ip = parseIp(bytes.length === 4 ? bytes.join('.') : words.join(':'));
  return ip === undefined ? entry : { ...entry, ip };
}
