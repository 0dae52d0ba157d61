import { KeyringRequest, KeyringResponse, KeyringResponses } from '@proconsul/schema';
import type { KeyOperationResult, SerfPool } from '@proconsul/serf';
import { describe, expect, test } from 'vitest';
import { KeyringOperations } from './keyring-operations.ts';

const DONE: KeyOperationResult = { nodes: 2, responses: 2, failures: 0, messages: {}, keys: {}, primaryKeys: {} };

/** A pool that answers every operation alike, and notes what it was asked. */
function pool(name: string, asked: string[], result: KeyOperationResult | Error = DONE): SerfPool {
  const answer = (op: string) => async (key: unknown) => {
    asked.push(`${name} ${op} ${key}`);
    if (result instanceof Error) throw result;
    return result;
  };
  return {
    listKeys: answer('list'),
    installKey: answer('install'),
    useKey: answer('use'),
    removeKey: answer('remove'),
  } as unknown as SerfPool;
}

function world(lan: KeyOperationResult | Error = DONE, elsewhere: KeyringResponse[] | Error = []) {
  const asked: string[] = [];
  const operations = new KeyringOperations({
    datacenter: 'dc1',
    lan: pool('lan', asked, lan),
    wan: pool('wan', asked),
    others: () => ['dc2'],
    forward: async (dc, body) => {
      const { Operation, Key, Forwarded } = KeyringRequest.decodeWire(body);
      asked.push(`${dc} ${Operation} ${Key} ${Forwarded}`);
      if (elsewhere instanceof Error) throw elsewhere;
      return KeyringResponses.encodeWire(KeyringResponses.make({ Responses: elsewhere }));
    },
  });
  return { asked, operations };
}

describe('an operation on keys', () => {
  test('reaches the WAN pool, this datacenter and the others, and answers in that order', async () => {
    const there = KeyringResponse.make({ Datacenter: 'dc2', NumNodes: 5 });
    const { asked, operations } = world(DONE, [there]);
    const answers = await operations.run(KeyringRequest.make({ Operation: 'install', Key: 'K' }));
    expect(asked).toEqual(['wan install K', 'lan install K', 'dc2 install K true']);
    expect(answers.map((a) => [a.WAN, a.Datacenter, a.NumNodes])).toEqual([
      [true, 'dc1', 2],
      [false, 'dc1', 2],
      [false, 'dc2', 5],
    ]);
  });

  test.for([[{ LocalOnly: true }], [{ Forwarded: true }]] as const)('stays in this datacenter with %j', async ([o]) => {
    const { asked, operations } = world();
    expect(await operations.run(KeyringRequest.make({ Operation: 'list', ...o }))).toHaveLength(1);
    expect(asked).toEqual(['lan list 0']);
  });

  test.for([
    [{ ...DONE, failures: 1, messages: { n1: 'no such key' } }, '1/2 nodes reported failure'],
    [{ ...DONE, responses: 1 }, '1/2 nodes reported success'],
    [new Error('illegal base64 data at input byte 0'), 'illegal base64 data at input byte 0'],
  ] as const)('%#: tells what went wrong in a pool', async ([result, text]) => {
    const { operations } = world(result);
    const answers = await operations.run(KeyringRequest.make({ Operation: 'use', Key: 'K' }));
    expect(answers.map((a) => a.Error)).toEqual(['', text]);
  });

  test('tells that another datacenter could not be asked', async () => {
    const { operations } = world(DONE, new Error('No path to datacenter'));
    const reply = await operations.call(KeyringRequest.encodeWire(KeyringRequest.make({ Operation: 'list' })));
    expect(KeyringResponses.decodeWire(reply).Responses?.at(-1)).toMatchObject({
      Datacenter: 'dc2',
      Error: 'No path to datacenter',
    });
  });
});
