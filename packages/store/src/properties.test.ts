import { seededRng } from '@proconsul/base';
import { encodeAny } from '@proconsul/msgpack';
import {
  ConnectProxyConfig,
  DirEntry,
  type KVSRequest,
  MessageType,
  PreparedQuery,
  PreparedQueryRequest,
  TxnOp,
  TxnRequest,
} from '@proconsul/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadResult } from './dep.ts';
import { isApplyError } from './result.ts';
import { same } from './same.ts';
import { SnapshotError } from './snapshot-read.ts';
import { Store } from './store.ts';
import { check, Driver, service } from './testing.ts';

/** A small world, so that commands meet. */
const KEYS = ['a', 'a/b', 'a/c', 'b', 'b/x/y', ''];
const SESSIONS = ['s1', 's2', 's3'];
const NODES = ['n1', 'n2', 'N1'];
const SERVICES = ['web', 'db'];
const CHECKS = ['c1', 'serfHealth'];
const STATUSES = ['passing', 'warning', 'critical'];
const IDS = ['', 'aaaaaaaa-1111-1111-1111-111111111111', 'aaaaaaaa-2222-2222-2222-222222222222'];

const from = <T>(values: readonly T[]) => fc.constantFrom(...values);
type Step = (d: Driver) => unknown;
const bytes = (text: string) => new TextEncoder().encode(text);

const kvStep: fc.Arbitrary<Step> = fc
  .record({
    op: from(['set', 'set', 'cas', 'delete', 'delete-cas', 'delete-tree', 'lock', 'lock', 'unlock']),
    key: from(KEYS),
    value: from(['', 'x', 'y']),
    session: from(SESSIONS),
    flags: fc.nat(2),
    index: fc.nat(30),
    present: fc.boolean(),
  })
  .map((k) => (d) => {
    const ModifyIndex = k.present ? (d.store.kv.get(k.key).value?.ModifyIndex ?? 0) : k.index;
    return d.kv(k.op, k.key, { Value: bytes(k.value), Session: k.session, Flags: k.flags, ModifyIndex });
  });

const sessionStep: fc.Arbitrary<Step> = fc
  .record({
    create: fc.boolean(),
    id: from(SESSIONS),
    node: from(NODES),
    behavior: from(['release', 'delete']),
    checks: fc.subarray(CHECKS),
  })
  .map(
    (s) => (d) =>
      s.create
        ? d.createSession(s.id, { Node: s.node, Behavior: s.behavior, NodeChecks: s.checks, LockDelay: 1e9 })
        : d.destroySession(s.id),
  );

const serviceArbitrary = fc
  .record({
    id: from(SERVICES),
    name: from([...SERVICES, 'WEB']),
    tags: fc.subarray(['t1', 't2']),
    mesh: fc.nat(5),
    port: fc.nat(2),
  })
  .map(({ id, name, tags, mesh, port }) => {
    if (mesh === 0) {
      const Destination = ConnectProxyConfig.make({ DestinationServiceName: 'web' });
      return service(`${id}-proxy`, { Kind: 'connect-proxy', Port: port, Proxy: Destination });
    }
    return service(name, { ID: id, Tags: tags, Port: port, Connect: { Native: mesh === 1, PeerMeta: null } });
  });

const checkArbitrary = fc
  .record({ id: from(CHECKS), status: from(STATUSES), on: from(['', '', ...SERVICES]) })
  .map(({ id, status, on }) => check(id, { Status: status, ServiceID: on }));

const registerStep: fc.Arbitrary<Step> = fc
  .record({
    node: from(NODES),
    id: from(IDS),
    address: from(['10.0.0.1', '10.0.0.2']),
    skip: fc.boolean(),
    service: fc.option(serviceArbitrary),
    check: fc.option(checkArbitrary),
  })
  .map(
    (r) => (d) =>
      d.register({
        Node: r.node,
        ID: r.id,
        Address: r.address,
        SkipNodeUpdate: r.skip,
        Service: r.service,
        Check: r.check,
      }),
  );

