import { type JsonValue, quoteJson, stringifyAny } from '@proconsul/gojson';
import { decodeAny, encodeAny } from '@proconsul/msgpack';
import { isObject } from '../kind.ts';
import { isNothing, orNil, type Part, single } from './part.ts';
import { goKind } from './problems.ts';

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
