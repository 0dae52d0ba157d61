import { invariant } from '@proconsul/base';
import type { CheckServiceNode, HealthCheck, Node, NodeService, ServiceNode } from '@proconsul/schema';
import { CaselessMap } from './caseless-map.ts';
import { OrderedRows } from './ordered-rows.ts';

/** A node with everything registered on it. `row` is replaced on change; the entry stays. */
export interface NodeEntry {
  /** Name in lower case: names compare so. */
  readonly key: string;
  row: Node;
  /** Raft index of the last change of the node's record or of its services. */
  index: number;
  /** By service id. */
  readonly services: CaselessMap<Instance>;
  /** By check id. */
  readonly checks: CaselessMap<HealthCheck>;
  /** The same checks by the service id that they name; empty for checks of the node itself. */
  readonly checksByService: CaselessMap<CaselessMap<HealthCheck>>;
}

/** One instance of a service. Answers made of it are kept until a part of them changes. */
export interface Instance {
  readonly node: NodeEntry;
  row: NodeService;
  group: ServiceGroup;
  /** Place among the instances of the service: node name, NUL, service id, in lower case. */
  readonly order: string;
  health: CheckServiceNode | null;
  flat: ServiceNode | null;
}

/** All instances of a service name (in lower case), or all mesh proxies and native instances for a destination. */
export interface ServiceGroup {
  readonly key: string;
  /** The spelling that was registered last. */
  name: string;
  /** Raft index of the last change of an instance, its node or a check that concerns it. */
  index: number;
  readonly instances: OrderedRows<Instance>;
  /** For each spelling, how many instances carry each tag; the empty tag counts the instances. */
  readonly tags: Map<string, Map<string, number>>;
}

export const PROXY_KIND = 'connect-proxy';

/** Name of a kind in indexes and in usage counts. */
export function kindName(kind: string): string {
  return kind === '' ? 'typical' : kind;
}

/** The destination (in lower case) that an instance serves in the mesh; undefined when it takes no part. */
export function connectKey(row: NodeService): string | undefined {
  if (row.Kind === PROXY_KIND) return row.Proxy.DestinationServiceName.toLowerCase();
  return row.Connect.Native ? row.Service.toLowerCase() : undefined;
}

/** What a change did to the names and tags that the catalog lists. */
export interface NameChanges {
  /** A name or one of its tags appeared or went. */
  tags: boolean;
  /** `kind_service_names` sets that a name joined or left. */
  readonly kinds: Set<string>;
}

/** Nodes, instances and checks with the indexes over them. Knows nothing of Raft: see catalog-write.ts. */
export class CatalogTable {
  readonly nodes = new OrderedRows<NodeEntry>((entry) => entry.key);
  readonly #nodesByKey = new Map<string, NodeEntry>();
  readonly #nodesById = new Map<string, NodeEntry>();
  readonly groups = new Map<string, ServiceGroup>();
  readonly connect = new Map<string, ServiceGroup>();
  /** How many instances make a name belong to a kind: key is kind, NUL, name. */
  readonly #kindNames = new Map<string, number>();
  instanceCount = 0;
  checkCount = 0;

  /** By name, in any case. */
  node(name: string): NodeEntry | undefined {
    return this.#nodesByKey.get(name.toLowerCase());
  }

  nodeById(id: string): NodeEntry | undefined {
    return this.#nodesById.get(id.toLowerCase());
  }

  group(name: string): ServiceGroup | undefined {
    return this.groups.get(name.toLowerCase());
  }

  connectGroup(name: string): ServiceGroup | undefined {
    return this.connect.get(name.toLowerCase());
  }

  addNode(row: Node, index: number): NodeEntry {
    const key = row.Node.toLowerCase();
    const entry: NodeEntry = {
      key,
      row,
      index,
      services: new CaselessMap(),
      checks: new CaselessMap(),
      checksByService: new CaselessMap(),
    };
    this.restoreNode(entry);
    return entry;
  }

  restoreNode(entry: NodeEntry): void {
    this.nodes.put(entry);
    this.#nodesByKey.set(entry.key, entry);
    if (entry.row.ID !== '') this.#nodesById.set(entry.row.ID.toLowerCase(), entry);
  }

  replaceNode(entry: NodeEntry, row: Node): void {
    this.#forgetId(entry);
    entry.row = row;
    if (row.ID !== '') this.#nodesById.set(row.ID.toLowerCase(), entry);
  }

  dropNode(entry: NodeEntry): void {
    invariant(entry.services.size === 0 && entry.checks.size === 0, 'a node goes only when nothing is left on it');
    this.nodes.delete(entry.key);
    this.#nodesByKey.delete(entry.key);
    this.#forgetId(entry);
  }

  #forgetId(entry: NodeEntry): void {
    const id = entry.row.ID.toLowerCase();
    if (this.#nodesById.get(id) === entry) this.#nodesById.delete(id);
  }

