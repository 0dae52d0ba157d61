import { durationError, formatDuration, ProtocolError, parseDuration } from '@proconsul/base';
import {
  decodeBase64,
  encodeBase64,
  formatFloat,
  type JsonObject,
  type JsonValue,
  kindName,
  quoteJson,
  stringifyAny,
} from '@proconsul/gojson';
import {
  decodeAny,
  encodeAny,
  type GoTime,
  goTimeFromRfc3339,
  goTimeToRfc3339,
  type Reader,
  type Writer,
  ZERO_TIME,
} from '@proconsul/msgpack';

/** Where in a document the decoder is, for error texts. */
export interface Place {
  /** Name that Go prints before the field path: empty for the anonymous types of registration bodies. */
  readonly root: string;
  /** Dotted path of the field: `Service.Port`. */
  readonly path: string;
  /** What to do with names that the structure does not have. */
  readonly unknown: 'ignore' | 'reject';
  /** How this document's types are called where that is not the name of the structure here. */
  readonly typeNames?: TypeNames | undefined;
  /** Inside a structure that decodes itself: errors keep the name of the structure around it. */
  readonly fixedRoot?: boolean | undefined;
}

/** The place of a field below `at`. All members are named: copies of objects of many shapes cost more than all the rest of decoding. */
export const fieldAt = (at: Place, name: string): Place => ({
  root: at.root,
  path: at.path === '' ? name : `${at.path}.${name}`,
  unknown: at.unknown,
  typeNames: at.typeNames,
  fixedRoot: at.fixedRoot,
});

/** Names of types for error texts: those of a package, and single ones. */
export interface TypeNames {
  readonly package: string;
  readonly renamed: Readonly<Record<string, string>>;
}

/** Package of most structures, as Go prints it in errors. */
const PACKAGE = 'structs';

/** The name that Go prints for a structure or another named type of ours. */
export const goTypeName = (name: string): string => (/[.{]/.test(name) ? name : `${PACKAGE}.${name}`);

function typeAt(place: Place, goType: string): string {
  const names = place.typeNames;
  if (names === undefined) return goType;
  // Its own names for texts are only in the servers' package.
  const plain = goType.replaceAll(/types\.(NodeID|CheckID)/g, 'string');
  return plain.replaceAll(/structs\.(\w+)/g, (_, name: string) => `${names.package}.${names.renamed[name] ?? name}`);
}

/** A body that is JSON but not of the right shape. The message is Go's, because clients match on it. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  /** Nothing that follows is looked at, and the text is that of this fault, whatever went before. */
  aborts = false;
  /** Found by the structure that holds the field, once all of its fields have been read. */
  readonly isLate: boolean;
  constructor(message: string, isLate = false) {
    super(message);
    this.isLate = isLate;
  }
}

/**
 * A document is read to its end whatever is wrong with its values, and the text is that of the first fault; except that parts which decode
 * themselves end it all with theirs. Takes the fault so far, if any. Source: Go documentation of encoding/json.
 */
export function firstFault(first: unknown, error: unknown): unknown {
  if (error instanceof DecodeError && error.aborts) throw error;
  return first ?? error;
}

/**
 * One kind of value: how it looks in JSON and in MessagePack. Everything that reads or writes a structure is made of
 * these; a field table names one for each field.
 */
export interface Kind<T> {
  /** The type as Go prints it in errors: `string`, `[]string`, `map[string]string`. */
  readonly goType: string;
  /** Shared by all, and frozen where it is an object. */
  zero(): T;
  /** What `omitempty` looks at: false, 0, "", null, an empty list or map. Structures are never empty. */
  isEmpty(value: T): boolean;
  toJson(value: T): string;
  /** Never sees null: a null leaves the zero value. Throws {@link DecodeError}. */
  fromJson(json: Exclude<JsonValue, null>, place: Place): T;
  write(w: Writer, value: T): void;
  /** Nil on the wire is the zero value of every kind. Throws ProtocolError. */
  read(r: Reader): T;
  /** What `typeof` says of JSON that is the value as it is, whatever it holds. */
  readonly plainType?: 'string' | 'boolean';
  /** JSON Schema of the JSON form, for the API description. */
  describe(): Record<string, unknown>;
}

/** The TypeScript type of the values of a kind. */
export type Value<K> = K extends Kind<infer T> ? T : never;

