import { type Clock, errorText, type Log, type Rng, shuffle } from '@proconsul/base';
import {
  formatAddress,
  labelsName,
  lowerName,
  type Name,
  nameLabels,
  Rcode,
  type ResourceRecord,
  RRType,
} from '@proconsul/dns-wire';
import { type Answer, makeAnswer, Reads, type Unit } from './answer.ts';
import { type Accept, healthy, type Instance, instanceOf, nodeAddress, placeOf, withTag } from './instances.ts';
import { nodeName, textName, underDomain } from './names.ts';
import { findZone, type Lookup, labelText, parseLookup, withDot, type Zone } from './question-name.ts';
import { addressRecord, metaRecords, soaRecord } from './records.ts';
import { reverseAddress } from './reverse.ts';
import { addressUnits, serviceUnits } from './service-units.ts';
import { type DnsSettings, serviceTtl } from './settings.ts';
import { type DnsSource, DnsSourceError, type NodeRecord, type ReadOptions, type ServiceNode } from './source.ts';

/** One question, decoded. */
export interface Asked {
  /** As spelled by the client. */
  readonly name: Name;
  readonly type: number;
  readonly edns: boolean;
  /** The client's subnet if it told us, else its address. */
  readonly sourceAddress: string;
  readonly token: string | undefined;
}

/** `forward`: not ours, ask the recursors. */
export type Resolution = Answer | 'forward' | 'refuse';

/** How often a CNAME into our own domain is followed. */
export const CHASE_DEPTH_MAX = 3;
/** Records taken from one chase. */
export const CHASED_MAX = 64;
/** The same for service questions without EDNS. */
export const CHASED_MAX_PLAIN = 5;
export const NAME_SERVERS_MAX = 3;

export interface ResolverDependencies {
  readonly source: DnsSource;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  /** Asks the recursors for the A records of a name outside our domain; empty when that fails. */
  readonly lookupOutside: (name: Name) => Promise<readonly ResourceRecord[]>;
}

/** Turns questions into answers under one set of settings. Says nothing about sizes and bytes. */
export class Resolver {
  readonly settings: DnsSettings;
  private readonly deps: ResolverDependencies;
  /** Instances that stay the same objects from one view to the next are read once. */
  private readonly known: Readonly<Record<Accept, WeakMap<ServiceNode, Instance>>> = {
    ipv4: new WeakMap(),
    ipv6: new WeakMap(),
    any: new WeakMap(),
  };

  constructor(settings: DnsSettings, deps: ResolverDependencies) {
    // However they are configured. Source: answers of the reference.
    this.settings = { ...settings, domain: lowerName(settings.domain), altDomain: lowerName(settings.altDomain) };
    this.deps = deps;
  }

  /** Never rejects: faults of the source become SERVFAIL or NXDOMAIN. */
  async resolve(asked: Asked): Promise<Resolution> {
    const labels = nameLabels(asked.name);
    const top = labels[labels.length - 1];
    if (top !== undefined && lowerName(top) === 'arpa')
      return this.guard(asked, this.primaryZone(), () => this.reverse(asked, labels));
    const zone = findZone(labels, this.settings);
    if (zone === undefined) return this.settings.recursors.length > 0 ? 'forward' : 'refuse';
    return this.guard(asked, zone, () => this.inZone(asked, zone, labels, 0));
  }

