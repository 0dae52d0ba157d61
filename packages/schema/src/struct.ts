import { type JsonObject, type JsonValue, quoteJson } from '@proconsul/gojson';
import { type Reader, Reader as WireReader, Writer } from '@proconsul/msgpack';
import { aliasedGoType } from './aliased-types.ts';
import {
  DecodeError,
  fieldAt,
  firstFault,
  goTypeName,
  isObject,
  type Kind,
  mismatch,
  type Place,
  type TypeNames,
  type Value,
} from './kind.ts';

/** One row of a field table. The property name is the field's name on Consul's wire. */
export interface Field<T> {
  readonly kind: Kind<T>;
  /** Name in JSON where it differs; null keeps the field out of JSON. */
  readonly json?: string | null;
  /** Other names that JSON input may use, next to the name in any case. */
  readonly alias?: readonly string[];
  /** Left out of JSON output when empty. */
  readonly omitEmpty?: boolean;
  /** Name in MessagePack where it differs; null keeps the field off the wire. */
  readonly wire?: string | null;
  /** Accepted in JSON input, never printed. */
  readonly inputOnly?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds fields of every type
export type Fields = Readonly<Record<string, Kind<any> | Field<any>>>;
type FieldValue<F> = F extends Kind<infer T> ? T : F extends Field<infer T> ? T : never;

/** The record type that a field table describes. */
export type Infer<S> = S extends Struct<infer T> ? T : never;
type RecordOf<F extends Fields> = { readonly [K in keyof F]: FieldValue<F[K]> };

/**
 * A structure made from its field table: the type, the zero value, JSON both ways, MessagePack both ways and its
 * description. The order of the table is the order in JSON; MessagePack keys are sorted by byte value.
 */
export interface Struct<T> extends Kind<T> {
  readonly structName: string;
  readonly fields: Fields;
  readonly fieldNames: readonly (keyof T & string)[];
  /** A complete record: fields that are not given have their zero value. */
  make(given?: Partial<T>): T;
  /** Decodes a JSON value. Throws DecodeError with Go's text. `root` is the type name that errors print. */
  decode(json: JsonValue, options?: DecodeOptions): T;
  encodeWire(value: T): Uint8Array;
  decodeWire(bytes: Uint8Array): T;
}

export interface DecodeOptions {
  readonly unknown?: 'ignore' | 'reject';
  /** Type name in errors, instead of the structure's own. */
  readonly root?: string;
  /** Path in errors, where the type is embedded in another one. */
  readonly path?: string;
  /** The whole type's name in errors, if it is not the structure's own. */
  readonly goType?: string;
  readonly typeNames?: TypeNames;
  /** A whole record, for what the document leaves out; the zero one otherwise. */
  readonly onto?: object;
}

interface Compiled {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: see Fields
  readonly kind: Kind<any>;
  readonly jsonName: string;
  /** `"Name":`, ready to print; empty when the field is not printed. */
  readonly jsonPrefix: string;
  readonly omitEmpty: boolean;
  readonly wireName: string | null;
  /** The name as it stands on the wire; empty when it does not. */
  readonly wireKey: Uint8Array;
  /** Always nil: not a field of the record. */
  readonly isNil: boolean;
  /** JSON of this type is the value as it is; the type of none. */
  readonly plainType: string;
  /** Its other names in JSON. */
  readonly aliases: readonly string[];
}

/** A field and where it stands in the whole zero record, encoded. */
interface Placed {
  readonly field: Compiled;
  readonly zero: unknown;
  /** Where another value goes in: on the wire behind the key, in JSON before the name. */
  readonly cut: number;
  readonly end: number;
}

/** Most of a record is zero, so that it is copied from the zero record in a few pieces between the fields that are not. */
interface ZeroRecord<E> {
  readonly encoded: E;
  readonly fields: readonly Placed[];
}

const isKind = (f: object): boolean => 'goType' in f;

function wireKey(name: string | null): Uint8Array {
  if (name === null) return new Uint8Array(0);
  return encoded((w) => w.key(name));
}

function compile(fields: Fields): Compiled[] {
  return Object.entries(fields).map(([name, f]) => {
    // biome-ignore lint/suspicious/noExplicitAny: see Fields
    const field: Field<any> = isKind(f) ? { kind: f as Kind<any> } : (f as Field<any>);
    const jsonName = field.json === undefined ? name : (field.json ?? '');
    return {
      name,
      kind: field.kind,
      jsonName,
      jsonPrefix: jsonName === '' || field.inputOnly ? '' : `${quoteJson(jsonName)}:`,
      omitEmpty: field.omitEmpty ?? false,
      wireName: field.wire === undefined ? name : field.wire,
      wireKey: wireKey(field.wire === undefined ? name : field.wire),
      isNil: false,
      plainType: field.kind.plainType ?? '',
      aliases: field.alias ?? [],
    };
  });
}

/** Names that JSON input may use, in lower case and as they are printed: Go compares names without regard to case. */
function inputNames(fields: Fields, compiled: readonly Compiled[]): Map<string, number> {
  const names = new Map<string, number>();
  compiled.forEach((c, i) => {
    if (c.jsonName !== '') names.set(c.jsonName.toLowerCase(), i);
    // biome-ignore lint/suspicious/noExplicitAny: see Fields
    const alias = (fields[c.name] as Field<any>).alias ?? [];
    for (const a of alias) names.set(a.toLowerCase(), i);
  });
  for (const { jsonName } of compiled) {
    const i = names.get(jsonName.toLowerCase());
    if (i !== undefined) names.set(jsonName, i);
  }
  return names;
}

/** What a structure has besides its fields. */
export interface StructOptions {
  /** Pointers that peers write and that are never anything but nil here: written as nil, skipped when read. */
  readonly wireNil?: readonly string[];
  /** The type decodes itself through an alias of its own, which error texts show in the path. */
  readonly viaAlias?: boolean;
  /** Names that it does not have are passed over, whatever the document around it wants. */
  readonly ignoresUnknown?: boolean;
}

/** Largest buffer that is kept between two encodings, in bytes. */
const KEPT_BUFFER_BYTES_MAX = 1024 * 1024;

let spare: Writer | null = null;

/** The bytes that `write` writes. One buffer serves all encodings, one after another. */
export function encoded(write: (w: Writer) => void): Uint8Array {
  // Taken away while it is in use: an encoding may hold another one.
  const w = spare ?? new Writer('rpc', 1024);
  spare = null;
  write(w);
  const bytes = w.finish();
  if (bytes.length <= KEPT_BUFFER_BYTES_MAX) {
    w.reset();
    spare = w;
  }
  return bytes;
}

/**
 * An object with these properties in this order. Parsed, because engines keep an object to which many properties are
 * added one by one as a hash table, and all of its copies too: an order of magnitude slower to copy and to read.
 */
function recordOf(names: readonly string[]): Record<string, unknown> {
  return JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:null`).join(',')}}`);
}

