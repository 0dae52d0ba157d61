import { type Fault, type Fields, isSet, quote, textOf, textsOf } from './fields.ts';

const PATHS = ['PathExact', 'PathPrefix', 'PathRegex'] as const;
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
]);

/** What paths, and methods, of a match may be. `at` is printed before the name of a field, `where` before a sentence. */
export function pathFault(http: Fields, where: string, at: string): Fault {
  if (PATHS.filter((name) => isSet(http, name)).length > 1) {
    return `${where} should only contain at most one of PathExact, PathPrefix, or PathRegex`;
  }
  for (const name of ['PathExact', 'PathPrefix'] as const) {
    const value = textOf(http[name]);
    if (value !== '' && !value.startsWith('/')) return `${at}${name} doesn't start with '/': ${quote(value)}`;
  }
  return null;
}

export function methodsFault(http: Fields, at: string): Fault {
  const seen = new Set<string>();
  for (const method of textsOf(http['Methods'])) {
    if (!METHODS.has(method)) return `${at}Methods contains an invalid method ${quote(method)}`;
    if (seen.has(method)) return `${at}Methods contains ${quote(method)} more than once`;
    seen.add(method);
  }
  return null;
}

/** Exactly one way to match must be chosen. */
export function matcherFault(matchers: readonly Fields[], at: string, ways: readonly string[]): Fault {
  for (const [j, matcher] of matchers.entries()) {
    if (!isSet(matcher, 'Name')) return `${at}[${j}] missing required Name field`;
    const chosen = ways.filter((way) => matcher[way] === true || isSet(matcher, way));
    if (chosen.length !== 1) {
      const list = `${ways.slice(0, -1).join(', ')}, or ${ways.at(-1)}`;
      return `${at}[${j}] should only contain one of ${list}`;
    }
  }
  return null;
}