const deregisterStep: fc.Arbitrary<Step> = fc
  .record({
    node: from(NODES),
    service: from(['', ...SERVICES, 'web-proxy']),
    check: from(['', ...CHECKS]),
    rare: fc.nat(3),
  })
  .map(
    (r) => (d) =>
      d.deregister({
        Node: r.node,
        ServiceID: r.service,
        CheckID: r.service === '' && r.check === '' && r.rare > 0 ? 'c1' : r.check,
      }),
  );

const queryStep: fc.Arbitrary<Step> = fc
  .record({
    op: from(['create', 'update', 'delete']),
    id: from(['q1', 'q2']),
    name: from(['', 'x']),
    session: from(['', 's1']),
  })
  .map(
    (q) => (d) =>
      d.apply(
        MessageType.PreparedQuery,
        PreparedQueryRequest.make({
          Op: q.op,
          Query: PreparedQuery.make({ ID: q.id, Name: q.name, Session: q.session }),
        }),
      ),
  );

const configStep: fc.Arbitrary<Step> = fc
  .record({
    op: from(['upsert', 'upsert', 'delete']),
    kind: from(['service-resolver', 'ingress-gateway', 'terminating-gateway', 'service-defaults']),
    name: from(['web', 'db']),
    service: from(['web', '*']),
  })
  .map((c) => (d) => {
    const Services = [{ Name: c.service }];
    const Entry = { Kind: c.kind, Name: c.name, Services, Listeners: [{ Port: 1, Services }] };
    return d.apply(MessageType.ConfigEntry, { Op: c.op, Entry });
  });

const coordinateStep: fc.Arbitrary<Step> = fc
  .record({ node: from(NODES), height: fc.nat(2) })
  .map(
    (c) => (d) =>
      d.apply(MessageType.CoordinateBatchUpdate, [
        { Node: c.node, Segment: '', Partition: '', Coord: { Vec: [0], Error: 1, Adjustment: 0, Height: c.height } },
      ]),
  );

const txnStep: fc.Arbitrary<Step> = fc
  .array(
    fc.record({
      kv: fc.option(
        fc.record({
          Verb: from(['set', 'cas', 'delete', 'delete-tree', 'lock', 'get', 'check-not-exists']),
          Key: from(KEYS),
          Session: from(SESSIONS),
        }),
        { freq: 3 },
      ),
      node: from(NODES),
      verb: from(['set', 'delete', 'get']),
      what: fc.nat(2),
      service: serviceArbitrary,
      check: checkArbitrary,
    }),
    { maxLength: 4 },
  )
  .map((ops) => (d) => {
    const Ops = ops.map((op) => {
      if (op.kv !== null) return TxnOp.make({ KV: { Verb: op.kv.Verb, DirEnt: DirEntry.make(op.kv) } });
      if (op.what === 0) return TxnOp.make({ Service: { Verb: op.verb, Node: op.node, Service: op.service } });
      return TxnOp.make({ Check: { Verb: op.verb, Check: { ...op.check, Node: op.node } } });
    });
    return d.apply(MessageType.Txn, TxnRequest.make({ Ops }));
  });

const anyStep = fc.oneof(
  { weight: 5, arbitrary: kvStep },
  { weight: 3, arbitrary: sessionStep },
  { weight: 5, arbitrary: registerStep },
  { weight: 2, arbitrary: deregisterStep },
  { weight: 2, arbitrary: txnStep },
  { weight: 1, arbitrary: queryStep },
  { weight: 1, arbitrary: configStep },
  { weight: 1, arbitrary: coordinateStep },
);

describe('every server gets the same tables', () => {
  test('from decoded commands, from their bytes, and from a snapshot in the middle', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), fc.nat(59), (steps, cut) => {
        const leader = new Driver(true);
        const follower = new Driver(false);
        const joined = new Driver(false);
        steps.forEach((step, i) => {
          const result = step(leader);
          expect(same(step(follower), result)).toBe(true);
          if (i === cut) {
            const restore = joined.store.restore();
            for (const chunk of leader.store.snapshot().chunks()) restore.push(chunk);
            restore.finish();
            joined.index = leader.index;
          } else if (i > cut) expect(same(step(joined), result)).toBe(true);
        });
        expect(follower.store.stateHash()).toBe(leader.store.stateHash());
        if (cut < steps.length) expect(joined.store.stateHash()).toBe(leader.store.stateHash());
      }),
      { numRuns: 200 },
    );
  });
});

