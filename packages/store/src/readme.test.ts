import { DirEntry, KVSRequest, MessageType } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { encodeCommand, Store } from './index.ts';

test('the example of the README does what it says', () => {
  const store = new Store({ datacenter: 'dc1' });
  const answer = store.kv.get('color');
  expect(answer).toEqual({ index: 1, value: null, deps: [{ kind: 'key', key: 'color' }] });
  const seen: (number | undefined)[] = [];
  store.watch(answer.deps, () => seen.push(store.kv.get('color').value?.ModifyIndex));
  const request = KVSRequest.make({ Op: 'set', DirEnt: DirEntry.make({ Key: 'color', Value: new Uint8Array([1]) }) });
  expect(store.apply(7, encodeCommand(MessageType.KVS, request))).toBe(true);
  store.flush();
  expect(seen).toEqual([7]);
  const target = new Store({ datacenter: 'dc1' }).restore();
  for (const chunk of store.snapshot().chunks()) target.push(chunk);
  expect(target.finish()).toEqual({ index: 7, records: 3, skipped: 0 });
});
