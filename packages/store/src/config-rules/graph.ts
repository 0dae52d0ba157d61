import type { ConfigEntry } from '@proconsul/schema';
import { type Fault, isHttpLike, quote, recordOf, recordsOf, textOf, textsOf } from './fields.ts';
import { providersOf } from './references.ts';

/** The entries of one moment. */
export interface EntryView {
  get(kind: string, name: string): ConfigEntry | null;
  list(kind: string): readonly ConfigEntry[];
  /** Printed in faults. */
  readonly datacenter?: string;
}

/** The entries as they would be with one of them written or, when `entry` is null, deleted. */
export function withChange(view: EntryView, kind: string, name: string, entry: ConfigEntry | null): EntryView {
  const isIt = (k: string, n: string) => k === kind && n.toLowerCase() === name.toLowerCase();
  return {
    ...view,
    get: (k, n) => (isIt(k, n) ? entry : view.get(k, n)),
    list: (k) => {
      const others = view.list(k).filter((one) => !isIt(k, one.Name));
      return k === kind && entry !== null ? [...others, entry] : others;
    },
  };
}

/** A service's own protocol, else that of all proxies, else tcp. */
export function protocolOf(view: EntryView, service: string): string {
  const own = textOf(view.get('service-defaults', service)?.['Protocol']);
  if (own !== '') return own;
  return textOf(recordOf(view.get('proxy-defaults', 'global')?.['Config'])['protocol']) || 'tcp';
}

/** Longest way through splitters and redirects that is followed. */
export const CHAIN_DEPTH_MAX = 64;

/**
 * Walks everything that requests for a service may reach. All instances at the ends must speak one protocol, and one that can be
 * routed where a router or splitter is on the way. A router speaks the protocol of its own service; a splitter none of its own.
 * Source: answers of the reference to rings and mixtures.
 */
class ChainWalk {
  readonly #view: EntryView;
  readonly #name: string;
  /** That of the first service that was met. */
  #protocol = '';
  #isAdvanced = false;
  readonly #seen = new Set<string>();

  constructor(view: EntryView, name: string) {
    this.#view = view;
    this.#name = name;
  }

  fault(): Fault {
    const fault = this.#walk();
    if (fault !== null || !this.#isAdvanced || isHttpLike(this.#protocol)) return fault;
    return `discovery chain ${quote(this.#name)} uses a protocol ${quote(this.#protocol)} that does not permit advanced routing or splitting behavior`;
  }

  #walk(): Fault {
    const router = this.#view.get('service-router', this.#name);
    if (router !== null) {
      this.#isAdvanced = true;
      this.#protocol = protocolOf(this.#view, this.#name);
      for (const route of recordsOf(router['Routes'])) {
        const to = recordOf(route['Destination']);
        const fault = this.#reach(textOf(to['Service']) || this.#name, textOf(to['ServiceSubset']), []);
        if (fault !== null) return fault;
      }
    }
    return this.#reach(this.#name, '', []);
  }

