import { encodeAny } from '@proconsul/msgpack';
import { ConnectProxyConfig, MessageType } from '@proconsul/schema';
import { expect, test } from 'vitest';
import { SNAPSHOT_RECORD_BYTES_MAX, SnapshotError, SnapshotReader } from './snapshot-read.ts';
import { Store } from './store.ts';
import { check, Driver, service } from './testing.ts';

function filled(): Driver {
  const d = new Driver();
  d.register({
    Node: 'n',
    Service: service('web', { Tags: ['a'] }),
    Checks: [check('c', { ServiceID: 'web' }), check('serfHealth')],
  });
  d.register({ Node: 'M', Service: service('WEB'), Check: check('x', { Status: 'critical' }) });
  const mesh = { Proxy: ConnectProxyConfig.make({ DestinationServiceName: 'web' }) };
  d.register({ Node: 'M', Service: service('proxy', { Kind: 'connect-proxy', Port: 1, ...mesh }) });
  d.register({ Node: 'M', Service: service('nat', { Port: 1, Connect: { Native: true, PeerMeta: null } }) });
  d.deregister({ Node: 'M', ServiceID: 'nat' });
  d.createSession('s', { NodeChecks: ['serfHealth'] });
  d.kv('lock', 'lock', { Session: 's' });
  for (const key of ['a', 'b/c', '\u{1f600}', '\uffee', '']) d.set(key, `value of ${key}`);
  d.kv('set', 'large', { Value: new Uint8Array(10_000).fill(200), Flags: 2n ** 63n });
  d.kv('delete', 'a');
  d.apply(MessageType.ConfigEntry, { Op: 'upsert', Entry: { Kind: 'service-resolver', Name: 'r' } });
  d.apply(MessageType.ACLPolicySet, { Policies: [{ ID: 'p', Name: 'n' }] });
  return d;
}

function copyOf(store: Store): Store {
  const copy = new Store({ datacenter: 'dc1' });
  const restore = copy.restore();
  for (const chunk of store.snapshot().chunks()) restore.push(chunk);
  restore.finish();
  return copy;
}

test('a restored store equals the one that it came from, and goes on alike', () => {
  const d = filled();
  const copy = copyOf(d.store);
  expect(copy.stateHash()).toBe(d.store.stateHash());
  const go = (store: Store): unknown[] => {
    const e = new Driver();
    Object.assign(e, { store, index: store.lastIndex });
    return [
      e.register({ Node: 'n', Check: check('serfHealth', { Status: 'critical' }) }),
      e.register({ Node: 'M', Service: service('other', { Port: 1, Connect: { Native: true, PeerMeta: null } }) }),
      e.deregister({ Node: 'M', ServiceID: 'proxy' }),
      e.kv('delete-tree', 'b'),
      e.kv('lock', 'lock', { Session: 's' }),
      store.stateHash(),
    ];
  };
  expect(go(copy)).toEqual(go(d.store));
});

test('indexes of reads survive', () => {
  const d = filled();
  const copy = copyOf(d.store);
  const indexes = (s: Store) => [
    s.kv.list('').index,
    s.kv.list('b').index,
    s.kv.get('none').index,
    s.catalog.nodes().index,
    s.catalog.services().index,
    s.health.serviceNodes({ ServiceName: 'web' }).index,
    s.health.serviceNodes({ ServiceName: 'web', Connect: true }).index,
    s.health.serviceNodes({ ServiceName: 'gone' }).index,
    s.catalog.nodeServices('m').index,
    s.catalog.nodeServices('gone').index,
    s.health.checksInState('any').index,
    s.sessions.list().index,
    s.catalog.serviceDump('').index,
    s.config.list('').index,
  ];
  expect(indexes(copy)).toEqual(indexes(d.store));
});

test('a snapshot shows one moment, though writes go on while it is written', () => {
  const d = filled();
  const hash = d.store.stateHash();
  const snapshot = d.store.snapshot();
  const copy = new Store({ datacenter: 'dc1' });
  const restore = copy.restore();
  let i = 0;
  for (const chunk of snapshot.chunks()) {
    d.set(`new${i++}`, 'x');
    d.kv('delete-tree', 'b');
    d.deregister({ Node: 'n' });
    restore.push(chunk);
  }
  restore.finish();
  expect(copy.stateHash()).toBe(hash);
  expect(copyOf(d.store).stateHash()).toBe(d.store.stateHash());
  expect(snapshot.index).toBeLessThan(d.index);
});

