import { settle } from '@proconsul/base/testing';
import {
  Catalog,
  CoordinateMethods,
  Health,
  KVS,
  Operator,
  READ_NOW,
  type ReadMeta,
  type ReadOptions,
  SessionMethods,
  Status,
  type View,
} from '@proconsul/endpoints';
import {
  Coord,
  DirEntry,
  HealthCheck,
  KVSRequest,
  MessageType,
  NodeService,
  RegisterRequest,
  Session,
  SessionRequest,
} from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { oneServer } from './testing/one-server.ts';

const who = { Datacenter: '', Token: '' };
const value = (text: string) => new TextEncoder().encode(text);

function world() {
  const w = oneServer();
  const { server } = w;
  const kv = (Op: string, entry: Partial<DirEntry>) =>
    server.write(KVS.Apply, KVSRequest.make({ Op, DirEnt: DirEntry.make(entry) }));
  const node = () => server.write(Catalog.Register, RegisterRequest.make({ Node: 'n1', Address: '10.0.0.1' }));
  const session = (given: Partial<Session> = {}) =>
    server.write(
      SessionMethods.Apply,
      SessionRequest.make({ Op: 'create', Session: Session.make({ Node: 'n1', NodeChecks: [], ...given }) }),
    );
  const destroy = (ID: string) =>
    server.write(SessionMethods.Apply, SessionRequest.make({ Op: 'destroy', Session: Session.make({ ID }) }));
  const entry = (Key: string) => server.peek(KVS.Get, { ...who, Key })?.value ?? null;
  return { ...w, kv, node, session, destroy, entry };
}

/** What a read tells, in order. */
function reading() {
  const told: { error: string; value: unknown; index: number; meta: ReadMeta }[] = [];
  const done = (error: Error | null, view: View<unknown> | null, meta: ReadMeta) => {
    told.push({ error: error?.message ?? '', value: view?.value ?? null, index: view?.index ?? 0, meta });
  };
  return { told, done };
}
const blocking = (minIndex: number, waitMs = 0): ReadOptions => ({ consistency: 'default', minIndex, waitMs });

