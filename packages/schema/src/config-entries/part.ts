import type { JsonValue } from '@proconsul/gojson';
import type { Reader, Writer } from '@proconsul/msgpack';
import type { Problems } from './problems.ts';

/** One kind of value in a config entry: read leniently, kept as plain data, printed as the API does. */
export interface Part {
  /** Never sees null. Undefined when it cannot be read; then a problem was noted. */
  read(json: Exclude<JsonValue, null>, path: string, problems: Problems): unknown;
  /** Missing values print as the zero value. */
  print(value: unknown): string;
  isEmpty(value: unknown): boolean;
  /** Writes the MessagePack form. Missing values are written as the zero value. */
  encode(w: Writer, value: unknown): void;
  /** Reads it. Undefined stands for nil. Throws ProtocolError. */
  decode(r: Reader): unknown;
  /** Of structures that are always there: nothing in them differs from zero, so that they need not be kept. */
  isZero?(value: unknown): boolean;
  /** Where the field is left out: kept off the wire, or neither read from JSON nor printed. */
  readonly only?: 'json' | 'wire';
}

/** HCL writes a block as a list of one, so a list of one stands for what is in it. */
export function single(json: Exclude<JsonValue, null>): Exclude<JsonValue, null> {
  const only = Array.isArray(json) && json.length === 1 ? json[0] : null;
  return only === null || only === undefined ? json : only;
}

export const isNothing = (value: unknown): boolean => value === undefined || value === null;

/** Writes nil for what is not there. */
export function orNil(of: Part): Part['encode'] {
  return (w, value) => (isNothing(value) ? w.nil() : of.encode(w, value));
}

/** A field that the API has and the wire has not. */
export const jsonOnly = (part: Part): Part => ({ ...part, only: 'json' });
/** A field that the wire has and the API has not. */
export const wireOnly = (part: Part): Part => ({ ...part, only: 'wire' });
