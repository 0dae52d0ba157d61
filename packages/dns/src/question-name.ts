import { fromUtf8 } from '@proconsul/base';
import { labelsName, lowerName, type Name, nameLabels, RRType } from '@proconsul/dns-wire';
import type { DnsSettings } from './settings.ts';

/** What a name asks for. Parts are in lower case. */
export type Lookup =
  | { readonly kind: 'node'; readonly node: string; readonly locality: Locality }
  | {
      readonly kind: 'service';
      readonly source: 'service' | 'connect' | 'ingress';
      readonly service: string;
      /** Undefined: any. */
      readonly tag: string | undefined;
      readonly locality: Locality;
    }
  | { readonly kind: 'query'; readonly query: string; readonly locality: Locality }
  | { readonly kind: 'virtual'; readonly service: string; readonly peer: string | undefined }
  | { readonly kind: 'addr'; readonly address: Uint8Array }
  | { readonly kind: 'invalid' };

export interface Locality {
  readonly datacenter: string | undefined;
  readonly peer: string | undefined;
}

const KINDS = new Set(['service', 'connect', 'virtual', 'ingress', 'node', 'query', 'addr']);

const INVALID: Lookup = { kind: 'invalid' };

/**
 * Reads the labels left of the domain. The rightmost label that is a kind decides; what is left of it names the thing, what
 * is right of it says where. Source: the DNS pages of Consul's documentation, and the reference agent's answers.
 */
export function parseLookup(labels: readonly string[], type: number): Lookup {
  let at = labels.length - 1;
  while (at >= 0 && !KINDS.has(labels[at]!)) at--;
  if (at < 0) return shortSrv(labels, type);
  const parts = labels.slice(0, at);
  if (parts.length === 0) return INVALID;
  const where = labels.slice(at + 1);
  const kind = labels[at]!;
  if (kind === 'addr') return addressLookup(parts);
  if (kind === 'virtual') return virtualLookup(parts, where);
  const locality = parseLocality(where);
  if (locality === undefined) return INVALID;
  switch (kind) {
    case 'node':
      return { kind: 'node', node: parts.join('.'), locality };
    case 'query':
      // Only a bare datacenter may follow. Source: answers of the reference.
      return where.length > 1 ? INVALID : { kind: 'query', query: queryName(parts), locality };
    case 'service':
      return serviceLookup(parts, locality);
    default:
      return {
        kind: 'service',
        source: kind === 'connect' ? 'connect' : 'ingress',
        service: parts[parts.length - 1]!,
        tag: undefined,
        locality,
      };
  }
}

/** `_web._tcp.consul`: RFC 2782 without the `service` label, for SRV questions only. */
function shortSrv(labels: readonly string[], type: number): Lookup {
  const parts = labels.slice(0, 2);
  if (type !== RRType.SRV || !isRfc2782(parts)) return INVALID;
  const locality = parseLocality(labels.slice(2));
  return locality === undefined ? INVALID : serviceLookup(parts, locality);
}

function isRfc2782(parts: readonly string[]): boolean {
  return parts.length === 2 && /^_./.test(parts[0]!) && /^_./.test(parts[1]!);
}

function serviceLookup(parts: readonly string[], locality: Locality): Lookup {
  if (isRfc2782(parts)) {
    const tag = parts[1]!.slice(1);
    const service = parts[0]!.slice(1);
    return { kind: 'service', source: 'service', service, tag: tag === 'tcp' ? undefined : tag, locality };
  }
  const tag = parts.length > 1 ? parts.slice(0, -1).join('.') : undefined;
  return { kind: 'service', source: 'service', service: parts[parts.length - 1]!, tag, locality };
}

/** `_name._tcp.query` is the same query as `name.query`. */
function queryName(parts: readonly string[]): string {
  const last = parts[parts.length - 1]!;
  if (parts.length > 1 && last === '_tcp' && /^_./.test(parts[0]!)) return parts.slice(0, -1).join('.').slice(1);
  return parts.join('.');
}

function addressLookup(parts: readonly string[]): Lookup {
  const digits = parts[0]!;
  if (parts.length !== 1 || !/^([0-9a-f]{8}|[0-9a-f]{32})$/.test(digits)) return INVALID;
  const address = new Uint8Array(digits.length / 2);
  for (let i = 0; i < address.length; i++) address[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return { kind: 'addr', address };
}

/** Here a lone label is the peer, not the datacenter. */
function virtualLookup(parts: readonly string[], where: readonly string[]): Lookup {
  const service = parts[parts.length - 1]!;
  if (where.length === 0) return { kind: 'virtual', service, peer: undefined };
  if (where.length === 1) return { kind: 'virtual', service, peer: where[0]! };
  const locality = parseLocality(where);
  return locality === undefined ? INVALID : { kind: 'virtual', service, peer: locality.peer };
}

function parseLocality(where: readonly string[]): Locality | undefined {
  if (where.length === 0) return { datacenter: undefined, peer: undefined };
  if (where.length === 1 || (where.length === 2 && where[1] === 'dc'))
    return { datacenter: where[0]!, peer: undefined };
  if (where.length === 2 && where[1] === 'peer') return { datacenter: undefined, peer: where[0]! };
  return undefined;
}

/** A domain of ours that a name ends in. */
export interface Zone {
  /** As the question spells it. */
  readonly written: Name;
  /** As configured. */
  readonly name: Name;
  /** The domain that SOA records carry: the other one only for names in it that spell it exactly as configured. */
  readonly soa: Name;
  readonly labelCount: number;
}

/** Undefined when the name lies in neither domain. With two that fit, the longer one counts. */
export function findZone(labels: readonly string[], settings: DnsSettings): Zone | undefined {
  let best: Zone | undefined;
  for (const domain of [settings.domain, settings.altDomain]) {
    if (domain === '') continue;
    const name = withDot(domain);
    const wanted = nameLabels(lowerName(name));
    const tail = labels.slice(Math.max(0, labels.length - wanted.length));
    if (tail.length !== wanted.length || wanted.some((label, i) => lowerName(tail[i]!) !== label)) continue;
    if (best !== undefined && wanted.length <= best.labelCount) continue;
    const written = labelsName(tail);
    const primary = withDot(settings.domain);
    best = {
      written,
      name,
      soa: written === name && labels.length > wanted.length ? name : primary,
      labelCount: wanted.length,
    };
  }
  return best;
}

export function withDot(domain: string): Name {
  return domain.endsWith('.') ? domain : `${domain}.`;
}

/** A label of the question as text in lower case: bytes above 127 are read as UTF-8. */
export function labelText(label: string): string {
  for (let i = 0; i < label.length; i++) {
    if (label.charCodeAt(i) > 0x7f) return lowerName(fromUtf8(Uint8Array.from(label, (char) => char.charCodeAt(0))));
  }
  return lowerName(label);
}