describe('sessions and locks', () => {
  test('a session whose TTL has passed twice is gone and has released its locks', async () => {
    const w = world();
    await w.node();
    const id = await w.session({ TTL: '10s', LockDelay: 0 });
    expect(await w.kv('lock', { Key: 'k', Session: id, Value: value('mine') })).toBe(true);
    expect(w.entry('k')).toMatchObject({ Session: id, LockIndex: 1 });
    await w.clock.advance(19_999);
    expect(w.entry('k')?.Session).toBe(id);
    await w.clock.advance(1);
    await settle();
    expect(w.entry('k')).toMatchObject({ Session: '', LockIndex: 1 });
    expect(w.server.peek(SessionMethods.List, who)?.value).toEqual([]);
  });

  test('a renewal answers the session and gives it its whole time again', async () => {
    const w = world();
    await w.node();
    const id = await w.session({ TTL: '10s' });
    await w.clock.advance(15_000);
    expect((await w.server.write(SessionMethods.Renew, { ...who, SessionID: id }))?.ID).toBe(id);
    await w.clock.advance(19_999);
    expect(w.server.peek(SessionMethods.List, who)?.value).toHaveLength(1);
    await w.clock.advance(1);
    await settle();
    expect(await w.server.write(SessionMethods.Renew, { ...who, SessionID: id })).toBeNull();
  });

  test('a renewal that comes while the end of its session is under way waits for that, and is told the truth', async () => {
    const w = world();
    await w.node();
    const id = await w.session({ TTL: '10s' });
    const committed = w.consensus.hold();
    await w.clock.advance(20_000);
    const renewed = w.server.write(SessionMethods.Renew, { ...who, SessionID: id });
    await settle();
    expect(w.server.peek(SessionMethods.List, who)?.value).toHaveLength(1);
    committed();
    expect(await renewed).toBeNull();
  });

  test('a session that could not be ended is tried again after its time', async () => {
    const w = world();
    await w.node();
    await w.session({ TTL: '10s' });
    w.consensus.refusal = new Error('log is full');
    await w.clock.advance(20_000);
    await settle();
    w.consensus.refusal = null;
    expect(w.server.peek(SessionMethods.List, who)?.value).toHaveLength(1);
    await w.clock.advance(20_000);
    await settle();
    expect(w.server.peek(SessionMethods.List, who)?.value).toEqual([]);
  });

  test('a key of a destroyed session stays closed for the lock delay, and open for plain writes', async () => {
    const w = world();
    await w.node();
    const [a, b] = [await w.session({ LockDelay: 15e9 }), await w.session()];
    await w.kv('lock', { Key: 'k', Session: a });
    await w.destroy(a);
    expect(await w.kv('lock', { Key: 'k', Session: b })).toBe(false);
    expect(await w.kv('set', { Key: 'k', Value: value('x') })).toBe(true);
    await w.clock.advance(14_999);
    expect(await w.kv('lock', { Key: 'k', Session: b })).toBe(false);
    await w.clock.advance(1);
    expect(await w.kv('lock', { Key: 'k', Session: b })).toBe(true);
    expect(w.entry('k')).toMatchObject({ Session: b });
  });

  test('neither a release nor a session without a delay closes a key', async () => {
    const w = world();
    await w.node();
    const [a, b] = [await w.session({ LockDelay: 15e9 }), await w.session({ LockDelay: 0 })];
    await w.kv('lock', { Key: 'k', Session: a });
    await w.kv('unlock', { Key: 'k', Session: a });
    expect(await w.kv('lock', { Key: 'k', Session: b })).toBe(true);
    expect(w.entry('k')).toMatchObject({ LockIndex: 2 });
    await w.destroy(b);
    expect(await w.kv('lock', { Key: 'k', Session: a })).toBe(true);
  });

  test('a new leader gives every session its full time', async () => {
    const w = world();
    await w.node();
    await w.session({ TTL: '10s' });
    await w.clock.advance(15_000);
    w.server.stopLeading();
    await w.clock.advance(60_000);
    w.server.startLeading();
    await w.clock.advance(19_999);
    expect(w.server.peek(SessionMethods.List, who)?.value).toHaveLength(1);
    await w.clock.advance(1);
    await settle();
    expect(w.server.peek(SessionMethods.List, who)?.value).toEqual([]);
  });

  test.for([
    [{ Node: '' }, 'Must provide Node'],
    [{ Behavior: 'keep' }, "Invalid Behavior setting 'keep'"],
    [{ TTL: '5s' }, "Invalid Session TTL '5000000000', must be between [10s=24h0m0s]"],
    [{ TTL: '25h' }, "Invalid Session TTL '90000000000000', must be between [10s=24h0m0s]"],
    [{ TTL: 'soon' }, `Session TTL 'soon' invalid: time: invalid duration "soon"`],
  ] as const)('a session with %j is refused', async ([given, text]) => {
    const w = world();
    await w.node();
    await expect(w.session(given)).rejects.toThrow(text);
  });

  test('a session whose check is missing is refused in the words of the log', async () => {
    const w = world();
    await w.node();
    await expect(w.session({ NodeChecks: ['serfHealth'] })).rejects.toThrow(
      "apply failed: Missing check 'serfHealth' registration",
    );
  });
});

