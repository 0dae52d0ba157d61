import { durationError, formatDuration, parseDuration } from '@proconsul/base';
import {
  decodeBase64,
  encodeBase64,
  formatFloat,
  type JsonObject,
  type JsonValue,
  quoteJson,
  stringifyAny,
} from '@proconsul/gojson';
import {
  decodeAny,
  encodeAny,
  goTimeFromRfc3339,
  goTimeToRfc3339,
  type Reader,
  type Writer,
  ZERO_TIME,
} from '@proconsul/msgpack';
import { DecodeError, isObject } from '../kind.ts';

/** Names that an entry does not have of which its refusal tells. */
export const UNKNOWN_KEYS_MAX = 1000;

/** What decoding found wrong, collected over the whole document. */
export interface Problems {
  readonly unknownKeys: string[];
  readonly errors: string[];
}

/** One kind of value in a config entry: read leniently, kept as plain data, printed as the API does. */
export interface Part {
  /** Never sees null. Undefined when it cannot be read; then a problem was noted. */
  read(json: Exclude<JsonValue, null>, path: string, problems: Problems): unknown;
  /** Missing values print as the zero value. */
  print(value: unknown): string;
  isEmpty(value: unknown): boolean;
  /** Writes the MessagePack form. Missing values are written as the zero value. */
  encode(w: Writer, value: unknown): void;
  /** Reads it. Undefined stands for nil. Throws ProtocolError. */
  decode(r: Reader): unknown;
  /** Of structures that are always there: nothing in them differs from zero, so that they need not be kept. */
  isZero?(value: unknown): boolean;
  /** Where the field is left out: kept off the wire, or neither read from JSON nor printed. */
  readonly only?: 'json' | 'wire';
}

/** How a field is printed: always, or only when it is not empty. */
export interface EntryField {
  readonly name: string;
  readonly part: Part;
  readonly always: boolean;
}

/** The kind of a JSON value as Go's reflection names it. */
export function goKind(json: JsonValue): string {
  if (Array.isArray(json)) return 'slice';
  if (typeof json === 'object') return 'map';
  if (typeof json === 'boolean') return 'bool';
  return typeof json === 'string' ? 'string' : 'float64';
}

/** Go's `%v` of decoded JSON. */
function goValue(json: JsonValue): string {
  if (json === null) return '<nil>';
  if (Array.isArray(json)) return `[${json.map(goValue).join(' ')}]`;
  if (isObject(json)) {
    const pairs = Object.keys(json)
      .sort()
      .map((key) => `${key}:${goValue(json[key] as JsonValue)}`);
    return `map[${pairs.join(' ')}]`;
  }
  if (typeof json === 'number' || typeof json === 'bigint') return formatFloat(Number(json));
  return String(json);
}

/** HCL writes a block as a list of one, so a list of one stands for what is in it. */
function single(json: Exclude<JsonValue, null>): Exclude<JsonValue, null> {
  const only = Array.isArray(json) && json.length === 1 ? json[0] : null;
  return only === null || only === undefined ? json : only;
}

const isNothing = (value: unknown): boolean => value === undefined || value === null;

function refuse(problems: Problems, path: string, type: string, json: JsonValue): undefined {
  const got = Array.isArray(json) ? '[]interface {}' : isObject(json) ? 'map[string]interface {}' : typeof json;
  problems.errors.push(`'${path}' expected type '${type}', got unconvertible type '${got}', value: '${goValue(json)}'`);
  return undefined;
}

/** Text; `type` is its name in problems. */
export const textOf = (type: string): Part => ({
  read: (given, path, problems) => {
    const json = single(given);
    if (typeof json === 'string') return json;
    if (typeof json === 'boolean') return json ? '1' : '0';
    if (typeof json === 'number' || typeof json === 'bigint') return formatFloat(Number(json));
    return refuse(problems, path, type, json);
  },
  print: (value) => quoteJson(typeof value === 'string' ? value : ''),
  isEmpty: (value) => isNothing(value) || value === '',
  encode: (w, value) => w.str(typeof value === 'string' ? value : ''),
  decode: (r) => (r.isNil() ? undefined : r.str()),
});
export const text: Part = textOf('string');

/** Bytes, base64 in JSON and kept so. */
export const base64: Part = {
  ...text,
  encode: (w, value) => {
    if (typeof value !== 'string' || value === '') w.nil();
    else w.bytes(decodeBase64(value));
  },
  decode: (r) => {
    const bytes = r.bytes();
    return bytes === null ? undefined : encodeBase64(bytes);
  },
};

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['', '0', 'f', 'F', 'FALSE', 'false', 'False']);

