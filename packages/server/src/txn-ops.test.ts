import { NodeService, TxnOp } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { checkWriteOps } from './txn-ops.ts';

const serviceOp = (Verb: string): TxnOp =>
  TxnOp.make({ Service: { Verb, Node: 'n', Service: NodeService.make({ ID: 'web1' }) } });

const NO_NAME = 'Must provide service name (Service.Service) when service ID is provided';

// Source: answers of the reference; TestAPI_ClientTxn of the Go client reads an instance by its id.
test.for(['set', 'cas', 'delete', 'delete-cas'])('%s of an instance needs the name of its service', (verb) => {
  expect(checkWriteOps([serviceOp('get'), serviceOp(verb)])).toEqual([{ OpIndex: 1, What: NO_NAME }]);
});

test('an instance is read by its id alone, beside writes too', () => {
  expect(checkWriteOps([serviceOp('get')])).toEqual([]);
});
