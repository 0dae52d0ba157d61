import { quoteGo } from '@proconsul/base';
import type { Expression, Match, Operator } from './ast.ts';
import { CoercionError, coerce, type Scalar, type ScalarKind, zeroOf } from './coerce.ts';
import { FilterError } from './errors.ts';
import type { Patience } from './patience.ts';
import { compileRegex, RegexError } from './regex.ts';

/** Kind of a field: plain, a list, a map with string keys, or a structure. */
export type FieldKind = ScalarKind | { readonly list: FieldKind } | { readonly map: FieldKind } | FieldMap;

/** The fields of a structure that filters may name. */
export interface FieldMap {
  readonly [name: string]: FieldKind;
}

type Test = (value: unknown) => boolean;

interface Bound extends Match {
  readonly patience: Patience | undefined;
}

/** Checks an expression against the fields of a record and makes the function that evaluates it. Throws FilterError. */
export function bindFilter(expression: Expression, fields: FieldMap, patience?: Patience): Test {
  switch (expression.kind) {
    case 'and': {
      const tests = expression.operands.map((operand) => bindFilter(operand, fields, patience));
      return (record) => tests.every((test) => test(record));
    }
    case 'or': {
      const tests = expression.operands.map((operand) => bindFilter(operand, fields, patience));
      return (record) => tests.some((test) => test(record));
    }
    case 'not': {
      const test = bindFilter(expression.operand, fields, patience);
      return (record) => !test(record);
    }
    case 'match':
      return bindMatch({ ...expression, patience }, fields, 0);
  }
}

/** The test of a match for values of `kind`, which is where the first `depth` names of the selector lead. */
function bindMatch(match: Bound, kind: FieldKind, depth: number): Test {
  const { selector } = match;
  const name = selector[depth];
  if (typeof kind === 'string') return name === undefined ? bindScalar(match, kind) : invalidSelector(match, depth);
  if (isList(kind)) return bindList(match, kind.list, depth);
  if (isMap(kind)) return bindMap(match, kind.map, depth);
  if (name === undefined) return invalidOperator(match);
  const fields = kind as FieldMap;
  if (!Object.hasOwn(fields, name)) return invalidSelector(match, depth);
  const inner = bindMatch(match, fields[name]!, depth + 1);
  // A structure that is absent is read as one with zero values.
  return (value) => inner(value === null || value === undefined ? undefined : (value as Record<string, unknown>)[name]);
}

/** One element that matches is enough, also for the negated operators. */
function bindList(match: Bound, element: FieldKind, depth: number): Test {
  if (match.selector.length > depth) {
    const inner = bindMatch(match, element, depth);
    return (value) => anyOf(value, inner);
  }
  if (typeof element === 'string' && (match.operator === 'In' || match.operator === 'Not In')) {
    const wanted = coerced(match, element);
    const isIn = match.operator === 'In';
    return (value) => anyOf(value, (item) => isSame(item, wanted)) === isIn;
  }
  return bindEmptiness(match, (value) => (value as ArrayLike<unknown> | null | undefined)?.length === 0);
}

function bindMap(match: Bound, element: FieldKind, depth: number): Test {
  const { selector, operator, value: key } = match;
  const name = selector[depth];
  if (name !== undefined) {
    const inner = bindMatch(match, element, depth + 1);
    const missing = MISSING[operator];
    return (value) => (hasKey(value, name) ? inner((value as Record<string, unknown>)[name]) : missing);
  }
  if (operator === 'In') return (value) => hasKey(value, key);
  if (operator === 'Not In') return (value) => !hasKey(value, key);
  return bindEmptiness(match, (value) => Object.keys(value as object).length === 0);
}

/** What a match says about a map without the key. Surprising for both forms of matches, and so in Consul. */
const MISSING: Readonly<Record<Operator, boolean>> = {
  Equal: false,
  'Not Equal': true,
  In: false,
  'Not In': true,
  'Is Empty': true,
  'Is Not Empty': false,
  Matches: true,
  'Not Matches': true,
};

function bindEmptiness(match: Match, isEmpty: Test): Test {
  const test: Test = (value) => value === null || value === undefined || isEmpty(value);
  if (match.operator === 'Is Empty') return test;
  if (match.operator === 'Is Not Empty') return (value) => !test(value);
  return invalidOperator(match);
}

function bindScalar(match: Bound, kind: ScalarKind): Test {
  const zero = zeroOf(kind);
  switch (match.operator) {
    case 'Equal': {
      const wanted = coerced(match, kind);
      return (value) => isSame(value ?? zero, wanted);
    }
    case 'Not Equal': {
      const wanted = coerced(match, kind);
      return (value) => !isSame(value ?? zero, wanted);
    }
    default:
      return kind === 'string' ? bindText(match) : invalidOperator(match);
  }
}

function bindText(match: Bound): Test {
  switch (match.operator) {
    case 'In':
      return (value) => String(value ?? '').includes(match.value);
    case 'Not In':
      return (value) => !String(value ?? '').includes(match.value);
    case 'Matches': {
      return regexOf(match);
    }
    case 'Not Matches': {
      const test = regexOf(match);
      return (value) => !test(value);
    }
    default:
      return invalidOperator(match);
  }
}

function regexOf({ value: pattern, patience }: Bound): Test {
  try {
    const regex = compileRegex(pattern);
    if (patience === undefined) return (value) => regex.test(String(value ?? ''));
    return (value) => patience.timed(() => regex.test(String(value ?? '')));
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new FilterError('FILTER_VALUE', `Failed to compile regular expression ${quoteGo(pattern)}: ${error.message}`);
  }
}

function coerced(match: Match, kind: ScalarKind): Scalar {
  try {
    return coerce(match.value, kind);
  } catch (error) {
    if (!(error instanceof CoercionError)) throw error;
    const place = `value ${quoteGo(match.value)} for selector ${selectorText(match.selector)}`;
    throw new FilterError('FILTER_VALUE', `Failed to coerce ${place}: ${error.message}`);
  }
}

function isSame(value: unknown, wanted: Scalar): boolean {
  if (typeof value === 'bigint' && typeof wanted === 'number') return value === BigInt(wanted);
  return value === wanted;
}

function anyOf(value: unknown, test: Test): boolean {
  if (value === null || value === undefined) return false;
  for (const item of value as Iterable<unknown>) if (test(item)) return true;
  return false;
}

function hasKey(value: unknown, key: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

type List = { readonly list: FieldKind };
type StringMap = { readonly map: FieldKind };
const isList = (kind: object): kind is List => 'list' in kind;
const isMap = (kind: object): kind is StringMap => 'map' in kind;

const selectorText = (names: readonly string[]): string => `"${names.join('.')}"`;

function invalidSelector(match: Match, depth: number): never {
  const names = match.selector.slice(0, depth + 1);
  throw new FilterError('FILTER_SELECTOR', `Selector ${selectorText(names)} is not valid`);
}

function invalidOperator(match: Match): never {
  const text = `Invalid match operator "${match.operator}" for selector ${selectorText(match.selector)}`;
  throw new FilterError('FILTER_OPERATOR', text);
}