const frozen = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? Object.freeze(value) : value;

/** A pointer that is always nil. */
const nothing: Kind<null> = {
  goType: 'interface {}',
  zero: () => null,
  isEmpty: () => true,
  toJson: () => 'null',
  fromJson: () => null,
  write: (w) => w.nil(),
  read: (r) => {
    r.skip();
    return null;
  },
  describe: () => ({ type: 'null' }),
};

const nilOnWire = (name: string): Compiled => ({
  name,
  kind: nothing,
  jsonName: '',
  jsonPrefix: '',
  omitEmpty: false,
  wireName: name,
  wireKey: wireKey(name),
  isNil: true,
  plainType: '',
  aliases: [],
});

/** Where a structure decodes itself, its other names are fields beside the alias that has the rest. Source: recorded texts. */
function placeOf(field: Compiled, key: string, at: Place, decodesItself: boolean): Place {
  if (!decodesItself || field.aliases.length === 0) return fieldAt(at, field.jsonName);
  const alias = field.aliases.find((name) => name === key.toLowerCase());
  if (alias === undefined) return fieldAt(at, field.jsonName);
  return fieldAt({ ...at, path: at.path.replace(/\.?Alias$/, '') }, alias);
}

/** What is wrong with the fields of one structure: which of it is told. */
class FieldFaults {
  readonly #decodesItself: boolean;
  #first: unknown;
  #late: DecodeError | undefined;
  #lateField = 0;

  constructor(decodesItself: boolean) {
    this.#decodesItself = decodesItself;
  }

