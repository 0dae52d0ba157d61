import { JsonBytes } from '@proconsul/gojson';
import { HealthCheck, Node, NodeService } from './catalog.ts';
import { bytes, durationNs, index, int, list, pointer, str, uint64 } from './kind.ts';
import { type Infer, struct } from './struct.ts';

/** One key with its value. */
export const DirEntry = struct('DirEntry', {
  LockIndex: index,
  Key: str,
  Flags: uint64,
  Value: bytes,
  Session: { kind: str, omitEmpty: true },
  CreateIndex: index,
  ModifyIndex: index,
});
export type DirEntry = Infer<typeof DirEntry>;

/** An entry of a table, which may keep its value in a denser form: one character for each byte. */
interface PackedEntry extends DirEntry {
  readonly packed?: Uint8Array | string | null;
}

/** What the names and numbers of an entry take in JSON, more or less. */
const ENTRY_BYTES = 120;

const packedValue = (entry: PackedEntry) => (entry.packed === undefined ? entry.Value : entry.packed);

/** The JSON of a list of entries, as UTF-8. The same as the list's own, but quick for hundreds of thousands of them. */
export function dirEntriesJson(entries: readonly PackedEntry[]): Uint8Array {
  let expected = 2;
  for (const { Key, packed } of entries) expected += ENTRY_BYTES + Key.length + ((packed?.length ?? 0) * 4) / 3;
  const out = new JsonBytes(Math.ceil(expected));
  out.ascii('[');
  for (let i = 0; i < entries.length; i++) {
    if (i > 0) out.ascii(',');
    putEntry(out, entries[i] as PackedEntry);
  }
  out.ascii(']');
  return out.finish();
}

function putEntry(out: JsonBytes, entry: PackedEntry): void {
  out.ascii('{"LockIndex":');
  out.uint(entry.LockIndex);
  out.ascii(',"Key":');
  out.string(entry.Key);
  out.ascii(',"Flags":');
  out.uint(entry.Flags);
  out.ascii(',"Value":');
  const value = packedValue(entry);
  if (value === null || value.length === 0) out.ascii('null');
  else out.base64(value);
  if (entry.Session !== '') {
    out.ascii(',"Session":');
    out.string(entry.Session);
  }
  out.ascii(',"CreateIndex":');
  out.uint(entry.CreateIndex);
  out.ascii(',"ModifyIndex":');
  out.uint(entry.ModifyIndex);
  out.ascii('}');
}

export const ServiceCheck = struct('ServiceCheck', { ID: str, Namespace: str });
export type ServiceCheck = Infer<typeof ServiceCheck>;

/** Ties locks to the life of a node, of checks, or of a TTL. `LockDelay` is nanoseconds. */
export const Session = struct('Session', {
  ID: str,
  Name: str,
  Node: str,
  LockDelay: durationNs,
  Behavior: str,
  TTL: str,
  NodeChecks: list(str),
  ServiceChecks: list(ServiceCheck),
  Checks: { kind: list(str), omitEmpty: true },
  CreateIndex: index,
  ModifyIndex: index,
});
export type Session = Infer<typeof Session>;

/** Operations on KV, as the log names them. */
export const KV_OPS = [
  'set',
  'delete',
  'delete-cas',
  'delete-tree',
  'cas',
  'lock',
  'unlock',
  'get',
  'get-or-empty',
  'get-tree',
  'check-session',
  'check-index',
  'check-not-exists',
] as const;

export const TxnKVOp = struct('TxnKVOp', { Verb: str, DirEnt: DirEntry });
export const TxnNodeOp = struct('TxnNodeOp', { Verb: str, Node });
export const TxnServiceOp = struct('TxnServiceOp', { Verb: str, Node: str, Service: NodeService });
export const TxnCheckOp = struct('TxnCheckOp', { Verb: str, Check: HealthCheck });
export const TxnSessionOp = struct('TxnSessionOp', { Verb: str, Session });
export type TxnKVOp = Infer<typeof TxnKVOp>;
export type TxnNodeOp = Infer<typeof TxnNodeOp>;
export type TxnServiceOp = Infer<typeof TxnServiceOp>;
export type TxnCheckOp = Infer<typeof TxnCheckOp>;
export type TxnSessionOp = Infer<typeof TxnSessionOp>;

/** Exactly one member is set. Only sessions' deletion appears inside the log; it is not reachable over HTTP. */
export const TxnOp = struct(
  'TxnOp',
  {
    KV: pointer(TxnKVOp),
    Node: pointer(TxnNodeOp),
    Service: pointer(TxnServiceOp),
    Check: pointer(TxnCheckOp),
    Session: pointer(TxnSessionOp),
  },
  { wireNil: ['Intention'] },
);
export type TxnOp = Infer<typeof TxnOp>;

export const TxnResult = struct('TxnResult', {
  KV: { kind: pointer(DirEntry), omitEmpty: true },
  Node: { kind: pointer(Node), omitEmpty: true },
  Service: { kind: pointer(NodeService), omitEmpty: true },
  Check: { kind: pointer(HealthCheck), omitEmpty: true },
});
export type TxnResult = Infer<typeof TxnResult>;

export const TxnError = struct('TxnError', { OpIndex: int, What: str });
export type TxnError = Infer<typeof TxnError>;

export const TxnResponse = struct('TxnResponse', { Results: list(TxnResult), Errors: list(TxnError) });
export type TxnResponse = Infer<typeof TxnResponse>;