type Read = (store: Store) => ReadResult<unknown>;

/** Every read, about things that exist and things that may not. */
const READS: Readonly<Record<string, Read>> = {
  'kv get': (s) => s.kv.get('a/b'),
  'kv get other': (s) => s.kv.get('b'),
  'kv list': (s) => s.kv.list('a'),
  'kv list deeper': (s) => s.kv.list('b/x/'),
  'kv list all': (s) => s.kv.list(''),
  'kv keys': (s) => s.kv.keys('a/', '/'),
  'kv page': (s) => s.kv.page('a', 'a', 1),
  'catalog nodes': (s) => s.catalog.nodes(),
  'catalog services': (s) => s.catalog.services(),
  'catalog all service nodes': (s) => s.catalog.allServiceNodes(),
  'catalog service': (s) => s.catalog.serviceNodes({ ServiceName: 'web' }),
  'catalog service by tag': (s) => s.catalog.serviceNodes({ ServiceName: 'web', ServiceTags: ['t1'] }),
  'catalog connect': (s) => s.catalog.serviceNodes({ ServiceName: 'web', Connect: true }),
  'catalog node': (s) => s.catalog.nodeServices('n1'),
  'catalog node list': (s) => s.catalog.nodeServiceList('n2'),
  'catalog gateway services': (s) => s.catalog.gatewayServices('web'),
  'health service': (s) => s.health.serviceNodes({ ServiceName: 'web' }),
  'health passing': (s) => s.health.serviceNodes({ ServiceName: 'db', OnlyPassing: true }),
  'health connect': (s) => s.health.serviceNodes({ ServiceName: 'web', Connect: true }),
  'health ingress': (s) => s.health.serviceNodes({ ServiceName: 'web', Ingress: true }),
  'health checks': (s) => s.health.serviceChecks('web'),
  'health node': (s) => s.health.nodeChecks('n1'),
  'health critical': (s) => s.health.checksInState('critical'),
  'health any': (s) => s.health.checksInState('any'),
  session: (s) => s.sessions.get('s1'),
  sessions: (s) => s.sessions.list(),
  'sessions of a node': (s) => s.sessions.ofNode('n1'),
  coordinates: (s) => s.coordinates.list(),
  'coordinates of a node': (s) => s.coordinates.ofNode('n1'),
  query: (s) => s.queries.get('q1'),
  queries: (s) => s.queries.list(),
  'config entry': (s) => s.config.get('service-resolver', 'web'),
  'config kind': (s) => s.config.list('ingress-gateway'),
  'config all': (s) => s.config.list(''),
  'node dump': (s) => s.catalog.nodeDump(),
  'node info': (s) => s.catalog.nodeInfo('n1'),
  'service dump': (s) => s.catalog.serviceDump(),
  'service dump by kind': (s) => s.catalog.serviceDump('connect-proxy'),
  usage: (s) => s.catalog.usage(),
};

/** The value as data: rows have their value behind a getter. */
const shown = (value: unknown): string =>
  JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v instanceof Uint8Array ? [...v] : v)) ?? '';