  private async guard<T extends Resolution>(asked: Asked, zone: Zone, work: () => Promise<T>): Promise<T | Answer> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DnsSourceError && error.code !== 'UNAVAILABLE') {
        return { ...this.negative(zone, new Reads(), Rcode.NXDOMAIN), reusable: false };
      }
      this.deps.log.error('error processing discovery query', { name: asked.name, error: errorText(error) });
      return makeAnswer({ rcode: Rcode.SERVFAIL, reads: new Reads(), reusable: false });
    }
  }

  private async inZone(asked: Asked, zone: Zone, labels: readonly string[], depth: number): Promise<Answer> {
    if (asked.type === RRType.AXFR) return makeAnswer({ rcode: Rcode.NOTIMP, reads: new Reads() });
    if (asked.type === RRType.SOA || asked.type === RRType.NS) return this.zoneAnswer(asked, zone);
    const parts = labels.slice(0, labels.length - zone.labelCount).map(labelText);
    const lookup = parseLookup(parts, asked.type);
    switch (lookup.kind) {
      case 'invalid':
        return this.negative(zone, new Reads(), Rcode.NXDOMAIN);
      case 'node':
        return this.node(asked, zone, lookup, depth);
      case 'service':
        return this.service(asked, zone, lookup, depth);
      case 'query':
        return this.preparedQuery(asked, zone, lookup, depth);
      case 'virtual':
        return this.virtual(asked, zone, labels, lookup);
      case 'addr':
        return this.address(asked, zone, labels, lookup.address);
    }
  }

  /** SOA in authority: no such name, or no record of that type. */
  private negative(zone: Zone, reads: Reads, rcode: number): Answer {
    return makeAnswer({ rcode, reads, authority: [this.soa(zone.soa)], timed: true });
  }

  private soa(domain: Name): ResourceRecord {
    return soaRecord(this.settings, domain, Math.floor(this.deps.clock.wallMs() / 1000));
  }

  private primaryZone(): Zone {
    const name = withDot(this.settings.domain);
    return { written: name, name, soa: name, labelCount: nameLabels(name).length };
  }

  private readOptions(asked: Asked, datacenter: string | undefined): ReadOptions {
    const { allowStale, maxStaleMs, useCache, cacheMaxAgeMs } = this.settings;
    return { datacenter, allowStale, maxStaleMs, useCache, cacheMaxAgeMs, token: asked.token };
  }

  // Nodes and fixed addresses

  private async node(asked: Asked, zone: Zone, lookup: Lookup & { kind: 'node' }, depth: number): Promise<Answer> {
    const reads = new Reads();
    const { type, name } = asked;
    const known = type === RRType.A || type === RRType.AAAA || type === RRType.ANY || type === RRType.TXT;
    // Without a look at the catalog, as the reference agent does.
    if (!known) return makeAnswer({ reads });
    if (lookup.locality.peer !== undefined) return this.negative(zone, reads, Rcode.NXDOMAIN);
    const options = this.readOptions(asked, lookup.locality.datacenter);
    const found = (await reads.take(this.deps.source.node(lookup.node, options))).value;
    if (found === undefined) return this.negative(zone, reads, Rcode.NXDOMAIN);
    const ttl = this.settings.nodeTtl;
    const meta = metaRecords(name, ttl, found.Meta);
    if (type === RRType.TXT) return makeAnswer({ reads, units: meta.map(alone) });
    const place = placeOf(nodeAddress(found, acceptFor(type), this.settings));
    const records: ResourceRecord[] = [];
    let reusable = true;
    if (place.kind === 'ip' && fits(place.address, type)) records.push(addressRecord(name, ttl, place.address));
    if (place.kind === 'name') {
      const chased = await this.chase(place.name, asked, depth, reads);
      reusable = chased.reusable;
      records.push({ name, ttl, kind: 'CNAME', target: place.name }, ...chased.records);
    }
    if (type === RRType.ANY) return makeAnswer({ reads, reusable, units: [...records, ...meta].map(alone) });
    return makeAnswer({
      reads,
      reusable,
      units: records.map(alone),
      additional: this.settings.nodeMetaTxt ? meta : [],
    });
  }

  /** The record goes into the answer when the question wants it, else beside it. */
  private address(asked: Asked, zone: Zone, labels: readonly string[], address: Uint8Array): Answer {
    const reads = new Reads();
    const record = addressRecord(lowerUnder(labels, zone), this.settings.nodeTtl, address);
    if (asked.type === RRType.ANY || fits(address, asked.type)) return makeAnswer({ reads, units: [alone(record)] });
    return makeAnswer({ reads, additional: [record] });
  }

  private async virtual(
    asked: Asked,
    zone: Zone,
    labels: readonly string[],
    lookup: Lookup & { kind: 'virtual' },
  ): Promise<Answer> {
    const reads = new Reads();
    const options = this.readOptions(asked, undefined);
    const { value } = await reads.take(this.deps.source.virtualIp(lookup.service, lookup.peer, options));
    const place = placeOf(value ?? '');
    if (place.kind !== 'ip') return makeAnswer({ reads });
    const name = lowerUnder(labels, zone);
    return makeAnswer({ reads, units: [alone(addressRecord(name, this.settings.nodeTtl, place.address))] });
  }

  // Services and prepared queries

  private async service(
    asked: Asked,
    zone: Zone,
    lookup: Lookup & { kind: 'service' },
    depth: number,
  ): Promise<Answer> {
    const reads = new Reads();
    const { locality, tag, service } = lookup;
    const options = this.readOptions(asked, locality.datacenter);
    const view = await reads.take(
      this.deps.source.service({ ...options, kind: lookup.source, service, peer: locality.peer }),
    );
    let nodes: readonly ServiceNode[] = healthy(view.value, this.settings.onlyPassing);
    if (tag !== undefined) nodes = withTag(nodes, tag);
    return this.instances(asked, zone, nodes, serviceTtl(this.settings, service), reads, depth);
  }

  private async preparedQuery(
    asked: Asked,
    zone: Zone,
    lookup: Lookup & { kind: 'query' },
    depth: number,
  ): Promise<Answer> {
    const reads = new Reads();
    const options = this.readOptions(asked, lookup.locality.datacenter);
    if (lookup.locality.peer !== undefined) return this.negative(zone, reads, Rcode.NXDOMAIN);
    const request = { ...options, name: lookup.query, sourceAddress: asked.sourceAddress };
    const { value } = await reads.take(this.deps.source.preparedQuery(request));
    if (value === undefined) return this.negative(zone, reads, Rcode.NXDOMAIN);
    const ttl = value.ttl ?? serviceTtl(this.settings, value.service);
    const answer = await this.instances(asked, zone, value.nodes, ttl, reads, depth);
    return {
      ...answer,
      shuffle: answer.shuffle && !value.ordered,
      // What is not there is so for everybody.
      scope: answer.rcode === Rcode.NOERROR ? 'source' : 'global',
      reusable: answer.reusable && !value.perClient,
    };
  }

  private async instances(
    asked: Asked,
    zone: Zone,
    nodes: readonly ServiceNode[],
    ttl: number,
    reads: Reads,
    depth: number,
  ): Promise<Answer> {
    if (nodes.length === 0) return this.negative(zone, reads, Rcode.NXDOMAIN);
    const instances = nodes.map((node) => this.instance(node, asked));
    const chase = async (target: Name) => {
      const { records, reusable: again } = await this.chase(target, asked, depth, reads);
      reusable &&= again;
      const useful = records.filter(({ kind }) => kind === 'A' || kind === 'AAAA' || kind === 'CNAME');
      return useful.slice(0, asked.edns ? CHASED_MAX : CHASED_MAX_PLAIN).map((record) => ({ ...record, ttl }));
    };
    let reusable = true;
    if (asked.type === RRType.SRV) {
      const units = await serviceUnits(asked.name, ttl, zone.written, instances, this.settings, chase);
      return makeAnswer({ reads, reusable, units, shuffle: true });
    }
    const { units, aliases } = addressUnits(asked.name, ttl, instances, asked.type);
    if (units.length > 0) {
      const unitsMax = this.settings.aRecordLimit || Number.POSITIVE_INFINITY;
      return makeAnswer({ reads, units, shuffle: true, unitsMax });
    }
    if (aliases.length === 0) return this.negative(zone, reads, Rcode.NOERROR);
    // A name can be an alias of one name only.
    const target = aliases[aliases.length === 1 ? 0 : this.deps.rng.int(aliases.length)]!;
    const chased = await chase(target);
    const records: ResourceRecord[] = [{ name: asked.name, ttl, kind: 'CNAME', target }, ...chased];
    return makeAnswer({ reads, reusable: reusable && aliases.length === 1, units: records.map(alone) });
  }

  private instance(node: ServiceNode, asked: Asked): Instance {
    const accept = acceptFor(asked.type);
    // An alias of itself leads nowhere: it answers where its node is. Source: answers of the reference.
    if (withDot(node.Service.Address) === asked.name) {
      return instanceOf({ ...node, Service: { ...node.Service, Address: '' } }, accept, this.settings);
    }
    const known = this.known[accept].get(node);
    if (known !== undefined) return known;
    const instance = instanceOf(node, accept, this.settings);
    this.known[accept].set(node, instance);
    return instance;
  }

  /** What a host name leads to: our own answer inside our domain, that of the recursors outside. */
  private async chase(
    target: Name,
    asked: Asked,
    depth: number,
    reads: Reads,
  ): Promise<{ records: readonly ResourceRecord[]; reusable: boolean }> {
    const labels = nameLabels(target);
    const zone = findZone(labels, this.settings);
    if (zone === undefined) {
      if (this.settings.recursors.length === 0) return { records: [], reusable: true };
      return { records: (await this.deps.lookupOutside(target)).slice(0, CHASED_MAX), reusable: false };
    }
    if (depth >= CHASE_DEPTH_MAX) return { records: [], reusable: true };
    const inner: Asked = { ...asked, name: target, type: RRType.ANY };
    const answer = await this.guard(inner, zone, () => this.inZone(inner, zone, labels, depth + 1));
    reads.views.push(...answer.reads.views);
    const records = answer.units.map((unit) => unit.answer);
    const mixed = answer.shuffle && records.length > 1;
    if (mixed) shuffle(this.deps.rng, records);
    return { records: records.slice(0, CHASED_MAX), reusable: answer.reusable && !mixed };
  }

  // The zone itself

  private async zoneAnswer(asked: Asked, zone: Zone): Promise<Answer> {
    const reads = new Reads();
    const servers = (await reads.take(this.deps.source.servers(this.readOptions(asked, undefined)))).value;
    const units = servers.flatMap((server) => this.nameServer(server, zone));
    if (asked.type === RRType.NS) return makeAnswer({ reads, units, shuffle: true, unitsMax: NAME_SERVERS_MAX });
    const some = shuffle(this.deps.rng, units).slice(0, NAME_SERVERS_MAX);
    return makeAnswer({
      reads,
      units: [alone(this.soa(zone.soa))],
      authority: some.map((unit) => unit.answer),
      additional: some.flatMap((unit) => unit.extras),
      timed: true,
    });
  }

  /** Servers whose names are no host names are left out. */
  private nameServer(server: NodeRecord, zone: Zone): Unit[] {
    const target = /^[A-Za-z0-9-]+$/.test(server.Node)
      ? nodeName(server.Node, server.Datacenter, undefined, lowerName(zone.written))
      : undefined;
    if (target === undefined) return [];
    const ttl = this.settings.nodeTtl;
    const place = placeOf(nodeAddress(server, 'any', this.settings));
    const extras = place.kind === 'ip' ? [addressRecord(target, ttl, place.address)] : [];
    return [{ answer: { name: zone.written, ttl, kind: 'NS', target }, extras, glue: extras[0] }];
  }

  // Reverse lookups

  private async reverse(asked: Asked, labels: readonly string[]): Promise<Answer | 'forward'> {
    const reads = new Reads();
    const bytes = reverseAddress(labels.map(lowerName));
    const soa = asked.type === RRType.SOA ? [this.soa(this.settings.domain)] : [];
    let reusable = true;
    let target: Name | undefined;
    try {
      if (bytes !== undefined) target = await this.reverseTarget(asked, formatAddress(bytes), reads);
    } catch (error) {
      // Of an address that nobody can be asked about nothing is known. Source: answers of the reference without servers.
      if (!(error instanceof DnsSourceError)) throw error;
      reusable = false;
    }
    if (target !== undefined) {
      const answer: ResourceRecord = { name: asked.name, ttl: 0, kind: 'PTR', target };
      return makeAnswer({ reads, units: [alone(answer)], counted: false, authority: soa, timed: soa.length > 0 });
    }
    if (this.settings.recursors.length > 0) return 'forward';
    const negative = this.negative(this.primaryZone(), reads, Rcode.NXDOMAIN);
    return { ...negative, reusable, authority: [...negative.authority, ...soa] };
  }

  private async reverseTarget(asked: Asked, address: string, reads: Reads): Promise<Name | undefined> {
    const options = this.readOptions(asked, undefined);
    const domain = withDot(this.settings.domain);
    const nodes = (await reads.take(this.deps.source.nodesByAddress(address, options))).value;
    for (const node of nodes) {
      const name = nodeName(node.Node, node.Datacenter, undefined, domain);
      if (name !== undefined) return name;
    }
    const services = (await reads.take(this.deps.source.servicesByAddress(address, options))).value;
    for (const { Service, Datacenter } of services) {
      const name = textName(`${Service}.service.${Datacenter}.${domain}`);
      if (name !== undefined) return name;
    }
    return undefined;
  }
}

/** A name with its part left of the domain in lower case. */
const lowerUnder = (labels: readonly string[], zone: Zone): Name =>
  underDomain(labelsName(labels.slice(0, labels.length - zone.labelCount).map(lowerName)), zone.written);

function alone(answer: ResourceRecord): Unit {
  return { answer, extras: [], glue: undefined };
}

function acceptFor(type: number): Accept {
  if (type === RRType.A) return 'ipv4';
  return type === RRType.AAAA ? 'ipv6' : 'any';
}

/** The question is answered by an address of this family. ANY takes both; so do TXT questions about services. */
export function fits(address: Uint8Array, type: number): boolean {
  if (type === RRType.A) return address.length === 4;
  if (type === RRType.AAAA) return address.length === 16;
  return type === RRType.ANY;
}
