import { durationError, parseDuration } from '@proconsul/base';
import { parseBool } from '@proconsul/client/node';

/** The kinds of flag values. Durations are nanoseconds; `list` and `map` flags may be repeated. */
export interface FlagValues {
  bool: boolean;
  string: string;
  int: number;
  uint: bigint;
  duration: number;
  list: string[];
  map: Record<string, string>;
}

export type FlagKind = keyof FlagValues;

/** One flag of a command. */
export interface FlagSpec<K extends FlagKind = FlagKind> {
  readonly kind: K;
  readonly doc: string;
  /** What help calls the value, where it is not the name of the kind. */
  readonly type?: string;
  readonly default?: FlagValues[K];
  /** Accepted, but not shown in help. */
  readonly hidden?: boolean;
  /** Has a parser of its own, which tells the function that failed. Those with a type name have one anyway. */
  readonly ownParser?: boolean;
  /** Shown under the heading of the HTTP API. */
  readonly http?: boolean;
}

export type FlagTable = Readonly<Record<string, FlagSpec>>;

/** What the flags of a table parse to; flags that were not given have their default, or the kind's zero value. */
export type ParsedFlags<T extends FlagTable> = { [N in keyof T]: FlagValues[T[N]['kind']] };

/** A flag that cannot be used. `message` is the text of Go's flag package. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

/** `-help=x`: the list of flags stands alone, without this message before it. */
export const HELP_REQUESTED = 'flag: help requested';

const ZERO: { readonly [K in FlagKind]: () => FlagValues[K] } = {
  bool: () => false,
  string: () => '',
  int: () => 0,
  uint: () => 0n,
  duration: () => 0,
  list: () => [],
  map: () => ({}),
};

export interface ParseResult {
  readonly values: Record<string, FlagValues[FlagKind]>;
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: string[];
}

/**
 * Parses flags by Go's rules: `-x v`, `-x=v`, with one dash or two; booleans take a value only after `=`; parsing stops
 * at the first argument that is no flag, after `--`, or at a lone `-`.
 * Throws FlagError. Source: documentation of Go's flag package.
 */
export function parseFlags(table: FlagTable, argv: readonly string[]): ParseResult {
  const values: ParseResult['values'] = {};
  for (const [name, spec] of Object.entries(table)) values[name] = initial(spec);
  const given = new Set<string>();
  let at = 0;
  while (at < argv.length) {
    const word = argv[at]!;
    if (word.length < 2 || word[0] !== '-') break;
    at++;
    if (word === '--') break;
    const body = word.slice(word[1] === '-' ? 2 : 1);
    if (body === '' || body[0] === '-' || body[0] === '=') throw new FlagError(`bad flag syntax: ${word}`);
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    const spec = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!spec && (name === 'h' || name === 'help')) throw new FlagError(HELP_REQUESTED);
    if (!spec) throw new FlagError(`flag provided but not defined: -${name}`);
    let text = equals < 0 ? undefined : body.slice(equals + 1);
    if (text === undefined) {
      if (spec.kind === 'bool') text = 'true';
      else if (at < argv.length) text = argv[at++]!;
      else throw new FlagError(`flag needs an argument: -${name}`);
    }
    values[name] = convert(spec, name, text, values[name]!);
    given.add(name);
  }
  return { values, given, args: argv.slice(at) };
}

function initial(spec: FlagSpec): FlagValues[FlagKind] {
  if (spec.default === undefined) return ZERO[spec.kind]();
  return Array.isArray(spec.default) ? [...spec.default] : spec.default;
}

function convert(spec: FlagSpec, name: string, text: string, before: FlagValues[FlagKind]): FlagValues[FlagKind] {
  const bad = (reason: string) => new FlagError(`invalid value ${goQuote(text)} for flag -${name}: ${reason}`);
  switch (spec.kind) {
    case 'bool': {
      const value = parseBool(text);
      if (value !== undefined) return value;
      // Flags that can be unset have a parser of their own, with a longer text.
      const reason =
        spec.type || spec.ownParser ? `strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax` : 'parse error';
      throw new FlagError(`invalid boolean value ${goQuote(text)} for -${name}: ${reason}`);
    }
    case 'string':
      return text;
    case 'int': {
      const value = parseInteger(text);
      if (value === undefined) throw bad(integerReason(spec, 'ParseInt', text, 'parse error', 'invalid syntax'));
      if (!Number.isSafeInteger(Number(value))) throw bad(integerReason(spec, 'ParseInt', text, 'value out of range'));
      return Number(value);
    }
    case 'uint': {
      const value = parseInteger(text);
      if (value === undefined || value < 0n || /^[+-]/.test(text)) {
        throw bad(integerReason(spec, 'ParseUint', text, 'parse error', 'invalid syntax'));
      }
      if (value > 0xffff_ffff_ffff_ffffn) throw bad(integerReason(spec, 'ParseUint', text, 'value out of range'));
      return value;
    }
    case 'duration': {
      const value = parseDuration(text);
      if (value === undefined) throw bad(spec.type ? durationError(text) : 'parse error');
      return value;
    }
    case 'list':
      return [...(before as string[]), text];
    case 'map': {
      const equals = text.indexOf('=');
      if (equals < 0) throw bad(`Missing "=" value in argument: ${text}`);
      return { ...(before as Record<string, string>), [text.slice(0, equals)]: text.slice(equals + 1) };
    }
  }
}

/** Flags with a type name of their own can be unset; their parser tells the function that failed. */
function integerReason(spec: FlagSpec, fn: string, text: string, plain: string, reason = plain): string {
  return spec.type ? `strconv.${fn}: parsing ${goQuote(text)}: ${reason}` : plain;
}

/** An integer as Go's ParseInt reads it with base 0: decimal, 0x, 0o, 0b, a leading 0 for octal, `_` between digits. */
function parseInteger(text: string): bigint | undefined {
  const m = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|0[0-7_]*|[1-9][0-9_]*)$/.exec(text);
  if (!m || /__|_$/.test(text)) return undefined;
  let digits = m[2]!.replaceAll('_', '');
  if (/^0[0-7]+$/.test(digits)) digits = `0o${digits.slice(1)}`;
  const value = BigInt(digits);
  return m[1] === '-' ? -value : value;
}

/** A text in double quotes as Go's %q writes it. */
export function goQuote(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', '\\x7f');
}
