import { equalBytes, ProtocolError } from '@proconsul/base';
import { decodeAny, encodeAny, Reader, Writer } from '@proconsul/msgpack';
import { type ConfigEntry, decodeConfigEntry, encodeConfigEntry, isConfigKind } from '@proconsul/schema';
import type { Fault } from './config-rules/fields.ts';
import { type EntryView, graphFault } from './config-rules/graph.ts';
import { referenceFault } from './config-rules/references.ts';
import { dep, type ReadResult } from './dep.ts';
import { readdressGateway } from './gateway-addresses.ts';
import { MESH_TOPOLOGY } from './index-table.ts';
import type { Journal } from './journal.ts';
import { OrderedRows } from './ordered-rows.ts';
import { mapFields, numberField, textField, withNumbers, withValues } from './raw-map.ts';
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
  /** When what it says of a gateway's services last changed; as good as known after a snapshot, which does not tell it. */
  gatewayIndex: number;
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

/** Entries of these kinds give their service a virtual address of its own. Source: snapshots of the reference. */
const KINDS_WITH_ADDRESS = [
  'service-resolver',
  'service-router',
  'service-splitter',
  'service-defaults',
  'service-intentions',
];

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
    return (
      KINDS_WITH_ADDRESS.some((kind) => this.get(kind, service) !== undefined) || this.isBehindGateway(service, false)
    );
  }

  /** Services that a terminating gateway leads to. */
  servicesBehind(gateway: string): string[] {
    const row = this.get(TERMINATING, gateway);
    return row === undefined ? [] : servicesWithVirtualIp(row);
  }

  /** True when a terminating gateway leads to the service: by its name or, with `orAll`, to every service. */
  isBehindGateway(service: string, orAll: boolean): boolean {
    return this.ofKind(TERMINATING).some((row) => {
      const names = servicesWithVirtualIp(row);
      return names.includes(service) || (orAll && names.includes('*'));
    });
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
  return { Kind: kind, Name, CreateIndex, ModifyIndex, bytes, gatewayIndex: ModifyIndex, decoded: null };
}

/**
 * Answers whether the write took effect: always, unless its condition did not hold. What would leave services that cannot be
 * reached consistently is refused here, on every server alike: leaders of the reference leave that to the state machine.
 */
export function applyConfig(state: State, journal: Journal, command: ConfigCommand): ApplyResult {
  const wanted = numberField(mapFields(command.entry), 'ModifyIndex');
  const { Kind, Name } = configRow(command.kind, command.entry, journal.index, journal.index);
  if (Kind === '') return { error: 'invalid config entry kind: ' };
  const old = state.config.get(Kind, Name);
  switch (command.op) {
    case 'upsert':
      return upsert(state, journal, withOldStatus(command, old), old);
    case 'upsert-cas':
      return (old?.ModifyIndex ?? 0) === wanted && upsert(state, journal, withOldStatus(command, old), old);
    case 'upsert-with-status-cas':
      return (old?.ModifyIndex ?? 0) === wanted && upsert(state, journal, command, old);
    case 'delete':
      return old === undefined || remove(state, journal, old);
    case 'delete-cas':
      if (old === undefined) return true;
      return old.ModifyIndex === wanted && remove(state, journal, old);
    default:
      return { error: `invalid config entry operation type: ${command.op}` };
  }
}

/** Kinds whose status is written by the controllers of the leader, apart from the rest. */
const WITH_STATUS: ReadonlySet<string> = new Set(['api-gateway', 'http-route', 'tcp-route']);

/** What others than those controllers say about the status is not heard. Source: snapshots of the reference. */
function withOldStatus(command: ConfigCommand, old: ConfigRow | undefined): ConfigCommand {
  if (!WITH_STATUS.has(command.kind)) return command;
  const Status = (old === undefined ? undefined : mapFields(old.bytes).get('Status')) ?? NO_STATUS;
  return { ...command, entry: withValues(command.entry, { Status }) };
}

const NO_STATUS = encodeAny({ Conditions: null }, 'rpc');

/** The entries as the rules read them. */
function entryView(state: State): EntryView {
  return {
    get: (kind, name) => {
      const row = state.config.get(kind, name);
      return row === undefined ? null : decodedEntry(row);
    },
    list: (kind) => state.config.ofKind(kind).map(decodedEntry),
    datacenter: state.datacenter,
  };
}

