import { chunksOf, type Entry, LogType } from '@proconsul/raft';
import { MessageType } from '@proconsul/schema';
import { encodeCommand, Store } from '@proconsul/store';
import { describe, expect, test } from 'vitest';
import { storeMachine } from './store-machine.ts';

const entry = (index: number, data: Uint8Array, extensions?: Uint8Array, term = 2): Entry => ({
  index,
  term,
  type: LogType.command,
  data,
  ...(extensions ? { extensions } : {}),
});

const put = (key: string, value: Uint8Array): Uint8Array =>
  encodeCommand(MessageType.KVS, {
    Datacenter: 'dc1',
    Op: 'set',
    DirEnt: { Key: key, Value: value, Flags: 0, LockIndex: 0, Session: '', CreateIndex: 0, ModifyIndex: 0 },
    Token: '',
  });

describe('the store as a state machine', () => {
  test('a command in pieces is applied with its last piece, at the index of that one', () => {
    const store = new Store({ datacenter: 'dc1' });
    const machine = storeMachine(store);
    const bytes = new Uint8Array(1_200_000).fill(65);
    const pieces = chunksOf(put('big', bytes), 77n);
    expect(pieces).toHaveLength(3);
    for (const [i, p] of pieces.entries()) machine.apply([entry(10 + i, p.data, p.extensions)]);
    const { value } = store.kv.get('big');
    expect(value?.Value?.length).toBe(1_200_000);
    expect(value?.ModifyIndex).toBe(12);
    expect(store.lastIndex).toBe(12);
  });

  test('pieces that are not complete are part of a snapshot', async () => {
    const machine = storeMachine(new Store({ datacenter: 'dc1' }));
    const pieces = chunksOf(put('big', new Uint8Array(600_000)), 78n);
    machine.apply([entry(5, pieces[0]!.data, pieces[0]!.extensions)]);
    const store = new Store({ datacenter: 'dc1' });
    const other = storeMachine(store);
    const { chunks } = machine.snapshot();
    await other.restore(
      (async function* () {
        for await (const chunk of chunks()) yield chunk;
      })(),
    );
    other.apply([entry(6, pieces[1]!.data, pieces[1]!.extensions)]);
    expect(store.kv.get('big').value?.Value?.length).toBe(600_000);
  });

  test('the checkpoint of the log verifier changes nothing', () => {
    const store = new Store({ datacenter: 'dc1' });
    expect(storeMachine(store).apply([entry(9, Uint8Array.of(0xa9, 0xc0), new Uint8Array(24))])).toEqual([null]);
    expect(store.lastIndex).toBe(9);
  });

  test('an unknown command that may be skipped is skipped; another one ends the part of this server', () => {
    const machine = storeMachine(new Store({ datacenter: 'dc1' }));
    expect(machine.apply([entry(3, Uint8Array.of(128 | 60, 0xc0))])).toEqual([null]);
    expect(() => machine.apply([entry(4, Uint8Array.of(60, 0xc0))])).toThrow(
      'log entry 4 is a command of type 60, which this version does not know',
    );
  });
});
