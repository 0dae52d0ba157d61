import type { Session, SessionRequest } from '@proconsul/schema';
import type { Journal } from './journal.ts';
import { KvRow } from './kv-row.ts';
import { own } from './own.ts';
import { removeQuery } from './prepared-queries.ts';
import type { ApplyResult } from './result.ts';
import { sessionChecks } from './session-table.ts';
import type { State } from './state.ts';

/** Longest lock delay that takes effect; longer ones are stored and shown. Source: HTTP API documentation. */
export const LOCK_DELAY_NS_MAX = 60e9;

/** Create answers the id, destroy nothing. */
export function applySession(state: State, journal: Journal, request: SessionRequest): ApplyResult {
  switch (request.Op) {
    case 'create':
      return createSession(state, journal, request.Session);
    case 'destroy':
      destroySession(state, journal, request.Session.ID);
      return null;
    default:
      return { error: `Invalid session operation '${request.Op}'` };
  }
}

function createSession(state: State, journal: Journal, given: Session): ApplyResult {
  if (given.ID === '') return { error: 'Missing session ID' };
  const Behavior = given.Behavior === '' ? 'release' : given.Behavior;
  if (Behavior !== 'release' && Behavior !== 'delete') return { error: `Invalid session behavior: ${Behavior}` };
  const node = state.catalog.node(given.Node);
  if (node === undefined) return { error: 'Missing node registration' };
  for (const id of sessionChecks(given)) {
    const check = node.checks.get(id);
    if (check === undefined) return { error: `Missing check '${id}' registration` };
    if (check.Status === 'critical') return { error: `Check '${id}' is in critical state` };
  }
  const session: Session = { ...own(given), Behavior, CreateIndex: journal.index, ModifyIndex: journal.index };
  putSession(state, journal, session);
  journal.session({ kind: 'created', session });
  return session.ID;
}

function putSession(state: State, journal: Journal, session: Session): void {
  const old = state.sessions.get(session.ID);
  state.sessions.set(session);
  if (journal.recording) {
    journal.undoWith(() => {
      if (old === undefined) state.sessions.drop(session.ID);
      else state.sessions.set(old);
    });
  }
  touchSession(state, journal, session);
}

function touchSession(state: State, journal: Journal, session: Session): void {
  state.indexes.bump('sessions', journal);
  journal.touch('table', 'sessions');
  journal.touch('session', session.ID);
  journal.touch('session-node', session.Node.toLowerCase());
}

/**
 * Ends a session with all that hangs on it: its locks are released or their keys deleted, their delays begin, and
 * prepared queries bound to it go. Unknown ids are no error. All changes carry the index of the command.
 */
export function destroySession(state: State, journal: Journal, id: string): void {
  const session = state.sessions.drop(id);
  if (session === undefined) return;
  if (journal.recording) journal.undoWith(() => state.sessions.set(session));
  touchSession(state, journal, session);
  const delayNs = Math.min(session.LockDelay, LOCK_DELAY_NS_MAX);
  for (const key of state.kv.keysHeldBy(id)) {
    const row = state.kv.get(key) as KvRow;
    if (session.Behavior === 'delete') state.kv.remove(row, state.indexes, journal);
    else state.kv.put(released(row, journal.index), state.indexes, journal);
    if (delayNs > 0) journal.lockDelay(key, delayNs);
  }
  for (const query of state.queries.boundTo(id)) removeQuery(state, journal, query);
  journal.session({ kind: 'destroyed', session });
}

function released(row: KvRow, index: number): KvRow {
  return new KvRow(row.Key, row.packed, row.Flags, '', row.LockIndex, row.CreateIndex, index);
}

/** Ends the sessions bound to a check that became critical or is gone. `node` is in lower case. */
export function invalidateSessions(state: State, journal: Journal, node: string, checkId: string): void {
  for (const session of state.sessions.withCheck(node, checkId)) destroySession(state, journal, session.ID);
}