  /** Throws what nothing can come before. `field` is its place in the table. */
  add(error: unknown, field: number): void {
    if (!(error instanceof DecodeError) || !error.isLate || error.aborts) {
      this.#first = firstFault(this.#first, error);
    } else if (!this.#decodesItself) {
      error.aborts = true;
      throw error;
    } else if (this.#late === undefined || field < this.#lateField) {
      this.#late = error;
      this.#lateField = field;
    }
  }

  end(): never {
    const fault = this.#first ?? this.#late;
    if (this.#decodesItself && fault instanceof DecodeError) fault.aborts = true;
    throw fault;
  }
}

/** What a structure's functions work with. */
interface Plan {
  readonly compiled: readonly Compiled[];
  readonly printed: readonly Compiled[];
  readonly names: ReadonlyMap<string, number>;
  readonly wired: readonly Compiled[];
  readonly placeOnWire: ReadonlyMap<string, number>;
  /** What is in a zero record is shared by all of them, and frozen so that nobody changes it for the others. */
  readonly template: Record<string, unknown>;
  /** The zero record, one for all. */
  readonly zero: Readonly<Record<string, unknown>>;
}

function planOf(fields: Fields, options: StructOptions): Plan {
  const compiled = compile(fields);
  const known = compiled.filter((c) => c.wireName !== null);
  const wired = [...known, ...(options.wireNil ?? []).map(nilOnWire)].sort((a, b) =>
    (a.wireName as string) < (b.wireName as string) ? -1 : 1,
  );
  const template = recordOf(compiled.map((c) => c.name));
  for (const c of compiled) template[c.name] = frozen(c.kind.zero());
  return {
    compiled,
    printed: compiled.filter((c) => c.jsonPrefix !== ''),
    names: inputNames(fields, compiled),
    wired,
    placeOnWire: new Map(wired.map((c, place) => [c.wireName as string, place])),
    template,
    zero: Object.freeze({ ...template }),
  };
}

/** The fields on the wire, without the header of the map. */
function zeroOnWire({ wired, template }: Plan): ZeroRecord<Uint8Array> {
  const fields: Placed[] = [];
  const bytes = encoded((w) => {
    for (const field of wired) {
      const zero = template[field.name];
      w.ready(field.wireKey);
      const cut = w.length;
      field.kind.write(w, zero);
      fields.push({ field, zero, cut, end: w.length });
    }
  });
  return { encoded: bytes, fields };
}

/** The printed fields, each with a comma before it. */
function zeroInJson({ printed, template }: Plan): ZeroRecord<string> {
  let text = '';
  const fields: Placed[] = [];
  for (const field of printed) {
    const zero = template[field.name];
    const cut = text.length;
    if (!field.omitEmpty || !field.kind.isEmpty(zero)) text += `,${field.jsonPrefix}${field.kind.toJson(zero)}`;
    fields.push({ field, zero, cut, end: text.length });
  }
  return { encoded: text, fields };
}

/**
 * A structure of these fields. Nothing is worked out before the first use: a program knows hundreds of structures when it
 * starts, and needs a few.
 */
export function struct<F extends Fields>(
  structName: string,
  fields: F,
  options: StructOptions = {},
): Struct<RecordOf<F>> {
  type T = RecordOf<F>;
  let made: Plan | undefined;
  const plan = (): Plan => (made ??= planOf(fields, options));
  let wire: ZeroRecord<Uint8Array> | undefined;
  let json: ZeroRecord<string> | undefined;
  const zero = (): T => plan().zero as T;
  const toJson = (value: T): string => {
    json ??= zeroInJson(plan());
    const zeros = json.encoded;
    let s = '';
    let copied = 0;
    for (const { field, zero, cut, end } of json.fields) {
      const v = (value as Record<string, unknown>)[field.name];
      if (Object.is(v, zero)) continue;
      s += zeros.slice(copied, cut);
      if (!field.omitEmpty || !field.kind.isEmpty(v)) s += `,${field.jsonPrefix}${field.kind.toJson(v)}`;
      copied = end;
    }
    s += zeros.slice(copied);
    return `{${s.slice(1)}}`;
  };
  /** `decodesItself`: what is wrong here is all that is told of the document around it. */
  const fromObject = (json: JsonObject, at: Place, decodesItself: boolean, onto?: object): T => {
    const { compiled, names, template } = plan();
    const out: Record<string, unknown> = { ...(onto ?? template) };
    let faults: FieldFaults | undefined;
    for (const key of Object.keys(json)) {
      const i = names.get(key) ?? names.get(key.toLowerCase());
      if (i === undefined) {
        if (at.unknown === 'reject' && !options.ignoresUnknown) {
          faults ??= new FieldFaults(decodesItself);
          faults.add(new DecodeError(`json: unknown field ${quoteJson(key)}`), 0);
        }
        continue;
      }
      const c = compiled[i] as Compiled;
      const v = json[key] as JsonValue;
      if (v === null) continue;
      try {
        out[c.name] = typeof v === c.plainType ? v : c.kind.fromJson(v, placeOf(c, key, at, decodesItself));
      } catch (error) {
        faults ??= new FieldFaults(decodesItself);
        faults.add(error, i);
      }
    }
    faults?.end();
    return out as T;
  };
  const write = (w: Writer, value: T): void => {
    wire ??= zeroOnWire(plan());
    const zeros = wire.encoded;
    w.mapHeader(wire.fields.length);
    let copied = 0;
    for (const { field, zero, cut, end } of wire.fields) {
      const v = (value as Record<string, unknown>)[field.name];
      if (Object.is(v, zero)) continue;
      w.part(zeros, copied, cut);
      field.kind.write(w, v);
      copied = end;
    }
    w.part(zeros, copied, zeros.length);
  };
  const read = (r: Reader): T => {
    const { template, wired, placeOnWire } = plan();
    const out: Record<string, unknown> = { ...template };
    const n = r.mapHeader();
    // Peers write their keys in order, so that the next one is nearly always known before it is read.
    let place = 0;
    for (let i = 0; i < n; i++) {
      let c = wired[place];
      if (c === undefined || !r.isNext(c.wireKey)) {
        const found = placeOnWire.get(r.key());
        c = found === undefined ? undefined : (wired[found] as Compiled);
        if (found !== undefined) place = found;
      }
      if (c === undefined) {
        r.skip();
        continue;
      }
      place++;
      if (c.isNil) r.skip();
      else out[c.name] = c.kind.read(r);
    }
    return out as T;
  };
  const goType = goTypeName(structName);
  const shortName = structName.slice(structName.lastIndexOf('.') + 1);
  const inside = (at: Place): Place => {
    const { typeNames, unknown, path } = at;
    if (options.viaAlias)
      return { root: at.root, path: fieldAt(at, 'Alias').path, unknown, typeNames, fixedRoot: true };
    if (at.fixedRoot) return at;
    return { root: typeNames?.renamed[shortName] ?? shortName, path, unknown, typeNames, fixedRoot: false };
  };
  return {
    goType,
    structName,
    fields,
    fieldNames: Object.keys(fields) as (keyof T & string)[],
    zero,
    make: (given) => ({ ...plan().template, ...given }) as T,
    isEmpty: () => false,
    toJson,
    fromJson: (j, at) => {
      if (isObject(j)) return fromObject(j, inside(at), options.viaAlias === true);
      try {
        return mismatch(j, at, (options.viaAlias ? aliasedGoType(structName) : undefined) ?? goType);
      } catch (error) {
        if (options.viaAlias && error instanceof DecodeError) error.aborts = true;
        throw error;
      }
    },
    decode: (json, options = {}) => {
      if (json === null) return zero();
      const root = options.root ?? shortName;
      const { path = '', unknown = 'ignore', typeNames } = options;
      const at: Place = { root, path, unknown, typeNames, fixedRoot: false };
      if (isObject(json)) return fromObject(json, at, path !== '', options.onto);
      const type = path === '' ? undefined : aliasedGoType(structName);
      return mismatch(json, { ...at, path: '' }, options.goType ?? type ?? goType);
    },
    write,
    read,
    encodeWire: (value) => encoded((w) => write(w, value)),
    decodeWire: (b) => read(new WireReader(b)),
    describe: () => {
      const properties: Record<string, unknown> = {};
      for (const c of plan().printed) properties[c.jsonName] = c.kind.describe();
      return { type: 'object', title: structName, properties };
    },
  };
}

export type { Value };