export const flag: Part = {
  read: (given, path, problems) => {
    const json = single(given);
    if (typeof json === 'boolean') return json;
    if (typeof json === 'number' || typeof json === 'bigint') return Number(json) !== 0;
    if (typeof json !== 'string') return refuse(problems, path, 'bool', json);
    if (TRUE.has(json) || FALSE.has(json)) return TRUE.has(json);
    problems.errors.push(
      `cannot parse '${path}' as bool: strconv.ParseBool: parsing ${quoteJson(json)}: invalid syntax`,
    );
    return undefined;
  },
  print: (value) => (value === true ? 'true' : 'false'),
  isEmpty: (value) => value !== true,
  encode: (w, value) => w.bool(value === true),
  decode: (r) => (r.isNil() ? undefined : r.bool()),
};

const isWhole = (value: unknown): value is number | bigint =>
  typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));

/** A negative number stands for the one that has the same bits. */
function wrapped(number: number, name: 'uint32' | 'uint64'): number {
  const range = name === 'uint32' ? 2 ** 32 : 2 ** 64;
  return number < 0 ? range + number : number;
}

function whole(name: 'int' | 'uint32' | 'uint64'): Part {
  return {
    read: (given, path, problems) => {
      const json = single(given);
      if (typeof json === 'boolean') return json ? 1 : 0;
      if (typeof json === 'number' || typeof json === 'bigint') {
        const number = Number(json);
        const kept = Math.abs(number) < 2 ** 63 ? Math.trunc(number) : -(2 ** 63);
        return name === 'int' ? kept : wrapped(kept, name);
      }
      if (typeof json !== 'string') return refuse(problems, path, name, json);
      if (json === '') return 0;
      const pattern = name === 'int' ? /^[+-]?\d+$/ : /^\d+$/;
      if (pattern.test(json) && Number.isSafeInteger(Number(json))) return Number(json);
      const fn = name === 'int' ? 'ParseInt' : 'ParseUint';
      problems.errors.push(
        `cannot parse '${path}' as ${name === 'int' ? 'int' : 'uint'}: strconv.${fn}: parsing ${quoteJson(json)}: invalid syntax`,
      );
      return undefined;
    },
    print: (value) => String(isNothing(value) ? 0 : value),
    isEmpty: (value) => isNothing(value) || value === 0,
    encode: (w, value) => {
      const number = isWhole(value) ? value : 0;
      if (name === 'int') w.int(number);
      else w.uint(number < 0 ? 0 : number);
    },
    decode: (r) => (r.isNil() ? undefined : r.intOrBig()),
  };
}

function orNil(of: Part): Part['encode'] {
  return (w, value) => (isNothing(value) ? w.nil() : of.encode(w, value));
}

export const int: Part = whole('int');
export const uint32: Part = whole('uint32');
export const uint64: Part = whole('uint64');
/** An integer or nothing: zero is a value of its own. */
export const maybeInt: Part = { ...int, isEmpty: isNothing, encode: orNil(int) };
/** A boolean or nothing. */
export const maybeFlag: Part = { ...flag, isEmpty: isNothing, encode: orNil(flag) };

export const float: Part = {
  read: (given, path, problems) => {
    const json = single(given);
    if (typeof json === 'number') return Math.fround(json);
    if (typeof json === 'string' && json !== '' && Number.isFinite(Number(json))) return Math.fround(Number(json));
    if (typeof json === 'boolean') return json ? 1 : 0;
    return refuse(problems, path, 'float32', json);
  },
  print: (value) => (typeof value === 'number' ? shortFloat(value) : '0'),
  isEmpty: (value) => isNothing(value) || value === 0,
  encode: (w, value) => {
    const four = new DataView(new ArrayBuffer(4));
    four.setFloat32(0, typeof value === 'number' ? value : 0);
    w.byte(FLOAT32);
    w.raw(new Uint8Array(four.buffer));
  },
  decode: (r) => (r.isNil() ? undefined : r.float()),
};

/** Code of a 32-bit float. Source: the MessagePack specification. */
const FLOAT32 = 0xca;

/** The shortest text that reads back as the same 32-bit number. */
function shortFloat(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return formatFloat(short);
  }
  return formatFloat(value);
}