function mismatch(json: JsonValue, place: Place, goType: string): never {
  const [name, type] = [kindName(json), typeAt(place, goType)];
  if (place.path === '') throw new DecodeError(`json: cannot unmarshal ${name} into Go value of type ${type}`);
  throw new DecodeError(
    `json: cannot unmarshal ${name} into Go struct field ${place.root}.${place.path} of type ${type}`,
  );
}

export const str: Kind<string> = {
  goType: 'string',
  plainType: 'string',
  zero: () => '',
  isEmpty: (v) => v === '',
  toJson: quoteJson,
  fromJson: (j, at) => (typeof j === 'string' ? j : mismatch(j, at, 'string')),
  write: (w, v) => w.str(v),
  read: (r) => (r.isNil() ? '' : r.str()),
  describe: () => ({ type: 'string' }),
};

/** Text of a type that has a name of its own, which only error texts show. */
export const named = (goType: string): Kind<string> => ({
  ...str,
  goType,
  fromJson: (j, at) => (typeof j === 'string' ? j : mismatch(j, at, goType)),
});
export const checkId = named('types.CheckID');
export const nodeId = named('types.NodeID');

export const bool: Kind<boolean> = {
  goType: 'bool',
  plainType: 'boolean',
  zero: () => false,
  isEmpty: (v) => !v,
  toJson: (v) => (v ? 'true' : 'false'),
  fromJson: (j, at) => (typeof j === 'boolean' ? j : mismatch(j, at, 'bool')),
  write: (w, v) => w.bool(v),
  read: (r) => (r.isNil() ? false : r.bool()),
  describe: () => ({ type: 'boolean' }),
};

/** Go's message names the literal when a number has a fraction or does not fit: `number 1.5`. */
function integer(j: JsonValue, at: Place, goType: string, min: number, max: number): number {
  if (typeof j !== 'number') {
    if (typeof j === 'bigint') return notFitting(String(j), at, goType);
    return mismatch(j, at, goType);
  }
  if (!Number.isInteger(j) || j < min || j > max) return notFitting(formatFloat(j), at, goType);
  return j;
}

function notFitting(literal: string, at: Place, goType: string): never {
  const where = at.path === '' ? 'Go value' : `Go struct field ${at.root}.${at.path}`;
  throw new DecodeError(`json: cannot unmarshal number ${literal} into ${where} of type ${goType}`);
}

function signed(goType: string, min: number, max: number): Kind<number> {
  return {
    goType,
    zero: () => 0,
    isEmpty: (v) => v === 0,
    toJson: (v) => String(v),
    fromJson: (j, at) => integer(j, at, goType, min, max),
    write: (w, v) => w.int(v),
    read: (r) => (r.isNil() ? 0 : r.int()),
    describe: () => ({ type: 'integer' }),
  };
}

