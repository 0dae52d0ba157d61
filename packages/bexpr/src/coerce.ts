import { quoteGo } from '@proconsul/base';

/** Go's kinds of plain fields. */
export type ScalarKind =
  | 'string'
  | 'bool'
  | 'int'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float'
  | 'float32'
  | 'float64';

export type Scalar = string | boolean | number | bigint;

const BITS: Partial<Record<ScalarKind, number>> = {
  int: 64,
  int8: 8,
  int16: 16,
  int32: 32,
  int64: 64,
  uint: 64,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
};

/** Go's integer literals with an optional prefix; a leading zero means octal. */
const DIGITS = /^(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** What went wrong, in the words of Go's strconv; thrown to {@link coerce}'s caller. */
export class CoercionError extends Error {
  override readonly name = 'CoercionError';
}

/**
 * The value of a filter as a value of the field's kind. Integers beyond 2^53 are bigint.
 * Throws {@link CoercionError} with the text of Go's ParseInt, ParseUint, ParseBool or ParseFloat.
 */
export function coerce(text: string, kind: ScalarKind): Scalar {
  if (kind === 'string') return text;
  if (kind === 'bool') return toBool(text);
  if (kind === 'float' || kind === 'float32' || kind === 'float64') return toFloat(text, kind);
  return toInteger(text, kind.startsWith('u') ? 'ParseUint' : 'ParseInt', BITS[kind] ?? 64);
}

/** The value of a field that a record does not have. */
export function zeroOf(kind: ScalarKind): Scalar {
  return kind === 'string' ? '' : kind === 'bool' ? false : 0;
}

function toBool(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw failure('ParseBool', text, 'invalid syntax');
}

function toFloat(text: string, kind: ScalarKind): number {
  if (!FLOAT.test(text)) {
    const name = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
    if (name === null) throw failure('ParseFloat', text, 'invalid syntax');
    if (name[2]!.toLowerCase() === 'nan') return Number.NaN;
    return name[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const value = kind === 'float32' ? Math.fround(Number(text)) : Number(text);
  if (!Number.isFinite(value)) throw failure('ParseFloat', text, 'value out of range');
  return value;
}

function toInteger(text: string, parser: 'ParseInt' | 'ParseUint', bits: number): number | bigint {
  const sign = parser === 'ParseInt' && /^[+-]/.test(text) ? text[0] : '';
  const digits = text.slice(sign === '' ? 0 : 1);
  if (!DIGITS.test(digits)) throw failure(parser, text, 'invalid syntax');
  const plain = digits.replaceAll('_', '');
  const size = BigInt(/^0[0-7]/.test(plain) ? '0o' + plain.slice(1) : plain);
  const value = sign === '-' ? -size : size;
  const top = 2n ** BigInt(parser === 'ParseInt' ? bits - 1 : bits);
  if (value >= top || value < (parser === 'ParseInt' ? -top : 0n)) throw failure(parser, text, 'value out of range');
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function failure(parser: string, text: string, problem: string): CoercionError {
  return new CoercionError(`strconv.${parser}: parsing ${quoteGo(text)}: ${problem}`);
}
