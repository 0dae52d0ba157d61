import { Writer } from '@proconsul/msgpack';
import {
  AutopilotConfig,
  CoordinateBatch,
  type HealthCheck,
  type Kind,
  MessageType,
  type NodeService,
  PreparedQuery,
  RegisterRequest,
  Session,
  SystemMetadataEntry,
} from '@proconsul/schema';
import type { KvRow } from './kv-row.ts';
import {
  ACL_METHODS,
  ACL_POLICIES,
  ACL_ROLES,
  ACL_RULES,
  ACL_TOKENS,
  CA_CONFIG,
  CA_PROVIDER,
  CA_ROOTS,
  INTENTIONS,
  type OpaqueKind,
  PEERING_SECRETS,
  PEERINGS,
  RESOURCES,
  TRUST_BUNDLES,
} from './opaque-table.ts';
import { PACKED_STRING_BYTES_MAX, unpackInto } from './packed-bytes.ts';
import type { NodeCopy, StateCopy } from './state-copy.ts';

/** Size from which a chunk of a snapshot is handed on; the last record may pass it. */
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024;

/**
 * The tables as Consul's state.bin, in chunks: `{LastIndex}`, then records `u8 type | msgpack value` in the order that
 * the reference writes them. Everything is sorted, so that equal tables give equal bytes. `chunking` is the value of the record
 * on commands that are not complete yet; without it there are none.
 * Source: recorded snapshots.
 */
export function* writeSnapshot(copy: StateCopy, chunking?: Uint8Array): Generator<Uint8Array, void, undefined> {
  const writer = new Writer('rpc', SNAPSHOT_CHUNK_BYTES + 4096);
  writer.mapHeader(1);
  writer.key('LastIndex');
  writer.uint(copy.lastIndex);
  for (const part of parts(writer, copy, chunking)) {
    void part;
    if (writer.length < SNAPSHOT_CHUNK_BYTES) continue;
    yield writer.finish();
    writer.reset();
  }
  if (writer.length > 0) yield writer.finish();
}

/** Writes record after record, and yields between them whenever the chunk may be full. */
function* parts(writer: Writer, copy: StateCopy, chunking: Uint8Array | undefined): Generator<void, void, undefined> {
  writeVirtualIps(writer, copy);
  yield;
  for (const node of copy.nodes) yield writeNode(writer, node);
  for (const coordinate of copy.coordinates) {
    yield writeRecord(writer, MessageType.CoordinateBatchUpdate, CoordinateBatch, [coordinate]);
  }
  for (const leaf of copy.sessions)
    for (const row of leaf) yield writeRecord(writer, MessageType.Session, Session, row);
  yield* opaque(writer, copy, [ACL_TOKENS, ACL_POLICIES, ACL_ROLES, ACL_RULES, ACL_METHODS]);
  const scratch = new Uint8Array(PACKED_STRING_BYTES_MAX);
  for (const leaf of copy.kv) {
    for (const row of leaf) {
      writeEntry(writer, row, scratch);
      if (writer.length >= SNAPSHOT_CHUNK_BYTES) yield;
    }
  }
  for (const leaf of copy.tombstones) for (const row of leaf) yield writeTombstone(writer, row.Key, row.ModifyIndex);
  for (const leaf of copy.queries) {
    for (const row of leaf) yield writeRecord(writer, MessageType.PreparedQuery, PreparedQuery, row);
  }
  if (copy.autopilot !== null) yield writeRecord(writer, MessageType.Autopilot, AutopilotConfig, copy.autopilot);
  yield* opaque(writer, copy, [INTENTIONS, CA_ROOTS, CA_PROVIDER, CA_CONFIG]);
  for (const record of copy.config) yield writeRaw(writer, MessageType.ConfigEntry, record);
  for (const [, state] of copy.federation) yield writeFederation(writer, state);
  for (const row of copy.metadata) yield writeRecord(writer, MessageType.SystemMetadata, SystemMetadataEntry, row);
  for (const [name, value] of copy.indexes) yield writeIndex(writer, name, value);
  yield* opaque(writer, copy, [PEERINGS, TRUST_BUNDLES, PEERING_SECRETS, RESOURCES]);
  writeChunkingState(writer, chunking);
}

function* opaque(writer: Writer, copy: StateCopy, kinds: readonly OpaqueKind[]): Generator<void, void, undefined> {
  for (const kind of kinds) {
    for (const record of copy.opaque.get(kind) ?? []) yield writeRaw(writer, kind.record, record);
  }
}

function writeRecord<T>(writer: Writer, type: number, kind: Kind<T>, value: T): void {
  writer.byte(type);
  kind.write(writer, value);
}

function writeRaw(writer: Writer, type: number, record: Uint8Array): void {
  writer.byte(type);
  writer.raw(record);
}

