import { fromUtf8, ProtocolError, utf8 } from '@proconsul/base';
import { Reader } from '@proconsul/msgpack';
import { DirEntry } from '@proconsul/schema';
import { configRow, decodeConfigCommand } from './config-table.ts';
import { KvRow } from './kv-row.ts';
import { CA_CONFIG, type OpaqueKind } from './opaque-table.ts';
import { isAscii, pack, textOfUnits } from './packed-bytes.ts';
import { peeringRecordId } from './peering.ts';
import { mapFields, numberField, textField } from './raw-map.ts';
import type { State } from './state.ts';

/* One function for each type of snapshot record without a field table. All throw ProtocolError and then change nothing. */

/** Text in one piece: texts are kept for long, and the reader builds short ones of pieces. */
function flatText(reader: Reader): string {
  const bytes = reader.bytesAlias();
  if (bytes === null) return '';
  if (bytes.length > FLAT_BYTES_MAX || !isAscii(bytes)) return fromUtf8(bytes);
  return textOfUnits(bytes);
}

/** Longer texts are decoded by the platform. */
const FLAT_BYTES_MAX = 48;

/** The keys of a KV record as every server writes them: in this order, each behind the byte of its length. */
const ENTRY_KEYS = ['CreateIndex', 'Flags', 'Key', 'LockIndex', 'ModifyIndex', 'Session', 'Value'].map((name) =>
  utf8(String.fromCharCode(name.length) + name).map((byte, i) => (i === 0 ? 0xa0 | byte : byte)),
);

/** Moves over a key when it is the expected one. */
function passKey(reader: Reader, bytes: Uint8Array, key: Uint8Array): boolean {
  const at = reader.offset;
  for (let i = 0; i < key.length; i++) if (bytes[at + i] !== key[i]) return false;
  reader.offset = at + key.length;
  return true;
}

/** A KV record in the usual order, read without looking names up because there are so many. Null: read it the long way. */
function usualEntry(reader: Reader, bytes: Uint8Array): KvRow | null {
  const [createIndex, flags, key, lockIndex, modifyIndex, session, value] = ENTRY_KEYS as [
    ...[Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array],
  ];
  if (reader.mapHeader() !== ENTRY_KEYS.length || !passKey(reader, bytes, createIndex)) return null;
  const CreateIndex = reader.int();
  if (!passKey(reader, bytes, flags)) return null;
  const Flags = reader.intOrBig();
  if (!passKey(reader, bytes, key)) return null;
  const Key = flatText(reader);
  if (!passKey(reader, bytes, lockIndex)) return null;
  const LockIndex = reader.int();
  if (!passKey(reader, bytes, modifyIndex)) return null;
  const ModifyIndex = reader.int();
  if (!passKey(reader, bytes, session)) return null;
  const Session = reader.str();
  if (!passKey(reader, bytes, value)) return null;
  return new KvRow(Key, pack(reader.bytesAlias()), Flags, Session, LockIndex, CreateIndex, ModifyIndex);
}

export function loadEntry(state: State, reader: Reader, bytes: Uint8Array): void {
  const start = reader.offset;
  let row = reader.peekKind() === 'map' ? usualEntry(reader, bytes) : null;
  if (row === null) {
    reader.offset = start;
    row = kvRow(DirEntry.read(reader));
  }
  if (row.Flags < 0 || row.LockIndex < 0 || row.CreateIndex < 0 || row.ModifyIndex < 0) {
    throw new ProtocolError('KV_RECORD', 'negative index or flags');
  }
  state.kv.load(row);
}

function kvRow(entry: DirEntry): KvRow {
  const { Key, Value, Flags, Session, LockIndex, CreateIndex, ModifyIndex } = entry;
  return new KvRow(Key, pack(Value), Flags, Session, LockIndex, CreateIndex, ModifyIndex);
}

