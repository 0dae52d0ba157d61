import { ProtocolError } from '@proconsul/base';
import type { JsonValue } from '@proconsul/gojson';
import { Reader, type Writer } from '@proconsul/msgpack';
import { DecodeError, isObject } from '../kind.ts';
import { encoded } from '../struct.ts';
import { goKind, type Problems, refuseProblems } from './problems.ts';
import { CONFIG_ENTRY_SHAPES } from './shapes.ts';

/** A config entry as decoded fields with Go's names; durations are nanoseconds. Fields with zero values may be missing. */
export interface ConfigEntry {
  readonly Kind: string;
  readonly Name: string;
  readonly [field: string]: unknown;
}

/** All kinds, in the order of their names. */
export const CONFIG_KINDS: readonly string[] = [...CONFIG_ENTRY_SHAPES.keys()].sort();

export const isConfigKind = (kind: string): boolean => CONFIG_ENTRY_SHAPES.has(kind);

/**
 * Reads an entry from JSON (or from HCL as plain data). Names may be CamelCase or snake_case; what kinds do not have is
 * an error. Throws DecodeError. Source: recorded answers.
 */
export function readConfigEntry(json: JsonValue): ConfigEntry {
  if (json !== null && !isObject(json)) throw new DecodeError(`'' expected a map, got '${goKind(json)}'`);
  const found = Object.entries(json ?? {}).find(([key]) => key === 'Kind' || key === 'kind');
  if (found === undefined) throw new DecodeError('Payload does not contain a kind/Kind key at the top level');
  const kind = found[1];
  if (typeof kind !== 'string') throw new DecodeError('Kind value in payload is not a string');
  const shape = CONFIG_ENTRY_SHAPES.get(kind);
  if (shape === undefined) throw new DecodeError(`invalid config entry kind: ${kind}`);
  const problems: Problems = { unknownKeys: [], errors: [] };
  const entry = shape.readObject(json ?? {}, '', problems);
  refuseProblems(problems);
  if (kind === 'service-intentions') dropLegacy(entry['Sources']);
  return { ...entry, Kind: kind, Name: typeof entry['Name'] === 'string' ? entry['Name'] : '' };
}

/** Marks of intentions written the older way: accepted from clients and not looked at. Source: recorded answers. */
function dropLegacy(sources: unknown): void {
  if (!Array.isArray(sources)) return;
  for (const source of sources as (Record<string, unknown> | null)[]) {
    if (source === null) continue;
    for (const field of Object.keys(source)) if (field.startsWith('Legacy')) delete source[field];
  }
}

/** The entry as the API prints it: fields of its kind, in their order. */
export function configEntryJson(entry: ConfigEntry): string {
  const shape = CONFIG_ENTRY_SHAPES.get(entry.Kind);
  if (shape === undefined) throw new DecodeError(`invalid config entry kind: ${entry.Kind}`);
  return shape.print(entry);
}

/** This kind travels as a raw value that holds its map; all others travel as maps. Source: recorded requests. */
const WRAPPED_KIND = 'proxy-defaults';
/** Of the kind that has no field for its name. */
const MESH_NAME = 'mesh';

/** Writes an entry as it stands inside other structures, all fields of its kind. Throws DecodeError for an unknown kind. */
export function writeConfigEntry(w: Writer, entry: ConfigEntry): void {
  const shape = CONFIG_ENTRY_SHAPES.get(entry.Kind);
  if (shape === undefined) throw new DecodeError(`invalid config entry kind: ${entry.Kind}`);
  if (entry.Kind !== WRAPPED_KIND) return shape.encode(w, entry);
  w.bytes(encodeConfigEntry(entry));
}

/** The map of an entry alone, as the log keeps it. Throws DecodeError for an unknown kind. */
export function encodeConfigEntry(entry: ConfigEntry): Uint8Array {
  const shape = CONFIG_ENTRY_SHAPES.get(entry.Kind);
  if (shape === undefined) throw new DecodeError(`invalid config entry kind: ${entry.Kind}`);
  return encoded((w) => shape.encode(w, entry));
}

/** Reads one of a kind that is known from elsewhere. Throws ProtocolError, CONFIG_ENTRY_KIND for an unknown kind. */
export function decodeConfigEntry(r: Reader, kind: string): ConfigEntry {
  const shape = CONFIG_ENTRY_SHAPES.get(kind);
  if (shape === undefined) throw new ProtocolError('CONFIG_ENTRY_KIND', `invalid config entry kind: ${kind}`);
  const wrapped = r.peekKind() === 'str' || r.peekKind() === 'bin';
  const fields = shape.decode(wrapped ? new Reader(r.bytesAlias() ?? EMPTY) : r);
  const record = (fields ?? {}) as Record<string, unknown>;
  const name = record['Name'];
  const Name = typeof name === 'string' ? name : kind === 'mesh' ? MESH_NAME : '';
  return Object.assign(record, { Kind: kind, Name }) as unknown as ConfigEntry;
}

const EMPTY = new Uint8Array([0x80]);