function upsert(state: State, journal: Journal, command: ConfigCommand, old: ConfigRow | undefined): ApplyResult {
  const row = configRow(command.kind, command.entry, old?.CreateIndex ?? journal.index, journal.index);
  const fault = entryFault(state, row); // Decodes the entry, which may fail: before anything is changed.
  if (fault !== null) return { error: fault };
  state.config.rows.put(row);
  touch(state, journal, old, row);
  for (const service of servicesWithVirtualIp(row)) assignVirtualIp(state, journal, service);
  changeGateway(state, journal, old, row);
  return true;
}

/** Kinds of newer versions take no part. */
function entryFault(state: State, row: ConfigRow): Fault {
  if (!isConfigKind(row.Kind)) return null;
  const view = entryView(state);
  const entry = decodedEntry(row);
  return referenceFault(view, entry) ?? graphFault(view, row.Kind, row.Name, entry);
}

function remove(state: State, journal: Journal, row: ConfigRow): ApplyResult {
  const fault = graphFault(entryView(state), row.Kind, row.Name, null);
  if (fault !== null) return { error: fault };
  state.config.rows.delete(keyOf(row.Kind, row.Name));
  touch(state, journal, row, undefined);
  if (row.Kind === TERMINATING) return true; // The reference leaves those addresses assigned.
  for (const service of servicesWithVirtualIp(row)) releaseVirtualIp(state, journal, service);
  return true;
}

/** Services that a gateway no longer leads to keep their addresses as long as the gateway has instances. */
function changeGateway(state: State, journal: Journal, old: ConfigRow | undefined, row: ConfigRow): void {
  if (row.Kind !== TERMINATING || equalBytes(gatewayPart(old), gatewayPart(row))) return;
  const before = old === undefined ? [] : servicesWithVirtualIp(old);
  const now = servicesWithVirtualIp(row);
  readdressGateway(state, journal, row.Name, before, now);
  if (state.catalog.group(row.Name) !== undefined) return;
  for (const service of before) if (!now.includes(service)) releaseVirtualIp(state, journal, service);
}

const TERMINATING = 'terminating-gateway';
const INGRESS = 'ingress-gateway';

/** Services that get a virtual address because of an entry. Source: snapshots of the reference before and after. */
function servicesWithVirtualIp(row: ConfigRow): string[] {
  switch (row.Kind) {
    case TERMINATING:
      return listOf(decodedEntry(row)['Services']).map((service) => String(service['Name'] ?? ''));
    default:
      return KINDS_WITH_ADDRESS.includes(row.Kind) && row.Name !== '*' ? [row.Name] : [];
  }
}

/** A list of records inside free-form data; empty when it is something else. */
export function listOf(value: unknown): Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item) => typeof item === 'object' && item !== null && !Array.isArray(item));
}

/** What an entry was and is: undefined before it is made, and after it is removed. */
function touch(state: State, journal: Journal, old: ConfigRow | undefined, now: ConfigRow | undefined): void {
  const row = (now ?? old) as ConfigRow;
  state.indexes.bump('config-entries', journal);
  const isGateway = row.Kind === TERMINATING || row.Kind === INGRESS;
  if (isGateway && !equalBytes(gatewayPart(old), gatewayPart(now))) {
    state.indexes.bump('gateway-services', journal);
    if (row.Kind === INGRESS) state.indexes.bump(MESH_TOPOLOGY, journal);
  } else if (old !== undefined && now !== undefined) now.gatewayIndex = old.gatewayIndex;
  const destinations = [old, now].map((one) => one !== undefined && one.Kind === DEFAULTS && hasDestination(one));
  if (destinations[0] !== destinations[1]) state.indexes.bump('kind_service_names.destination', journal);
  journal.touch('table', 'config-entries');
  journal.touch('config-kind', row.Kind);
  journal.touch('config', keyOf(row.Kind, row.Name));
}

const DEFAULTS = 'service-defaults';

/** The services of a gateway, to compare. */
function gatewayPart(row: ConfigRow | undefined): Uint8Array {
  const fields = row === undefined ? undefined : mapFields(row.bytes);
  return fields?.get('Listeners') ?? fields?.get('Services') ?? new Uint8Array(0);
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
