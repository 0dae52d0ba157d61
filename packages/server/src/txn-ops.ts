import { KV_OPS, type TxnError, type TxnOp } from '@proconsul/schema';
import { uuidError } from './validate.ts';

const KV_VERBS: ReadonlySet<string> = new Set(KV_OPS);

const WRITING_VERBS = new Set(['set', 'cas']);
const OTHER_VERBS = new Set(['get', 'set', 'cas', 'delete', 'delete-cas']);

/** Verbs that may name the empty key: they mean the whole tree. */
const EMPTY_KEY_VERBS = new Set(['get-tree', 'delete-tree']);

/** What is wrong with operations before the state is asked; empty when nothing is. Source: recorded answers. */
export function checkReadOps(ops: readonly TxnOp[]): TxnError[] {
  const errors: TxnError[] = [];
  ops.forEach((op, OpIndex) => {
    const What = refusal(op);
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
    if (!OTHER_VERBS.has(op.Node.Verb)) return `unknown node operation: ${op.Node.Verb}`;
    const { Node, ID } = op.Node.Node;
    if (Node === '' && ID === '') return 'Must provide node';
    const idError = ID !== '' && WRITING_VERBS.has(op.Node.Verb) ? uuidError(ID) : null;
    return idError === null ? null : `Bad node ID: ${idError}`;
  }
  if (op.Service !== null) {
    if (!OTHER_VERBS.has(op.Service.Verb)) return `unknown service operation: ${op.Service.Verb}`;
    // What is only read or deleted is found by its id alone.
    if (WRITING_VERBS.has(op.Service.Verb) && op.Service.Service.ID !== '' && op.Service.Service.Service === '') {
      return 'Must provide service name (Service.Service) when service ID is provided';
    }
    return null;
  }
  if (op.Check !== null && !OTHER_VERBS.has(op.Check.Verb)) return `unknown check operation: ${op.Check.Verb}`;
  return null;
}
