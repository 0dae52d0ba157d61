import { describe, expect, test } from 'vitest';
import { LEAVING_MAX_MS } from './member-table.ts';
import { encodeLeave } from './messages.ts';
import { CONSUL_SERF_DEFAULTS } from './options.ts';
import { World } from './testing/world.ts';

const HOUR_MS = 3_600_000;

describe('coming and going', () => {
  test('members know each other with their tags, and hear of a change of tags', async () => {
    const world = new World();
    const a = world.member('a', { tags: { role: 'web' } });
    const b = world.member('b', { tags: { role: 'db', dc: 'east' } });
    await a.serf.start();
    await b.serf.start();
    expect(await b.join(a)).toEqual({ joined: 1, errors: [] });
    await world.pass(1_000);
    expect(a.memberEvents()).toEqual(['join a', 'join b']);
    expect(a.logged).toContain('INFO serf: EventMemberJoin: b 127.0.0.1');
    expect({ ...a.serf.members()[1]!.tags }).toEqual({ role: 'db', dc: 'east' });
    b.serf.setTags({ role: 'cache' });
    await world.pass(1_000);
    expect(a.memberEvents().at(-1)).toBe('update b');
    expect(b.memberEvents().at(-1)).toBe('update b');
    expect({ ...a.serf.members()[1]!.tags }).toEqual({ role: 'cache' });
    expect(a.logged).toContain('INFO serf: EventMemberUpdate: b');
  });

  test('a member that says so leaves, one that falls silent fails', async () => {
    const world = new World();
    const [a, b, c] = await world.members('a', 'b', 'c');
    const left = b!.serf.leave();
    await world.pass(7_000);
    await left;
    c!.pool.crash();
    await world.pass(5_000);
    expect(a!.statuses()).toEqual({ a: 'alive', b: 'left', c: 'failed' });
    expect(a!.memberEvents().slice(-2)).toEqual(['leave b', 'failed c']);
    expect(b!.statuses()['b']).toBe('left');
    expect(a!.logged).toContain('INFO serf: EventMemberLeave: b 127.0.0.1');
    expect(a!.logged).toContain('INFO serf: EventMemberFailed: c 127.0.0.1');
    expect(a!.serf.stats()).toMatchObject({ members: '3', failed: '1', left: '1' });
    await expect(b!.join(a!)).rejects.toThrow("Serf can't Join after Leave or Shutdown");
  });

  test('a leave intent alone shows the member as leaving', async () => {
    const world = new World();
    const [a, b] = await world.members('a', 'b');
    void b!.serf.leave();
    await world.pass(150);
    b!.pool.leave = () => new Promise(() => {});
    await world.pass(3_000);
    expect(a!.statuses()['b']).toBe('leaving');
  });

  test('a member that was said to leave and is still there after a minute counts as alive', async () => {
    const world = new World();
    const [a, b] = await world.members('a', 'b');
    void b!.serf.leave();
    await world.pass(150);
    b!.pool.leave = () => new Promise(() => {});
    await world.pass(LEAVING_MAX_MS - 1000);
    expect(a!.statuses()['b']).toBe('leaving');
    await world.pass(20_000);
    expect(a!.statuses()['b']).toBe('alive');
    expect(b!.statuses()['b']).toBe('leaving');
  });

  test('a leave waits until its messages were sent and had the time to spread', async () => {
    const world = new World();
    const a = world.member('a', { leavePropagateDelayMs: 3_000 });
    await a.serf.start();
    let isDone = false;
    void a.serf.leave().then(() => (isDone = true));
    await world.pass(3_000);
    expect(isDone).toBe(false);
    await world.pass(200);
    expect(isDone).toBe(true);
    await a.serf.stop();
    expect(a.logged.some((line) => line.includes('Shutdown without a Leave'))).toBe(false);
  });

  test('a stop in the middle of a leave ends both', async () => {
    const world = new World();
    const [, b] = await world.members('a', 'b');
    const left = b!.serf.leave();
    await world.pass(10);
    await b!.serf.stop();
    await world.pass(200);
    await left;
    expect(b!.logged).toContain('WARN serf: Shutdown without a Leave');
  });

  test('a member that is refused does not get in', async () => {
    const world = new World();
    const refuse = (members: readonly { name: string }[]) =>
      members.some((m) => m.name === 'b') ? 'not this one' : undefined;
    const a = world.member('a', {}, { refuse });
    const b = world.member('b');
    await a.serf.start();
    await b.serf.start();
    await b.join(a);
    await world.pass(1_000);
    expect(a.serf.members().map((m) => m.name)).toEqual(['a']);
    expect((await a.join(b)).errors.map((e) => e.message)).toEqual(['not this one']);
  });
});

