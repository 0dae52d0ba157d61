import type { ConfigEntry } from '@proconsul/schema';
import { type Fault, isHttpLike, quote, recordOf, recordsOf, textOf } from './fields.ts';

/** The entries of one moment. */
export interface EntryView {
  get(kind: string, name: string): ConfigEntry | null;
  list(kind: string): readonly ConfigEntry[];
}

/** The entries as they would be with one of them written or, when `entry` is null, deleted. */
export function withChange(view: EntryView, kind: string, name: string, entry: ConfigEntry | null): EntryView {
  const isIt = (k: string, n: string) => k === kind && n.toLowerCase() === name.toLowerCase();
  return {
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

/** Walks everything that requests for a service may reach. */
class ChainWalk {
  readonly #view: EntryView;
  readonly #name: string;
  readonly #protocol: string;
  readonly #seen = new Set<string>();

  constructor(view: EntryView, name: string) {
    this.#view = view;
    this.#name = name;
    this.#protocol = protocolOf(view, name);
  }

  fault(): Fault {
    const router = this.#view.get('service-router', this.#name);
    if (router !== null) {
      if (!isHttpLike(this.#protocol)) return this.#notAdvanced();
      for (const route of recordsOf(router['Routes'])) {
        const to = recordOf(route['Destination']);
        const fault = this.#reach(textOf(to['Service']) || this.#name, textOf(to['ServiceSubset']), 0);
        if (fault !== null) return fault;
      }
    }
    return this.#reach(this.#name, '', 0);
  }

  #notAdvanced(): Fault {
    return `discovery chain ${quote(this.#name)} uses a protocol ${quote(this.#protocol)} that does not permit advanced routing or splitting behavior`;
  }

  /** To a subset of a service: by its splitter, unless a subset was asked for, else by its resolver. */
  #reach(service: string, subset: string, depth: number): Fault {
    const splitter = subset === '' ? this.#view.get('service-splitter', service) : null;
    return splitter === null ? this.#resolve(service, subset, depth) : this.#split(service, splitter, depth);
  }

  #split(service: string, splitter: ConfigEntry, depth: number): Fault {
    const key = `splitter ${service}`;
    if (this.#seen.has(key) || depth > CHAIN_DEPTH_MAX) return null;
    this.#seen.add(key);
    if (!isHttpLike(this.#protocol)) return this.#notAdvanced();
    for (const split of recordsOf(splitter['Splits'])) {
      const to = textOf(split['Service']) || service;
      const subset = textOf(split['ServiceSubset']);
      // A splitter that names its own service means the instances of it.
      const fault = to === service ? this.#resolve(to, subset, depth + 1) : this.#reach(to, subset, depth + 1);
      if (fault !== null) return fault;
    }
    return null;
  }

  #resolve(service: string, subset: string, depth: number): Fault {
    const key = `resolver ${service}\0${subset}`;
    if (this.#seen.has(key) || depth > CHAIN_DEPTH_MAX) return null;
    this.#seen.add(key);
    const resolver = this.#view.get('service-resolver', service);
    const redirect = recordOf(resolver?.['Redirect']);
    const elsewhere = ['Datacenter', 'Peer'].some((field) => textOf(redirect[field]) !== '');
    const to = textOf(redirect['Service']) || service;
    if (resolver?.['Redirect'] != null && !elsewhere && to !== service) {
      return this.#resolve(to, textOf(redirect['ServiceSubset']), depth + 1);
    }
    if (subset !== '' && !Object.hasOwn(recordOf(resolver?.['Subsets']), subset)) {
      return `service ${quote(service)} does not have a subset named ${quote(subset)}`;
    }
    const protocol = protocolOf(this.#view, service);
    if (protocol === this.#protocol) return null;
    return `discovery chain ${quote(this.#name)} uses inconsistent protocols; service ${quote(service)} has ${quote(protocol)} which is not ${quote(this.#protocol)}`;
  }
}

function ingressFault(view: EntryView, entry: ConfigEntry): Fault {
  for (const listener of recordsOf(entry['Listeners'])) {
    const wanted = textOf(listener['Protocol']);
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
]);

/** What each part of the graph is checked for, by a name of its own. */
function graphChecks(view: EntryView): Map<string, (view: EntryView) => Fault> {
  const checks = new Map<string, (view: EntryView) => Fault>();
  for (const kind of CHAIN_KINDS) {
    for (const { Name } of view.list(kind)) checks.set(`chain ${Name}`, (v) => new ChainWalk(v, Name).fault());
  }
  for (const kind of ['ingress-gateway', 'service-intentions'] as const) {
    const check = kind === 'ingress-gateway' ? ingressFault : permissionsFault;
    for (const { Name } of view.list(kind)) {
      checks.set(`${kind} ${Name}`, (v) => {
        const entry = v.get(kind, Name);
        return entry === null ? null : check(v, entry);
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
  if (!GRAPH_KINDS.has(kind)) return null;
  const after = withChange(view, kind, name, entry);
  for (const check of graphChecks(after).values()) {
    const fault = check(after);
    if (fault !== null && check(view) !== fault) return fault;
  }
  return null;
}
