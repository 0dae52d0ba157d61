import { equalBytes, ProtocolError } from '@proconsul/base';
import { decodeAny, encodeAny, Reader, Writer } from '@proconsul/msgpack';
import { type ConfigEntry, decodeConfigEntry, encodeConfigEntry, isConfigKind } from '@proconsul/schema';
import { dep, type ReadResult } from './dep.ts';
import type { Journal } from './journal.ts';
import { OrderedRows } from './ordered-rows.ts';
import { mapFields, numberField, textField, withNumbers } from './raw-map.ts';
import type { ApplyResult } from './result.ts';
import type { State } from './state.ts';
import { assignVirtualIp, releaseVirtualIp } from './virtual-ips.ts';

/** A config entry. Its fields are of the mesh's concern; here it is bytes with a kind, a name and indexes. */
export interface ConfigRow {
  readonly Kind: string;
  readonly Name: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  /** The entry as a MessagePack map, indexes included. */
  readonly bytes: Uint8Array;
  /** Made at the first read. */
  decoded: ConfigEntryValue | null;
}

/** A config entry as decoded fields. */
export interface ConfigEntryValue {
  readonly Kind: string;
  readonly Name: string;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  readonly [field: string]: unknown;
}

/** What a config entry command asks for, before the entry is looked into. */
export interface ConfigCommand {
  readonly kind: string;
  readonly op: string;
  /** The entry's MessagePack map. */
  readonly entry: Uint8Array;
}

/** This kind travels as bytes that hold its map, while all others travel as maps. Source: recorded commands. */
const WRAPPED_KIND = 'proxy-defaults';
/** Kinds whose structures have no field for the name. Source: wire structures. */
const NAMELESS: ReadonlyMap<string, string> = new Map([['mesh', 'mesh']]);

export class ConfigTable {
  readonly rows = new OrderedRows<ConfigRow>((row) => keyOf(row.Kind, row.Name));

  get(kind: string, name: string): ConfigRow | undefined {
    return this.rows.get(keyOf(kind, name));
  }

  ofKind(kind: string): ConfigRow[] {
    return this.rows.under(`${kind}\0`);
  }

  /** True when an entry keeps the virtual address of a service alive without instances. */
  needsVirtualIp(service: string): boolean {
    if (this.get('service-resolver', service) !== undefined) return true;
    if (this.get('service-intentions', service) !== undefined) return true;
    const defaults = this.get('service-defaults', service);
    return defaults !== undefined && hasDestination(defaults);
  }
}

const keyOf = (kind: string, name: string): string => `${kind}\0${name.toLowerCase()}`;

const hasDestination = (row: ConfigRow): boolean => decodedEntry(row)['Destination'] != null;

/**
 * Reads a command: one raw value that holds the kind and, behind it, the map of the request. Throws ProtocolError.
 * Source: recorded commands.
 */
export function decodeConfigCommand(body: Uint8Array): ConfigCommand {
  const held = new Reader(body).bytesAlias() ?? body;
  const reader = new Reader(held);
  const kind = reader.str();
  const fields = mapFields(held.subarray(reader.offset));
  const wrapped = fields.get('Entry') ?? new Uint8Array([0x80]);
  const inner = new Reader(wrapped);
  const found = inner.peekKind();
  const entry = found === 'str' || found === 'bin' ? (inner.bytes() as Uint8Array) : wrapped;
  mapFields(entry); // Must be a map, to the last field.
  return { kind, op: textField(fields, 'Op'), entry };
}

/** The body of a command; see {@link decodeConfigCommand}. */
export function encodeConfigCommand(request: {
  readonly Datacenter?: string;
  readonly Token?: string;
  readonly Op: string;
  readonly Entry: Readonly<Record<string, unknown>>;
}): Uint8Array {
  const kind = String(request.Entry['Kind'] ?? '');
  return writeCommand(kind, encodeEntry(kind, request.Entry), request);
}

/** The record of a snapshot. */
export function encodeConfigRecord(row: ConfigRow): Uint8Array {
  return writeCommand(row.Kind, row.bytes, { Op: '' });
}

function writeCommand(
  kind: string,
  entry: Uint8Array,
  request: { readonly Datacenter?: string; readonly Token?: string; readonly Op: string },
): Uint8Array {
  const writer = new Writer('rpc', entry.length + 96);
  writer.str(kind);
  writer.mapHeader(4);
  writer.key('Datacenter');
  writer.str(request.Datacenter ?? '');
  writer.key('Entry');
  if (kind === WRAPPED_KIND) writer.bytes(entry);
  else writer.raw(entry);
  writer.key('Op');
  writer.str(request.Op);
  writer.key('Token');
  writer.str(request.Token ?? '');
  const outer = new Writer('rpc', writer.length + 8);
  outer.bytes(writer.finish());
  return outer.finish();
}

/** Kinds that are not known keep what they hold, numbers as integers. */
function encodeEntry(kind: string, entry: Readonly<Record<string, unknown>>): Uint8Array {
  if (!isConfigKind(kind)) return encodeAny(entry, 'rpc');
  return encodeConfigEntry(entry as unknown as ConfigEntry);
}

