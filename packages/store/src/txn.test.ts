import { DirEntry, MessageType, Node, Session, TxnOp, TxnRequest, type TxnResponse } from '@proconsul/schema';
import { beforeEach, describe, expect, test } from 'vitest';
import { check, Driver, service } from './testing.ts';
import { isReadOnly } from './txn.ts';

let d: Driver;
beforeEach(() => {
  d = new Driver();
});
const kv = (Verb: string, Key: string, given: Partial<DirEntry> = {}) =>
  TxnOp.make({ KV: { Verb, DirEnt: DirEntry.make({ Key, ...given }) } });
const node = (Verb: string, name: string, given: Partial<Node> = {}) =>
  TxnOp.make({ Node: { Verb, Node: Node.make({ Node: name, Address: '10.1.1.1', ...given }) } });
const svc = (Verb: string, on: string, given = service('svc', { ID: 's1' })) =>
  TxnOp.make({ Service: { Verb, Node: on, Service: given } });
const chk = (Verb: string, on: string, given = check('c1')) =>
  TxnOp.make({ Check: { Verb, Check: { ...given, Node: on } } });
const txn = (...Ops: TxnOp[]) => d.apply(MessageType.Txn, TxnRequest.make({ Ops })) as TxnResponse;
const what = (...Ops: TxnOp[]) => txn(...Ops).Errors?.map((e) => [e.OpIndex, e.What]);
const bytes = (text: string) => new TextEncoder().encode(text);

describe('results', () => {
  test('writes answer the entry without its value, reads with it, deletes nothing', () => {
    const response = txn(
      kv('set', 'a', { Value: bytes('foo'), Flags: 3 }),
      kv('get', 'a'),
      kv('delete', 'a'),
      kv('check-not-exists', 'a'),
    );
    expect(response.Errors).toBe(null);
    expect(response.Results).toHaveLength(2);
    expect(response.Results?.[0]?.KV).toMatchObject({
      Key: 'a',
      Flags: 3,
      Value: null,
      CreateIndex: 1,
      ModifyIndex: 1,
    });
    expect(response.Results?.[1]?.KV?.Value).toEqual(bytes('foo'));
  });

  test('an empty list of operations answers an empty list', () => {
    expect(txn()).toEqual({ Results: [], Errors: null });
    expect(txn(TxnOp.make({}))).toEqual({ Results: [], Errors: null });
  });

  test('trees come key by key, get-or-empty invents an empty entry', () => {
    d.set('t/a', '1');
    d.set('t/b', '2');
    expect(txn(kv('get-tree', 't/')).Results?.map((r) => r.KV?.Key)).toEqual(['t/a', 't/b']);
    expect(txn(kv('get-tree', 'zzz')).Results).toEqual([]);
    expect(txn(kv('get-or-empty', 'none')).Results?.[0]?.KV).toMatchObject({
      Key: 'none',
      ModifyIndex: 0,
      Value: null,
    });
  });

  test('a node that is read is found by its id, if it is given one, and not by its name', () => {
    const ID = '12345678-1234-1234-1234-123456789012';
    txn(node('set', 'n', { ID }));
    expect(txn(node('get', 'other', { ID })).Results?.[0]?.Node?.Node).toBe('n');
    expect(what(node('get', 'n', { ID: ID.replaceAll('1', '2') }), node('get', 'n', { ID: 'abc' }))).toEqual([
      [0, 'node "n" doesn\'t exist'],
      [1, 'node lookup by ID failed: index error: UUID (without hyphens) must be even length'],
    ]);
  });

  test('nodes, services and checks answer their records', () => {
    const response = txn(
      node('set', 'tn', { Meta: { k: 'v' } }),
      svc('set', 'tn'),
      chk('set', 'tn', check('c1', { ServiceID: 's1', Status: '' })),
    );
    expect(response.Results?.[0]?.Node).toMatchObject({ Node: 'tn', Datacenter: 'dc1', CreateIndex: 1 });
    expect(response.Results?.[1]?.Service).toMatchObject({ ID: 's1', Weights: { Passing: 1, Warning: 1 } });
    expect(response.Results?.[2]?.Check).toMatchObject({ ServiceName: 'svc', Status: 'critical', Type: '' });
  });

  test('all touched objects share one index', () => {
    txn(node('set', 'tn'), svc('set', 'tn'), chk('set', 'tn'), kv('set', 'k'));
    expect(d.store.catalog.node('tn')?.ModifyIndex).toBe(1);
    expect(d.store.kv.get('k').value?.ModifyIndex).toBe(1);
    expect(d.store.health.serviceNodes({ ServiceName: 'svc' }).index).toBe(1);
  });
});

