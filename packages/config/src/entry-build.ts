import type { JsonValue } from '@proconsul/gojson';
import { DecodeError, readConfigEntry } from '@proconsul/schema';
import { entryKeys } from './api-case.ts';
import type { Reader } from './reader.ts';

/** Entries with the names of the API. Each must be one that the API would take. */
export function buildConfigEntries(reader: Reader): Record<string, unknown>[] {
  const given = (reader.raw('config_entries.bootstrap') ?? []) as Record<string, unknown>[];
  return given.map((entry, index) => {
    const path = `config_entries.bootstrap[${index}]`;
    const fail = (text: string) => reader.error(path, `${path}: ${text}`);
    let kind: string;
    try {
      kind = readConfigEntry(entry as JsonValue).Kind;
    } catch (error) {
      if (error instanceof DecodeError) throw fail(error.message);
      throw error;
    }
    const entries = entryKeys(entry) as Record<string, unknown>;
    if (kind !== 'mesh' && (entries['Name'] ?? '') === '') throw fail('Name is required');
    return entries;
  });
}
