import { type Name, parseAddress } from '@proconsul/dns-wire';
import { textName } from './names.ts';
import type { DnsSettings } from './settings.ts';
import type { NodeRecord, ServiceNode } from './source.ts';

/** Which tagged addresses a question prefers. */
export type Accept = 'ipv4' | 'ipv6' | 'any';

/** Where an instance answers. */
export type Place =
  | { readonly kind: 'ip'; readonly address: Uint8Array }
  | { readonly kind: 'name'; readonly name: Name }
  /** Neither an address nor a name that DNS can carry. */
  | { readonly kind: 'none' };

export interface Instance {
  readonly node: NodeRecord;
  readonly peer: string | undefined;
  readonly place: Place;
  /** The address is that of the node, so the name of the node leads to it. */
  readonly atNode: boolean;
  readonly port: number;
  readonly weight: number;
}

/** Instances that may be handed out: none that is critical, none with another status than passing when `onlyPassing`. */
export function healthy(nodes: readonly ServiceNode[], onlyPassing: boolean): ServiceNode[] {
  return nodes.filter(({ Checks }) =>
    Checks.every(({ Status }) => (onlyPassing ? Status === 'passing' : Status !== 'critical')),
  );
}

/** Tags are compared without regard to case. */
export function withTag(nodes: readonly ServiceNode[], tag: string): ServiceNode[] {
  return nodes.filter(({ Service }) => Service.Tags?.some((candidate) => candidate.toLowerCase() === tag) ?? false);
}

export function instanceOf(item: ServiceNode, accept: Accept, settings: DnsSettings): Instance {
  const { Node, Service } = item;
  const wan = settings.translateWanAddrs && Node.Datacenter !== settings.datacenter;
  const tagged = Service.TaggedAddresses ?? {};
  const own = pickTagged((tag) => tagged[tag]?.Address, Service.Address, accept, wan);
  const text = own === '' ? nodeAddress(Node, accept, settings) : own;
  return {
    node: Node,
    peer: Service.PeerName === '' ? undefined : Service.PeerName,
    place: placeOf(text),
    atNode: own === '' && text === Node.Address,
    port: wan && tagged['wan'] !== undefined ? tagged['wan'].Port : Service.Port,
    weight: weightOf(item),
  };
}

/** The address of a node for this question: as registered, or one of its tagged addresses. */
export function nodeAddress(node: NodeRecord, accept: Accept, settings: DnsSettings): string {
  const wan = settings.translateWanAddrs && node.Datacenter !== settings.datacenter;
  return pickTagged((tag) => node.TaggedAddresses?.[tag], node.Address, accept, wan);
}

/** IPv6 before IPv4 before the plain address, as far as the question takes them. */
function pickTagged(tagged: (tag: string) => string | undefined, plain: string, accept: Accept, wan: boolean): string {
  const side = wan ? 'wan' : 'lan';
  const v6 = accept === 'ipv4' ? undefined : tagged(`${side}_ipv6`);
  const v4 = accept === 'ipv6' ? undefined : tagged(`${side}_ipv4`);
  return v6 || v4 || (wan && tagged('wan')) || plain;
}

export function placeOf(text: string): Place {
  const address = parseAddress(text);
  if (address !== undefined) return { kind: 'ip', address };
  const name = text === '' ? undefined : textName(text);
  return name === undefined ? { kind: 'none' } : { kind: 'name', name };
}

const WEIGHT_MAX = 65_535;

/** The weight for the worst of its checks; 1 when none is set. */
function weightOf({ Service, Checks }: ServiceNode): number {
  let worst = 'passing';
  for (const { Status } of Checks) {
    if (Status === 'critical') return 0;
    if (Status === 'warning') worst = Status;
  }
  const weight = worst === 'warning' ? Service.Weights?.Warning : Service.Weights?.Passing;
  return Math.min(WEIGHT_MAX, Math.max(0, Math.trunc(weight ?? 1)));
}
