import { durationError, formatDuration, parseDuration } from '@proconsul/base';
import { decodeBase64, encodeBase64, formatFloat, quoteJson } from '@proconsul/gojson';
import { goTimeFromRfc3339, goTimeToRfc3339, ZERO_TIME } from '@proconsul/msgpack';
import { isNothing, orNil, type Part, single } from './part.ts';
import { refuse } from './problems.ts';

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
