import type { PreparedQuery, PreparedQueryRequest } from '@proconsul/schema';
import { dep, type ReadResult } from './dep.ts';
import type { Journal } from './journal.ts';
import { goQuote } from './kv-apply.ts';
import { OrderedRows } from './ordered-rows.ts';
import { ownRow } from './own.ts';
import type { ApplyResult } from './result.ts';
import type { State } from './state.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Prepared queries by id, by name and by session. */
export class QueryTable {
  readonly rows = new OrderedRows<PreparedQuery>(
    (row) => row.ID,
    (row) => row.ModifyIndex,
  );
  /** Names are compared without regard to case. */
  readonly #byName = new Map<string, string>();

  get(id: string): PreparedQuery | undefined {
    return this.rows.get(id);
  }

  named(name: string): PreparedQuery | undefined {
    const id = this.#byName.get(name.toLowerCase());
    return id === undefined ? undefined : this.rows.get(id);
  }

  /** True when a template without a name, which answers to every name, is there besides this one. */
  hasOtherCatchAll(id: string): boolean {
    return this.rows.all().some((query) => query.ID !== id && query.Name === '' && query.Template.Type !== '');
  }

  boundTo(session: string): PreparedQuery[] {
    return this.rows.all().filter((query) => query.Session === session);
  }

  set(query: PreparedQuery): void {
    this.drop(query.ID);
    this.rows.put(query);
    if (query.Name !== '') this.#byName.set(query.Name.toLowerCase(), query.ID);
  }

  drop(id: string): PreparedQuery | undefined {
    const old = this.rows.delete(id);
    if (old === undefined) return undefined;
    const name = old.Name.toLowerCase();
    if (this.#byName.get(name) === id) this.#byName.delete(name);
    return old;
  }
}

/** Stores queries as they are; templates are checked by the endpoint before the command is proposed. */
export function applyPreparedQuery(state: State, journal: Journal, request: PreparedQueryRequest): ApplyResult {
  const query = request.Query;
  if (query === null) return { error: 'Missing prepared query' };
  switch (request.Op) {
    case 'create':
    case 'update':
      return putQuery(state, journal, query);
    case 'delete': {
      const old = state.queries.get(query.ID);
      if (old !== undefined) removeQuery(state, journal, old);
      return null;
    }
    default:
      return { error: `Invalid PreparedQuery operation '${request.Op}'` };
  }
}

function putQuery(state: State, journal: Journal, given: PreparedQuery): ApplyResult {
  if (given.ID === '') return { error: 'Missing prepared query ID' };
  const error = queryConflict(state, given);
  if (error !== null) return { error };
  const CreateIndex = state.queries.get(given.ID)?.CreateIndex ?? journal.index;
  state.queries.set(ownRow(given, CreateIndex, journal.index));
  touchQuery(state, journal, given.ID);
  return null;
}

/** What stands against storing a query beside those that there are; null when nothing does. */
export function queryConflict(state: State, given: PreparedQuery): string | null {
  const named = given.Name === '' ? undefined : state.queries.named(given.Name);
  if (named !== undefined && named.ID !== given.ID) {
    return `name '${given.Name}' aliases an existing query name`;
  }
  if (given.Name === '' && given.Template.Type !== '' && state.queries.hasOtherCatchAll(given.ID)) {
    return 'a query template with an empty name already exists';
  }
  if (UUID.test(given.Name) && state.queries.get(given.Name.toLowerCase()) !== undefined) {
    return `name '${given.Name}' aliases an existing query ID`;
  }
  if (given.Session !== '' && state.sessions.get(given.Session) === undefined) {
    return `invalid session ${goQuote(given.Session)}`;
  }
  return null;
}

export function removeQuery(state: State, journal: Journal, query: PreparedQuery): void {
  state.queries.drop(query.ID);
  if (journal.recording) journal.undoWith(() => state.queries.set(query));
  touchQuery(state, journal, query.ID);
}

function touchQuery(state: State, journal: Journal, id: string): void {
  state.indexes.bump('prepared-queries', journal);
  journal.touch('table', 'prepared-queries');
  journal.touch('query', id);
}

const queryIndex = (state: State): number => Math.max(1, state.indexes.get('prepared-queries'));

/** A list of one, or an empty one. */
export function getQuery(state: State, id: string): ReadResult<readonly PreparedQuery[]> {
  const query = state.queries.get(id);
  return { index: queryIndex(state), value: query === undefined ? [] : [query], deps: [dep('query', id)] };
}

export function listQueries(state: State): ReadResult<readonly PreparedQuery[]> {
  return { index: queryIndex(state), value: state.queries.rows.all(), deps: [dep('table', 'prepared-queries')] };
}
