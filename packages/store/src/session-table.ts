import type { Session } from '@proconsul/schema';
import { OrderedRows } from './ordered-rows.ts';

/** Nodes and checks that a session's life depends on: keys of {@link SessionTable.withCheck}. */
export function sessionChecks(session: Session): string[] {
  const ids = new Set<string>();
  for (const id of session.Checks ?? []) ids.add(id);
  for (const id of session.NodeChecks ?? []) ids.add(id);
  for (const check of session.ServiceChecks ?? []) ids.add(check.ID);
  return [...ids];
}

/** Sessions by id, by node and by the checks they are bound to. */
export class SessionTable {
  readonly rows = new OrderedRows<Session>(
    (row) => row.ID,
    (row) => row.ModifyIndex,
  );
  readonly #byNode = new Map<string, Set<string>>();
  /** Key: node, NUL, check id, in lower case. */
  readonly #byCheck = new Map<string, Set<string>>();

  get size(): number {
    return this.rows.size;
  }

  get(id: string): Session | undefined {
    return this.rows.get(id);
  }

  /** Sessions of a node (lower-case name), sorted by id. */
  ofNode(node: string): Session[] {
    return this.#rowsOf(this.#byNode.get(node));
  }

  /** Sessions bound to a check of a node, sorted by id. */
  withCheck(node: string, checkId: string): Session[] {
    return this.#rowsOf(this.#byCheck.get(checkKey(node, checkId)));
  }

  set(session: Session): void {
    this.drop(session.ID);
    this.rows.put(session);
    const node = session.Node.toLowerCase();
    add(this.#byNode, node, session.ID);
    for (const id of sessionChecks(session)) add(this.#byCheck, checkKey(node, id), session.ID);
  }

  drop(id: string): Session | undefined {
    const old = this.rows.delete(id);
    if (old === undefined) return undefined;
    const node = old.Node.toLowerCase();
    remove(this.#byNode, node, id);
    for (const check of sessionChecks(old)) remove(this.#byCheck, checkKey(node, check), id);
    return old;
  }

  #rowsOf(ids: ReadonlySet<string> | undefined): Session[] {
    if (ids === undefined) return [];
    return [...ids].sort().map((id) => this.rows.get(id) as Session);
  }
}

const checkKey = (node: string, checkId: string): string => `${node}\0${checkId.toLowerCase()}`;

function add(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key);
  if (ids === undefined) index.set(key, new Set([id]));
  else ids.add(id);
}

function remove(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key);
  ids?.delete(id);
  if (ids?.size === 0) index.delete(key);
}