describe('failures', () => {
  test('of one operation undo all, and every failing one is listed', () => {
    d.set('a', 'x');
    const hash = d.store.stateHash();
    const errors = what(kv('set', 'b'), kv('cas', 'a', { ModifyIndex: 9 }), kv('delete-cas', 'a', { ModifyIndex: 9 }));
    expect(errors).toEqual([
      [1, 'failed to set key "a", index is stale'],
      [2, 'failed to delete key "a", index is stale'],
    ]);
    expect(d.store.kv.get('b')).toMatchObject({ value: null, index: 1 });
    const control = new Driver();
    control.set('a', 'x');
    expect(control.store.stateHash()).toBe(hash);
    control.store.skipTo(2);
    expect(d.store.stateHash()).toBe(control.store.stateHash());
  });

  test('have the texts of the reference', () => {
    d.register({ Node: 'n' });
    d.createSession('s', {});
    d.createSession('s2', {});
    d.kv('lock', 'l', { Session: 's' });
    expect(
      what(
        kv('get', 'missing'),
        kv('check-not-exists', 'l'),
        kv('check-index', 'l', { ModifyIndex: 1 }),
        kv('check-session', 'l', { Session: 'other' }),
        kv('lock', 'l', { Session: 's2' }),
        kv('lock', 'l2', { Session: 'ghost' }),
        kv('unlock', 'l2', { Session: 's' }),
        kv('frobnicate', 'a'),
        kv('set', ''),
        node('get', 'ghost'),
        node('cas', 'n', { ModifyIndex: 9 }),
        svc('get', 'n', service('zz')),
        svc('set', 'ghost'),
        svc('set', 'GHOST', service('svc', { ID: 's1', Meta: { 'a b': 'c' } })),
        chk('get', 'n', check('zz')),
        chk('set', 'ghost'),
        chk('set', 'n', check('c', { ServiceID: 'ghost' })),
      ),
    ).toEqual(
      [
        'key "missing" doesn\'t exist',
        'key "l" exists',
        'failed index check for key "l", current modify index 4 != 1',
        'failed session check for key "l", current session "s" != "other"',
        'failed to lock key "l", lock is already held',
        'invalid session "ghost"',
        'failed to unlock key "l2", lock isn\'t held, or is held by another session',
        'unknown KV operation: frobnicate',
        'Must provide key',
        'node "ghost" doesn\'t exist',
        'failed to set node "n", index is stale',
        'service "zz" on node "n" doesn\'t exist',
        'Missing node registration',
        "Invalid Service Meta for node GHOST and serviceID s1: Couldn't load metadata pair ('a b', 'c'): Key contains invalid characters",
        'check "zz" on node "n" doesn\'t exist',
        'Missing node registration',
        'Missing service registration',
      ].map((text, i) => [i, text]),
    );
  });

  test('wake nobody and tell no hook', () => {
    d.register({ Node: 'n', Service: service('web') });
    const heard: string[] = [];
    d.store.setHooks({
      onSession: (c) => heard.push(c.kind),
      onLockDelay: (k) => heard.push(k),
      onNodeRemoved: (n) => heard.push(n),
    });
    d.createSession('s', { LockDelay: 1e9, Behavior: 'delete' });
    d.kv('lock', 'k', { Session: 's' });
    heard.length = 0;
    const deps = [
      d.store.kv.get('k'),
      d.store.catalog.nodes(),
      d.store.health.serviceNodes({ ServiceName: 'web' }),
      d.store.sessions.list(),
    ];
    const woken = d.wakes(
      deps.flatMap((r) => r.deps),
      () => txn(node('delete', 'n'), kv('get', 'missing')),
    );
    expect([woken, heard]).toEqual([false, []]);
    expect(d.store.kv.get('k').value?.Session).toBe('s');
    expect(d.store.health.serviceNodes({ ServiceName: 'web' }).value).toHaveLength(1);
  });
});

