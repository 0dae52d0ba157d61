import { Reader } from '@proconsul/msgpack';
import { type ConfigEntry, decodeConfigEntry, encodeConfigEntry } from '@proconsul/schema';
import { type Fields, recordOf, recordsOf, textOf } from './config-rules/fields.ts';
import { entryHash } from './config-rules/hash.ts';
import { intentionsFault } from './config-rules/intention-faults.ts';
import { normalizeEntry } from './config-rules/normalize.ts';
import { applyConfig, decodedEntry } from './config-table.ts';
import type { Journal } from './journal.ts';
import { isNilField, mapFields, textField } from './raw-map.ts';
import type { ApplyResult } from './result.ts';
import type { State } from './state.ts';

/*
 * Commands that change one source of a `service-intentions` entry. Two APIs write them: the newer one names source and
 * destination, the older one gives each source an id, a time and notes of its own. An entry belongs to the older one as
 * long as nobody has changed it in another way. Source: commands of a leader of the reference, and its snapshots before and
 * after each.
 */

const KIND = 'service-intentions';
/** Zero moments are left out of entries. */
const NEVER = '0001-01-01T00:00:00Z';

interface Mutation {
  readonly id: string;
  readonly source: string;
  readonly destination: string;
  readonly value: Fields | null;
}

/** Applies an intention command other than the removal of those of old versions. Throws ProtocolError before any change. */
export function applyMutation(state: State, journal: Journal, op: string, bytes: Uint8Array): ApplyResult {
  const mutation = readMutation(bytes);
  switch (op) {
    case 'create':
      return create(state, journal, mutation);
    case 'update':
      return update(state, journal, mutation);
    case 'upsert':
      return upsert(state, journal, mutation);
    case 'delete':
      return mutation.id === '' ? removeByName(state, journal, mutation) : removeById(state, journal, mutation.id);
    default:
      return { error: `Invalid Intention operation '${op}'` };
  }
}

function readMutation(bytes: Uint8Array): Mutation {
  const fields = mapFields(bytes);
  const name = (field: string): string => {
    const value = fields.get(field);
    return value === undefined || isNilField(fields, field) ? '' : textField(mapFields(value), 'Name');
  };
  return {
    id: textField(fields, 'ID'),
    source: name('Source'),
    destination: name('Destination'),
    value: isNilField(fields, 'Value') ? null : readSource(fields.get('Value') as Uint8Array),
  };
}

/** A source stands alone in a command as it does in an entry. */
function readSource(bytes: Uint8Array): Fields {
  const entry = decodeConfigEntry(new Reader(entryOfOne(bytes)), KIND);
  return recordsOf(entry['Sources'])[0] ?? {};
}

/** `{Sources: [source]}` */
function entryOfOne(source: Uint8Array): Uint8Array {
  const head = [0x81, 0xa7, ...[...'Sources'].map((letter) => letter.charCodeAt(0)), 0x91];
  const out = new Uint8Array(head.length + source.length);
  out.set(head);
  out.set(source, head.length);
  return out;
}

function entryFor(state: State, destination: string): ConfigEntry | null {
  const row = state.config.get(KIND, destination);
  return row === undefined ? null : decodedEntry(row);
}

const sourcesOf = (entry: ConfigEntry | null): Fields[] => recordsOf(entry?.['Sources']);
const legacyId = (source: Fields): string => textOf(source['LegacyID']);
const isLegacy = (entry: ConfigEntry): boolean =>
  Object.keys(recordOf(entry['Meta'])).length === 0 && sourcesOf(entry).every((source) => legacyId(source) !== '');

/** The older API keeps notes with each source; none are an empty list of them. */
const legacySource = (source: Fields): Fields =>
  legacyId(source) === '' ? source : { ...source, LegacyMeta: source['LegacyMeta'] ?? {} };

function plainSource(source: Fields): Fields {
  const { LegacyID: _, LegacyMeta: __, LegacyCreateTime: ___, LegacyUpdateTime: ____, ...rest } = source;
  return rest;
}