describe('every read', () => {
  test.for(Object.entries(READS))(
    '%s: wakes for every change of its answer, and its index then rises and never falls',
    ([, read]) => {
      fc.assert(
        fc.property(fc.array(anyStep, { minLength: 1, maxLength: 40 }), (steps) => {
          const d = new Driver();
          d.index = 9; // Above the 1 that unused tables report.

          for (const step of steps) {
            const before = read(d.store);
            const text = shown(before.value);
            const woken = d.wakes(before.deps, () => step(d));
            const after = read(d.store);
            if (shown(after.value) !== text) {
              expect(woken).toBe(true);
              expect(after.index).toBeGreaterThan(before.index);
            }
            expect(after.index).toBeGreaterThanOrEqual(before.index);
            expect(after.index).toBeLessThanOrEqual(Math.max(1, d.index));
            expect(after.plainIndex ?? 0).toBeLessThanOrEqual(after.index);
          }
        }),
        { numRuns: 40 },
      );
    },
  );

  /** Reads of one thing: nothing that happens to other things may wake them. */
  const PRECISE: Readonly<Record<string, readonly fc.Arbitrary<Step>[]>> = {
    'kv get': [registerStep, deregisterStep, queryStep, configStep, coordinateStep],
    'kv list all': [registerStep, queryStep, configStep, coordinateStep],
    'catalog nodes': [kvStep, queryStep, configStep, coordinateStep],
    'catalog services': [kvStep, queryStep, configStep, coordinateStep],
    'health service': [kvStep, queryStep, configStep, coordinateStep],
    'health any': [kvStep, queryStep, configStep, coordinateStep],
    sessions: [queryStep, configStep, coordinateStep],
    queries: [kvStep, configStep, coordinateStep],
    coordinates: [kvStep, queryStep, configStep],
    'config all': [kvStep, queryStep, registerStep, coordinateStep],
  };

  test.for(Object.entries(PRECISE))('%s: sleeps through changes of other tables', ([name, others]) => {
    const read = READS[name] as Read;
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 20 }),
        fc.array(fc.oneof(...others), { maxLength: 10 }),
        (steps, rest) => {
          const d = new Driver();
          // Sessions tie the tables together: without them no other table can reach the keys.
          for (const step of steps) step(d);
          for (const id of SESSIONS) d.destroySession(id);
          for (const step of rest) {
            const before = read(d.store);
            const woken = d.wakes(before.deps, () => step(d));
            // The entry of a terminating gateway writes addresses into its instances: then the answer is another.
            if (woken) expect(shown(read(d.store).value)).not.toBe(shown(before.value));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of one thing sleeps through the same changes of another thing of its kind', () => {
    const d = new Driver();
    for (const Node of ['n1', 'x']) d.register({ Node, Service: service(Node === 'x' ? 'other' : 'web') });
    for (const id of ['s1', 'sx']) d.createSession(id, { Node: id === 's1' ? 'n1' : 'x' });
    for (const key of ['a/b', 'z']) d.set(key);
    const names = [
      'kv get',
      'kv list',
      'kv keys',
      'catalog service',
      'catalog connect',
      'catalog node',
      'health service',
      'health connect',
      'health checks',
      'health node',
      'session',
      'sessions of a node',
      'coordinates of a node',
      'query',
      'config entry',
      'node info',
    ];
    const elsewhere: Step[] = [
      (e) => e.set('z', '1'),
      (e) => e.kv('lock', 'z', { Session: 'sx' }),
      (e) => e.kv('delete-tree', 'z'),
      (e) => e.register({ Node: 'x', Service: service('other', { Port: 5, Tags: ['t'] }) }),
      (e) => e.register({ Node: 'x', Address: '9', Check: check('c', { ServiceID: 'other' }) }),
      (e) => e.register({ Node: 'x', Address: '9', Check: check('c2', { Status: 'critical' }) }),
      (e) =>
        e.apply(MessageType.CoordinateBatchUpdate, [
          { Node: 'x', Segment: '', Partition: '', Coord: { Vec: [0], Error: 1, Adjustment: 0, Height: 1 } },
        ]),
      (e) =>
        e.apply(
          MessageType.PreparedQuery,
          PreparedQueryRequest.make({ Op: 'create', Query: PreparedQuery.make({ ID: 'q9' }) }),
        ),
      (e) => e.apply(MessageType.ConfigEntry, { Op: 'upsert', Entry: { Kind: 'service-resolver', Name: 'other' } }),
      (e) => e.deregister({ Node: 'x', ServiceID: 'other' }),
      (e) => e.destroySession('sx'),
      (e) => e.deregister({ Node: 'x' }),
    ];
    for (const step of elsewhere) {
      const woken = new Set<string>();
      for (const name of names) d.store.watch((READS[name] as Read)(d.store).deps, () => woken.add(name));
      step(d);
      expect([...woken]).toEqual([]);
    }
  });
});