/** Addresses travel as 16 bytes: the IPv4 form of the offset. */
function addressBytes(offset: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[10] = 0xff;
  bytes[11] = 0xff;
  new DataView(bytes.buffer).setUint32(12, offset);
  return bytes;
}

function writeVirtualIps(writer: Writer, copy: StateCopy): void {
  for (const row of copy.virtualIps) {
    writer.byte(MessageType.ServiceVirtualIP);
    writer.mapHeader(5);
    writer.key('CreateIndex');
    writer.uint(row.CreateIndex);
    writer.key('IP');
    writer.bytes(addressBytes(row.offset));
    writer.key('ManualIPs');
    if (row.ManualIPs === null) writer.nil();
    else {
      writer.arrayHeader(row.ManualIPs.length);
      for (const ip of row.ManualIPs) writer.str(ip);
    }
    writer.key('ModifyIndex');
    writer.uint(row.ModifyIndex);
    writer.key('Service');
    writer.mapHeader(2);
    writer.key('Peer');
    writer.str(row.Peer);
    writer.key('ServiceName');
    writer.mapHeader(1);
    writer.key('Name');
    writer.str(row.Service);
  }
  if (copy.freedIp !== 0) writeFreeIp(writer, copy.freedIp, false);
  if (copy.ipCounter !== 0) writeFreeIp(writer, copy.ipCounter, true);
}

function writeFreeIp(writer: Writer, offset: number, isCounter: boolean): void {
  writer.byte(MessageType.FreeVirtualIP);
  writer.mapHeader(2);
  writer.key('IP');
  writer.bytes(addressBytes(offset));
  writer.key('IsCounter');
  writer.bool(isCounter);
}

/** The node alone, then one record for each service and each check, all carrying the node. */
function writeNode(writer: Writer, { node, services, checks }: NodeCopy): void {
  const record = (Service: NodeService | null, Check: HealthCheck | null): RegisterRequest => ({
    Datacenter: node.Datacenter,
    Token: '',
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    Service,
    Check,
    Checks: null,
    Locality: node.Locality,
    SkipNodeUpdate: false,
    PeerName: node.PeerName,
    CreateIndex: node.CreateIndex,
    ModifyIndex: node.ModifyIndex,
  });
  writeRecord(writer, MessageType.Register, RegisterRequest, record(null, null));
  for (const row of services) writeRecord(writer, MessageType.Register, RegisterRequest, record(row, null));
  for (const row of checks) writeRecord(writer, MessageType.Register, RegisterRequest, record(null, row));
}

/** As DirEntry, written out because there are so many. */
function writeEntry(writer: Writer, row: KvRow, scratch: Uint8Array): void {
  writer.byte(MessageType.KVS);
  writer.mapHeader(7);
  writer.key('CreateIndex');
  writer.uint(row.CreateIndex);
  writer.key('Flags');
  writer.uint(row.Flags);
  writer.key('Key');
  writer.str(row.Key);
  writer.key('LockIndex');
  writer.uint(row.LockIndex);
  writer.key('ModifyIndex');
  writer.uint(row.ModifyIndex);
  writer.key('Session');
  writer.str(row.Session);
  writer.key('Value');
  const { packed } = row;
  if (typeof packed !== 'string') return writer.bytes(packed);
  unpackInto(packed, scratch);
  writer.bytes(scratch.subarray(0, packed.length));
}

function writeTombstone(writer: Writer, key: string, index: number): void {
  writer.byte(MessageType.Tombstone);
  writer.mapHeader(7);
  writer.key('CreateIndex');
  writer.uint(0);
  writer.key('Flags');
  writer.uint(0);
  writer.key('Key');
  writer.str(key);
  writer.key('LockIndex');
  writer.uint(0);
  writer.key('ModifyIndex');
  writer.uint(index);
  writer.key('Session');
  writer.str('');
  writer.key('Value');
  writer.nil();
}

function writeFederation(writer: Writer, state: Uint8Array): void {
  writer.byte(MessageType.FederationState);
  writer.mapHeader(4);
  writer.key('Datacenter');
  writer.str('');
  writer.key('Op');
  writer.str('upsert');
  writer.key('State');
  writer.raw(state);
  writer.key('Token');
  writer.str('');
}

function writeIndex(writer: Writer, name: string, value: number): void {
  writer.byte(MessageType.Index);
  writer.mapHeader(2);
  writer.key('Key');
  writer.str(name);
  writer.key('Value');
  writer.uint(value);
}

/** The pieces of commands that are not complete yet are kept outside the tables; this record stands for them, last of all. */
function writeChunkingState(writer: Writer, chunking: Uint8Array | undefined): void {
  writer.byte(MessageType.ChunkingState);
  if (chunking !== undefined) return writer.raw(chunking);
  writer.mapHeader(1);
  writer.key('ChunkMap');
  writer.mapHeader(0);
}