function create(state: State, journal: Journal, { destination, value }: Mutation): ApplyResult {
  if (value === null || legacyId(value) === '') return { error: 'ID and Value are required' };
  const old = entryFor(state, destination);
  if (old !== null && !isLegacy(old)) {
    return {
      error: `cannot use legacy intention API to edit intentions with a destination of ${JSON.stringify(destination)} after editing them via a service-intentions config entry`,
    };
  }
  return write(state, journal, old, destination, [...sourcesOf(old), value]);
}

function update(state: State, journal: Journal, { id, value }: Mutation): ApplyResult {
  const old = value === null ? null : withLegacySource(state, id);
  if (old === null || value === null) return { error: `Cannot modify non-existent intention: '${id}'` };
  const sources = sourcesOf(old).map((source) =>
    legacyId(source) === id
      ? { ...value, LegacyCreateTime: source['LegacyCreateTime'] ?? value['LegacyCreateTime'] }
      : source,
  );
  return write(state, journal, old, old.Name, sources);
}

function upsert(state: State, journal: Journal, { source, destination, value }: Mutation): ApplyResult {
  if (value === null) return { error: 'Value is required' };
  const old = entryFor(state, destination);
  const sources = sourcesOf(old).map(plainSource);
  const given = plainSource(value);
  const at = sources.findIndex((one) => isFrom(one, source, value));
  if (at === -1) sources.push(given);
  else sources[at] = given;
  return write(state, journal, old, destination, sources);
}

const isFrom = (one: Fields, name: string, like: Fields): boolean =>
  textOf(one['Name']) === name && textOf(one['Peer']) === textOf(like['Peer']);

function removeByName(state: State, journal: Journal, { source, destination }: Mutation): ApplyResult {
  const old = entryFor(state, destination);
  const sources = sourcesOf(old);
  const left = sources.filter((one) => !isFrom(one, source, {}));
  if (old === null || left.length === sources.length) return null;
  return write(state, journal, old, destination, left.map(plainSource));
}

function removeById(state: State, journal: Journal, id: string): ApplyResult {
  const old = withLegacySource(state, id);
  if (old === null) return null;
  return write(
    state,
    journal,
    old,
    old.Name,
    sourcesOf(old).filter((source) => legacyId(source) !== id),
  );
}

function withLegacySource(state: State, id: string): ConfigEntry | null {
  for (const row of state.config.ofKind(KIND)) {
    const entry = decodedEntry(row);
    if (sourcesOf(entry).some((source) => legacyId(source) === id)) return entry;
  }
  return null;
}

/** Puts the entry with these sources, or removes it when none is left. */
function write(
  state: State,
  journal: Journal,
  old: ConfigEntry | null,
  destination: string,
  sources: readonly Fields[],
): ApplyResult {
  const { CreateIndex: _, ModifyIndex: __, ...kept } = old ?? { Kind: KIND, Name: destination };
  const given = {
    ...kept,
    Kind: KIND,
    Name: destination,
    Sources: sources.map(withoutNever).map(legacySource),
  } as ConfigEntry;
  if (sources.length === 0) return done(applyConfig(state, journal, commandFor('delete', given)));
  const entry = normalizeEntry(given);
  const fault = intentionsFault(entry);
  if (fault !== null) return { error: fault };
  return done(applyConfig(state, journal, commandFor('upsert', { ...entry, Hash: entryHash(entry) })));
}

/** A command of intentions answers nothing when it has taken effect. */
const done = (result: ApplyResult): ApplyResult => (result === true ? null : result);

function withoutNever(source: Fields): Fields {
  const kept = Object.entries(source).filter(([field, value]) => !field.endsWith('Time') || value !== NEVER);
  return Object.fromEntries(kept);
}

const commandFor = (op: string, entry: ConfigEntry) => ({ kind: KIND, op, entry: encodeConfigEntry(entry) });