/** Nanoseconds, printed as an integer. */
export const duration: Part = {
  read: (given, path, problems) => {
    const json = single(given);
    if (typeof json !== 'string' && typeof json !== 'object') return int.read(json, path, problems);
    if (typeof json !== 'string') return refuse(problems, path, 'time.Duration', json);
    const ns = parseDuration(json);
    if (ns !== undefined) return ns;
    problems.errors.push(`error decoding '${path}': ${durationError(json)}`);
    return undefined;
  },
  print: int.print,
  isEmpty: int.isEmpty,
  encode: int.encode,
  decode: (r) => (r.isNil() ? undefined : Number(r.intOrBig())),
};

/** Nanoseconds, printed as `"5s"`. */
export const durationText: Part = {
  ...duration,
  print: (value) => quoteJson(formatDuration(typeof value === 'number' ? value : 0)),
};

/** A moment, kept as its text. */
export const moment: Part = {
  ...text,
  print: (value) => (typeof value === 'string' && value !== '' ? quoteJson(value) : '"0001-01-01T00:00:00Z"'),
  isEmpty: isNothing,
  encode: (w, value) => w.time(typeof value === 'string' ? momentOf(value) : ZERO_TIME),
  decode: (r) => (r.isNil() ? undefined : goTimeToRfc3339(r.time())),
};

/** What is no time at all is written as the zero time: it came from a client, and nobody checked it. */
function momentOf(text: string) {
  try {
    return goTimeFromRfc3339(text);
  } catch {
    return ZERO_TIME;
  }
}

/** Anything, as it came. */
export const free: Part = {
  read: (json) => json,
  print: (value) => (isNothing(value) ? 'null' : stringifyAny(value as JsonValue)),
  isEmpty: (value) => isNothing(value) || (typeof value === 'object' && Object.keys(value as object).length === 0),
  encode: (w, value) => w.raw(encodeAny(value, 'rpc', { wholeNumbersAs: 'float64' })),
  decode: (r) => decodeAny(r) ?? undefined,
};

/** Any map, as it came. */
export const freeMap: Part = {
  ...free,
  read: (given, path, problems) => {
    const json = single(given);
    if (isObject(json)) return json;
    if (Array.isArray(json) && json.length === 0) return undefined;
    problems.errors.push(`'${path}' expected a map, got '${goKind(json)}'`);
    return undefined;
  },
};

/** Anything, but it has no form on the wire that is known: written as nil, not read. */
export const hidden: Part = {
  ...free,
  encode: (w) => w.nil(),
  decode: (r) => {
    r.skip();
    return undefined;
  },
};

export function list(of: Part): Part {
  return {
    read: (json, path, problems) => {
      // A single value stands for a list of one, as in HCL.
      // An empty block in place of a list stands for none.
      if (isObject(json) && Object.keys(json).length === 0) return [];
      const items = Array.isArray(json) ? json : [json];
      return items.map((item, i) => (item === null ? null : of.read(item, `${path}[${i}]`, problems)));
    },
    print: (value) => (Array.isArray(value) ? `[${value.map((item) => of.print(item)).join(',')}]` : 'null'),
    isEmpty: (value) => !Array.isArray(value) || value.length === 0,
    encode: (w, value) => {
      if (!Array.isArray(value)) return w.nil();
      w.arrayHeader(value.length);
      for (const item of value) of.encode(w, item);
    },
    decode: (r) => {
      const count = r.arrayHeader();
      if (count < 0) return undefined;
      const items: unknown[] = [];
      for (let i = 0; i < count; i++) items.push(of.decode(r) ?? null);
      return items;
    },
  };
}

export function map(of: Part): Part {
  return {
    read: (given, path, problems) => {
      const json = single(given);
      if (Array.isArray(json) && json.length === 0) return undefined;
      if (!isObject(json)) {
        problems.errors.push(`'${path}' expected a map, got '${goKind(json)}'`);
        return undefined;
      }
      const out: Record<string, unknown> = Object.create(null);
      for (const [key, value] of Object.entries(json)) {
        out[key] = value === null ? null : of.read(value, `${path}[${key}]`, problems);
      }
      return out;
    },
    print: (value) => {
      if (isNothing(value) || typeof value !== 'object') return 'null';
      const record = value as Record<string, unknown>;
      const pairs = Object.keys(record).sort();
      return `{${pairs.map((key) => `${quoteJson(key)}:${of.print(record[key])}`).join(',')}}`;
    },
    isEmpty: (value) => isNothing(value) || Object.keys(value as object).length === 0,
    encode: (w, value) => {
      if (isNothing(value) || typeof value !== 'object') return w.nil();
      const record = value as Record<string, unknown>;
      const keys = Object.keys(record).sort();
      w.mapHeader(keys.length);
      for (const key of keys) {
        w.str(key);
        of.encode(w, record[key]);
      }
    },
    decode: (r) => {
      const count = r.mapHeader();
      if (count < 0) return undefined;
      const out: Record<string, unknown> = Object.create(null);
      for (let i = 0; i < count; i++) {
        const key = r.str();
        out[key] = of.decode(r) ?? null;
      }
      return out;
    },
  };
}