/** KV, locks and sessions the plain way: one map, whole copies. */
class Model {
  readonly keys = new Map<
    string,
    { value: string; flags: number; session: string; lock: number; create: number; modify: number }
  >();
  readonly sessions = new Map<string, 'release' | 'delete'>();

  kv(index: number, r: KVSRequest): boolean | 'error' {
    const { Key, ModifyIndex, Session, Flags } = r.DirEnt;
    const old = this.keys.get(Key);
    const value = new TextDecoder().decode(r.DirEnt.Value ?? new Uint8Array());
    const put = (session: string, lock: number): true => {
      const row = { value, flags: Number(Flags), session, lock, create: old?.create ?? index, modify: index };
      const unchanged =
        old !== undefined &&
        old.value === value &&
        old.flags === row.flags &&
        old.session === session &&
        old.lock === lock;
      if (!unchanged) this.keys.set(Key, row);
      return true;
    };
    switch (r.Op) {
      case 'set':
        return put(old?.session ?? '', 0);
      case 'cas':
        return (old?.modify ?? 0) === ModifyIndex && put(old?.session ?? '', 0);
      case 'delete':
        this.keys.delete(Key);
        return true;
      case 'delete-cas':
        if (old === undefined) return true;
        return old.modify === ModifyIndex && this.keys.delete(Key);
      case 'delete-tree':
        for (const key of [...this.keys.keys()]) if (key.startsWith(Key)) this.keys.delete(key);
        return true;
      case 'lock':
        if (!this.sessions.has(Session)) return 'error';
        if (old !== undefined && old.session !== '') return old.session === Session && put(Session, old.lock);
        return put(Session, (old?.lock ?? 0) + 1);
      default:
        return old !== undefined && old.session === Session && put('', old.lock);
    }
  }

  destroy(index: number, id: string): void {
    const behavior = this.sessions.get(id);
    if (!this.sessions.delete(id)) return;
    for (const [key, row] of [...this.keys]) {
      if (row.session !== id) continue;
      if (behavior === 'delete') this.keys.delete(key);
      else this.keys.set(key, { ...row, session: '', modify: index });
    }
  }
}

test('keys, locks and sessions agree with a plain model', () => {
  const command = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('kv' as const),
        op: from(['set', 'cas', 'delete', 'delete-cas', 'delete-tree', 'lock', 'lock', 'unlock']),
        key: from(KEYS),
        value: from(['', 'x']),
        flags: fc.nat(1),
        session: from(SESSIONS),
        present: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('create' as const),
        session: from(SESSIONS),
        behavior: from(['release', 'delete'] as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('destroy' as const), session: from(SESSIONS) }) },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const d = new Driver();
      const model = new Model();
      d.register({ Node: 'n' });
      for (const c of commands) {
        if (c.kind === 'kv') {
          const ModifyIndex = c.present ? (model.keys.get(c.key)?.modify ?? 0) : 1;
          const given = { Value: bytes(c.value), Flags: c.flags, Session: c.session, ModifyIndex };
          const result = d.kv(c.op, c.key, given);
          const wanted = model.kv(d.index, {
            Datacenter: '',
            Token: '',
            Op: c.op,
            DirEnt: DirEntry.make({ Key: c.key, ...given }),
          });
          expect(isApplyError(result) ? 'error' : result).toBe(wanted);
        } else if (c.kind === 'destroy') {
          d.destroySession(c.session);
          model.destroy(d.index, c.session);
        } else if (!model.sessions.has(c.session)) {
          d.createSession(c.session, { Behavior: c.behavior });
          model.sessions.set(c.session, c.behavior);
        }
      }
      const stored = d.store.kv.list('').value ?? [];
      const order = (a: string, b: string) => (a < b ? -1 : 1);
      expect(stored.map((r) => r.Key)).toEqual([...model.keys.keys()].sort(order));
      for (const r of stored) {
        const m = model.keys.get(r.Key);
        expect([
          new TextDecoder().decode(r.Value ?? new Uint8Array()),
          r.Flags,
          r.Session,
          r.LockIndex,
          r.CreateIndex,
          r.ModifyIndex,
        ]).toEqual([m?.value, m?.flags, m?.session, m?.lock, m?.create, m?.modify]);
      }
      expect(d.store.sessions.list().value.map((s) => s.ID)).toEqual([...model.sessions.keys()].sort());
    }),
    { numRuns: 300 },
  );
});

