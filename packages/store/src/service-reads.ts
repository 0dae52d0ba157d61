import type { CheckServiceNode, HealthCheck, ServiceNode } from '@proconsul/schema';
import { flatInstance, hasMeta, isFilter, unknownServiceIndex } from './catalog-reads.ts';
import type { Instance, ServiceGroup } from './catalog-table.ts';
import { atNode, healthOf, isCritical, isPassing } from './check-lists.ts';
import { type Dep, dep, type ReadResult } from './dep.ts';
import { ingressGateways, terminatingGateways } from './gateway-services.ts';
import type { State } from './state.ts';

/** Which instances of a service a read wants. Everything else (filter expressions, order by distance) is the caller's. */
export interface ServiceSelection {
  readonly ServiceName: string;
  /** All must be there, in any case. The empty tag matches nothing. */
  readonly ServiceTags?: readonly string[];
  /** False: `ServiceTags` is not looked at. */
  readonly TagFilter?: boolean;
  readonly NodeMetaFilters?: Readonly<Record<string, string>> | null;
  /** The mesh proxies and native instances for the name, instead of its instances. */
  readonly Connect?: boolean;
  /** The ingress gateways that expose the name. */
  readonly Ingress?: boolean;
  /** Only instances whose checks, their nodes' included, are all passing. Health reads only. */
  readonly OnlyPassing?: boolean;
  /** Only instances without a check, their nodes' included, that is critical. Health reads only. */
  readonly ExceptCritical?: boolean;
  /** Services of peers are not kept: the answer is empty. */
  readonly PeerName?: string;
}

interface Source {
  readonly group: ServiceGroup | undefined;
  /** Only instances of this kind; null takes all. */
  readonly kind: string | null;
}

interface Found {
  readonly sources: readonly Source[];
  readonly deps: readonly Dep[];
  /** Index of the configuration that the choice of groups was made from. */
  readonly index: number;
}

/** The groups that a selection looks at. */
function find(state: State, want: ServiceSelection): Found {
  const key = want.ServiceName.toLowerCase();
  if (want.Ingress === true) return findGateways(state, ingressGateways(state, want.ServiceName), 'ingress-gateway');
  if (want.Connect !== true) {
    return { sources: [{ group: state.catalog.groups.get(key), kind: null }], deps: [dep('service', key)], index: 0 };
  }
  const gateways = findGateways(state, terminatingGateways(state, want.ServiceName), 'terminating-gateway');
  return {
    sources: [{ group: state.catalog.connect.get(key), kind: null }, ...gateways.sources],
    deps: [dep('connect', key), ...gateways.deps],
    index: gateways.index,
  };
}

function findGateways(state: State, names: readonly string[], kind: string): Found {
  const keys = names.map((name) => name.toLowerCase());
  return {
    sources: keys.map((key) => ({ group: state.catalog.groups.get(key), kind })),
    deps: [dep('config-kind', kind), ...keys.map((key) => dep('service', key))],
    index: state.indexes.get('gateway-services'),
  };
}

function matches(instance: Instance, want: ServiceSelection): boolean {
  if (want.TagFilter !== false && want.ServiceTags !== undefined && !hasTags(instance, want.ServiceTags)) return false;
  if (!hasMeta(instance.node, want.NodeMetaFilters ?? null)) return false;
  if (want.ExceptCritical === true && isCritical(instance)) return false;
  return want.OnlyPassing !== true || isPassing(instance);
}

function hasTags(instance: Instance, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const tags = (instance.row.Tags ?? []).map((tag) => tag.toLowerCase());
  return wanted.every((tag) => tags.includes(tag.toLowerCase()));
}

/** Instances by node name, then service id. */
function select(state: State, want: ServiceSelection): { instances: Instance[]; index: number; deps: readonly Dep[] } {
  if ((want.PeerName ?? '') !== '') return { instances: [], index: 1, deps: [] };
  const found = find(state, want);
  const instances: Instance[] = [];
  let index = found.index;
  for (const { group, kind } of found.sources) {
    index = Math.max(index, group?.index ?? unknownServiceIndex(state));
    for (const instance of group?.instances.all() ?? []) {
      if ((kind === null || instance.row.Kind === kind) && matches(instance, want)) instances.push(instance);
    }
  }
  if (found.sources.length > 1) instances.sort((a, b) => (a.order < b.order ? -1 : 1));
  return { instances, index: Math.max(1, index), deps: found.deps };
}

/** Instances of a service as flat records. */
export function serviceNodes(state: State, want: ServiceSelection): ReadResult<readonly ServiceNode[]> {
  const { instances, index, deps } = select(state, { ...want, OnlyPassing: false, ExceptCritical: false });
  const value = instances.map(flatInstance);
  if (want.Connect !== true) return { index, value, deps };
  // The reference follows the index of the service behind the proxies, and so does not see the proxies themselves.
  const plainIndex = state.catalog.group(want.ServiceName)?.index ?? unknownServiceIndex(state);
  return { index: Math.max(index, plainIndex), value, deps, plainIndex };
}

/** Instances of a service with their nodes and checks. */
export function serviceHealth(state: State, want: ServiceSelection): ReadResult<readonly CheckServiceNode[]> {
  const { instances, index, deps } = select(state, want);
  return { index, value: instances.map(healthOf), deps };
}

/** Checks registered for the instances of a service, by node name, then check id. */
export function serviceChecks(
  state: State,
  service: string,
  meta: Readonly<Record<string, string>> | null,
): ReadResult<readonly HealthCheck[]> {
  const key = service.toLowerCase();
  const group = state.catalog.groups.get(key);
  const value: HealthCheck[] = [];
  for (const instance of group?.instances.all() ?? []) {
    if (hasMeta(instance.node, meta)) value.push(...atNode(instance.node, instance.row.ID));
  }
  value.sort(byNodeAndId);
  const deps = [dep('service-checks', key)];
  if (isFilter(meta)) deps.push(dep('service', key));
  return { index: Math.max(1, group?.index ?? unknownServiceIndex(state)), value, deps };
}

function byNodeAndId(a: HealthCheck, b: HealthCheck): number {
  const x = a.Node.toLowerCase();
  const y = b.Node.toLowerCase();
  if (x !== y) return x < y ? -1 : 1;
  return a.CheckID.toLowerCase() < b.CheckID.toLowerCase() ? -1 : 1;
}

/** Every instance, or those of one kind, with nodes and checks. */
export function serviceDump(state: State, kind: string | null): ReadResult<readonly CheckServiceNode[]> {
  const value: CheckServiceNode[] = [];
  for (const key of [...state.catalog.groups.keys()].sort()) {
    for (const instance of (state.catalog.groups.get(key) as ServiceGroup).instances.all()) {
      if (kind === null || instance.row.Kind === kind) value.push(healthOf(instance));
    }
  }
  if (kind === null) {
    const tables = ['nodes', 'services', 'checks'];
    return { index: Math.max(1, state.indexes.max(...tables)), value, deps: tables.map((t) => dep('table', t)) };
  }
  const name = kind === '' ? 'typical' : kind;
  const index = Math.max(1, state.indexes.get(`service_kind.${name}`));
  return { index, value, deps: [dep('service-kind', name)] };
}
