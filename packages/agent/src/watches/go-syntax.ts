import { quoteGo } from '@proconsul/base';

/**
 * A decoded value as Go's `%#v` prints it, keys sorted, as error texts about watches show their definition. A list of
 * one is shown as its only item, which is what the reference agent's reader of HCL makes of it.
 * Source: documentation of Go's fmt package; recorded errors.
 */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)';
  if (typeof value === 'string') return quoteGo(value);
  if (Array.isArray(value)) {
    return value.length === 1 ? goSyntax(value[0]) : `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  }
  if (typeof value !== 'object') return String(value);
  const row = value as Readonly<Record<string, unknown>>;
  const members = Object.keys(row)
    .sort()
    .map((key) => `${quoteGo(key)}:${goSyntax(row[key])}`);
  return `map[string]interface {}{${members.join(', ')}}`;
}

/** The name of Go's type for a decoded value. */
export function goKind(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (Array.isArray(value)) return '[]interface {}';
  return value === null || value === undefined ? 'nil' : 'map[string]interface {}';
}
