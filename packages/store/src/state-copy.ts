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

/** A node with what is on it, by id. */
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
  readonly peered: readonly Uint8Array[];
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

export function copyState(state: State): StateCopy {
  return {
    lastIndex: state.lastIndex,
    virtualIps: state.virtualIps.all(),
    freedIp: state.virtualIps.freed,
    ipCounter: state.virtualIps.counter,
    nodes: state.catalog.nodes.all().map((entry) => ({
      node: entry.row,
      services: [...entry.services].sort(byKey).map(([, instance]) => instance.row),
      checks: [...entry.checks].sort(byKey).map(([, check]) => check),
    })),
    peered: [...state.peered],
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

/** Tables that the reference lists twice: for all peers and for the local ones. */
export const LISTED_TWICE: ReadonlySet<string> = new Set(['nodes', 'services', 'checks']);
/** What stands before the names of local rows. */
export const LOCAL = 'peer.~:';

function namedIndexes(state: State): [string, number][] {
  const out: [string, number][] = [];
  for (const [name, value] of state.indexes.entries()) {
    const isExtinction = name.endsWith('_last_extinction');
    if (!isExtinction) out.push([name, value]);
    if (isExtinction || LISTED_TWICE.has(name) || name.startsWith('service_kind.')) out.push([LOCAL + name, value]);
  }
  for (const entry of state.catalog.nodes.all()) out.push([`${LOCAL}node.${entry.row.Node}`, entry.index]);
  for (const group of state.catalog.groups.values()) out.push([`${LOCAL}service.${group.name}`, group.index]);
  for (const group of state.catalog.connect.values()) out.push([`connect-destination.${group.key}`, group.index]);
  return out.sort(byKey);
}
