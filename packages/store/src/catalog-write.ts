import type { HealthCheck, Node, NodeService } from '@proconsul/schema';
import { connectKey, type Instance, kindName, type NameChanges, type NodeEntry, PROXY_KIND } from './catalog-table.ts';
import { MESH_TOPOLOGY } from './index-table.ts';
import type { Journal } from './journal.ts';
import { destroySession, invalidateSessions } from './session-apply.ts';
import type { State } from './state.ts';
import { releaseVirtualIp } from './virtual-ips.ts';

/*
 * The six changes of the catalog: put and remove a node, an instance, a check. Each moves the indexes that it must move
 * and touches whoever reads what changed. Source for the indexes: index records in snapshots of the reference, taken
 * before and after each kind of change.
 */

export const SERVICE_EXTINCTION = 'service_last_extinction';
export const NODE_EXTINCTION = 'node_last_extinction';

const noChanges = (): NameChanges => ({ tags: false, kinds: new Set() });

/** Adds the node or replaces its record. */
export function putNode(state: State, journal: Journal, row: Node): NodeEntry {
  const old = state.catalog.node(row.Node);
  if (old === undefined) {
    const added = state.catalog.addNode(row, journal.index);
    if (journal.recording) journal.undoWith(() => state.catalog.dropNode(added));
    touchNode(state, journal, added);
    return added;
  }
  const oldRow = old.row;
  state.catalog.replaceNode(old, row);
  if (journal.recording) journal.undoWith(() => state.catalog.replaceNode(old, oldRow));
  touchNode(state, journal, old);
  for (const instance of old.services.values()) touchInstance(state, journal, instance);
  return old;
}

function touchNode(state: State, journal: Journal, entry: NodeEntry): void {
  state.indexes.bump('nodes', journal);
  setNodeIndex(journal, entry);
  journal.touch('table', 'nodes');
  journal.touch('node', entry.key);
}

function setNodeIndex(journal: Journal, entry: NodeEntry): void {
  const old = entry.index;
  entry.index = journal.index;
  if (journal.recording) journal.undoWith(() => setIndex(entry, old));
}

function setIndex(holder: { index: number }, index: number): void {
  holder.index = index;
}

/** Somebody who reads this instance must read again. */
function touchInstance(state: State, journal: Journal, instance: Instance): void {
  forgetAnswers(journal, instance);
  moveGroup(journal, instance.group);
  journal.touch('service', instance.group.key);
  const mesh = connectKey(instance.row);
  if (mesh !== undefined) touchConnect(state, journal, mesh);
  const kind = kindName(instance.row.Kind);
  state.indexes.bump(`service_kind.${kind}`, journal);
  journal.touch('service-kind', kind);
}

function forgetAnswers(journal: Journal, instance: Instance): void {
  instance.health = null;
  instance.flat = null;
  if (journal.recording) {
    journal.undoWith(() => {
      instance.health = null;
      instance.flat = null;
    });
  }
}

function moveGroup(journal: Journal, group: { index: number }): void {
  const old = group.index;
  if (old === journal.index) return;
  group.index = journal.index;
  if (journal.recording) journal.undoWith(() => setIndex(group, old));
}

function touchConnect(state: State, journal: Journal, key: string): void {
  const group = state.catalog.connect.get(key);
  if (group !== undefined) moveGroup(journal, group);
  journal.touch('connect', key);
}

/** Removes the node with all services, checks, sessions and coordinates on it. */
export function removeNode(state: State, journal: Journal, entry: NodeEntry): void {
  for (const instance of entry.services.sorted()) removeInstance(state, journal, instance);
  for (const { CheckID } of entry.checks.sorted()) removeCheck(state, journal, entry, CheckID);
  for (const session of state.sessions.ofNode(entry.key)) destroySession(state, journal, session.ID);
  state.coordinates.removeNode(entry.key, state, journal);
  state.catalog.dropNode(entry);
  if (journal.recording) journal.undoWith(() => state.catalog.restoreNode(entry));
  touchNode(state, journal, entry);
  state.indexes.bump(NODE_EXTINCTION, journal);
  journal.nodeRemoved(entry.row.Node);
}

/** Adds the instance or replaces its record. */
export function putInstance(state: State, journal: Journal, node: NodeEntry, row: NodeService): Instance {
  const old = node.services.get(row.ID);
  const changes = noChanges();
  let instance: Instance;
  if (old === undefined) {
    instance = state.catalog.attach(node, row, changes);
    if (journal.recording) {
      const added = instance;
      journal.undoWith(() => {
        state.catalog.detach(added, noChanges());
        dropEmptyGroups(state, added.row);
      });
    }
    if (hasUpstreams(row)) state.indexes.bump(MESH_TOPOLOGY, journal);
  } else {
    instance = old;
    if (hasUpstreams(old.row) || hasUpstreams(row)) state.indexes.bump(MESH_TOPOLOGY, journal);
    replaceInstance(state, journal, old, row, changes);
  }
  setNodeIndex(journal, node);
  for (const table of ['services', 'nodes']) state.indexes.bump(table, journal);
  journal.touch('table', 'services');
  journal.touch('node-services', node.key);
  touchNames(state, journal, changes, row);
  touchInstance(state, journal, instance);
  return instance;
}