  /** Adds an instance that the node does not have yet. */
  attach(node: NodeEntry, row: NodeService, changes: NameChanges): Instance {
    const order = `${node.key}\0${row.ID.toLowerCase()}`;
    const instance: Instance = { node, row, group: this.#groupFor(row.Service), order, health: null, flat: null };
    this.reattach(instance, changes);
    return instance;
  }

  /** Puts an instance back that was detached. */
  reattach(instance: Instance, changes: NameChanges): void {
    instance.node.services.set(instance.row.ID, instance);
    instance.group = this.#groupFor(instance.row.Service);
    this.instanceCount++;
    this.#join(instance, changes);
  }

  detach(instance: Instance, changes: NameChanges): void {
    instance.node.services.delete(instance.row.ID);
    this.instanceCount--;
    this.#part(instance, instance.row, instance.group, changes);
  }

  /** Replaces the record of an instance, which may move to another name. */
  replaceInstance(instance: Instance, row: NodeService, changes: NameChanges): void {
    const oldRow = instance.row;
    const oldGroup = instance.group;
    instance.row = row;
    instance.group = this.#groupFor(row.Service);
    this.#join(instance, changes); // Before parting, so that what both have does not seem to go and come back.
    this.#part(instance, oldRow, oldGroup, changes);
    if (instance.group === oldGroup) instance.group.instances.put(instance);
    const mesh = connectKey(row);
    if (mesh !== undefined) this.connect.get(mesh)?.instances.put(instance);
  }

  setCheck(node: NodeEntry, row: HealthCheck): HealthCheck | undefined {
    const old = this.dropCheck(node, row.CheckID);
    node.checks.set(row.CheckID, row);
    let checks = node.checksByService.get(row.ServiceID);
    if (checks === undefined) {
      checks = new CaselessMap();
      node.checksByService.set(row.ServiceID, checks);
    }
    checks.set(row.CheckID, row);
    this.checkCount++;
    return old;
  }

  dropCheck(node: NodeEntry, checkId: string): HealthCheck | undefined {
    const old = node.checks.get(checkId);
    if (old === undefined) return undefined;
    node.checks.delete(checkId);
    const checks = node.checksByService.get(old.ServiceID);
    checks?.delete(checkId);
    if (checks?.size === 0) node.checksByService.delete(old.ServiceID);
    this.checkCount--;
    return old;
  }

  #groupFor(name: string): ServiceGroup {
    return groupIn(this.groups, name);
  }

  #join(instance: Instance, changes: NameChanges): void {
    const { row, group } = instance;
    group.instances.put(instance);
    group.name = row.Service;
    if (countTags(group, row, 1)) changes.tags = true;
    const mesh = connectKey(row);
    if (mesh !== undefined) groupIn(this.connect, mesh).instances.put(instance);
    this.#countKinds(row, 1, changes);
  }

  #part(instance: Instance, row: NodeService, group: ServiceGroup, changes: NameChanges): void {
    group.instances.delete(instance.order);
    if (countTags(group, row, -1)) changes.tags = true;
    const mesh = connectKey(row);
    if (mesh !== undefined) this.connect.get(mesh)?.instances.delete(instance.order);
    this.#countKinds(row, -1, changes);
  }

  #countKinds(row: NodeService, by: 1 | -1, changes: NameChanges): void {
    this.#countKind(kindName(row.Kind), row.Service, by, changes);
    const mesh = connectKey(row);
    if (mesh !== undefined) this.#countKind('connect-enabled', mesh, by, changes);
  }

  #countKind(kind: string, name: string, by: 1 | -1, changes: NameChanges): void {
    // By spelling: answers that list the names of a kind change with it.
    if (count(this.#kindNames, `${kind}\0${name}`, by)) changes.kinds.add(kind);
  }
}

function groupIn(groups: Map<string, ServiceGroup>, name: string): ServiceGroup {
  const key = name.toLowerCase();
  let group = groups.get(key);
  if (group === undefined) {
    const instances = new OrderedRows<Instance>((instance) => instance.order);
    group = { key, name, index: 0, instances, tags: new Map() };
    groups.set(key, group);
  }
  return group;
}

/** Keys of {@link ServiceGroup.tags}: that an instance spells the name so, and that one has a tag, which follows. */
const SPELLING = '';
const TAG = '#';

/** The tags among the keys of {@link ServiceGroup.tags}, sorted. */
export const tagsOf = (keys: Iterable<string>): string[] =>
  [...keys].flatMap((key) => (key === SPELLING ? [] : [key.slice(TAG.length)])).sort();

/** True when the set of tags (or the spelling itself) appeared or went. */
function countTags(group: ServiceGroup, row: NodeService, by: 1 | -1): boolean {
  let tags = group.tags.get(row.Service);
  if (tags === undefined) {
    tags = new Map();
    group.tags.set(row.Service, tags);
  }
  let changed = count(tags, SPELLING, by);
  for (const tag of new Set(row.Tags)) if (count(tags, `${TAG}${tag}`, by)) changed = true;
  if (tags.size === 0) group.tags.delete(row.Service);
  return changed;
}

function count(counts: Map<string, number>, key: string, by: number): boolean {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
  return now === 0 || (by > 0 && now === 1);
}