describe('rubbish', () => {
  const tree = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.double(),
      fc.string(),
      fc.uint8Array({ maxLength: 8 }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        from([
          'Op',
          'Key',
          'DirEnt',
          'Session',
          'Node',
          'Service',
          'Check',
          'Entry',
          'Kind',
          'Name',
          'Tokens',
          'Roots',
          'Config',
          'State',
          'Datacenter',
          'ID',
          'Ops',
          'KV',
          'IP',
          'ModifyIndex',
          'Flags',
          'Value',
        ]),
        tie('value'),
        { maxKeys: 6 },
      ),
    ),
  })).value;
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    tree.map((value) => encodeAny(value)),
  );
  const command = fc
    .record({ type: fc.integer({ min: 0, max: 255 }), body })
    .map((c) => new Uint8Array([c.type, ...c.body]));

  test('as a command never throws, and what is refused leaves the tables as they were', () => {
    const d = new Driver();
    d.register({ Node: 'n', Service: service('web') });
    d.set('k', 'v');
    fc.assert(
      fc.property(fc.oneof(command, fc.uint8Array({ maxLength: 3 })), (data) => {
        const before = d.store.snapshot();
        const result = d.store.apply(++d.index, data);
        d.store.flush();
        if (!isApplyError(result)) return;
        const control = new Store({ datacenter: 'dc1' });
        const restore = control.restore();
        for (const chunk of before.chunks()) restore.push(chunk);
        restore.finish();
        control.skipTo(d.index);
        expect(d.store.stateHash()).toBe(control.stateHash());
      }),
      { numRuns: 2000 },
    );
    expect(d.store.kv.get('k').value).not.toBe(undefined);
  });

  test('unknown types are skipped when they may be, and refused when not', () => {
    const d = new Driver();
    expect(d.store.apply(1, new Uint8Array([128 | 100, 0x80]))).toBe(null);
    expect(d.store.apply(2, new Uint8Array([100, 0x80]))).toEqual({ error: 'unknown command type 100' });
    expect(d.store.apply(3, new Uint8Array([]))).toEqual({ error: 'empty command' });
  });

  test('as a snapshot throws nothing but SnapshotError', () => {
    const start = encodeAny({ LastIndex: 1 });
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 4 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 50 }),
        (records, header, cut) => {
          const all = new Uint8Array([...(header ? start : []), ...records.flatMap((r) => [...r])]);
          const store = new Store({ datacenter: 'dc1' });
          const restore = store.restore();
          try {
            for (let at = 0; at < all.length; at += cut) restore.push(all.subarray(at, at + cut));
            restore.finish();
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(SnapshotError);
            return;
          }
          for (const read of Object.values(READS)) read(store);
          expect(store.stateHash()).toHaveLength(16);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a flipped byte in a snapshot is refused or gives tables that can be read and written', () => {
    const d = new Driver();
    const rng = seededRng('flip');
    d.register({ Node: 'n', Service: service('web'), Check: check('c') });
    d.createSession('s', {});
    d.kv('lock', 'k', { Session: 's' });
    d.apply(MessageType.ConfigEntry, { Op: 'upsert', Entry: { Kind: 'service-resolver', Name: 'r' } });
    const good = Buffer.concat([...d.store.snapshot().chunks()]);
    for (let i = 0; i < 1500; i++) {
      const bad = Uint8Array.from(good);
      bad[rng.int(bad.length)] = rng.int(256);
      const store = new Store({ datacenter: 'dc1' });
      const restore = store.restore();
      try {
        restore.push(bad);
        restore.finish();
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SnapshotError);
        continue;
      }
      for (const read of Object.values(READS)) read(store);
      expect(store.stateHash()).toHaveLength(16);
    }
  });
});
