import { KV_OPS, type TxnError, type TxnOp } from '@proconsul/schema';
import { namesFault, uuidError, withId } from './validate.ts';

const KV_VERBS: ReadonlySet<string> = new Set(KV_OPS);

const OTHER_VERBS = new Set(['get', 'set', 'cas', 'delete', 'delete-cas']);

/** Verbs that may name the empty key: they mean the whole tree. */
const EMPTY_KEY_VERBS = new Set(['delete-tree']);

/** Operations of a transaction that writes, with the ids that they leave out. */
export function withIds(ops: readonly TxnOp[]): TxnOp[] {
  return ops.map((op) => {
    if (op.Service !== null) return { ...op, Service: { ...op.Service, Service: withId(op.Service.Service) } };
    if (op.Check === null || op.Check.Check.CheckID !== '') return op;
    return { ...op, Check: { ...op.Check, Check: { ...op.Check.Check, CheckID: op.Check.Check.Name } } };
  });
}

/** What is wrong with operations before the state is asked; empty when nothing is. Source: recorded answers. */
export function checkWriteOps(ops: readonly TxnOp[]): TxnError[] {
  return checked(
    ops,
    (op) =>
      refusal(op) ??
      (op.Node === null || op.Node.Verb === 'get' ? undefined : nodeFault(op.Node.Node)) ??
      (op.Service === null || op.Service.Verb === 'get' ? undefined : namesFault(op.Service.Service)) ??
      null,
  );
}

/** The same for operations that only read. */
export const checkReadOps = (ops: readonly TxnOp[]): TxnError[] => checked(ops, refusal);

function nodeFault({ Node, ID }: { readonly Node: string; readonly ID: string }): string | undefined {
  if (Node === '') return 'Must provide node';
  const idError = ID === '' ? null : uuidError(ID);
  return idError === null ? undefined : `Bad node ID: ${idError}`;
}

function checked(ops: readonly TxnOp[], refuse: (op: TxnOp) => string | null): TxnError[] {
  const errors: TxnError[] = [];
  ops.forEach((op, OpIndex) => {
    const What = refuse(op);
    if (What !== null) errors.push({ OpIndex, What });
  });
  return errors;
}

function refusal(op: TxnOp): string | null {
  if (op.KV !== null) {
    if (op.KV.DirEnt.Key === '' && !EMPTY_KEY_VERBS.has(op.KV.Verb)) return 'Must provide key';
    if (!KV_VERBS.has(op.KV.Verb)) return `unknown KV operation: ${op.KV.Verb}`;
    return null;
  }
  if (op.Node !== null) {
    return OTHER_VERBS.has(op.Node.Verb) ? null : `unknown node operation: ${op.Node.Verb}`;
  }
  if (op.Service !== null) {
    return OTHER_VERBS.has(op.Service.Verb) ? null : `unknown service operation: ${op.Service.Verb}`;
  }
  if (op.Check !== null && !OTHER_VERBS.has(op.Check.Verb)) return `unknown check operation: ${op.Check.Verb}`;
  return null;
}
