import type { DirEntry, TxnError, TxnOp, TxnRequest, TxnResponse, TxnResult } from '@proconsul/schema';
import type { NodeEntry } from './catalog-table.ts';
import { removeCheck, removeInstance, removeNode } from './catalog-write.ts';
import { type Journal, journalFor } from './journal.ts';
import { casKey, deleteKey, deleteKeyCas, goQuote, lockKey, setKey, unlockKey } from './kv-apply.ts';
import { withoutValue } from './kv-row.ts';
import { ensureCheck, ensureNode, ensureService, RefusedError, refuseMeta } from './register.ts';
import { destroySession } from './session-apply.ts';
import type { State } from './state.ts';

/** Results of one operation; throws {@link RefusedError} when it fails. */
type Step = readonly TxnResult[];
const NOTHING: Step = [];

/** Applies all operations, or none when one fails; then every failing one is listed. */
export function applyTxn(state: State, journal: Journal, request: TxnRequest): TxnResponse {
  let response: TxnResponse = { Results: [], Errors: null };
  journal.attempt(() => {
    response = run(state, journal, request.Ops ?? []);
    return response.Errors === null;
  });
  return response;
}

/** Whether {@link readTxn} can answer: no operation changes anything. */
export function isReadOnly(ops: readonly TxnOp[]): boolean {
  return ops.every((op) => {
    if (op.KV !== null) return READ_VERBS.has(op.KV.Verb);
    if (op.Node !== null) return op.Node.Verb === 'get';
    if (op.Service !== null) return op.Service.Verb === 'get';
    if (op.Check !== null) return op.Check.Verb === 'get';
    return op.Session === null;
  });
}

const READ_VERBS: ReadonlySet<string> = new Set([
  'get',
  'get-or-empty',
  'get-tree',
  'check-session',
  'check-index',
  'check-not-exists',
]);

/** Answers operations that only read. Others fail with Consul's text for unknown ones. */
export function readTxn(state: State, journal: Journal, ops: readonly TxnOp[]): TxnResponse {
  if (isReadOnly(ops)) return run(state, journal, ops);
  const Errors = ops.flatMap((op, OpIndex) => (isReadOnly([op]) ? [] : [{ OpIndex, What: unknownOperation(op) }]));
  return { Results: null, Errors };
}

function unknownOperation(op: TxnOp): string {
  if (op.Node !== null) return `unknown node operation: ${op.Node.Verb}`;
  if (op.Service !== null) return `unknown service operation: ${op.Service.Verb}`;
  if (op.Check !== null) return `unknown check operation: ${op.Check.Verb}`;
  return op.KV !== null ? `unknown KV operation: ${op.KV.Verb}` : 'operation is not allowed in a read';
}

function run(state: State, journal: Journal, ops: readonly TxnOp[]): TxnResponse {
  const Results: TxnResult[] = [];
  const Errors: TxnError[] = [];
  ops.forEach((op, OpIndex) => {
    try {
      Results.push(...step(state, journal, op));
    } catch (thrown) {
      if (!(thrown instanceof RefusedError)) throw thrown;
      Errors.push({ OpIndex, What: thrown.message });
    }
  });
  return Errors.length > 0 ? { Results: null, Errors } : { Results, Errors: null };
}

function step(state: State, journal: Journal, op: TxnOp): Step {
  if (op.KV !== null) return kvStep(state, journal, op.KV.Verb, op.KV.DirEnt);
  const peer = op.Node?.Node.PeerName ?? op.Service?.Service.PeerName ?? op.Check?.Check.PeerName ?? '';
  const catalog = state.peer(peer);
  const quiet = journalFor(journal, peer);
  if (op.Node !== null) return nodeStep(catalog, quiet, op.Node);
  if (op.Service !== null) return serviceStep(catalog, quiet, op.Service);
  if (op.Check !== null) return checkStep(catalog, quiet, op.Check);
  if (op.Session !== null) return sessionStep(state, journal, op.Session);
  return NOTHING;
}

const kvResult = (KV: DirEntry): Step => [{ KV, Node: null, Service: null, Check: null }];

function refuse(what: string): never {
  throw new RefusedError(what);
}

