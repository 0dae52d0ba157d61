import { GoJsonError } from './errors.ts';

/** Characters that Go's encoder (with its default HTML escaping) does not write as they are. */
const SPECIAL = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/;
const SPECIAL_ALL = /["\\<>&\u0000-\u001f\u2028\u2029]|[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g;

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** A string as Go's encoder writes it, quotes included. Unpaired surrogates become `\ufffd`. */
export function quoteJson(text: string): string {
  return SPECIAL.test(text) ? `"${text.replace(SPECIAL_ALL, escapeSpecial)}"` : `"${text}"`;
}

function escapeSpecial(special: string): string {
  if (special.length === 2) return special; // A surrogate pair: an ordinary character outside the basic plane.
  const short = SHORT[special];
  if (short !== undefined) return short;
  const unit = special.charCodeAt(0);
  if (unit >= 0xd800 && unit <= 0xdfff) return '\\ufffd';
  return '\\u' + (unit + 0x10000).toString(16).slice(1);
}

/**
 * A float64 as Go's encoder writes it: the shortest digits that read back the same, with an exponent below 1e-6 and
 * from 1e21 (`1e-7`, `1e+21`). That is ECMAScript's own rule, apart from the sign of zero.
 * Throws {@link GoJsonError} `json: unsupported value: NaN` (`+Inf`, `-Inf`).
 */
export function formatFloat(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  const name = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  throw new GoJsonError(`json: unsupported value: ${name}`, 0);
}

type Frame = { readonly source: object; readonly keys: string[] | undefined; readonly size: number; next: number };

/**
 * Compact JSON of a value without a type. Map keys are sorted by their UTF-8 bytes as Go does, properties that are
 * undefined are left out, bigints keep every digit. Uses its own stack, so nesting is no danger.
 */
export function stringifyAny(value: unknown): string {
  const stack: Frame[] = [];
  let out = begin(value, stack);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (top.next === top.size) {
      out += top.keys === undefined ? ']' : '}';
      stack.pop();
      continue;
    }
    const index = top.next++;
    if (index > 0) out += ',';
    if (top.keys === undefined) {
      out += begin((top.source as unknown[])[index], stack);
    } else {
      const key = top.keys[index]!;
      out += quoteJson(key) + ':';
      out += begin((top.source as Record<string, unknown>)[key], stack);
    }
  }
  return out;
}

/** The text of a scalar, or the opening bracket of a container that is pushed on the stack. */
function begin(value: unknown, stack: Frame[]): string {
  switch (typeof value) {
    case 'string':
      return quoteJson(value);
    case 'number':
      return formatFloat(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) {
        stack.push({ source: value, keys: undefined, size: value.length, next: 0 });
        return '[';
      }
      stack.push(objectFrame(value as Record<string, unknown>));
      return '{';
    default:
      return 'null';
  }
}

function objectFrame(source: Record<string, unknown>): Frame {
  const keys = Object.keys(source).filter((key) => source[key] !== undefined);
  sortKeys(keys);
  return { source, keys, size: keys.length, next: 0 };
}

/** Sorts in place by UTF-8 bytes, which is the order of code points (UTF-16 order differs outside the basic plane). */
export function sortKeys(keys: string[]): string[] {
  keys.sort();
  return keys.some((key) => /[\ud800-\udfff]/.test(key)) ? keys.sort(byCodePoint) : keys;
}

function byCodePoint(a: string, b: string): number {
  const size = Math.min(a.length, b.length);
  for (let i = 0; i < size; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Moves surrogates above every other code unit, which is where the characters they stand for belong. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
