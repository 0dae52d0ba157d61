import type { RuntimeConfig } from '@proconsul/config';
import type { DnsSettings } from '@proconsul/dns';

/** What of the configuration DNS looks at. */
export function dnsSettings(c: RuntimeConfig): DnsSettings {
  const serviceTtl: Record<string, number> = Object.create(null);
  for (const [name, ms] of Object.entries(c.dns.serviceTtlMs)) serviceTtl[name] = Math.floor(ms / 1000);
  return {
    datacenter: c.datacenter,
    nodeName: c.nodeName,
    domain: c.dns.domain,
    altDomain: c.dns.altDomain,
    nodeTtl: Math.floor(c.dns.nodeTtlMs / 1000),
    serviceTtl,
    soa: c.dns.soa,
    allowStale: c.dns.allowStale,
    maxStaleMs: c.dns.maxStaleMs,
    useCache: c.dns.useCache,
    cacheMaxAgeMs: c.dns.cacheMaxAgeMs,
    onlyPassing: c.dns.onlyPassing,
    udpAnswerLimit: c.dns.udpAnswerLimit,
    aRecordLimit: c.dns.aRecordLimit,
    enableTruncate: c.dns.enableTruncate,
    disableCompression: c.dns.disableCompression,
    nodeMetaTxt: c.dns.nodeMetaTxt,
    translateWanAddrs: c.translateWanAddrs,
    recursors: c.dns.recursors,
    recursorStrategy: c.dns.recursorStrategy,
    recursorTimeoutMs: c.dns.recursorTimeoutMs,
  };
}