describe('blocking reads', () => {
  test('a missing key is woken by its creation alone, but tells the index of the table', async () => {
    const w = world();
    await w.kv('set', { Key: 'other', Value: value('1') });
    const index = w.server.peek(KVS.Get, { ...who, Key: 'k' })?.index as number;
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, blocking(index, 60_000), done);
    await w.kv('set', { Key: 'other', Value: value('2') });
    expect(told).toEqual([]);
    expect(w.server.peek(KVS.Get, { ...who, Key: 'k' })?.index).toBe(index + 1);
    await w.kv('set', { Key: 'k', Value: value('3') });
    expect(told).toMatchObject([{ error: '', value: { Key: 'k' }, index: index + 2 }]);
  });

  test('a wait ends with the unchanged answer, at most a sixteenth late', async () => {
    const w = world();
    await w.kv('set', { Key: 'k', Value: value('1') });
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, blocking(1, 1600), done);
    await w.clock.advance(1599);
    expect(told).toEqual([]);
    await w.clock.advance(101);
    expect(told).toMatchObject([{ value: { Key: 'k' }, index: 1 }]);
  });

  test.for([
    [0, 300_000],
    [3_600_000, 600_000],
  ] as const)('a wait of %d ms lasts %d ms', async ([asked, lasts]) => {
    const w = world();
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, blocking(1, asked), done);
    await w.clock.advance(lasts - 1);
    expect(told).toEqual([]);
    await w.clock.advance(lasts / 16 + 1);
    expect(told).toHaveLength(1);
  });

  test('a write that changes nothing keeps ModifyIndex and wakes nobody', async () => {
    const w = world();
    await w.kv('set', { Key: 'k', Value: value('same') });
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, blocking(1, 60_000), done);
    await w.kv('set', { Key: 'k', Value: value('same') });
    expect(told).toEqual([]);
    expect(w.entry('k')?.ModifyIndex).toBe(1);
  });

  test('a cancelled read tells nothing', async () => {
    const w = world();
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, blocking(1), done)();
    await w.kv('set', { Key: 'k', Value: value('1') });
    await w.clock.advance(700_000);
    expect(told).toEqual([]);
    expect(w.server.views.waiting).toBe(0);
  });

  test('health of one service is not woken by another', async () => {
    const w = world();
    const register = (Service: string, Status: string) =>
      w.server.write(
        Catalog.Register,
        RegisterRequest.make({
          Node: 'n1',
          Address: '10.0.0.1',
          Service: NodeService.make({ Service }),
          Checks: [HealthCheck.make({ CheckID: `c-${Service}`, ServiceID: Service, Status })],
        }),
      );
    await register('web', 'passing');
    const args = {
      ...{ ...who, NodeMetaFilters: null, Filter: '', Source: null, ServiceName: 'web', ServiceTags: [] },
      ...{ TagFilter: false, Connect: false, Ingress: false, PeerName: '', OnlyPassing: true },
      MergeCentralConfig: false,
    };
    const index = w.server.peek(Health.ServiceNodes, args)?.index as number;
    const { told, done } = reading();
    w.server.read(Health.ServiceNodes, args, blocking(index, 60_000), done);
    await register('db', 'passing');
    expect(told).toEqual([]);
    await register('web', 'critical');
    expect(told).toMatchObject([{ value: [] }]);
  });
});

describe('without a leader', () => {
  test('reads and writes wait for one', async () => {
    const w = world();
    w.consensus.leading = false;
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, READ_NOW, done);
    const write = w.kv('set', { Key: 'k', Value: value('1') });
    await w.clock.advance(3000);
    expect(told).toEqual([]);
    w.consensus.leading = true;
    await w.clock.advance(100);
    expect(await write).toBe(true);
    expect(told).toHaveLength(1);
    expect(told[0]?.error).toBe('');
  });

  test('they fail after seven seconds', async () => {
    const w = world();
    w.consensus.leading = false;
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, READ_NOW, done);
    const failed = expect(w.kv('set', { Key: 'k' })).rejects.toThrow('No cluster leader');
    await w.clock.advance(6999);
    expect(told).toEqual([]);
    await w.clock.advance(100);
    await failed;
    expect(told).toMatchObject([{ error: 'No cluster leader', meta: { knownLeader: false } }]);
  });

  test('stale reads are answered, and say so', () => {
    const w = world();
    w.consensus.leading = false;
    const { told, done } = reading();
    w.server.read(KVS.Get, { ...who, Key: 'k' }, { ...READ_NOW, consistency: 'stale' }, done);
    expect(told).toMatchObject([{ error: '', meta: { knownLeader: false, lastContactMs: 250 } }]);
    expect(w.server.peek(KVS.Get, { ...who, Key: 'k' })).toBeUndefined();
  });
});

test('a consistent read is confirmed by a quorum first', async () => {
  const w = world();
  const { told, done } = reading();
  w.server.read(KVS.Get, { ...who, Key: 'k' }, { ...READ_NOW, consistency: 'consistent' }, done);
  expect(told).toEqual([]);
  await settle();
  expect(told).toHaveLength(1);
  expect(w.consensus.verified).toBe(1);
});

