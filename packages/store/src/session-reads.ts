import type { Session } from '@proconsul/schema';
import { dep, type ReadResult } from './dep.ts';
import type { State } from './state.ts';

const sessionIndex = (state: State): number => Math.max(1, state.indexes.get('sessions'));

/** A list of one, or an empty one. */
export function getSession(state: State, id: string): ReadResult<readonly Session[]> {
  const session = state.sessions.get(id);
  return { index: sessionIndex(state), value: session === undefined ? [] : [session], deps: [dep('session', id)] };
}

/** By id. */
export function listSessions(state: State): ReadResult<readonly Session[]> {
  return { index: sessionIndex(state), value: state.sessions.rows.all(), deps: [dep('table', 'sessions')] };
}

export function nodeSessions(state: State, node: string): ReadResult<readonly Session[]> {
  const key = node.toLowerCase();
  return { index: sessionIndex(state), value: state.sessions.ofNode(key), deps: [dep('session-node', key)] };
}