/** Field names are compared without regard to case and to underscores: `ca_file` is `CAFile`. */
function plainName(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '') : lower;
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

const isOther = (key: string, name: string): boolean => key !== name && key.toLowerCase() === name.toLowerCase();

/**
 * A table of fields. A name with `!` behind it is printed even when it is empty. Source: recorded entries of every
 * kind, configuration entry documentation.
 */
export function shape(table: Readonly<Record<string, Part>>): Shape {
  let made: Plan | undefined;
  const plan = (): Plan => (made ??= planOf(table));
  const readObject = (json: JsonObject, path: string, problems: Problems): Record<string, unknown> => {
    const { byName } = plan();
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
  };
  return {
    readObject,
    read: (json, path, problems) => {
      const inner = single(json);
      if (isObject(inner)) return readObject(inner, path, problems);
      problems.errors.push(`'${path}' expected a map, got '${goKind(inner)}'`);
      return undefined;
    },
    print: (value) => {
      const record = (isNothing(value) ? {} : value) as Record<string, unknown>;
      const parts: string[] = [];
      for (const { name, part, always } of plan().inJson) {
        const inner = record[name];
        if (always || !part.isEmpty(inner)) parts.push(`${quoteJson(name)}:${part.print(inner)}`);
      }
      return `{${parts.join(',')}}`;
    },
    // A structure inside another one is never left out; see `maybe`.
    isEmpty: () => false,
    encode: (w, value) => {
      const record = (isNothing(value) ? {} : value) as Record<string, unknown>;
      const { onWire } = plan();
      w.mapHeader(onWire.length);
      for (const { name, part } of onWire) {
        w.key(name);
        part.encode(w, record[name]);
      }
    },
    decode: (r) => {
      const count = r.mapHeader();
      if (count < 0) return undefined;
      const { byWireName } = plan();
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
    },
    isZero: (value) => Object.keys(value as object).length === 0,
  };
}

/** Peers write every field; what would be printed the same without it is not kept. */
function isKept({ part, always }: EntryField, value: unknown): boolean {
  // An empty list that is always printed differs from nil there.
  if (always && typeof value === 'object') return true;
  return !(part.isEmpty(value) || part.isZero?.(value) === true);
}

/** A field that the API has and the wire has not. */
export const jsonOnly = (part: Part): Part => ({ ...part, only: 'json' });
/** A field that the wire has and the API has not. */
export const wireOnly = (part: Part): Part => ({ ...part, only: 'wire' });

/** A structure, or nothing. */
export function maybe(of: Part): Part {
  return {
    ...of,
    print: (value) => (isNothing(value) ? 'null' : of.print(value)),
    isEmpty: isNothing,
    isZero: () => false,
    encode: orNil(of),
    decode: (r) => (r.isNil() ? undefined : of.decode(r)),
  };
}

const editionHint = (key: string): string =>
  plainName(key) === 'namespace' ? ', namespaces are a consul enterprise feature' : '';

/** Throws what was found, with the texts of the reference. */
export function refuseProblems({ unknownKeys, errors }: Problems): void {
  if (errors.length > 0) {
    throw new DecodeError(
      `${errors.length} error(s) decoding:\n\n${[...errors]
        .sort()
        .map((e) => `* ${e}`)
        .join('\n')}`,
    );
  }
  if (unknownKeys.length > 0) {
    const count = `${unknownKeys.length} error${unknownKeys.length === 1 ? '' : 's'} occurred`;
    const lines = unknownKeys.map((key) => `\t* invalid config key ${quoteJson(key)}${editionHint(key)}\n`);
    throw new DecodeError(`${count}:\n${lines.join('')}\n`);
  }
}
