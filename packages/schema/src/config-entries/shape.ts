import { type JsonObject, type JsonValue, quoteJson } from '@proconsul/gojson';
import type { Reader, Writer } from '@proconsul/msgpack';
import { isObject } from '../kind.ts';
import { plainName } from './names.ts';
import { isNothing, type Part, single } from './part.ts';
import { goKind, type Problems, UNKNOWN_KEYS_MAX } from './problems.ts';

/** How a field is printed: always, or only when it is not empty. */
export interface EntryField {
  readonly name: string;
  readonly part: Part;
  readonly always: boolean;
}

/** A structure; its fields print in the order of the table. */
export interface Shape extends Part {
  readObject(json: JsonObject, path: string, problems: Problems): Record<string, unknown>;
}

/** The fields of a structure, by the names that each side knows. Made when it is first used: a program knows many structures. */
interface Plan {
  readonly inJson: readonly EntryField[];
  readonly byName: ReadonlyMap<string, EntryField>;
  readonly onWire: readonly EntryField[];
  readonly byWireName: ReadonlyMap<string, EntryField>;
}

function planOf(table: Readonly<Record<string, Part>>): Plan {
  const fields: EntryField[] = Object.entries(table).map(([key, part]) => {
    const always = key.endsWith('!');
    return { name: always ? key.slice(0, -1) : key, part, always };
  });
  const inJson = fields.filter(({ part }) => part.only !== 'wire');
  const byName = new Map(inJson.map((field) => [plainName(field.name), field]));
  const onWire = fields.filter(({ part }) => part.only !== 'json').sort((a, b) => (a.name < b.name ? -1 : 1));
  const byWireName = new Map(onWire.map((field) => [field.name, field]));
  return { inJson, byName, onWire, byWireName };
}

/**
 * A table of fields. A name with `!` behind it is printed even when it is empty. Source: recorded entries of every
 * kind, configuration entry documentation.
 */
export function shape(table: Readonly<Record<string, Part>>): Shape {
  let made: Plan | undefined;
  const plan = (): Plan => (made ??= planOf(table));
  return {
    readObject: (json, path, problems) => readFields(plan(), json, path, problems),
    read: (json, path, problems) => {
      const inner = single(json);
      if (isObject(inner)) return readFields(plan(), inner, path, problems);
      problems.errors.push(`'${path}' expected a map, got '${goKind(inner)}'`);
      return undefined;
    },
    print: (value) => printFields(plan(), value),
    // A structure inside another one is never left out; see `maybe`.
    isEmpty: () => false,
    encode: (w, value) => encodeFields(plan(), w, value),
    decode: (r) => decodeFields(plan(), r),
    isZero: (value) => Object.keys(value as object).length === 0,
  };
}

function readFields({ byName }: Plan, json: JsonObject, path: string, problems: Problems): Record<string, unknown> {
  const out: Record<string, unknown> = Object.create(null);
  const unknown: string[] = [];
  for (const key of Object.keys(json)) {
    const found = byName.get(plainName(key));
    // Of two spellings the right one is the field.
    const field = found !== undefined && isOther(key, found.name) && found.name in json ? undefined : found;
    const value = json[key] as JsonValue;
    if (field === undefined) unknown.push(path === '' ? key : `${path}.${key}`);
    else if (value !== null) {
      const read = field.part.read(value, path === '' ? field.name : `${path}.${field.name}`, problems);
      if (read !== undefined) out[field.name] = read;
    }
  }
  for (const key of unknown) if (problems.unknownKeys.length < UNKNOWN_KEYS_MAX) problems.unknownKeys.push(key);
  return out;
}

const isOther = (key: string, name: string): boolean => key !== name && key.toLowerCase() === name.toLowerCase();

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  (isNothing(value) ? {} : value) as Readonly<Record<string, unknown>>;

function printFields({ inJson }: Plan, value: unknown): string {
  const record = recordOf(value);
  const parts: string[] = [];
  for (const { name, part, always } of inJson) {
    const inner = record[name];
    if (always || !part.isEmpty(inner)) parts.push(`${quoteJson(name)}:${part.print(inner)}`);
  }
  return `{${parts.join(',')}}`;
}

function encodeFields({ onWire }: Plan, w: Writer, value: unknown): void {
  const record = recordOf(value);
  w.mapHeader(onWire.length);
  for (const { name, part } of onWire) {
    w.key(name);
    part.encode(w, record[name]);
  }
}

function decodeFields({ byWireName }: Plan, r: Reader): Record<string, unknown> | undefined {
  const count = r.mapHeader();
  if (count < 0) return undefined;
  const out: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < count; i++) {
    const field = byWireName.get(r.key());
    if (field === undefined) {
      r.skip();
      continue;
    }
    const value = field.part.decode(r);
    if (value !== undefined && isKept(field, value)) out[field.name] = value;
  }
  return out;
}

/** Peers write every field; what would be printed the same without it is not kept. */
function isKept({ part, always }: EntryField, value: unknown): boolean {
  // An empty list that is always printed differs from nil there.
  if (always && typeof value === 'object') return true;
  return !(part.isEmpty(value) || part.isZero?.(value) === true);
}
