import { concatBytes, utf8 } from '@proconsul/base';
import type { Name, ResourceRecord } from '@proconsul/dns-wire';
import { underDomain } from './names.ts';
import { withDot } from './question-name.ts';
import type { DnsSettings } from './settings.ts';

const TEXT_BYTES_MAX = 255;
/** Metadata values have at most 512 bytes in the catalog; this bounds what a foreign source may bring. */
const TXT_STRINGS_MAX = 32;

/** A or AAAA by the size of the address. */
export function addressRecord(name: Name, ttl: number, address: Uint8Array): ResourceRecord {
  return { name, ttl, kind: address.length === 4 ? 'A' : 'AAAA', address };
}

/** One TXT record for each pair of metadata. */
export function metaRecords(
  name: Name,
  ttl: number,
  meta: Readonly<Record<string, string>> | null | undefined,
): ResourceRecord[] {
  if (meta === null || meta === undefined) return [];
  return Object.entries(meta).map(([key, value]) => ({
    name,
    ttl,
    kind: 'TXT',
    texts: textStrings(metaText(key, value)),
  }));
}

/**
 * `key=value`, with a backtick before backticks and `=` in the key and before blanks at its ends, and before backticks in
 * the value; keys that begin with `rfc1035-` stand for a bare value. Source: RFC 1464 section 2, and Consul's documentation
 * of node metadata in DNS.
 */
export function metaText(key: string, value: string): string {
  if (/^rfc1035-/i.test(key)) return value;
  const escaped = key.replace(/[`=]/g, '`$&').replace(/^[ \t]+|[ \t]+$/g, (blanks) => blanks.replace(/[ \t]/g, '`$&'));
  return `${escaped}=${value.replace(/`/g, '``')}`;
}

/** Strings of a TXT record hold 255 bytes each; readers join them. */
function textStrings(text: string): Uint8Array[] {
  const bytes = utf8(text);
  const strings: Uint8Array[] = [];
  for (let at = 0; at < bytes.length && strings.length < TXT_STRINGS_MAX; at += TEXT_BYTES_MAX) {
    strings.push(bytes.subarray(at, at + TEXT_BYTES_MAX));
  }
  return strings.length === 0 ? [concatBytes([])] : strings;
}

/** The start of authority of a domain. The serial is the time in seconds. */
export function soaRecord(settings: DnsSettings, domain: Name, nowSeconds: number): ResourceRecord {
  const name = withDot(domain);
  return {
    name,
    ttl: settings.soa.minTtl,
    kind: 'SOA',
    mname: underDomain('ns.', name),
    rname: underDomain('hostmaster.', name),
    serial: nowSeconds >>> 0,
    refresh: settings.soa.refresh,
    retry: settings.soa.retry,
    expire: settings.soa.expire,
    minimum: settings.soa.minTtl,
  };
}
