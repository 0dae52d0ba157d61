import type {
  AutopilotConfig,
  Coordinate,
  HealthCheck,
  Node,
  NodeService,
  PreparedQuery,
  Session,
  SystemMetadataEntry,
} from '@proconsul/schema';
import { encodeConfigRecord } from './config-table.ts';
import type { KvRow } from './kv-row.ts';
import type { Tombstone } from './kv-table.ts';
import { OPAQUE_KINDS, type OpaqueKind } from './opaque-table.ts';
import type { FrozenRows } from './ordered-rows.ts';
import type { State } from './state.ts';
import type { VirtualIp } from './virtual-ips.ts';

/** A node with what is on it, by id; those of peers come last. */
export interface NodeCopy {
  readonly node: Node;
  readonly services: readonly NodeService[];
  readonly checks: readonly HealthCheck[];
}

/** All tables at one moment: references to rows, which never change. Everything is sorted. */
export interface StateCopy {
  readonly lastIndex: number;
  readonly virtualIps: readonly VirtualIp[];
  readonly freedIp: number;
  readonly ipCounter: number;
  readonly nodes: readonly NodeCopy[];
  readonly coordinates: readonly Coordinate[];
  readonly sessions: FrozenRows<Session>;
  readonly kv: FrozenRows<KvRow>;
  readonly tombstones: FrozenRows<Tombstone>;
  readonly queries: FrozenRows<PreparedQuery>;
  readonly autopilot: AutopilotConfig | null;
  readonly config: readonly Uint8Array[];
  readonly opaque: ReadonlyMap<OpaqueKind, readonly Uint8Array[]>;
  readonly federation: readonly (readonly [string, Uint8Array])[];
  readonly metadata: readonly SystemMetadataEntry[];
  /** By the names that snapshots use. */
  readonly indexes: readonly (readonly [string, number])[];
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

const peersOf = (state: State): State[] => [...state.peers].sort(byKey).map(([, peer]) => peer);

function nodesOf(state: State): NodeCopy[] {
  return state.catalog.nodes.all().map((entry) => ({
    node: entry.row,
    services: entry.services.sorted().map((instance) => instance.row),
    checks: entry.checks.sorted(),
  }));
}

export function copyState(state: State): StateCopy {
  return {
    lastIndex: state.lastIndex,
    virtualIps: state.virtualIps.all(),
    freedIp: state.virtualIps.freed,
    ipCounter: state.virtualIps.counter,
    nodes: [state, ...peersOf(state)].flatMap(nodesOf),
    coordinates: state.coordinates.all(),
    sessions: state.sessions.rows.freeze(),
    kv: state.kv.rows.freeze(),
    tombstones: state.kv.tombstones.freeze(),
    queries: state.queries.rows.freeze(),
    autopilot: state.autopilot,
    config: state.config.rows.all().map(encodeConfigRecord),
    opaque: new Map(OPAQUE_KINDS.map((kind) => [kind, state.opaque.all(kind)])),
    federation: [...state.federation].sort(byKey),
    metadata: [...state.metadata].sort(byKey).map(([, entry]) => entry),
    indexes: namedIndexes(state),
  };
}

const LISTED_TWICE: ReadonlySet<string> = new Set(['nodes', 'services', 'checks']);
const EXTINCTION = '_last_extinction';
/** What stands before the names of local rows. */
export const LOCAL = 'peer.~:';
/** What stands before the names of rows of a peer: `peer.NAME:`. */
export const PEER_INDEX = /^peer\.([^:~]+):(.+)$/;

/** Tables that the reference lists twice: for all rows, and for those of one side, ours or a peer's. */
export const isListedTwice = (name: string): boolean => LISTED_TWICE.has(name) || name.startsWith('service_kind.');

function namedIndexes(state: State): [string, number][] {
  const all = new Map<string, number>();
  const out: [string, number][] = [];
  for (const side of [state, ...peersOf(state)]) {
    const prefix = side === state ? LOCAL : `peer.${side.peerName}:`;
    for (const [name, value] of side.indexes.entries()) {
      const isSided = name.endsWith(EXTINCTION) || isListedTwice(name);
      if (isSided) out.push([prefix + name, value]);
      const isShared = side === state ? !name.endsWith(EXTINCTION) : isListedTwice(name);
      if (isShared) all.set(name, Math.max(all.get(name) ?? 0, value));
    }
    for (const entry of side.catalog.nodes.all()) out.push([`${prefix}node.${entry.row.Node}`, entry.index]);
    for (const group of side.catalog.groups.values()) out.push([`${prefix}service.${group.name}`, group.index]);
  }
  for (const group of state.catalog.connect.values()) out.push([`connect-destination.${group.key}`, group.index]);
  return [...out, ...all].sort(byKey);
}
