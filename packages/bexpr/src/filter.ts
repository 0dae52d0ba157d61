import { bindFilter, type FieldMap } from './bind.ts';
import { parseFilter } from './parse.ts';
import { Patience } from './patience.ts';

/** A filter that is ready to be used on records of one kind. */
export interface Filter {
  /**
   * Whether the record belongs to the result. The record's properties are named as the fields are. Throws FilterError FILTER_LIMIT when
   * the time is watched and patterns have taken too long.
   */
  matches(record: unknown): boolean;
}

/**
 * Parses a filter and checks it against the fields. The empty text lets every record pass.
 * Throws FilterError; its `text` has the words that Consul puts before the message. With `now` (monotonic milliseconds) one filter serves
 * one request, and is given up when its patterns take too long.
 */
export function compileFilter(text: string, fields: FieldMap, now?: () => number): Filter {
  if (text === '') return { matches: () => true };
  return { matches: bindFilter(parseFilter(text), fields, now === undefined ? undefined : new Patience(now)) };
}
