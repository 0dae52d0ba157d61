/** How Go's JSON encoder escapes what browsers could misread. */
const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
  '\b': '\\b',
  '\f': '\\f',
};

function quote(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (c) => ESCAPES[c]!);
}

/** A value inside {@link toGoJson} that is already JSON text: numbers that must keep their digits. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * JSON as Go writes it: members in the order given, undefined ones left out, bigint as integers, `<>&` escaped. With
 * `indent` one line for each member; empty objects and arrays stay on one line. No newline at the end.
 */
export function toGoJson(value: unknown, indent = '', lead = ''): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return goNumber(value);
  if (value instanceof JsonText) return value.text;
  const inner = lead + indent;
  if (Array.isArray(value)) {
    const items = value.map((v) => toGoJson(v, indent, inner));
    return block('[', ']', items, indent, lead);
  }
  const members: string[] = [];
  for (const [k, v] of Object.entries(value as object)) {
    if (v !== undefined) members.push(`${quote(k)}:${indent === '' ? '' : ' '}${toGoJson(v, indent, inner)}`);
  }
  return block('{', '}', members, indent, lead);
}

function block(open: string, close: string, items: readonly string[], indent: string, lead: string): string {
  if (items.length === 0) return open + close;
  if (indent === '') return open + items.join(',') + close;
  const inner = `\n${lead}${indent}`;
  return `${open}${inner}${items.join(`,${inner}`)}\n${lead}${close}`;
}

/** Go writes exponents below 1e-6 and from 1e21 on, with at least one digit and a sign. */
function goNumber(value: number): string {
  const text = String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The members of an object sorted by name, as Go writes maps. */
export function sortedMap<T>(map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
