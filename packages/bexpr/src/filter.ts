import { bindFilter, type FieldMap } from './bind.ts';
import { parseFilter } from './parse.ts';

/** A filter that is ready to be used on records of one kind. */
export interface Filter {
  /** Whether the record belongs to the result. The record's properties are named as the fields are. */
  matches(record: unknown): boolean;
}

/**
 * Parses a filter and checks it against the fields. The empty text lets every record pass.
 * Throws FilterError; its `text` has the words that Consul puts before the message.
 */
export function compileFilter(text: string, fields: FieldMap): Filter {
  if (text === '') return { matches: () => true };
  return { matches: bindFilter(parseFilter(text), fields) };
}