describe('conditions', () => {
  test('see what earlier operations did', () => {
    expect(what(kv('set', 'q'), kv('cas', 'q', { ModifyIndex: 0 }))).toEqual([
      [1, 'failed to set key "q", index is stale'],
    ]);
    expect(txn(kv('set', 'q'), kv('cas', 'q', { ModifyIndex: 2, Flags: 1 })).Errors).toBe(null);
    expect(d.store.kv.get('q').value?.Flags).toBe(1);
  });

  test('cas of nodes, services and checks takes the present index, 0 for new ones', () => {
    expect(txn(node('cas', 'n'), svc('cas', 'n'), chk('cas', 'n')).Errors).toBe(null);
    const at = { ModifyIndex: 1 };
    expect(
      txn(
        node('cas', 'n', { ...at, Address: '2' }),
        svc('cas', 'n', service('svc', { ID: 's1', Port: 2, ...at })),
        chk('cas', 'n', check('c1', { ...at, Output: 'x' })),
      ).Errors,
    ).toBe(null);
    expect(what(svc('cas', 'n', service('svc', { ID: 's1', ...at })))).toEqual([
      [0, 'failed to set service "s1" on node "n", index is stale'],
    ]);
    expect(what(chk('cas', 'n', check('c1', at)))).toEqual([
      [0, 'failed to set check "c1" on node "n", index is stale'],
    ]);
  });

  test('delete-cas needs the present index, of something that is there', () => {
    txn(node('set', 'n'), svc('set', 'n'), chk('set', 'n'));
    const wrong = { ModifyIndex: 9 };
    expect(what(svc('delete-cas', 'n', service('svc', { ID: 's1', ...wrong })))).toHaveLength(1);
    expect(what(chk('delete-cas', 'n', check('c1', wrong)))).toHaveLength(1);
    expect(what(node('delete-cas', 'n', wrong))).toHaveLength(1);
    const right = { ModifyIndex: 1 };
    expect(
      txn(
        chk('delete-cas', 'n', check('c1', right)),
        svc('delete-cas', 'n', service('svc', { ID: 's1', ...right })),
        node('delete-cas', 'n', right),
        chk('delete', 'n'),
        svc('delete', 'n'),
        node('delete', 'n'),
      ).Errors,
    ).toBe(null);
    expect(d.store.catalog.nodes().value).toEqual([]);
    for (const gone of [
      chk('delete-cas', 'n', check('c1', right)),
      svc('delete-cas', 'n', service('svc', { ID: 's1', ...right })),
      node('delete-cas', 'n', right),
    ]) {
      expect(what(gone)?.[0]?.[1]).toMatch(/^failed to delete .*, index is stale$/);
    }
  });
});

test('a session may be ended inside', () => {
  d.register({ Node: 'n' });
  d.createSession('s', {});
  d.kv('lock', 'k', { Session: 's' });
  const end = TxnOp.make({ Session: { Verb: 'delete', Session: Session.make({ ID: 's' }) } });
  expect(txn(end, kv('check-session', 'k', { Session: '' })).Errors).toBe(null);
  expect(what(TxnOp.make({ Session: { Verb: 'create', Session: Session.make({ ID: 's' }) } }))).toHaveLength(1);
});

test('read-only transactions change nothing and need no log', () => {
  d.set('a', '1');
  const ops = [kv('get', 'a'), kv('check-index', 'a', { ModifyIndex: 1 }), kv('get-or-empty', 'b')];
  expect(isReadOnly(ops)).toBe(true);
  expect(isReadOnly([kv('set', 'a')])).toBe(false);
  expect(d.store.txnRead(ops).Results).toHaveLength(3);
  expect(d.store.txnRead([kv('get', 'missing')]).Errors).toHaveLength(1);
  expect(d.store.txnRead([kv('set', 'a')])).toMatchObject({ Results: null });
  expect(d.store.lastIndex).toBe(1);
});
