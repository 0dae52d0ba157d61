import type { TxnError, TxnOp } from '@proconsul/schema';

const KV_VERBS = new Set([
  'set',
  'delete',
  'delete-cas',
  'delete-tree',
  'cas',
  'lock',
  'unlock',
  'get',
  'get-or-empty',
  'get-tree',
  'check-session',
  'check-index',
  'check-not-exists',
]);

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
    if (!KV_VERBS.has(op.KV.Verb)) return `unknown KV operation: ${op.KV.Verb}`;
    if (op.KV.DirEnt.Key === '' && !EMPTY_KEY_VERBS.has(op.KV.Verb)) return 'Must provide key';
    return null;
  }
  if (op.Node !== null) return op.Node.Node.Node === '' && op.Node.Node.ID === '' ? 'Must provide node' : null;
  if (op.Service !== null) {
    // What is only read or deleted is found by its id alone.
    const isWritten = op.Service.Verb === 'set' || op.Service.Verb === 'cas';
    if (isWritten && op.Service.Service.ID !== '' && op.Service.Service.Service === '') {
      return 'Must provide service name (Service.Service) when service ID is provided';
    }
    return null;
  }
  return null;
}