describe('failed members', () => {
  test('are tried again, and come back as a flap when that was soon', async () => {
    const world = new World();
    const counted: string[] = [];
    const metrics = { count: (name: string) => void counted.push(name), gauge() {}, sample() {} };
    const a = world.member('a', {}, { metrics });
    const b = world.member('b');
    await a.serf.start();
    await b.serf.start();
    await b.join(a);
    b.pool.crash();
    await world.pass(5_000);
    expect(a.statuses()['b']).toBe('failed');
    await b.pool.restart();
    await world.pass(61_000);
    expect(a.logged).toContain('INFO serf: attempting reconnect to b 127.0.0.1:2');
    expect(a.statuses()['b']).toBe('alive');
    expect(counted.filter((name) => name === 'serf.member.flap')).toHaveLength(1);
  });

  test('are forgotten after the reconnect timeout, or that of their tag; left ones after theirs', async () => {
    const world = new World();
    const options = { ...CONSUL_SERF_DEFAULTS, tombstoneTimeoutMs: 24 * HOUR_MS };
    const a = world.member('a', options);
    const others = [
      world.member('b', options),
      world.member('c', { ...options, tags: { rc_tm: '2h30m' } }),
      world.member('d', { ...options, tags: { rc_tm: 'nonsense' } }),
      world.member('e', options),
    ];
    await a.serf.start();
    for (const other of others) {
      await other.serf.start();
      await other.join(a);
    }
    await world.pass(2_000);
    void others[3]!.serf.leave();
    await world.pass(10_000);
    for (const other of others) other.pool.crash();
    await world.pass(10_000);
    expect(Object.keys(a.statuses())).toEqual(['a', 'b', 'c', 'd', 'e']);
    await world.pass(2.4 * HOUR_MS);
    expect(a.statuses()['c']).toBe('failed');
    await world.pass(0.2 * HOUR_MS);
    expect(Object.keys(a.statuses())).toEqual(['a', 'b', 'd', 'e']);
    await world.pass(22 * HOUR_MS);
    expect(Object.keys(a.statuses())).toEqual(['a', 'b', 'd']);
    await world.pass(48 * HOUR_MS);
    expect(Object.keys(a.statuses())).toEqual(['a']);
    expect(a.memberEvents().slice(-4)).toEqual(['reap c', 'reap e', 'reap b', 'reap d']);
  }, 60_000);

  test('force-leave makes them left everywhere; prune forgets them everywhere', async () => {
    const world = new World();
    const [a, b, c, d] = await world.members('a', 'b', 'c', 'd');
    c!.pool.crash();
    d!.pool.crash();
    await world.pass(5_000);
    expect(a!.serf.forceLeave('c', false)).toBe(true);
    expect(a!.serf.forceLeave('nobody', false)).toBe(false);
    await world.pass(1_000);
    expect(b!.statuses()).toMatchObject({ c: 'left', d: 'failed' });
    expect(b!.logged).toContain('INFO serf: EventMemberLeave (forced): c 127.0.0.1');
    a!.serf.forceLeave('c', true);
    a!.serf.forceLeave('d', true);
    await world.pass(1_000);
    expect(a!.statuses()).toEqual({ a: 'alive', b: 'alive' });
    expect(b!.statuses()).toEqual({ a: 'alive', b: 'alive' });
    expect(b!.memberEvents().slice(-3).sort()).toEqual(['leave d', 'reap c', 'reap d']);
  });

  test('a force-leave of a member that is well is refuted, prune or not', async () => {
    const world = new World();
    const [a, b] = await world.members('a', 'b');
    a!.serf.forceLeave('b', true);
    expect(a!.statuses()['b']).toBe('leaving');
    await world.pass(20_000);
    expect(a!.statuses()['b']).toBe('alive');
    expect(b!.logged).toContain('DEBUG serf: Refuting an older leave intent');
  });
});

test('who refutes a leave is later than what others make of it: they tell of a member that has left one time later', async () => {
  const world = new World();
  const [a, b] = await world.members('a', 'b');
  const before = b!.serf.members().length;
  a!.serf.forceLeave('b', false);
  const time = Number(a!.serf.stats()['member_time']);
  await world.pass(1000);
  expect(b!.serf.members()).toHaveLength(before);
  // The leave had the time before; as left it would be told with this one.
  expect(Number(b!.serf.stats()['member_time'])).toBeGreaterThan(time + 1);
  expect(a!.statuses()['b']).toBe('alive');
});

