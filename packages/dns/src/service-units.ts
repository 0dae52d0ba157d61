import { type Name, type ResourceRecord, RRType } from '@proconsul/dns-wire';
import type { Unit } from './answer.ts';
import type { Instance } from './instances.ts';
import { addressName, nodeName } from './names.ts';
import { addressRecord, metaRecords } from './records.ts';
import type { DnsSettings } from './settings.ts';

/**
 * One record for each distinct address that the question takes, and the host names for the case that there is none: an alias
 * answers questions of any type. TXT questions get addresses like ANY: so does the reference agent.
 */
export function addressUnits(
  name: Name,
  ttl: number,
  instances: readonly Instance[],
  type: number,
): { units: Unit[]; aliases: Name[] } {
  const wanted = ADDRESS_BYTES.get(type) ?? [];
  const units: Unit[] = [];
  const seen = new Set<string>();
  const aliases = new Set<Name>();
  for (const { place } of instances) {
    if (place.kind === 'name') aliases.add(place.name);
    if (place.kind !== 'ip' || !wanted.includes(place.address.length)) continue;
    const key = place.address.join('.');
    if (seen.has(key)) continue;
    seen.add(key);
    units.push({ answer: addressRecord(name, ttl, place.address), extras: NO_RECORDS, glue: undefined });
  }
  return { units, aliases: [...aliases] };
}

/** Sizes of the addresses that answer a question. */
const ADDRESS_BYTES: ReadonlyMap<number, readonly number[]> = new Map([
  [RRType.A, [4]],
  [RRType.AAAA, [16]],
  [RRType.ANY, [4, 16]],
  [RRType.TXT, [4, 16]],
]);

/** SRV records with the address of the target and the metadata of the node beside them. */
export async function serviceUnits(
  name: Name,
  ttl: number,
  domain: Name,
  instances: readonly Instance[],
  settings: DnsSettings,
  chase: (target: Name) => Promise<readonly ResourceRecord[]>,
): Promise<Unit[]> {
  const units: Unit[] = [];
  const seen = new Set<string>();
  for (const instance of instances) {
    const { node, place, port } = instance;
    if (place.kind === 'none') continue;
    const key = `${node.Node}\0${place.kind === 'ip' ? place.address.join('.') : place.name}\0${port}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const beside = place.kind === 'name' ? await chase(place.name) : NO_RECORDS;
    units.push(new SrvUnit(name, ttl, domain, instance, settings.nodeMetaTxt, beside));
  }
  return units;
}

const NO_RECORDS: readonly ResourceRecord[] = [];

/** Its records are made when they are looked at: of a large service most never are. */
class SrvUnit implements Unit {
  private readonly name: Name;
  private readonly ttl: number;
  private readonly domain: Name;
  private readonly instance: Instance;
  private readonly withMeta: boolean;
  private readonly chased: readonly ResourceRecord[];
  private target: Name | undefined;

  constructor(
    name: Name,
    ttl: number,
    domain: Name,
    instance: Instance,
    withMeta: boolean,
    chased: readonly ResourceRecord[],
  ) {
    this.name = name;
    this.ttl = ttl;
    this.domain = domain;
    this.instance = instance;
    this.withMeta = withMeta;
    this.chased = chased;
  }

  get answer(): ResourceRecord {
    const { name, ttl } = this;
    const { weight, port } = this.instance;
    return { name, ttl, kind: 'SRV', priority: 1, weight, port: port & 0xffff, target: this.targetName() };
  }

  get extras(): readonly ResourceRecord[] {
    const { ttl, domain } = this;
    const { node, peer, place } = this.instance;
    const addresses = place.kind === 'ip' ? [addressRecord(this.targetName(), ttl, place.address)] : this.chased;
    const canonical = this.withMeta ? nodeName(node.Node, node.Datacenter, peer, domain) : undefined;
    return canonical === undefined ? addresses : [...addresses, ...metaRecords(canonical, ttl, node.Meta)];
  }

  get glue(): ResourceRecord | undefined {
    const { place } = this.instance;
    if (place.kind === 'ip') return addressRecord(this.targetName(), this.ttl, place.address);
    return this.chased.find(({ kind, name }) => (kind === 'A' || kind === 'AAAA') && name === this.targetName());
  }

  /** The name of the node when it leads to the address and DNS can carry it, else a name made of the address. */
  private targetName(): Name {
    const { node, peer, atNode, place } = this.instance;
    if (place.kind === 'name') return place.name;
    if (this.target !== undefined || place.kind === 'none') return this.target ?? '.';
    const byNode = atNode ? nodeName(node.Node, node.Datacenter, peer, this.domain) : undefined;
    this.target = byNode ?? addressName(place.address, node.Datacenter, peer, this.domain);
    return this.target;
  }
}
