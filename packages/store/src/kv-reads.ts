import type { DirEntry } from '@proconsul/schema';
import { dep, type ReadResult } from './dep.ts';
import { REAPED } from './kv-table.ts';
import type { State } from './state.ts';

/** Highest index of the KV tables, tombstones included; 1 when they were never used. */
export function kvTableIndex(state: State): number {
  return Math.max(1, state.indexes.max('kvs', 'tombstones'));
}

/** One entry, or null. Deps: that key only, so that a missing key is not woken by others. */
export function getKey(state: State, key: string): ReadResult<DirEntry | null> {
  const row = state.kv.get(key) ?? null;
  const index = row === null ? kvTableIndex(state) : Math.max(1, row.ModifyIndex);
  return { index, value: row, deps: [dep('key', key)] };
}

/** Index of what is under a prefix: its newest entry or tombstone; the tables' own when nothing is there. */
function prefixIndex(state: State, prefix: string, empty: boolean): number {
  if (empty || prefix === '') return kvTableIndex(state);
  const newest = Math.max(state.kv.rows.maxIndexUnder(prefix), state.kv.tombstones.maxIndexUnder(prefix));
  return Math.max(1, newest, state.indexes.get(REAPED));
}

/** The entries under a prefix in byte order; null when there is none. */
export function listKeys(state: State, prefix: string): ReadResult<readonly DirEntry[] | null> {
  const rows = state.kv.rows.under(prefix);
  const index = prefixIndex(state, prefix, rows.length === 0);
  return { index, value: rows.length === 0 ? null : rows, deps: [dep('prefix', prefix)] };
}

/** The keys under a prefix, each cut behind the first `separator` past the prefix, without repetition. */
export function keyNames(state: State, prefix: string, separator: string): ReadResult<readonly string[]> {
  const rows = state.kv.rows.under(prefix);
  const names: string[] = [];
  for (const row of rows) {
    const cut = separator === '' ? -1 : row.Key.indexOf(separator, prefix.length);
    const name = cut < 0 ? row.Key : row.Key.slice(0, cut + separator.length);
    if (names.at(-1) !== name) names.push(name);
  }
  return { index: prefixIndex(state, prefix, rows.length === 0), value: names, deps: [dep('prefix', prefix)] };
}

/** Up to `limit` entries under a prefix behind the key `after`. */
export function pageKeys(state: State, prefix: string, after: string, limit: number): ReadResult<readonly DirEntry[]> {
  const rows = state.kv.rows.page(prefix, after, limit);
  return { index: prefixIndex(state, prefix, rows.length === 0), value: rows, deps: [dep('prefix', prefix)] };
}