/** Makes the row of an entry, in memory of its own. */
export function configRow(kind: string, entry: Uint8Array, CreateIndex: number, ModifyIndex: number): ConfigRow {
  const Name = NAMELESS.get(kind) ?? textField(mapFields(entry), 'Name');
  const bytes = withNumbers(entry, { CreateIndex, ModifyIndex });
  return { Kind: kind, Name, CreateIndex, ModifyIndex, bytes, decoded: null };
}

/** Answers whether the write took effect: always, unless its condition did not hold. */
export function applyConfig(state: State, journal: Journal, command: ConfigCommand): ApplyResult {
  const wanted = numberField(mapFields(command.entry), 'ModifyIndex');
  const row = configRow(command.kind, command.entry, journal.index, journal.index);
  if (row.Kind === '') return { error: 'invalid config entry kind: ' };
  const old = state.config.get(row.Kind, row.Name);
  switch (command.op) {
    case 'upsert':
      return upsert(state, journal, command, old);
    case 'upsert-cas':
    case 'upsert-with-status-cas':
      return (old?.ModifyIndex ?? 0) === wanted && upsert(state, journal, command, old);
    case 'delete':
      if (old !== undefined) remove(state, journal, old);
      return true;
    case 'delete-cas':
      if (old === undefined) return true;
      if (old.ModifyIndex !== wanted) return false;
      remove(state, journal, old);
      return true;
    default:
      return { error: `invalid config entry operation type: ${command.op}` };
  }
}

function upsert(state: State, journal: Journal, command: ConfigCommand, old: ConfigRow | undefined): true {
  if (old !== undefined) {
    const unchanged = configRow(command.kind, command.entry, old.CreateIndex, old.ModifyIndex);
    if (equalBytes(unchanged.bytes, old.bytes)) return true;
  }
  const row = configRow(command.kind, command.entry, old?.CreateIndex ?? journal.index, journal.index);
  const services = servicesWithVirtualIp(row); // Decodes the entry, which may fail: before anything is changed.
  state.config.rows.put(row);
  touch(state, journal, row);
  for (const service of services) assignVirtualIp(state, journal, service);
  return true;
}

function remove(state: State, journal: Journal, row: ConfigRow): void {
  state.config.rows.delete(keyOf(row.Kind, row.Name));
  touch(state, journal, row);
  if (row.Kind === 'terminating-gateway') return; // The reference leaves those addresses assigned.
  for (const service of servicesWithVirtualIp(row)) releaseVirtualIp(state, journal, service);
}

/** Services that get a virtual address because of an entry. Source: snapshots of the reference before and after. */
function servicesWithVirtualIp(row: ConfigRow): string[] {
  switch (row.Kind) {
    case 'service-resolver':
      return [row.Name];
    case 'service-intentions':
      return row.Name === '*' ? [] : [row.Name];
    case 'service-defaults':
      return hasDestination(row) ? [row.Name] : [];
    case 'terminating-gateway':
      return listOf(decodedEntry(row)['Services']).map((service) => String(service['Name'] ?? ''));
    default:
      return [];
  }
}

/** A list of records inside free-form data; empty when it is something else. */
export function listOf(value: unknown): Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item) => typeof item === 'object' && item !== null && !Array.isArray(item));
}

function touch(state: State, journal: Journal, row: ConfigRow): void {
  state.indexes.bump('config-entries', journal);
  if (row.Kind === 'terminating-gateway' || row.Kind === 'ingress-gateway') {
    state.indexes.bump('gateway-services', journal);
  }
  journal.touch('table', 'config-entries');
  journal.touch('config-kind', row.Kind);
  journal.touch('config', keyOf(row.Kind, row.Name));
}

/** The decoded entry; the same object each time. */
export function decodedEntry(row: ConfigRow): ConfigEntryValue {
  if (row.decoded === null) {
    const { Kind, Name, CreateIndex, ModifyIndex } = row;
    const fields = fieldsOf(row);
    row.decoded = { ...fields, Kind, Name, CreateIndex, ModifyIndex };
  }
  return row.decoded;
}

/** An entry that does not fit its kind (of another version, or damaged) is read as it is. */
function fieldsOf({ Kind, bytes }: ConfigRow): Readonly<Record<string, unknown>> {
  if (isConfigKind(Kind)) {
    try {
      return decodeConfigEntry(new Reader(bytes), Kind);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  return decodeAny(bytes) as Record<string, unknown>;
}

const configIndex = (state: State): number => Math.max(1, state.indexes.get('config-entries'));

/** The entry, or null. */
export function getConfig(state: State, kind: string, name: string): ReadResult<ConfigEntryValue | null> {
  const row = state.config.get(kind, name);
  const index = row === undefined ? configIndex(state) : Math.max(1, row.ModifyIndex);
  return { index, value: row === undefined ? null : decodedEntry(row), deps: [dep('config', keyOf(kind, name))] };
}

/** Entries of a kind by name; the empty kind lists all, by kind. */
export function listConfig(state: State, kind: string): ReadResult<readonly ConfigEntryValue[]> {
  const rows = kind === '' ? state.config.rows.all() : state.config.ofKind(kind);
  const deps = [kind === '' ? dep('table', 'config-entries') : dep('config-kind', kind)];
  return { index: configIndex(state), value: rows.map(decodedEntry), deps };
}