test('a restore wakes every watcher at the next flush, and replaces everything', () => {
  const d = filled();
  const target = new Driver();
  target.set('mine');
  let woken = 0;
  for (const deps of [
    target.store.kv.get('mine').deps,
    target.store.kv.list('zz').deps,
    target.store.catalog.nodes().deps,
  ]) {
    target.store.watch(deps, () => woken++);
  }
  const restore = target.store.restore();
  for (const chunk of d.store.snapshot().chunks()) restore.push(chunk);
  target.store.flush();
  expect([woken, target.store.kv.get('mine').value]).toMatchObject([0, { Key: 'mine' }]);
  restore.finish();
  target.store.flush();
  expect([woken, target.store.kv.get('mine').value]).toEqual([3, null]);
});

test('records come in any order, and missing fields are zero', () => {
  const record = (type: number, value: unknown) => Buffer.concat([Buffer.from([type]), encodeAny(value)]);
  const node = { Node: 'n', Address: '1.1.1.1', CreateIndex: 3, ModifyIndex: 4 };
  const state = Buffer.concat([
    encodeAny({ LastIndex: 9 }),
    record(MessageType.KVS, { Value: 'v', Key: 'k' }),
    record(MessageType.Register, { ...node, Check: { CheckID: 'c', ServiceID: 'web', ModifyIndex: 7 } }),
    record(MessageType.Session, { ID: 's', Node: 'n', ModifyIndex: 5 }),
    record(MessageType.Register, { ...node, Service: { Service: 'web', ModifyIndex: 6 } }),
    record(MessageType.Register, node),
  ]);
  const store = new Store({ datacenter: 'dc1' });
  const restore = store.restore();
  restore.push(state);
  restore.finish();
  expect(store.kv.get('k').value).toMatchObject({ CreateIndex: 0, Flags: 0, Value: new TextEncoder().encode('v') });
  expect(store.health.serviceNodes({ ServiceName: 'web' })).toMatchObject({
    index: 7,
    value: [{ Checks: [{ CheckID: 'c' }] }],
  });
  expect(store.sessions.list().index).toBe(5);
  expect(store.catalog.nodes().index).toBe(4);
});

test('services of peers come back as they were, and their indexes stay apart from ours', () => {
  const d = new Driver();
  d.register({ Node: 'ours', Service: service('web') });
  const before = d.store.tableIndex('services');
  d.register({ Node: 'theirs', PeerName: 'p', Service: service('web', { PeerName: 'p' }) });
  const written = (store: Store) => Buffer.concat([...store.snapshot().chunks()]);
  const store = new Store({ datacenter: 'dc1' });
  const restore = store.restore();
  restore.push(written(d.store));
  restore.finish();
  expect(written(store).equals(written(d.store))).toBe(true);
  expect(written(store).includes('peer.p:service.web')).toBe(true);
  expect(store.catalog.nodes().value).toMatchObject([{ Node: 'ours' }]);
  expect([store.tableIndex('services'), before]).toEqual([1, 1]);
});

test('what is no snapshot is refused', () => {
  for (const bytes of [[], [0xc0], [0x80], [0x81, 0xa1, 0x61, 1]]) {
    const reader = new SnapshotReader('dc1');
    expect(() => {
      reader.push(new Uint8Array(bytes));
      reader.finish();
    }).toThrow(SnapshotError);
  }
});

test('a record that never ends is given up at a bound', () => {
  const reader = new SnapshotReader('dc1');
  const endless = [0x81, 0xa5, ...new TextEncoder().encode('Value'), 0xdb, 0xff, 0xff, 0xff, 0xff];
  reader.push(new Uint8Array([...encodeAny({ LastIndex: 9 }), MessageType.KVS, ...endless]));
  const chunk = new Uint8Array(8 * 1024 * 1024);
  expect(() => {
    for (let i = 0; i <= SNAPSHOT_RECORD_BYTES_MAX / chunk.length + 1; i++) reader.push(chunk);
  }).toThrow(`record of more than ${SNAPSHOT_RECORD_BYTES_MAX} bytes`);
});

test('the hash tells apart what differs in one byte', () => {
  const hashes = new Set<string>();
  for (const value of ['a', 'b', 'ab', 'ba', '']) {
    const d = new Driver();
    d.set('k', value);
    hashes.add(d.store.stateHash());
  }
  expect(hashes.size).toBe(5);
});