function replaceInstance(
  state: State,
  journal: Journal,
  instance: Instance,
  row: NodeService,
  changes: NameChanges,
): void {
  const old = instance.row;
  const oldGroup = instance.group;
  touchInstance(state, journal, instance); // Readers of the old name, kind or destination lose it.
  state.catalog.replaceInstance(instance, row, changes);
  if (instance.group !== oldGroup) {
    for (const group of [oldGroup, instance.group]) journal.touch('service-checks', group.key);
  }
  if (journal.recording) {
    journal.undoWith(() => {
      state.catalog.replaceInstance(instance, old, noChanges());
      dropEmptyGroups(state, row);
    });
  }
  retireGroups(state, journal, old);
}

function touchNames(state: State, journal: Journal, changes: NameChanges, row: NodeService): void {
  if (changes.tags) journal.touch('service-names');
  for (const kind of changes.kinds) state.indexes.bump(`kind_service_names.${kind}`, journal);
  if (state.peerName !== '' || row.Connect.Native || !changes.kinds.has('typical')) return;
  if (state.config.isBehindGateway(row.Service, true)) state.indexes.bump('gateway-services', journal);
}

const hasUpstreams = (row: NodeService): boolean => row.Kind === PROXY_KIND && (row.Proxy.Upstreams ?? []).length > 0;

/** Removes the instance with its checks. */
export function removeInstance(state: State, journal: Journal, instance: Instance): void {
  const { node, row } = instance;
  const checks = node.checksByService.get(row.ID);
  for (const { CheckID } of checks?.sorted() ?? []) removeCheck(state, journal, node, CheckID);
  touchInstance(state, journal, instance);
  const changes = noChanges();
  state.catalog.detach(instance, changes);
  if (journal.recording) journal.undoWith(() => state.catalog.reattach(instance, noChanges()));
  setNodeIndex(journal, node);
  for (const table of ['services', 'nodes', 'checks']) state.indexes.bump(table, journal);
  if (hasUpstreams(row)) state.indexes.bump(MESH_TOPOLOGY, journal);
  journal.touch('table', 'services');
  journal.touch('node-services', node.key);
  touchNames(state, journal, changes, row);
  retireGroups(state, journal, row);
}

/** Drops the groups that lost their last instance; their last index is remembered for everybody who asks for unknown names. */
function retireGroups(state: State, journal: Journal, row: NodeService): void {
  const group = state.catalog.group(row.Service);
  if (group !== undefined && group.instances.size === 0) {
    state.catalog.groups.delete(group.key);
    if (journal.recording) journal.undoWith(() => restoreGroup(state.catalog.groups, group));
    state.indexes.bump(SERVICE_EXTINCTION, journal);
    releaseVirtualIp(state, journal, row.Service);
  }
  const mesh = connectKey(row);
  const connect = mesh === undefined ? undefined : state.catalog.connect.get(mesh);
  if (connect !== undefined && connect.instances.size === 0) {
    state.catalog.connect.delete(connect.key);
    if (journal.recording) journal.undoWith(() => restoreGroup(state.catalog.connect, connect));
    state.indexes.bump(SERVICE_EXTINCTION, journal);
  }
}

/** Undo runs backwards: the group is back before its instances are. */
function restoreGroup<G extends { readonly key: string }>(groups: Map<string, G>, group: G): void {
  groups.set(group.key, group);
}

function dropEmptyGroups(state: State, row: NodeService): void {
  const group = state.catalog.group(row.Service);
  if (group?.instances.size === 0) state.catalog.groups.delete(group.key);
  const mesh = connectKey(row);
  const connect = mesh === undefined ? undefined : state.catalog.connect.get(mesh);
  if (connect?.instances.size === 0) state.catalog.connect.delete(connect.key);
}

/** Adds the check or replaces its record. A critical one ends the sessions bound to it. */
export function putCheck(state: State, journal: Journal, node: NodeEntry, row: HealthCheck): void {
  const old = state.catalog.setCheck(node, row);
  if (journal.recording) {
    journal.undoWith(() => {
      if (old === undefined) state.catalog.dropCheck(node, row.CheckID);
      else state.catalog.setCheck(node, old);
    });
  }
  if (old !== undefined) {
    journal.touch('check-state', old.Status);
    if (old.ServiceID !== row.ServiceID) touchChecked(state, journal, node, old);
  }
  touchCheck(state, journal, node, row);
  if (row.Status === 'critical') invalidateSessions(state, journal, node.key, row.CheckID);
}

export function removeCheck(state: State, journal: Journal, node: NodeEntry, checkId: string): void {
  const row = state.catalog.dropCheck(node, checkId);
  if (row === undefined) return;
  if (journal.recording) journal.undoWith(() => state.catalog.setCheck(node, row));
  touchCheck(state, journal, node, row);
  invalidateSessions(state, journal, node.key, checkId);
}

function touchCheck(state: State, journal: Journal, node: NodeEntry, row: HealthCheck): void {
  state.indexes.bump('checks', journal);
  journal.touch('table', 'checks');
  journal.touch('node-checks', node.key);
  journal.touch('check-state', row.Status);
  journal.touch('check-state', 'any');
  touchChecked(state, journal, node, row);
}

/** Touches the instances that a check concerns: one, or all of the node. */
function touchChecked(state: State, journal: Journal, node: NodeEntry, row: HealthCheck): void {
  if (row.ServiceID === '') {
    for (const instance of node.services.values()) touchInstance(state, journal, instance);
    return;
  }
  const instance = node.services.get(row.ServiceID);
  if (instance === undefined) return;
  touchInstance(state, journal, instance);
  journal.touch('service-checks', instance.group.key);
}
