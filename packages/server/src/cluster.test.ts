import {
  KVS,
  Operator,
  READ_NOW,
  type ReadMeta,
  type ReadMethod,
  type ReadOptions,
  SessionMethods,
  Status,
  type View,
} from '@proconsul/endpoints';
import { DirEntry, KVSRequest, Session, SessionRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import type { Server } from './server.ts';
import { TestCluster } from './testing/cluster.ts';

const who = { Datacenter: '', Token: '' };
const value = (text: string) => new TextEncoder().encode(text);
const stale: ReadOptions = { ...READ_NOW, consistency: 'stale' };
const consistent: ReadOptions = { ...READ_NOW, consistency: 'consistent' };

async function cluster(given: Partial<ConstructorParameters<typeof TestCluster>[0]> = {}) {
  const c = new TestCluster({ seed: 1, size: 3, ...given });
  await c.start();
  return c;
}

const put = (server: Server, Key: string, text: string, given: { Op?: string; Session?: string } = {}) =>
  server.write(
    KVS.Apply,
    KVSRequest.make({
      Op: given.Op ?? 'set',
      DirEnt: DirEntry.make({ Key, Value: value(text), Session: given.Session ?? '' }),
    }),
  );

interface Told {
  readonly error: string;
  readonly value: DirEntry | null;
  readonly index: number;
  readonly meta: ReadMeta;
}

/** Reads a key; the answers arrive in the list. */
function get(server: Server, Key: string, options: ReadOptions = READ_NOW) {
  const told: Told[] = [];
  const done = (error: Error | null, view: View<DirEntry | null> | null, meta: ReadMeta) => {
    told.push({ error: error?.message ?? '', value: view?.value ?? null, index: view?.index ?? 0, meta });
  };
  const cancel = server.read(KVS.Get, { ...who, Key }, options, done);
  return { told, cancel };
}

const text = (told: Told | undefined) =>
  told?.value ? new TextDecoder().decode(told.value.Value as Uint8Array) : null;
const othersOf = (c: TestCluster, id: string) => c.ids.filter((other) => other !== id);

describe('three servers', () => {
  test('elect a leader that registers all of them and tells that it leads', async () => {
    const c = await cluster();
    const leader = c.leader() as string;
    expect(c.announced).toEqual([leader]);
    const { store } = c.life(leader);
    expect(store.catalog.nodes().value.map((n) => n.Node)).toEqual(['s1', 's2', 's3']);
    expect(store.catalog.serviceNodes({ ServiceName: 'consul' }).value).toHaveLength(3);
    expect(store.catalog.check('s2', 'serfHealth')).toMatchObject({
      Status: 'passing',
      Output: 'Agent alive and reachable',
    });
  });

  test('a write at any of them is seen by default and consistent reads at every other', async () => {
    const c = await cluster();
    for (const id of c.ids) expect(await c.settled(put(c.life(id).server, `k-${id}`, id))).toBe(true);
    for (const options of [READ_NOW, consistent]) {
      for (const at of c.ids) {
        for (const id of c.ids) {
          const { told } = get(c.life(at).server, `k-${id}`, options);
          await c.until(() => told.length > 0, 1000);
          expect([text(told[0]), told[0]?.meta]).toEqual([id, { knownLeader: true, lastContactMs: 0 }]);
        }
      }
    }
  });

  test('stale reads are answered where they are asked, and tell their age', async () => {
    const c = await cluster();
    const follower = othersOf(c, c.leader() as string)[0] as string;
    await c.settled(put(c.life(follower).server, 'k', '1'));
    await c.advance(500);
    const { told } = get(c.life(follower).server, 'k', stale);
    expect(told).toHaveLength(1);
    expect(told[0]?.meta.knownLeader).toBe(true);
    expect(told[0]?.meta.lastContactMs).toBeGreaterThan(0);
    expect(told[0]?.meta.lastContactMs).toBeLessThan(250);
    expect(c.life(follower).server.peek(KVS.Get, { ...who, Key: 'k' })).toBeUndefined();
  });

  test('how the servers are is told by a follower too where it may be old, also when nobody leads', async () => {
    const c = await cluster();
    const [leader, a, b] = [c.leader() as string, ...othersOf(c, c.leader() as string)] as [string, string, string];
    await c.settled(put(c.life(leader).server, 'k', '1'));
    await c.advance(500);
    const ask = async <T>(method: ReadMethod<typeof who, T>) =>
      await c.settled(
        new Promise<T>((resolve, reject) => {
          c.life(a).server.read(method, who, stale, (error, view) =>
            error ? reject(error) : resolve(view?.value as T),
          );
        }),
      );
    const indexes = async () => {
      const { Servers } = await ask(Operator.RaftGetConfiguration);
      return Object.fromEntries(Servers.map((s) => [s.ID, s.LastIndex]));
    };
    const last = c.life(leader).consensus.lastIndex();
    expect(await indexes()).toEqual({ [leader]: last, [a]: last, [b]: last });
    expect(await ask(Operator.ServerHealth)).toMatchObject({ Healthy: true, FailureTolerance: 1 });
    c.crash(leader);
    c.crash(b);
    expect(await indexes()).toEqual({ [leader]: 0, [a]: last, [b]: 0 });
    expect((await ask(Operator.AutopilotState)).Healthy).toBe(false);
  });

  test('errors of the leader keep their text behind that of the hop', async () => {
    const c = await cluster();
    const follower = othersOf(c, c.leader() as string)[0] as string;
    await expect(c.settled(put(c.life(follower).server, '', 'x'))).rejects.toThrow(
      'rpc error making call: Must provide key',
    );
  });

  test('a write that began before the leader died is done by the next one, within three seconds', async () => {
    const c = await cluster();
    const old = c.leader() as string;
    const other = othersOf(c, old)[0] as string;
    c.crash(old);
    const at = c.events.now;
    expect(await c.settled(put(c.life(other).server, 'k', 'after'))).toBe(true);
    expect(c.events.now - at).toBeLessThan(3000);
    const { told } = get(c.life(other).server, 'k');
    await c.until(() => told.length > 0, 1000);
    expect(text(told[0])).toBe('after');
  });

  test('a planned transfer keeps writes waiting for less than a tenth of a second', async () => {
    const c = await cluster();
    const old = c.leader() as string;
    const transfer = c.life(old).server.write(Operator.TransferLeader, { ...who, ID: '' });
    const at = c.events.now;
    const writes = c.ids.map((id) => put(c.life(id).server, `k-${id}`, id));
    const written = await c.settled(Promise.all([transfer, ...writes]));
    expect(written).toEqual([true, true, true, true]);
    expect(c.events.now - at).toBeLessThan(100);
    await c.until(() => c.leader() !== undefined, 1000);
    expect(c.leader()).not.toBe(old);
  });

  test('without a quorum reads and writes fail after seven seconds; stale reads are answered and say so', async () => {
    const c = await cluster();
    const [leader, a, b] = [c.leader() as string, ...othersOf(c, c.leader() as string)] as [string, string, string];
    await c.settled(put(c.life(leader).server, 'k', '1'));
    await c.advance(200);
    c.crash(a);
    c.crash(b);
    await c.advance(3000);
    const { server } = c.life(leader);
    const read = get(server, 'k');
    await expect(c.settled(put(server, 'k', '2'))).rejects.toThrow('No cluster leader');
    await c.until(() => read.told.length > 0, 1000);
    expect(read.told[0]?.error).toBe('No cluster leader');
    const { told } = get(server, 'k', stale);
    expect([text(told[0]), told[0]?.meta.knownLeader]).toEqual(['1', false]);
    expect(told[0]?.meta.lastContactMs).toBeGreaterThan(9000);
    expect(server.peek(Status.Leader, who)).toBeUndefined();
  });
});

describe('a blocking query', () => {
  test.for(['at the leader', 'at a follower'] as const)('%s goes on when the leader dies', async (where) => {
    const c = await cluster();
    const leader = c.leader() as string;
    await c.settled(put(c.life(leader).server, 'k', '1'));
    const at = where === 'at the leader' ? leader : (othersOf(c, leader)[0] as string);
    const first = get(c.life(at).server, 'k');
    await c.until(() => first.told.length > 0, 1000);
    const waiting = get(c.life(at).server, 'k', {
      ...READ_NOW,
      minIndex: first.told[0]?.index as number,
      waitMs: 60_000,
    });
    await c.advance(1000);
    // The asked server stays: a leader that is cut off steps down and comes back.
    if (where === 'at the leader') c.network.isolate(leader);
    else c.crash(leader);
    await c.until(() => c.leader() !== undefined && c.leader() !== leader, 10_000);
    expect(await c.settled(put(c.life(c.leader() as string).server, 'k', '2'))).toBe(true);
    c.network.heal();
    await c.until(() => waiting.told.length > 0, 8000);
    expect([waiting.told[0]?.error, text(waiting.told[0])]).toEqual(['', '2']);
  });

  test('that is cancelled tells nothing and waits nowhere', async () => {
    const c = await cluster();
    const leader = c.leader() as string;
    const follower = othersOf(c, leader)[0] as string;
    const waiting = get(c.life(follower).server, 'k', { ...READ_NOW, minIndex: 1000, waitMs: 60_000 });
    await c.advance(1000);
    expect(c.life(leader).server.views.waiting).toBe(1);
    waiting.cancel();
    await c.advance(1000);
    expect(c.life(leader).server.views.waiting).toBe(0);
    await c.advance(120_000);
    expect(waiting.told).toEqual([]);
  });

  test('keeps the end of its wait through a change of the leader', async () => {
    const c = await cluster();
    const leader = c.leader() as string;
    const follower = othersOf(c, leader)[0] as string;
    const at = c.events.now;
    const waiting = get(c.life(follower).server, 'k', { ...READ_NOW, minIndex: 1_000_000, waitMs: 20_000 });
    await c.advance(10_000);
    c.crash(leader);
    await c.until(() => waiting.told.length > 0, 30_000);
    expect(waiting.told[0]?.error).toBe('');
    expect(c.events.now - at).toBeLessThan(20_000 * (1 + 1 / 16) + 200);
  });
});

describe('sessions and locks over a change of the leader', () => {
  async function locked() {
    const c = await cluster();
    const leader = c.leader() as string;
    const { server } = c.life(leader);
    const create = SessionRequest.make({
      Op: 'create',
      Session: Session.make({ Node: 's1', TTL: '10s', LockDelay: 0 }),
    });
    const id = await c.settled(server.write(SessionMethods.Apply, create));
    expect(await c.settled(put(server, 'lock', 'held', { Op: 'lock', Session: id }))).toBe(true);
    return { c, leader, id };
  }
  const holder = (c: TestCluster) => {
    const { store } = c.life(c.leader() as string);
    return store.kv.get('lock').value?.Session;
  };

  test('a session gets its whole time again, and then ends and releases its locks', async () => {
    const { c, leader, id } = await locked();
    await c.advance(15_000);
    c.crash(leader);
    await c.until(() => c.leader() !== undefined, 10_000);
    const at = c.events.now;
    await c.advance(19_000);
    expect(holder(c)).toBe(id);
    await c.until(() => holder(c) === '', 2000);
    expect(c.events.now - at).toBeGreaterThan(19_000);
  });

  test('renewals at a follower reach the leader of the moment', async () => {
    const { c, leader, id } = await locked();
    const [at, third] = othersOf(c, leader) as [string, string];
    const renew = () => c.settled(c.life(at).server.write(SessionMethods.Renew, { ...who, SessionID: id }));
    for (let i = 0; i < 3; i++) {
      await c.advance(9000);
      expect((await renew())?.ID).toBe(id);
    }
    c.crash(leader);
    for (let i = 0; i < 3; i++) {
      expect((await renew())?.ID).toBe(id);
      await c.advance(9000);
    }
    expect(c.life(third).store.sessions.get(id).value).toHaveLength(1);
  });

  test('the deposed leader ends no session by its old timers', async () => {
    const { c, leader, id } = await locked();
    await c.advance(15_000);
    c.network.isolate(leader);
    await c.until(() => c.leader() !== undefined && c.leader() !== leader, 10_000);
    c.network.heal();
    await c.advance(10_000);
    expect(holder(c)).toBe(id);
    expect(c.life(leader).server.sessionTimers.size).toBe(0);
  });
});

describe('a server that starts again', () => {
  test('does not answer stale reads as if things were deleted: it asks the leader until it has caught up', async () => {
    const c = await cluster();
    const leader = c.leader() as string;
    const follower = othersOf(c, leader)[0] as string;
    await c.settled(put(c.life(leader).server, 'k', '1'));
    await c.advance(500);
    c.crash(follower);
    await c.boot(follower);
    let isCaughtUp = false;
    for (let i = 0; i < 200 && !isCaughtUp; i++) {
      const { consensus, server } = c.life(follower);
      isCaughtUp = Number.isFinite(consensus.stateAgeMs());
      const { told } = get(server, 'k', stale);
      await c.until(() => told.length > 0, 8000);
      expect([told[0]?.error, text(told[0])]).toEqual(['', '1']);
      await c.advance(3);
    }
    expect(isCaughtUp).toBe(true);
  });

  test('with nothing on its disk answers as the others do', async () => {
    const c = await cluster();
    const leader = c.leader() as string;
    await c.settled(put(c.life(leader).server, 'k', '1'));
    c.addMember('s4');
    await c.boot('s4');
    const before = get(c.life('s4').server, 'k', stale);
    c.setStatus('s4', 'alive', 'join');
    await c.until(() => before.told.length > 0, 8000);
    expect([before.told[0]?.error, text(before.told[0])]).toEqual(['', '1']);
  });

  test('tells no stale read to be younger than it is, while the leader writes and it is cut off and comes back', async () => {
    const c = await cluster({ seed: 5 });
    const leader = c.leader() as string;
    const follower = othersOf(c, leader)[0] as string;
    const { server } = c.life(leader);
    // What was written when, so that the true age of an answer is known.
    const writtenAt: number[] = [];
    let isOver = false;
    const write = async () => {
      while (!isOver) {
        await put(server, 'k', String(writtenAt.length));
        writtenAt.push(c.events.now);
        await new Promise<void>((resolve) => void c.clock.after(20, resolve));
      }
    };
    const writing = write();
    let reads = 0;
    for (let i = 0; i < 400; i++) {
      if (i === 100) c.network.isolate(follower);
      if (i === 200) c.network.heal();
      await c.advance(17);
      const { told } = get(c.life(follower).server, 'k', stale);
      if (told[0]?.error !== '' || told[0].value === null) continue;
      reads++;
      const next = Number(text(told[0])) + 1;
      const trueAge = c.events.now - (writtenAt[next] ?? c.events.now);
      expect(told[0].meta.lastContactMs).toBeGreaterThanOrEqual(trueAge - 100);
    }
    isOver = true;
    await c.settled(writing);
    expect(reads).toBeGreaterThan(200);
  });
});
