import type { Node, NodeInfo, NodeService, NodeServiceList, NodeServices, ServiceNode } from '@proconsul/schema';
import { type Instance, type NodeEntry, type ServiceGroup, tagsOf } from './catalog-table.ts';
import { NODE_EXTINCTION, SERVICE_EXTINCTION } from './catalog-write.ts';
import { dep, type ReadResult } from './dep.ts';
import type { State } from './state.ts';

type Pairs = Readonly<Record<string, string>> | null;

/** True when the node has every given pair. */
export function hasMeta(node: NodeEntry, wanted: Pairs): boolean {
  if (wanted === null) return true;
  for (const key of Object.keys(wanted)) {
    const meta = node.row.Meta;
    if (meta === null || !Object.hasOwn(meta, key) || meta[key] !== wanted[key]) return false;
  }
  return true;
}

export const isFilter = (wanted: Pairs): boolean => wanted !== null && Object.keys(wanted).length > 0;

const atLeastOne = (index: number): number => Math.max(1, index);

/** Index of an unknown service: when some service lost its last instance, else the catalog's tables. */
export function unknownServiceIndex(state: State): number {
  const extinction = state.indexes.get(SERVICE_EXTINCTION);
  return atLeastOne(extinction > 0 ? extinction : state.indexes.max('nodes', 'services'));
}

const unknownNodeIndex = (state: State): number => atLeastOne(state.indexes.get(NODE_EXTINCTION));

/** Nodes by name. */
export function listNodes(state: State, meta: Pairs): ReadResult<readonly Node[]> {
  const value: Node[] = [];
  for (const entry of state.catalog.nodes.all()) if (hasMeta(entry, meta)) value.push(entry.row);
  return { index: atLeastOne(state.indexes.get('nodes')), value, deps: [dep('table', 'nodes')] };
}

/** Names with the union of their instances' tags, both sorted. Without a filter only names and tags wake it. */
export function listServices(state: State, meta: Pairs): ReadResult<Readonly<Record<string, readonly string[]>>> {
  const value: Record<string, readonly string[]> = Object.create(null);
  if (isFilter(meta)) {
    const rows = allInstances(state).filter((instance) => hasMeta(instance.node, meta));
    for (const [name, tags] of unionOfTags(rows)) value[name] = tags;
    const index = atLeastOne(state.indexes.max('services', 'nodes'));
    return { index, value, deps: [dep('table', 'services'), dep('table', 'nodes')] };
  }
  const names: [string, string[]][] = [];
  for (const group of state.catalog.groups.values()) {
    for (const [name, tags] of group.tags) names.push([name, tagsOf(tags.keys())]);
  }
  names.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, tags] of names) value[name] = tags;
  return { index: atLeastOne(state.indexes.get('services')), value, deps: [dep('service-names')] };
}

function unionOfTags(instances: readonly Instance[]): [string, readonly string[]][] {
  const names = new Map<string, Set<string>>();
  for (const { row } of instances) {
    const tags = names.get(row.Service) ?? new Set();
    for (const tag of row.Tags ?? []) tags.add(tag);
    names.set(row.Service, tags);
  }
  return [...names]
    .map(([name, tags]): [string, string[]] => [name, [...tags].sort()])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function allInstances(state: State): Instance[] {
  const out: Instance[] = [];
  for (const key of [...state.catalog.groups.keys()].sort()) {
    for (const instance of (state.catalog.groups.get(key) as ServiceGroup).instances.all()) out.push(instance);
  }
  return out;
}

/** Every instance of every service: what a filter over the list of services looks at. */
export function allServiceNodes(state: State, meta: Pairs): ReadResult<readonly ServiceNode[]> {
  const value: ServiceNode[] = [];
  for (const instance of allInstances(state)) if (hasMeta(instance.node, meta)) value.push(flatInstance(instance));
  const index = atLeastOne(state.indexes.max('services', 'nodes'));
  return { index, value, deps: [dep('table', 'services'), dep('table', 'nodes')] };
}

const NO_META: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** Node and instance in one record; the same object until either changes. */
export function flatInstance(instance: Instance): ServiceNode {
  if (instance.flat === null) instance.flat = makeFlat(instance.node.row, instance.row);
  return instance.flat;
}

function makeFlat(node: Node, row: NodeService): ServiceNode {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: node.Datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceKind: row.Kind,
    ServiceID: row.ID,
    ServiceName: row.Service,
    ServiceTags: row.Tags,
    ServiceAddress: row.Address,
    ServiceTaggedAddresses: row.TaggedAddresses,
    ServiceWeights: row.Weights ?? { Passing: 1, Warning: 1 },
    ServiceMeta: row.Meta ?? NO_META, // The reference shows an empty map here, and null in the other forms.
    ServicePort: row.Port,
    ServiceSocketPath: row.SocketPath,
    ServiceEnableTagOverride: row.EnableTagOverride,
    ServiceProxy: row.Proxy,
    ServiceConnect: row.Connect,
    ServiceLocality: row.Locality,
    PeerName: row.PeerName,
    CreateIndex: row.CreateIndex,
    ModifyIndex: row.ModifyIndex,
  };
}