test('a prune of a member that is leaving forgets it after it has left', async () => {
  const world = new World();
  const [a, b] = await world.members('a', 'b');
  void b!.serf.leave();
  a!.serf.forceLeave('b', true);
  expect(a!.statuses()['b']).toBe('leaving');
  await world.pass(4_000);
  expect(a!.statuses()['b']).toBe('left');
  await world.pass(8_000);
  expect(a!.statuses()['b']).toBeUndefined();
  expect(a!.memberEvents().slice(-2)).toEqual(['leave b', 'reap b']);
});

describe('intents', () => {
  test('a leave intent that comes before its member is kept for five minutes', async () => {
    const leave = encodeLeave({ LTime: 9, Node: 'b', Prune: false });
    const world = new World();
    const a = world.member('a');
    await a.serf.start();
    a.pool.delegate.onMessage(leave);
    const b = world.member('b');
    await b.serf.start();
    a.pool.learn({ ...b.pool.self });
    expect(a.statuses()['b']).toBe('leaving');

    const late = world.member('late');
    await late.serf.start();
    late.pool.delegate.onMessage(leave);
    await world.pass(6 * 60_000);
    late.pool.learn({ ...b.pool.self });
    expect(late.statuses()['b']).toBe('alive');
  });

  test('a member that hears of a newer intent about itself says that it is here', async () => {
    const world = new World();
    const [a, b] = await world.members('a', 'b');
    world.gossip.drops = () => true; // Only full exchanges get through.
    a!.pool.delegate.onMessage(encodeLeave({ LTime: 20, Node: 'b', Prune: false }));
    await world.pass(5_000);
    expect(a!.statuses()['b']).toBe('leaving');
    world.gossip.drops = () => false;
    b!.pool.exchange(a!.pool, false);
    await world.pass(1_000);
    expect(a!.statuses()['b']).toBe('alive');
    expect(Number(b!.serf.stats()['member_time'])).toBeGreaterThan(20);
  });

  test('who missed a leave learns of it by a full exchange', async () => {
    const world = new World();
    const [a, b, c] = await world.members('a', 'b', 'c');
    world.gossip.drops = (_, to) => to === 'c';
    c!.pool.crash();
    b!.pool.crash();
    await world.pass(5_000);
    a!.serf.forceLeave('b', false);
    await c!.pool.start();
    c!.pool.learn({ ...b!.pool.self, state: 2 });
    expect(c!.statuses()['b']).toBe('failed');
    c!.pool.exchange(a!.pool, false);
    expect(c!.statuses()['b']).toBe('left');
  });
});

describe('two members with one name', () => {
  test('the one that the pool does not know quits', async () => {
    const world = new World();
    const [a, , c] = await world.members('a', 'b', 'c');
    let hasQuit = false;
    const twin = world.member('b', {}, { onQuit: () => (hasQuit = true) });
    await twin.serf.start();
    await twin.join(a!);
    await world.pass(10_000);
    expect(hasQuit).toBe(true);
    expect(twin.logged).toContain('WARN serf: minority in name conflict resolution, quitting [0 / 2]');
    expect(a!.logged).toContain("WARN serf: Name conflict for 'b' both 127.0.0.1:2 and 127.0.0.1:4 are claiming");
    expect(a!.serf.members().find((m) => m.name === 'b')!.port).toBe(2);
    expect(c!.logged.some((line) => line.includes("Got conflict resolution query for 'b'"))).toBe(true);
  });

  test('without resolution it is only logged', async () => {
    const world = new World();
    const [a] = await world.members('a', 'b');
    const twin = world.member('b', { resolveConflicts: false }, { onQuit: () => expect.unreachable() });
    await twin.serf.start();
    await twin.join(a!);
    await world.pass(10_000);
    const text = 'Node name conflicts with another node at 127.0.0.1:2. Names must be unique!';
    expect(twin.logged).toContain(`ERROR serf: ${text} (Resolution enabled: false)`);
  });
});

test('tags that do not fit into gossip are refused', async () => {
  const world = new World();
  const a = world.member('a');
  await a.serf.start();
  const text = 'Encoded length of tags exceeds limit of 512 bytes';
  expect(() => a.serf.setTags({ x: 'y'.repeat(510) })).toThrow(text);
  expect(() => world.member('b', { tags: { x: 'y'.repeat(510) } })).toThrow(text);
  expect({ ...a.serf.self.tags }).toEqual({});
});

test('the numbers of info have the names and the first values of the reference', async () => {
  const world = new World();
  const a = world.member('a');
  await a.serf.start();
  expect(a.serf.stats()).toEqual({
    coordinate_resets: '0',
    encrypted: 'false',
    event_queue: '0',
    event_time: '1',
    failed: '0',
    health_score: '0',
    intent_queue: '0',
    left: '0',
    member_time: '1',
    members: '1',
    query_queue: '0',
    query_time: '1',
  });
});