/** Go's `int`, as far as a double is exact. */
export const int: Kind<number> = signed('int', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

function notNegative<T extends number | bigint>(value: T, goType: string): T {
  if (value < 0) throw new ProtocolError('WIRE_NEGATIVE', `negative value ${value} for a ${goType}`);
  return value;
}

function unsigned(goType: string, max: number): Kind<number> {
  return {
    ...signed(goType, 0, max),
    write: (w, v) => w.uint(v),
    read: (r) => (r.isNil() ? 0 : notNegative(r.int(), goType)),
    describe: () => ({ type: 'integer', minimum: 0 }),
  };
}

export const uint32: Kind<number> = unsigned('uint32', 2 ** 32 - 1);
export const uint: Kind<number> = unsigned('uint', Number.MAX_SAFE_INTEGER);

/** A Raft index or another uint64 that stays far below 2^53. Beyond it stands for an index that nothing has reached. */
export const index: Kind<number> = {
  ...unsigned('uint64', Number.MAX_SAFE_INTEGER),
  read: (r) => {
    if (r.isNil()) return 0;
    const value = notNegative(r.intOrBig(), 'uint64');
    return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER;
  },
};

/** A uint64 that may use all 64 bits: a number while it is exact, else a bigint. */
export const uint64: Kind<number | bigint> = {
  goType: 'uint64',
  zero: () => 0,
  isEmpty: (v) => v === 0 || v === 0n,
  toJson: (v) => String(v),
  fromJson: (j, at) => {
    if (typeof j === 'bigint') return j >= 0n && j < 1n << 64n ? j : notFitting(String(j), at, 'uint64');
    return integer(j, at, 'uint64', 0, Number.MAX_SAFE_INTEGER);
  },
  write: (w, v) => w.uint(v),
  read: (r) => (r.isNil() ? 0 : notNegative(r.intOrBig(), 'uint64')),
  describe: () => ({ type: 'integer', format: 'uint64', minimum: 0 }),
};

export const float64: Kind<number> = {
  goType: 'float64',
  zero: () => 0,
  isEmpty: (v) => v === 0,
  toJson: formatFloat,
  fromJson: (j, at) => {
    if (typeof j === 'number') return j;
    if (typeof j === 'bigint') return Number(j);
    return mismatch(j, at, 'float64');
  },
  write: (w, v) => w.float64(v),
  read: (r) => (r.isNil() ? 0 : r.float()),
  describe: () => ({ type: 'number' }),
};

/** Bytes: base64 in JSON, null when there are none (nil and empty read the same to every client). */
export const bytes: Kind<Uint8Array | null> = {
  goType: '[]uint8',
  zero: () => null,
  isEmpty: (v) => v === null || v.length === 0,
  toJson: (v) => (v === null || v.length === 0 ? 'null' : `"${encodeBase64(v)}"`),
  fromJson: (j, at) => {
    if (typeof j === 'string') return decodeBase64(j);
    if (!Array.isArray(j)) return mismatch(j, at, '[]uint8');
    return Uint8Array.from(j, (byte) => (byte === null ? 0 : integer(byte, at, 'uint8', 0, 255)));
  },
  write: (w, v) => w.bytes(v),
  read: (r) => r.bytes(),
  describe: () => ({ type: ['string', 'null'], contentEncoding: 'base64' }),
};

const INT64_MAX = (1n << 63n) - 1n;

/** The nearest integer of 64 bits. */
function int64(value: number): bigint {
  if (Number.isNaN(value)) return 0n;
  if (!Number.isFinite(value)) return value > 0 ? INT64_MAX : -INT64_MAX;
  const whole = BigInt(Math.trunc(value));
  return whole > INT64_MAX ? INT64_MAX : whole < -INT64_MAX ? -INT64_MAX : whole;
}

/** Nanoseconds; an integer in JSON. */
export const durationNs: Kind<number> = {
  ...signed('time.Duration', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  // Years of nanoseconds are more than a double tells apart; the next best number will do.
  write: (w, v) => w.int(Number.isSafeInteger(v) ? v : int64(v)),
  read: (r) => (r.isNil() ? 0 : Number(r.intOrBig())),
  describe: () => ({ type: 'integer', description: 'nanoseconds' }),
};

/** Nanoseconds inside; in JSON written as `"1m30s"` and read from that or from a number of nanoseconds. */
export const durationText: Kind<number> = {
  ...durationNs,
  toJson: (v) => `"${formatDuration(v)}"`,
  fromJson: (j) => {
    if (typeof j === 'string') return durationOf(j);
    return typeof j === 'number' || typeof j === 'bigint' ? clampNs(Number(j)) : 0;
  },
  describe: () => ({ type: 'string', description: 'duration such as 10s' }),
};

function durationOf(text: string): number {
  const ns = parseDuration(text);
  if (ns === undefined) throw new DecodeError(durationError(text), true);
  return ns;
}

/** A float that does not fit an integer becomes the smallest one. */
const clampNs = (ns: number): number =>
  Number.isSafeInteger(Math.trunc(ns)) ? Math.trunc(ns) : Number.MIN_SAFE_INTEGER;

/** Like {@link durationText}, but whatever is neither a text nor a number is refused. */
export const strictDurationText: Kind<number> = {
  ...durationText,
  fromJson: (j, at) => {
    if (typeof j === 'object' || typeof j === 'boolean') {
      const quoted = quoteJson(stringifyAny(j));
      throw new DecodeError(`strconv.ParseFloat: parsing ${quoted}: invalid syntax`, true);
    }
    return durationText.fromJson(j, at);
  },
};

/** A moment with nanoseconds; RFC 3339 in JSON. */
export const time: Kind<GoTime> = {
  goType: 'time.Time',
  zero: () => ZERO_TIME,
  isEmpty: () => false,
  toJson: (v) => `"${goTimeToRfc3339(v)}"`,
  fromJson: (j, at) => {
    if (typeof j !== 'string') return mismatch(j, at, 'time.Time');
    return goTimeFromRfc3339(j);
  },
  write: (w, v) => w.time(v),
  read: (r) => (r.isNil() ? ZERO_TIME : r.time()),
  describe: () => ({ type: 'string', format: 'date-time' }),
};

/**
 * Free-form configuration: whatever JSON held. Map keys are written sorted, and every number as a float, as Go holds the
 * numbers of JSON. Source: recorded requests.
 */
export const any: Kind<unknown> = {
  goType: 'interface {}',
  zero: () => null,
  isEmpty: (v) => v === null || v === undefined,
  toJson: stringifyAny,
  fromJson: (j) => j,
  write: (w, v) => w.raw(encodeAny(v, 'rpc', { wholeNumbersAs: 'float64' })),
  read: (r) => decodeAny(r),
  describe: () => ({}),
};

/** Go's slice: null (nil) and empty differ in JSON. `goType` is for types that have a name of their own. */
export function list<T>(of: Kind<T>, goType = `[]${of.goType}`): Kind<readonly T[] | null> {
  return {
    goType,
    zero: () => null,
    isEmpty: (v) => v === null || v.length === 0,
    toJson: (v) => {
      if (v === null) return 'null';
      let s = '[';
      for (let i = 0; i < v.length; i++) s += (i === 0 ? '' : ',') + of.toJson(v[i] as T);
      return s + ']';
    },
    fromJson: (j, at) => {
      if (!Array.isArray(j)) return mismatch(j, at, goType);
      let fault: unknown;
      const out = j.map((x) => {
        try {
          return x === null ? of.zero() : of.fromJson(x, at);
        } catch (error) {
          fault = firstFault(fault, error);
          return of.zero();
        }
      });
      if (fault !== undefined) throw fault;
      return out;
    },
    write: (w, v) => {
      if (v === null) return w.nil();
      w.arrayHeader(v.length);
      for (const x of v) of.write(w, x);
    },
    read: (r) => {
      const n = r.arrayHeader();
      if (n < 0) return null;
      const out: T[] = [];
      for (let i = 0; i < n; i++) out.push(of.read(r));
      return out;
    },
    describe: () => ({ type: ['array', 'null'], items: of.describe() }),
  };
}

/** Go's map with text keys, written in key order. Objects have no prototype, so that no key is special. */
export function map<T>(of: Kind<T>): Kind<Readonly<Record<string, T>> | null> {
  const goType = `map[string]${of.goType}`;
  return {
    goType,
    zero: () => null,
    isEmpty: (v) => {
      if (v !== null) for (const _ in v) return false;
      return true;
    },
    toJson: (v) => {
      if (v === null) return 'null';
      let s = '{';
      for (const key of Object.keys(v).sort())
        s += `${s.length === 1 ? '' : ','}${quoteJson(key)}:${of.toJson(v[key] as T)}`;
      return s + '}';
    },
    fromJson: (j, at) => {
      if (!isObject(j)) return mismatch(j, at, goType);
      const out: Record<string, T> = Object.create(null);
      let fault: unknown;
      for (const key of Object.keys(j)) {
        const x = j[key] as JsonValue;
        try {
          out[key] = x === null ? of.zero() : of.fromJson(x, at);
        } catch (error) {
          fault = firstFault(fault, error);
        }
      }
      if (fault !== undefined) throw fault;
      return out;
    },
    write: (w, v) => {
      if (v === null) return w.nil();
      const keys = Object.keys(v).sort();
      w.mapHeader(keys.length);
      for (const key of keys) {
        w.str(key);
        of.write(w, v[key] as T);
      }
    },
    read: (r) => {
      const n = r.mapHeader();
      if (n < 0) return null;
      const out: Record<string, T> = Object.create(null);
      for (let i = 0; i < n; i++) {
        const key = r.str();
        out[key] = of.read(r);
      }
      return out;
    },
    describe: () => ({ type: ['object', 'null'], additionalProperties: of.describe() }),
  };
}

/** Go's pointer: null when absent. */
export function pointer<T>(to: Kind<T>): Kind<T | null> {
  return {
    goType: to.goType,
    zero: () => null,
    isEmpty: (v) => v === null,
    toJson: (v) => (v === null ? 'null' : to.toJson(v)),
    fromJson: (j, at) => to.fromJson(j, at),
    write: (w, v) => (v === null ? w.nil() : to.write(w, v)),
    read: (r) => (r.isNil() ? null : to.read(r)),
    describe: () => ({ anyOf: [to.describe(), { type: 'null' }] }),
  };
}

/** A list or map whose null prints as the empty one. */
export function nullAsEmpty<T>(kind: Kind<T>): Kind<T> {
  const empty = kind.goType.startsWith('map') ? '{}' : '[]';
  return { ...kind, toJson: (v) => (v === null ? empty : kind.toJson(v)) };
}

export function isObject(j: JsonValue): j is JsonObject {
  return typeof j === 'object' && j !== null && !Array.isArray(j);
}

export { mismatch };
