import type { DirEntry, KVSRequest } from '@proconsul/schema';
import type { Journal } from './journal.ts';
import { KvRow } from './kv-row.ts';
import { ownText } from './own.ts';
import { type PackedBytes, pack, samePacked } from './packed-bytes.ts';
import type { ApplyResult } from './result.ts';
import type { State } from './state.ts';

/** Applies a KV command. Conditional operations answer whether they took effect. */
export function applyKvs(state: State, journal: Journal, request: KVSRequest): ApplyResult {
  const entry = request.DirEnt;
  switch (request.Op) {
    case 'set':
      setKey(state, journal, entry);
      return true;
    case 'cas':
      return casKey(state, journal, entry);
    case 'delete':
      deleteKey(state, journal, entry.Key);
      return true;
    case 'delete-cas':
      return deleteKeyCas(state, journal, entry);
    case 'delete-tree':
      state.kv.removeUnder(entry.Key, state.indexes, journal);
      return true;
    case 'lock':
      return lockKey(state, journal, entry);
    case 'unlock':
      return unlockKey(state, journal, entry);
    default:
      return { error: `Invalid KVS operation '${request.Op}'` };
  }
}

/** The stored row afterwards. A write that changes nothing leaves the row and its indexes alone. */
function store(
  state: State,
  journal: Journal,
  entry: DirEntry,
  old: KvRow | undefined,
  Session: string,
  LockIndex: number,
): KvRow {
  const packed: PackedBytes = pack(entry.Value);
  const Flags = plainFlags(entry.Flags);
  if (
    old !== undefined &&
    old.Flags === Flags &&
    old.Session === Session &&
    old.LockIndex === LockIndex &&
    samePacked(old.packed, packed)
  ) {
    return old;
  }
  const key = old === undefined ? ownText(entry.Key) : old.Key;
  const session = old !== undefined && old.Session === Session ? old.Session : ownText(Session);
  const row = new KvRow(key, packed, Flags, session, LockIndex, old?.CreateIndex ?? journal.index, journal.index);
  state.kv.put(row, state.indexes, journal);
  return row;
}

/** A number when it is exact: the two forms of a number must not look different. */
function plainFlags(flags: number | bigint): number | bigint {
  return typeof flags === 'bigint' && flags <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(flags) : flags;
}

/** Replaces value and flags. A holder stays; the lock index starts over. Source: recorded exchanges. */
export function setKey(state: State, journal: Journal, entry: DirEntry): KvRow {
  const old = state.kv.get(entry.Key);
  return store(state, journal, entry, old, old?.Session ?? '', 0);
}

export function casKey(state: State, journal: Journal, entry: DirEntry): boolean {
  if ((state.kv.get(entry.Key)?.ModifyIndex ?? 0) !== entry.ModifyIndex) return false;
  setKey(state, journal, entry);
  return true;
}

export function deleteKey(state: State, journal: Journal, key: string): void {
  const old = state.kv.get(key);
  if (old !== undefined) state.kv.remove(old, state.indexes, journal);
}

/** Deleting what is not there succeeds whatever the index. */
export function deleteKeyCas(state: State, journal: Journal, entry: DirEntry): boolean {
  const old = state.kv.get(entry.Key);
  if (old === undefined) return true;
  if (old.ModifyIndex !== entry.ModifyIndex) return false;
  state.kv.remove(old, state.indexes, journal);
  return true;
}

export function lockKey(state: State, journal: Journal, entry: DirEntry): boolean | { readonly error: string } {
  if (entry.Session === '') return { error: 'missing session' };
  if (state.sessions.get(entry.Session) === undefined) return { error: `invalid session ${goQuote(entry.Session)}` };
  const old = state.kv.get(entry.Key);
  if (old !== undefined && old.Session !== '') {
    if (old.Session !== entry.Session) return false;
    store(state, journal, entry, old, entry.Session, old.LockIndex);
    return true;
  }
  store(state, journal, entry, old, entry.Session, (old?.LockIndex ?? 0) + 1);
  return true;
}

export function unlockKey(state: State, journal: Journal, entry: DirEntry): boolean | { readonly error: string } {
  if (entry.Session === '') return { error: 'missing session' };
  const old = state.kv.get(entry.Key);
  if (old === undefined || old.Session !== entry.Session) return false;
  store(state, journal, entry, old, '', old.LockIndex);
  return true;
}

/** As Go's %q prints plain text. */
export function goQuote(text: string): string {
  return JSON.stringify(text);
}
