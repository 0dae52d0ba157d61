import { Reader } from '@proconsul/msgpack';
import { CAConfiguration, CAConsulProviderState, CARoot, Intention } from '@proconsul/schema';
import { dep, type ReadResult } from './dep.ts';
import { CA_CONFIG, CA_PROVIDER, CA_ROOTS, INTENTIONS } from './opaque-table.ts';
import type { State } from './state.ts';

/** The roots of trust of the mesh, old ones included. */
export function caRoots(state: State): ReadResult<readonly CARoot[]> {
  const value = state.opaque.all(CA_ROOTS).map((bytes) => CARoot.decodeWire(bytes));
  return { index: Math.max(1, state.indexes.get(CA_ROOTS.table)), value, deps: [dep('table', CA_ROOTS.table)] };
}

/** How the authority of the mesh is run; null before the first leader. */
export function caConfiguration(state: State): ReadResult<CAConfiguration | null> {
  const bytes = state.opaque.all(CA_CONFIG)[0];
  const value = bytes === undefined ? null : CAConfiguration.decodeWire(bytes);
  return { index: Math.max(1, value?.ModifyIndex ?? 0), value, deps: [dep('table', CA_CONFIG.table)] };
}

/** What the built-in provider keeps, keys included: it never leaves the servers. */
export function caProviderStates(state: State): readonly CAConsulProviderState[] {
  return state.opaque.all(CA_PROVIDER).map((bytes) => CAConsulProviderState.decodeWire(bytes));
}

/** Intentions of old versions, by id, until the next leader clears them: all others are config entries. */
export function legacyIntentions(state: State): ReadResult<readonly Intention[]> {
  const value = state.opaque.all(INTENTIONS).map((bytes) => Intention.read(new Reader(bytes)));
  return { index: Math.max(1, state.indexes.get(INTENTIONS.table)), value, deps: [dep('table', INTENTIONS.table)] };
}
