import { compileRegex } from '@proconsul/bexpr';
import { Reader, Writer } from '@proconsul/msgpack';
import { readFields } from './fields.ts';

/** First byte of a filter of a query. Source: gossip wire notes, section 4. */
const FilterType = { nodes: 0, tag: 1 } as const;

/** Only members with one of these names are meant. */
export function encodeNodeFilter(names: readonly string[]): Uint8Array {
  const w = new Writer('gossip');
  w.byte(FilterType.nodes);
  w.arrayHeader(names.length);
  for (const name of names) w.str(name);
  return w.finish();
}

/** Only members whose tag matches the regular expression (anywhere in the value) are meant. */
export function encodeTagFilter(tag: string, expression: string): Uint8Array {
  const w = new Writer('gossip');
  w.byte(FilterType.tag);
  w.mapHeader(2);
  w.key('Expr');
  w.str(expression);
  w.key('Tag');
  w.str(tag);
  return w.finish();
}

/** Who a filter is applied to. */
export interface FilterSubject {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * A test of whether all filters mean a member. A filter of an unknown type means nobody. Patterns are matched in linear
 * time. Throws ProtocolError or RegexError for a filter that cannot be read.
 */
export function compileFilters(filters: readonly Uint8Array[]): (subject: FilterSubject) => boolean {
  const compiled = filters.map(compile);
  return (subject) => compiled.every((isFor) => isFor(subject));
}

function compile(filter: Uint8Array): (subject: FilterSubject) => boolean {
  if (filter[0] === FilterType.nodes) {
    const r = new Reader(filter, 1);
    const names = new Set<string>();
    for (let count = r.arrayHeader(); count > 0; count--) names.add(r.str());
    return ({ name }) => names.has(name);
  }
  if (filter[0] !== FilterType.tag) return () => false;
  const r = new Reader(filter, 1);
  let tag = '';
  let expression = '';
  readFields(r, { Tag: () => (tag = r.str()), Expr: () => (expression = r.str()) });
  const pattern = compileRegex(expression);
  return ({ tags }) => pattern.test(tags[tag] ?? '');
}
