import { formatFloat, quoteJson } from '@proconsul/gojson';

/**
 * JSON as Go writes structs: members in the order given, undefined ones left out, no blanks, no newline at the end.
 * Handlers get it so, and people compare what they get.
 */
export function orderedJson(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return quoteJson(value);
  if (typeof value === 'number') return formatFloat(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(orderedJson).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${quoteJson(name)}:${orderedJson(member)}`).join(',')}}`;
}