export function loadTombstone(state: State, reader: Reader): void {
  let Key = '';
  let ModifyIndex = 0;
  const count = reader.mapHeader();
  for (let i = 0; i < count; i++) {
    const field = reader.key();
    if (field === 'Key') Key = flatText(reader);
    else if (field === 'ModifyIndex') ModifyIndex = reader.isNil() ? 0 : reader.int();
    else reader.skip();
  }
  if (ModifyIndex < 0) throw new ProtocolError('KV_RECORD', 'negative index');
  state.kv.loadTombstone({ Key, ModifyIndex });
}

/** Records without an id keep their order by their number, which is written so that texts sort like it. */
export function loadOpaque(state: State, kind: OpaqueKind, value: Uint8Array): void {
  let id = String(state.opaque.count(kind)).padStart(12, '0');
  if (kind.id !== '') {
    const fields = mapFields(value);
    for (const name of ['CreateIndex', 'ModifyIndex']) positive(fields, name);
    id = textField(fields, kind.id);
  }
  if (kind === CA_CONFIG) id = '';
  id = peeringRecordId(kind, value) ?? id;
  state.opaque.load(kind, id, value.slice());
}

export function loadConfig(state: State, value: Uint8Array): void {
  const { kind, entry } = decodeConfigCommand(value);
  const fields = mapFields(entry);
  state.config.rows.put(configRow(kind, entry, positive(fields, 'CreateIndex'), positive(fields, 'ModifyIndex')));
}

function positive(fields: ReadonlyMap<string, Uint8Array>, name: string): number {
  const value = numberField(fields, name);
  if (value < 0) throw new ProtocolError('NEGATIVE', `negative ${name}`);
  return value;
}

export function loadFederation(state: State, value: Uint8Array): void {
  const inner = mapFields(value).get('State');
  if (inner === undefined) throw new ProtocolError('FEDERATION_STATE', 'no State');
  const fields = mapFields(inner);
  for (const name of ['CreateIndex', 'ModifyIndex', 'PrimaryModifyIndex']) positive(fields, name);
  state.federation.set(textField(fields, 'Datacenter'), inner.slice());
}

/** The offset in a 16-byte (or 4-byte) address. */
function offsetOf(fields: ReadonlyMap<string, Uint8Array>): number {
  const value = fields.get('IP');
  const bytes = value === undefined ? null : new Reader(value).bytesAlias();
  if (bytes === null || (bytes.length !== 4 && bytes.length !== 16))
    throw new ProtocolError('VIRTUAL_IP', 'not an address');
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(bytes.length - 4);
}

const NO_FIELDS: Uint8Array = new Uint8Array([0x80]);

export function loadVirtualIp(state: State, value: Uint8Array): void {
  const fields = mapFields(value);
  const service = mapFields(fields.get('Service') ?? NO_FIELDS);
  const manual = fields.get('ManualIPs');
  const ManualIPs = manual === undefined ? null : manualIps(manual);
  state.virtualIps.put({
    Service: textField(mapFields(service.get('ServiceName') ?? NO_FIELDS), 'Name'),
    Peer: textField(service, 'Peer'),
    offset: offsetOf(fields),
    ManualIPs,
    CreateIndex: positive(fields, 'CreateIndex'),
    ModifyIndex: positive(fields, 'ModifyIndex'),
  });
}

function manualIps(value: Uint8Array): readonly string[] | null {
  const reader = new Reader(value);
  const count = reader.arrayHeader();
  if (count < 0) return null;
  const ips: string[] = [];
  for (let i = 0; i < count; i++) ips.push(reader.str());
  return ips;
}

export function loadFreeIp(state: State, value: Uint8Array): void {
  const fields = mapFields(value);
  const isCounter = new Reader(fields.get('IsCounter') ?? new Uint8Array([0xc2])).bool();
  if (isCounter) state.virtualIps.counter = offsetOf(fields);
  else state.virtualIps.freed = offsetOf(fields);
}
