import { OPAQUE_KINDS } from './opaque-table.ts';
import type { State } from './state.ts';

/** Memory of an object beside its fields, and of one field. */
const OBJECT_BYTES = 32;
const FIELD_BYTES = 8;
const TEXT_BYTES = 16;

export interface TableSize {
  readonly rows: number;
  /** Estimated memory. */
  readonly bytes: number;
}

/** Estimated memory of a plain record with all that it holds. Structures shared with other records count each time. */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return value.length === 0 ? 0 : TEXT_BYTES + value.length;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return 100 + value.length;
  let sum = OBJECT_BYTES;
  for (const inner of Object.values(value)) sum += FIELD_BYTES + estimateBytes(inner);
  return sum;
}

function sized(rows: readonly unknown[]): TableSize {
  return { rows: rows.length, bytes: rows.reduce((sum: number, row) => sum + estimateBytes(row), 0) };
}

/** Rows and estimated bytes by table. KV is counted as it changes; the other tables are walked. */
export function tableSizes(state: State): Readonly<Record<string, TableSize>> {
  const entries = state.catalog.nodes.all();
  const out: Record<string, TableSize> = {
    kvs: { rows: state.kv.size, bytes: state.kv.bytes },
    tombstones: { rows: state.kv.tombstones.size, bytes: state.kv.tombstoneBytes },
    nodes: sized(entries.map((entry) => entry.row)),
    services: sized(entries.flatMap((entry) => [...entry.services.values()].map((instance) => instance.row))),
    checks: sized(entries.flatMap((entry) => [...entry.checks.values()])),
    sessions: sized(state.sessions.rows.all()),
    coordinates: sized(state.coordinates.all()),
    'prepared-queries': sized(state.queries.rows.all()),
    'config-entries': sized(state.config.rows.all().map((row) => row.bytes)),
    'service-virtual-ips': sized(state.virtualIps.all()),
    'federation-states': sized([...state.federation.values()]),
    'system-metadata': sized([...state.metadata.values()]),
    indexes: sized(state.indexes.entries()),
  };
  for (const kind of OPAQUE_KINDS) {
    out[kind.table] = { rows: state.opaque.count(kind), bytes: state.opaque.bytes(kind) };
  }
  return out;
}