function sortedServices(entry: NodeEntry): NodeService[] {
  return entry.services.sorted().map((instance) => instance.row);
}

/** A node with its services by id; null for an unknown node. */
export function nodeServices(state: State, node: string): ReadResult<NodeServices | null> {
  const entry = state.catalog.node(node);
  const key = node.toLowerCase();
  const deps = [dep('node', key), dep('node-services', key)];
  if (entry === undefined) return { index: unknownNodeIndex(state), value: null, deps };
  const Services: Record<string, NodeService> = Object.create(null);
  for (const row of sortedServices(entry)) Services[row.ID] = row;
  return { index: atLeastOne(entry.index), value: { Node: entry.row, Services }, deps };
}

/** The same as a list: null for an unknown node and for one without services. */
export function nodeServiceList(state: State, node: string): ReadResult<NodeServiceList> {
  const entry = state.catalog.node(node);
  const key = node.toLowerCase();
  const deps = [dep('node', key), dep('node-services', key)];
  if (entry === undefined) return { index: unknownNodeIndex(state), value: { Node: null, Services: null }, deps };
  const rows = sortedServices(entry);
  const value = { Node: entry.row, Services: rows.length === 0 ? null : rows };
  return { index: atLeastOne(entry.index), value, deps };
}

function nodeInfo(entry: NodeEntry): NodeInfo {
  const { ID, Node, Address, TaggedAddresses, Meta } = entry.row;
  const Services = sortedServices(entry);
  const Checks = entry.checks.sorted();
  return { ID, Node, Partition: '', PeerName: '', Address, TaggedAddresses, Meta, Services, Checks };
}

const CATALOG_TABLES = ['nodes', 'services', 'checks'] as const;
const catalogDeps = CATALOG_TABLES.map((table) => dep('table', table));

/** Every node with everything on it, by name. */
export function nodeDump(state: State): ReadResult<readonly NodeInfo[]> {
  const value = state.catalog.nodes.all().map(nodeInfo);
  return { index: atLeastOne(state.indexes.max(...CATALOG_TABLES)), value, deps: catalogDeps };
}

/** A list of one, or an empty one. */
export function nodeInfoOf(state: State, node: string): ReadResult<readonly NodeInfo[]> {
  const entry = state.catalog.node(node);
  const key = node.toLowerCase();
  const deps = [dep('node', key), dep('node-services', key), dep('node-checks', key)];
  const index = atLeastOne(Math.max(entry?.index ?? unknownNodeIndex(state), state.indexes.get('checks')));
  return { index, value: entry === undefined ? [] : [nodeInfo(entry)], deps };
}

/** How much is registered. Instances by mesh kind; `connect-native` counts native ones. */
export interface CatalogUsage {
  readonly Nodes: number;
  readonly Services: number;
  readonly ServiceInstances: number;
  readonly ConnectServiceInstances: Readonly<Record<string, number>>;
  readonly BillableServiceInstances: number;
}

const MESH_KINDS = ['api-gateway', 'connect-proxy', 'ingress-gateway', 'mesh-gateway', 'terminating-gateway'];

export function usage(state: State): ReadResult<CatalogUsage> {
  const mesh: Record<string, number> = { 'connect-native': 0 };
  for (const kind of MESH_KINDS) mesh[kind] = 0;
  let billable = 0;
  for (const { row } of allInstances(state)) {
    if (row.Connect.Native) mesh['connect-native'] = (mesh['connect-native'] ?? 0) + 1;
    const counted = mesh[row.Kind];
    if (counted !== undefined && row.Kind !== 'connect-native') mesh[row.Kind] = counted + 1;
    else if (row.Kind === '' && row.Service !== 'consul') billable++;
  }
  const value: CatalogUsage = {
    Nodes: state.catalog.nodes.size,
    Services: state.catalog.groups.size,
    ServiceInstances: state.catalog.instanceCount,
    ConnectServiceInstances: mesh,
    BillableServiceInstances: billable,
  };
  const deps = [dep('table', 'nodes'), dep('table', 'services')];
  return { index: atLeastOne(state.indexes.max('nodes', 'services')), value, deps };
}
