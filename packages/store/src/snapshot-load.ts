import type { RegisterRequest } from '@proconsul/schema';
import type { NodeEntry } from './catalog-table.ts';
import { OPAQUE_KINDS } from './opaque-table.ts';
import { mapFields, numberField } from './raw-map.ts';
import type { State } from './state.ts';
import { isListedTwice, LOCAL, PEER_INDEX } from './state-copy.ts';

/** A Register record of a snapshot: the node, and perhaps one service and checks. Records come in any order. */
export function loadRegister(state: State, record: RegisterRequest): void {
  const node = loadNode(state, record);
  if (record.Service !== null) {
    const row = { ...record.Service, ID: record.Service.ID === '' ? record.Service.Service : record.Service.ID };
    const changes = { tags: false, kinds: new Set<string>() };
    const old = node.services.get(row.ID);
    if (old === undefined) state.catalog.attach(node, row, changes);
    else state.catalog.replaceInstance(old, row, changes);
  }
  const checks = record.Check === null ? [] : [record.Check];
  for (const check of [...checks, ...(record.Checks ?? [])]) state.catalog.setCheck(node, check);
}

function loadNode(state: State, record: RegisterRequest): NodeEntry {
  const known = state.catalog.node(record.Node);
  if (known !== undefined) return known;
  const { ID, Node, Address, Datacenter, TaggedAddresses, NodeMeta: Meta, PeerName, Locality } = record;
  const { CreateIndex, ModifyIndex } = record;
  const row = {
    ...{ ID, Node, Address, Datacenter, Partition: '', TaggedAddresses, Meta, PeerName, Locality },
    ...{ CreateIndex, ModifyIndex },
  };
  return state.catalog.addNode(row, 0);
}

/** Gives every table and row its index: what the snapshot says, at least what its newest row says. */
export function finishRestore(state: State, named: readonly (readonly [string, number])[]): void {
  const sided = new Set(named.map(([name]) => name));
  for (const [name, value] of named) {
    // That of all sides is no more than the largest of them, where they are told apart.
    if (!isListedTwice(name) || !sided.has(LOCAL + name)) loadIndex(state, name, value);
  }
  for (const peer of state.peers.values()) raiseCatalog(peer);
  raiseCatalog(state);
  const { indexes } = state;
  indexes.raise('kvs', state.kv.rows.maxIndexUnder(''));
  indexes.raise('tombstones', state.kv.tombstones.maxIndexUnder(''));
  indexes.raise('sessions', state.sessions.rows.maxIndexUnder(''));
  indexes.raise('prepared-queries', state.queries.rows.maxIndexUnder(''));
  for (const row of state.config.rows.all()) indexes.raise('config-entries', row.ModifyIndex);
  for (const row of state.metadata.values()) indexes.raise('system-metadata', row.ModifyIndex);
  for (const kind of OPAQUE_KINDS) {
    if (kind.id === '') continue;
    for (const bytes of state.opaque.all(kind)) {
      indexes.raise(kind.table, numberField(mapFields(bytes), 'ModifyIndex'));
    }
  }
}

function loadIndex(state: State, name: string, value: number): void {
  const [, peer, rest] = PEER_INDEX.exec(name) ?? [];
  if (peer !== undefined && rest !== undefined) return loadIndex(state.peer(peer), rest, value);
  const local = name.startsWith(LOCAL) ? name.slice(LOCAL.length) : name;
  if (local.startsWith('node.')) return raise(state.catalog.node(local.slice('node.'.length)), value);
  if (local.startsWith('service.')) return loadGroupIndex(state, local.slice('service.'.length), value);
  if (name.startsWith('connect-destination.')) {
    return raise(state.catalog.connectGroup(name.slice('connect-destination.'.length)), value);
  }
  state.indexes.raise(local, value);
}

function loadGroupIndex(state: State, name: string, value: number): void {
  const group = state.catalog.group(name);
  if (group === undefined) return; // A name that lost its instances long ago.
  group.name = name;
  raise(group, value);
}

function raise(holder: { index: number } | undefined, value: number): void {
  if (holder !== undefined && value > holder.index) holder.index = value;
}

function raiseCatalog(state: State): void {
  for (const entry of state.catalog.nodes.all()) {
    state.indexes.raise('nodes', entry.row.ModifyIndex);
    raise(entry, entry.row.ModifyIndex);
    for (const check of entry.checks.values()) state.indexes.raise('checks', check.ModifyIndex);
    for (const { row, group } of entry.services.values()) {
      state.indexes.raise('services', row.ModifyIndex);
      raise(entry, row.ModifyIndex);
      raise(group, row.ModifyIndex);
      raise(group, entry.row.ModifyIndex);
      for (const id of ['', row.ID]) {
        for (const check of entry.checksByService.get(id)?.values() ?? []) raise(group, check.ModifyIndex);
      }
    }
  }
  for (const group of state.catalog.connect.values()) {
    if (group.index > 0) continue;
    for (const instance of group.instances.all()) raise(group, instance.group.index);
  }
}