test('another datacenter has no path', async () => {
  const w = world();
  const { told, done } = reading();
  w.server.read(KVS.Get, { Datacenter: 'dc2', Token: '', Key: 'k' }, READ_NOW, done);
  expect(told[0]?.error).toBe('No path to datacenter');
  await expect(w.server.write(KVS.Apply, KVSRequest.make({ Datacenter: 'dc2' }))).rejects.toThrow(
    'No path to datacenter',
  );
});

test.for([
  ['Port ==', 'Failed to create boolean expression evaluator: '],
  ['Nothing == "x"', 'Selector "Nothing" is not valid'],
] as const)('the filter %j is refused', ([Filter, text]) => {
  const w = world();
  const { told, done } = reading();
  const args = { ...who, NodeMetaFilters: null, Filter, Source: null };
  w.server.read(Catalog.ListNodes, args, READ_NOW, done);
  expect(told[0]?.error).toContain(text);
});

test.for([
  [{ Node: '' }, 'Must provide node'],
  [{ Node: 'n' }, 'Must provide address if SkipNodeUpdate is not set'],
  [{ Node: 'n', Address: 'a', ID: 'short' }, 'Bad node ID: uuid string is wrong length'],
  [
    { Node: 'n', Address: 'a', Service: NodeService.make({ ID: 'web' }) },
    'Must provide service name (Service.Service) when service ID is provided',
  ],
] as const)('the registration %j is refused', async ([given, text]) => {
  const w = world();
  await expect(w.server.write(Catalog.Register, RegisterRequest.make(given))).rejects.toThrow(text);
});

test('coordinates of known nodes are visible within five seconds', async () => {
  const w = world();
  await w.node();
  const update = (Vec: number[]) =>
    w.server.write(CoordinateMethods.Update, {
      ...who,
      ...{ Node: 'n1', Segment: '', Partition: '', Coord: Coord.make({ Vec }) },
    });
  await expect(update([1])).rejects.toThrow('incompatible coordinate');
  await expect(update([1, 2, 3, 4, 5, 6, 7, Number.NaN])).rejects.toThrow('rejected bad coordinate: {}');
  await update([1, 2, 3, 4, 5, 6, 7, 8]);
  await w.clock.advance(5000);
  await settle();
  const found = w.server.peek(CoordinateMethods.Node, { ...who, Node: 'n1' })?.value;
  expect(found).toMatchObject([{ Node: 'n1', Coord: { Vec: [1, 2, 3, 4, 5, 6, 7, 8] } }]);
});

test('tombstones of deleted keys are reaped by a command a quarter of an hour after a leader began', async () => {
  const w = world();
  await w.kv('set', { Key: 'a/b', Value: value('1') });
  await w.kv('delete', { Key: 'a/b' });
  w.server.stopLeading();
  w.server.startLeading();
  await w.clock.advance(15 * 60_000 + 30_000);
  expect(w.consensus.proposed.at(-1)).toMatchObject({
    type: MessageType.Tombstone,
    request: { Op: 'reap', ReapIndex: 2 },
  });
});

test('status tells the leader and the voters', () => {
  const w = world();
  expect(w.server.peek(Status.Leader, who)?.value).toBe('127.0.0.1:8300');
  expect(w.server.peek(Status.Peers, who)?.value).toEqual(['127.0.0.1:8300']);
});

test('a server that is not there cannot be removed, nor the only one', async () => {
  const w = world();
  await expect(w.server.write(Operator.RaftRemovePeer, { ...who, ID: 'id-9', Address: '' })).rejects.toThrow(
    'id "id-9" was not found in the Raft configuration',
  );
  await expect(w.server.write(Operator.RaftRemovePeer, { ...who, ID: '', Address: '127.0.0.1:8300' })).rejects.toThrow(
    'need at least one voter in configuration',
  );
  await expect(w.server.write(Operator.TransferLeader, { ...who, ID: '' })).rejects.toThrow('cannot find peer');
});