function kvStep(state: State, journal: Journal, verb: string, entry: DirEntry): Step {
  if (entry.Key === '' && verb !== 'get-tree' && verb !== 'delete-tree') refuse('Must provide key');
  switch (verb) {
    case 'set':
      return kvResult(withoutValue(setKey(state, journal, entry)));
    case 'cas':
      if (!casKey(state, journal, entry)) refuse(`failed to set key ${goQuote(entry.Key)}, index is stale`);
      return writtenKey(state, entry.Key);
    case 'delete':
      deleteKey(state, journal, entry.Key);
      return NOTHING;
    case 'delete-cas':
      if (!deleteKeyCas(state, journal, entry)) refuse(`failed to delete key ${goQuote(entry.Key)}, index is stale`);
      return NOTHING;
    case 'delete-tree':
      state.kv.removeUnder(entry.Key, state.indexes, journal);
      return NOTHING;
    case 'lock':
      return tookEffect(
        lockKey(state, journal, entry),
        `failed to lock key ${goQuote(entry.Key)}, lock is already held`,
        state,
        entry,
      );
    case 'unlock':
      return tookEffect(
        unlockKey(state, journal, entry),
        `failed to unlock key ${goQuote(entry.Key)}, lock isn't held, or is held by another session`,
        state,
        entry,
      );
    default:
      return kvReadStep(state, verb, entry);
  }
}

function tookEffect(
  result: boolean | { readonly error: string },
  failure: string,
  state: State,
  entry: DirEntry,
): Step {
  if (typeof result === 'object') refuse(result.error);
  if (!result) refuse(failure);
  return writtenKey(state, entry.Key);
}

function writtenKey(state: State, key: string): Step {
  const row = state.kv.get(key);
  return row === undefined ? NOTHING : kvResult(withoutValue(row));
}

function kvReadStep(state: State, verb: string, entry: DirEntry): Step {
  const key = goQuote(entry.Key);
  if (verb === 'get-tree') return state.kv.rows.under(entry.Key).flatMap(kvResult);
  const row = state.kv.get(entry.Key);
  if (verb === 'check-not-exists') return row === undefined ? NOTHING : refuse(`key ${key} exists`);
  if (verb === 'get-or-empty' && row === undefined) return kvResult({ ...entry, Value: null });
  if (!READ_VERBS.has(verb)) refuse(`unknown KV operation: ${verb}`);
  const failed = verb === 'check-index' || verb === 'check-session' ? `failed to ${verb.replace('-', ' ')}, ` : '';
  if (row === undefined) return refuse(`${failed}key ${key} doesn't exist`);
  switch (verb) {
    case 'check-index':
      if (row.ModifyIndex === entry.ModifyIndex) return kvResult(withoutValue(row));
      return refuse(
        `failed index check for key ${key}, current modify index ${row.ModifyIndex} != ${entry.ModifyIndex}`,
      );
    case 'check-session':
      if (row.Session === entry.Session) return kvResult(withoutValue(row));
      return refuse(
        `failed session check for key ${key}, current session ${goQuote(row.Session)} != ${goQuote(entry.Session)}`,
      );
    default:
      return kvResult(row);
  }
}

const nodeResult = (node: NodeEntry): Step => [{ KV: null, Node: node.row, Service: null, Check: null }];

function nodeStep(state: State, journal: Journal, op: NonNullable<TxnOp['Node']>): Step {
  const given = op.Node;
  const name = goQuote(given.Node);
  const node = op.Verb === 'get' && given.ID !== '' ? nodeById(state, given.ID) : state.catalog.node(given.Node);
  switch (op.Verb) {
    case 'get':
      return node === undefined ? refuse(`node ${name} doesn't exist`) : nodeResult(node);
    case 'cas':
      if ((node?.row.ModifyIndex ?? 0) !== given.ModifyIndex) refuse(`failed to set node ${name}, index is stale`);
      return setNode(state, journal, given);
    case 'set':
      return setNode(state, journal, given);
    case 'delete-cas':
      if (node?.row.ModifyIndex !== given.ModifyIndex) return refuse(`failed to delete node ${name}, index is stale`);
      removeNode(state, journal, node);
      return NOTHING;
    case 'delete':
      if (node !== undefined) removeNode(state, journal, node);
      return NOTHING;
    default:
      return refuse(`unknown Node operation: ${op.Verb}`);
  }
}

/** Its id is looked at before its name. Source: answers of the reference. */
function nodeById(state: State, id: string): NodeEntry | undefined {
  if (id.replaceAll('-', '').length % 2 === 1) {
    refuse('node lookup by ID failed: index error: UUID (without hyphens) must be even length');
  }
  return state.catalog.nodeById(id);
}