  /** To a subset of a service: by its splitter, unless a subset was asked for, else by its resolver. */
  #reach(service: string, subset: string, path: readonly string[]): Fault {
    const splitter = subset === '' ? this.#view.get('service-splitter', service) : null;
    return splitter === null ? this.#resolve(service, subset, []) : this.#split(service, splitter, path);
  }

  #split(service: string, splitter: ConfigEntry, path: readonly string[]): Fault {
    const here = `splitter:${service}.default.default`;
    if (path.includes(here)) {
      return `detected circular reference: [${[...path.slice(path.indexOf(here)), here].join(' -> ')}]`;
    }
    if (this.#seen.has(here) || path.length > CHAIN_DEPTH_MAX) return null;
    this.#isAdvanced = true;
    for (const split of recordsOf(splitter['Splits'])) {
      const to = textOf(split['Service']) || service;
      const subset = textOf(split['ServiceSubset']);
      // A splitter that names its own service means the instances of it.
      const fault = to === service ? this.#resolve(to, subset, []) : this.#reach(to, subset, [...path, here]);
      if (fault !== null) return fault;
    }
    this.#seen.add(here);
    return null;
  }

  #resolve(service: string, subset: string, path: readonly string[]): Fault {
    const key = `resolver ${service}\0${subset}`;
    if (this.#seen.has(key) || path.length > CHAIN_DEPTH_MAX) return null;
    const resolver = this.#view.get('service-resolver', service);
    const redirect = recordOf(resolver?.['Redirect']);
    const elsewhere = ['Datacenter', 'Peer'].some((field) => textOf(redirect[field]) !== '');
    const to = textOf(redirect['Service']) || service;
    if (resolver?.['Redirect'] != null && !elsewhere && to !== service) {
      const here = `${service}.default.default.${this.#view.datacenter ?? ''}`;
      if (path.includes(here)) return `detected circular resolver redirect: [${[...path, here].join(' -> ')}]`;
      return this.#resolve(to, textOf(redirect['ServiceSubset']), [...path, here]);
    }
    this.#seen.add(key);
    const wanted = subset || textOf(resolver?.['DefaultSubset']);
    if (wanted !== '' && !Object.hasOwn(recordOf(resolver?.['Subsets']), wanted)) {
      return `service ${quote(service)} does not have a subset named ${quote(wanted)}`;
    }
    const protocol = protocolOf(this.#view, service);
    if (this.#protocol === '') this.#protocol = protocol;
    if (protocol === this.#protocol) return null;
    return `discovery chain ${quote(this.#name)} uses inconsistent protocols; service ${quote(service)} has ${quote(protocol)} which is not ${quote(this.#protocol)}`;
  }

  /** Services that the chain ends at or passes by, its own first. */
  services(): string[] {
    this.#walk();
    const ends = [...this.#seen].filter((key) => key.startsWith(RESOLVER)).map((key) => key.slice(RESOLVER.length));
    return [this.#name, ...ends.map((key) => key.split('\0')[0] as string)];
  }
}

const RESOLVER = 'resolver ';

/** What peers are let see must be here: they cannot be sent on to another datacenter. */
function exportFault(view: EntryView, entry: ConfigEntry): Fault {
  for (const exported of recordsOf(entry['Services'])) {
    const isForPeers = recordsOf(exported['Consumers']).some((consumer) => textOf(consumer['Peer']) !== '');
    if (!isForPeers) continue;
    const name = textOf(exported['Name']);
    const names = name === '*' ? CHAIN_KINDS.flatMap((kind) => view.list(kind).map((one) => one.Name)) : [name];
    for (const service of names.sort()) {
      const way = abroad(view, new ChainWalk(view, service).services());
      if (way !== null) return `peer exported service ${quote(service)} contains ${way}`;
    }
  }
  return null;
}

function abroad(view: EntryView, services: readonly string[]): string | null {
  for (const service of services) {
    const resolver = view.get('service-resolver', service);
    const redirect = recordOf(resolver?.['Redirect']);
    if (textOf(redirect['Datacenter']) !== '') return 'cross-datacenter resolver redirect';
    if (textOf(redirect['Peer']) !== '') return 'cross-peer resolver redirect';
    for (const failover of Object.values(recordOf(resolver?.['Failover']))) {
      const { Datacenters, Targets } = recordOf(failover);
      const targets = recordsOf(Targets).map((target) => textOf(target['Datacenter']));
      if ([...textsOf(Datacenters), ...targets].some((datacenter) => datacenter !== '')) {
        return 'cross-datacenter failover';
      }
    }
  }
  return null;
}

/** Intentions hold on to the providers of tokens that they name. */
function providerInUse(view: EntryView, name: string): Fault {
  for (const entry of view.list('service-intentions')) {
    if (providersOf(entry).includes(name)) {
      return `cannot delete jwt provider config entry referenced by an intention. Provider name: ${name}, intention name: ${entry.Name}`;
    }
  }
  return null;
}

/** What any service speaks may go out as it is, unless the gateway itself is written. Source: answers of the reference. */
function ingressFault(view: EntryView, entry: ConfigEntry, changed: string): Fault {
  for (const listener of recordsOf(entry['Listeners'])) {
    const wanted = textOf(listener['Protocol']);
    if (wanted === 'tcp' && changed !== entry.Kind) continue;
    for (const service of recordsOf(listener['Services'])) {
      const name = textOf(service['Name']);
      const protocol = protocolOf(view, name);
      if (name === '*' || protocol === wanted) continue;
      return `service ${quote(name)} has protocol ${quote(protocol)}, which does not match defined listener protocol ${quote(wanted)}`;
    }
  }
  return null;
}

function permissionsFault(view: EntryView, entry: ConfigEntry): Fault {
  const hasPermissions = recordsOf(entry['Sources']).some((source) => recordsOf(source['Permissions']).length > 0);
  const protocol = protocolOf(view, entry.Name);
  if (entry.Name === '*' || !hasPermissions || isHttpLike(protocol)) return null;
  return `service ${quote(entry.Name)} has protocol ${quote(protocol)}, which is incompatible with L7 intentions permissions`;
}

const CHAIN_KINDS = ['service-router', 'service-splitter', 'service-resolver'];
const GATEWAYS = ['ingress-gateway', 'terminating-gateway'];

/** Kinds that take part in how services reach each other. */
const GRAPH_KINDS: ReadonlySet<string> = new Set([
  ...CHAIN_KINDS,
  'service-defaults',
  'proxy-defaults',
  'ingress-gateway',
  'service-intentions',
  'exported-services',
]);

const ENTRY_CHECKS: readonly (readonly [
  kind: string,
  check: (view: EntryView, entry: ConfigEntry, changed: string) => Fault,
])[] = [
  ['ingress-gateway', ingressFault],
  ['service-intentions', permissionsFault],
  ['exported-services', exportFault],
];

/** What each part of the graph is checked for when an entry of kind `changed` is, by a name of its own. */
function graphChecks(view: EntryView, changed: string): Map<string, (view: EntryView) => Fault> {
  const checks = new Map<string, (view: EntryView) => Fault>();
  for (const kind of CHAIN_KINDS) {
    for (const { Name } of view.list(kind)) checks.set(`chain ${Name}`, (v) => new ChainWalk(v, Name).fault());
  }
  for (const [kind, check] of ENTRY_CHECKS) {
    for (const { Name } of view.list(kind)) {
      checks.set(`${kind} ${Name}`, (v) => {
        const entry = v.get(kind, Name);
        return entry === null ? null : check(v, entry, changed);
      });
    }
  }
  return checks;
}

/**
 * Why a write, or a delete, would leave services that cannot be reached consistently; null when it would not. Faults
 * that are there already are nobody's new mistake. Source: answers of the reference; discovery chain documentation.
 */
export function graphFault(view: EntryView, kind: string, name: string, entry: ConfigEntry | null): Fault {
  const other = GATEWAYS.includes(kind) && entry !== null ? GATEWAYS.find((one) => one !== kind) : undefined;
  if (other !== undefined && view.get(other, name) !== null) {
    return `cannot create a ${quote(kind)} config entry with name ${quote(name)}, a ${quote(other)} config entry with that name already exists`;
  }
  if (kind === 'jwt-provider' && entry === null) return providerInUse(view, name);
  if (!GRAPH_KINDS.has(kind)) return null;
  const after = withChange(view, kind, name, entry);
  // The chain that is changed is told of first.
  const checks = [(v: EntryView) => new ChainWalk(v, name).fault(), ...graphChecks(after, kind).values()];
  for (const check of CHAIN_KINDS.includes(kind) ? checks : checks.slice(1)) {
    const fault = check(after);
    if (fault !== null && check(view) !== fault) return fault;
  }
  return null;
}
