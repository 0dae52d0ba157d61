/** Everything of the configuration that DNS reads. Plain data: a reload hands a new one to the handler. */
export interface DnsSettings {
  /** Datacenter and name of this agent. */
  readonly datacenter: string;
  readonly nodeName: string;
  /** Domain served, with or without the last dot. */
  readonly domain: string;
  /** A second domain; empty for none. */
  readonly altDomain: string;
  /** Seconds, for node, NS, addr and virtual answers. */
  readonly nodeTtl: number;
  /** Seconds by service name; a key may end in `*`, and the longest such prefix wins after an exact name. */
  readonly serviceTtl: Readonly<Record<string, number>>;
  readonly soa: { readonly refresh: number; readonly retry: number; readonly expire: number; readonly minTtl: number };
  readonly allowStale: boolean;
  readonly maxStaleMs: number;
  readonly useCache: boolean;
  readonly cacheMaxAgeMs: number;
  /** Drop instances with warnings too. */
  readonly onlyPassing: boolean;
  /** Answers over UDP without EDNS, at most 8. */
  readonly udpAnswerLimit: number;
  /** A and AAAA answers over any transport; 0 for no limit. */
  readonly aRecordLimit: number;
  /** Set TC when answers were left out. */
  readonly enableTruncate: boolean;
  readonly disableCompression: boolean;
  /** TXT records with the metadata of nodes in the additional section. */
  readonly nodeMetaTxt: boolean;
  /** Use `wan` addresses of nodes and services in other datacenters. */
  readonly translateWanAddrs: boolean;
  /** `ip`, `ip:port` or `[ip]:port`; the port is 53 when left out. */
  readonly recursors: readonly string[];
  readonly recursorStrategy: 'sequential' | 'random';
  readonly recursorTimeoutMs: number;
}

/** The defaults of the reference agent, with the node of `-dev`. */
export const DEFAULT_DNS_SETTINGS: DnsSettings = {
  datacenter: 'dc1',
  nodeName: '',
  domain: 'consul.',
  altDomain: '',
  nodeTtl: 0,
  serviceTtl: {},
  soa: { refresh: 3600, retry: 600, expire: 86400, minTtl: 0 },
  allowStale: true,
  maxStaleMs: 87_600 * 3_600_000,
  useCache: false,
  cacheMaxAgeMs: 0,
  onlyPassing: false,
  udpAnswerLimit: 3,
  aRecordLimit: 0,
  enableTruncate: false,
  disableCompression: false,
  nodeMetaTxt: true,
  translateWanAddrs: false,
  recursors: [],
  recursorStrategy: 'sequential',
  recursorTimeoutMs: 2_000,
};

/** Seconds that answers about `service` may be kept. */
export function serviceTtl(settings: DnsSettings, service: string): number {
  if (Object.hasOwn(settings.serviceTtl, service)) return settings.serviceTtl[service]!;
  let best = '';
  let ttl = 0;
  for (const [key, seconds] of Object.entries(settings.serviceTtl)) {
    if (key.endsWith('*') && key.length > best.length && service.startsWith(key.slice(0, -1))) {
      best = key;
      ttl = seconds;
    }
  }
  return ttl;
}