function setNode(state: State, journal: Journal, given: NonNullable<TxnOp['Node']>['Node']): Step {
  if (given.Node === '') refuse('Must provide node');
  const Datacenter = given.Datacenter === '' ? state.datacenter : given.Datacenter;
  return nodeResult(ensureNode(state, journal, { ...given, Datacenter }));
}

function serviceStep(state: State, journal: Journal, op: NonNullable<TxnOp['Service']>): Step {
  const given = op.Service;
  const node = state.catalog.node(op.Node);
  const old = node?.services.get(given.ID);
  const what = `service ${goQuote(given.ID)} on node ${goQuote(op.Node)}`;
  switch (op.Verb) {
    case 'get':
      return old === undefined ? refuse(`${what} doesn't exist`) : serviceResult(old);
    case 'cas':
      if ((old?.row.ModifyIndex ?? 0) !== given.ModifyIndex) refuse(`failed to set ${what}, index is stale`);
      return setService(state, journal, node, op);
    case 'set':
      return setService(state, journal, node, op);
    case 'delete-cas':
      if (old?.row.ModifyIndex !== given.ModifyIndex) return refuse(`failed to delete ${what}, index is stale`);
      removeInstance(state, journal, old);
      return NOTHING;
    case 'delete':
      if (old !== undefined) removeInstance(state, journal, old);
      return NOTHING;
    default:
      return refuse(`unknown Service operation: ${op.Verb}`);
  }
}

const serviceResult = (instance: { readonly row: TxnResult['Service'] }): Step => [
  { KV: null, Node: null, Service: instance.row, Check: null },
];

function setService(
  state: State,
  journal: Journal,
  node: NodeEntry | undefined,
  { Node, Service: given }: NonNullable<TxnOp['Service']>,
): Step {
  // Before the node is looked for, and with the name as it was given.
  refuseMeta(Node, given);
  if (node === undefined) return refuse('Missing node registration');
  return serviceResult(ensureService(state, journal, node, given));
}

/** How the reference calls the search for a check, by what it is for. */
const CHECK_LOOKUPS: Readonly<Record<string, string>> = {
  get: 'failed check lookup',
  set: 'failed health check lookup',
  cas: 'failed check lookup',
  delete: 'check lookup failed',
  'delete-cas': 'check lookup failed: failed check lookup',
};

function checkStep(state: State, journal: Journal, op: NonNullable<TxnOp['Check']>): Step {
  const given = op.Check;
  const id = given.CheckID;
  const node = state.catalog.node(given.Node);
  const old = node?.checks.get(id);
  const what = `check ${goQuote(id)} on node ${goQuote(given.Node)}`;
  if ((given.Node === '' || id === '') && CHECK_LOOKUPS[op.Verb] !== undefined) {
    refuse(`${CHECK_LOOKUPS[op.Verb]}: index error: object is missing a value for this index`);
  }
  switch (op.Verb) {
    case 'get':
      return old === undefined ? refuse(`${what} doesn't exist`) : checkResult(old);
    case 'cas':
      if ((old?.ModifyIndex ?? 0) !== given.ModifyIndex) refuse(`failed to set ${what}, index is stale`);
      return setCheck(state, journal, node, given);
    case 'set':
      return setCheck(state, journal, node, given);
    case 'delete-cas':
      if (node === undefined || old?.ModifyIndex !== given.ModifyIndex) {
        return refuse(`failed to delete ${what}, index is stale`);
      }
      removeCheck(state, journal, node, id);
      return NOTHING;
    case 'delete':
      if (old !== undefined && node !== undefined) removeCheck(state, journal, node, id);
      return NOTHING;
    default:
      return refuse(`unknown Check operation: ${op.Verb}`);
  }
}

const checkResult = (check: TxnResult['Check']): Step => [{ KV: null, Node: null, Service: null, Check: check }];

function setCheck(
  state: State,
  journal: Journal,
  node: NodeEntry | undefined,
  given: NonNullable<TxnOp['Check']>['Check'],
): Step {
  if (node === undefined) return refuse('Missing node registration');
  return checkResult(ensureCheck(state, journal, node, given));
}

function sessionStep(state: State, journal: Journal, op: NonNullable<TxnOp['Session']>): Step {
  if (op.Verb !== 'delete') return refuse(`unknown Session operation: ${op.Verb}`);
  destroySession(state, journal, op.Session.ID);
  return NOTHING;
}
