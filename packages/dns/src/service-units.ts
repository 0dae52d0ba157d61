import { hex } from '@proconsul/base';
import { type Name, type ResourceRecord, RRType } from '@proconsul/dns-wire';
import type { Unit } from './answer.ts';
import type { Instance } from './instances.ts';
import { addressName, nodeName } from './names.ts';
import { addressRecord, metaRecords } from './records.ts';
import type { DnsSettings } from './settings.ts';

/**
 * One record for each distinct address that the question takes, and the host names for the case that there is none.
 * TXT questions get addresses like ANY: so does the reference agent.
 */
export function addressUnits(
  name: Name,
  ttl: number,
  instances: readonly Instance[],
  type: number,
): { units: Unit[]; aliases: Name[] } {
  const bytes = type === RRType.A ? 4 : type === RRType.AAAA ? 16 : undefined;
  const units: Unit[] = [];
  const seen = new Set<string>();
  const aliases = new Set<Name>();
  if (type !== RRType.A && type !== RRType.AAAA && type !== RRType.ANY && type !== RRType.TXT)
    return { units, aliases: [] };
  for (const { place } of instances) {
    if (place.kind === 'name') aliases.add(place.name);
    if (place.kind !== 'ip' || (bytes !== undefined && place.address.length !== bytes)) continue;
    const key = hex(place.address);
    if (seen.has(key)) continue;
    seen.add(key);
    units.push({ answer: addressRecord(name, ttl, place.address), extras: [] });
  }
  return { units, aliases: [...aliases] };
}

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
    const { node, place, port, weight } = instance;
    if (place.kind === 'none') continue;
    const key = `${node.Node}\0${place.kind === 'ip' ? hex(place.address) : place.name}\0${port}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const target = place.kind === 'name' ? place.name : targetName(instance, place.address, domain);
    if (target === undefined) continue;
    const extras: ResourceRecord[] =
      place.kind === 'ip' ? [addressRecord(target, ttl, place.address)] : [...(await chase(target))];
    const canonical = nodeName(node.Node, node.Datacenter, instance.peer, domain);
    if (settings.nodeMetaTxt && canonical !== undefined) extras.push(...metaRecords(canonical, ttl, node.Meta));
    const inRange = port & 0xffff;
    units.push({ answer: { name, ttl, kind: 'SRV', priority: 1, weight, port: inRange, target }, extras });
  }
  return units;
}

/** The name of the node when it leads to the address and DNS can carry it, else a name made of the address. */
function targetName({ node, peer, atNode }: Instance, address: Uint8Array, domain: Name): Name | undefined {
  const byNode = atNode ? nodeName(node.Node, node.Datacenter, peer, domain) : undefined;
  return byNode ?? addressName(address, node.Datacenter, peer, domain);
}
