import { Catalog } from '@proconsul/endpoints';
import { HealthCheck, MessageType, NodeService, RegisterRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { TestCluster } from '../testing/cluster.ts';
import { ABSENT_MS, RECONCILE_PERIOD_MS } from './member-reconciler.ts';

const who = { Datacenter: '', Token: '' };

async function cluster(size = 3, given: { seed?: number } = {}) {
  const c = new TestCluster({ seed: 1, size, ...given });
  await c.start();
  return c;
}
const leaderOf = (c: TestCluster) => c.life(c.leader() as string);
const othersOf = (c: TestCluster) => c.ids.filter((id) => id !== c.leader());

/** A client agent, in the pool but not among the servers. */
function addClient(c: TestCluster, name: string, tags: Record<string, string> = {}) {
  const all = { role: 'node', dc: 'dc1', id: `id-${name}`, build: '1.21.0:', ...tags };
  c.members.push({ name, address: '10.0.1.1', port: 8301, status: 'alive', tags: all });
  c.setStatus(all.id, 'alive', 'join');
}
const check = (c: TestCluster, node: string) => leaderOf(c).store.catalog.check(node, 'serfHealth');

describe('a member', () => {
  test('that joins is registered with a passing check, and no service unless it is a server', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    const { store } = leaderOf(c);
    expect(store.catalog.node('web')).toMatchObject({
      ...{ ID: 'id-web', Address: '10.0.1.1', Meta: { 'consul-version': '1.21.0' } },
    });
    expect(check(c, 'web')).toMatchObject({ Status: 'passing', Output: 'Agent alive and reachable' });
    expect(store.catalog.service('web', 'consul')).toBeUndefined();
    expect(store.catalog.service('s1', 'consul')).toMatchObject({
      Port: 8300,
      Meta: { raft_version: '3', version: '1.21.0', non_voter: 'false', serf_protocol_max: '5' },
    });
  });

  test('that fails is critical, and passing again when it comes back', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    c.setStatus('id-web', 'failed', 'failed');
    await c.advance(50);
    expect(check(c, 'web')).toMatchObject({ Status: 'critical', Output: 'Agent not live or unreachable' });
    c.setStatus('id-web', 'alive', 'join');
    await c.advance(50);
    expect(check(c, 'web')).toMatchObject({ Status: 'passing' });
  });

  test('that leaves is deregistered with its services and sessions', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    const { server, store } = leaderOf(c);
    const service = RegisterRequest.make({
      Node: 'web',
      SkipNodeUpdate: true,
      Service: NodeService.make({ Service: 'x' }),
    });
    await c.settled(server.write(Catalog.Register, service));
    c.setStatus('id-web', 'left', 'leave');
    await c.advance(50);
    expect(store.catalog.node('web')).toBeUndefined();
    expect(store.catalog.serviceNodes({ ServiceName: 'x' }).value).toEqual([]);
    expect(c.logged.some((l) => l.includes('deregistering member member=web partition=default reason=left'))).toBe(
      true,
    );
  });

  test('that vanished from the pool unseen is critical from the next comparison on, and reaped ten minutes later', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    c.members.pop();
    await c.advance(RECONCILE_PERIOD_MS);
    expect(check(c, 'web')).toMatchObject({ Status: 'passing' });
    await c.advance(RECONCILE_PERIOD_MS);
    expect(check(c, 'web')).toMatchObject({ Status: 'critical', Output: 'Agent not live or unreachable' });
    await c.advance(ABSENT_MS - RECONCILE_PERIOD_MS - 1000);
    expect(leaderOf(c).store.catalog.node('web')).toBeDefined();
    await c.advance(RECONCILE_PERIOD_MS + 1000);
    expect(leaderOf(c).store.catalog.node('web')).toBeUndefined();
  });

  test('that a new leader has not met yet keeps its node, its services and sessions', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    const web = c.members.pop();
    c.crash(c.leader() as string);
    await c.until(() => c.leader() !== undefined, 10_000);
    await c.advance(1000);
    expect(check(c, 'web')).toMatchObject({ Status: 'passing' });
    c.members.push(web as NonNullable<typeof web>);
    await c.advance(2 * RECONCILE_PERIOD_MS);
    expect(check(c, 'web')).toMatchObject({ Status: 'passing' });
  });

  test.for([
    ['a plain member of the pool', { role: 'web' }],
    ['an agent of another datacenter', { dc: 'dc2' }],
  ] as const)('that is %s enters no catalog', async ([, tags]) => {
    const c = await cluster();
    addClient(c, 'other', tags);
    await c.advance(RECONCILE_PERIOD_MS + 100);
    expect(leaderOf(c).store.catalog.node('other')).toBeUndefined();
  });

  test('is not written again when nothing about it changed', async () => {
    const c = await cluster();
    await c.advance(5000);
    const index = leaderOf(c).store.lastIndex;
    for (const id of c.ids) c.setStatus(id, 'alive', 'update');
    await c.advance(2 * RECONCILE_PERIOD_MS);
    expect(leaderOf(c).store.lastIndex).toBe(index);
  });

  test('keeps what its agent told of its node when it is registered anew', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    const { server, store } = leaderOf(c);
    const node = {
      Node: 'web',
      ID: 'id-web',
      Address: '10.0.1.1',
      NodeMeta: { rack: '7' },
      TaggedAddresses: { lan: 'x' },
    };
    await c.settled(server.write(Catalog.Register, { ...RegisterRequest.make(node), ID: '' }));
    c.setStatus('id-web', 'failed', 'failed');
    c.setStatus('id-web', 'alive', 'join');
    await c.advance(50);
    expect(store.catalog.node('web')?.Meta).toEqual({ rack: '7' });
  });

  test('of a name that a living node with another id has is refused, and said so', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    c.members.push({
      ...(c.members.at(-1) as (typeof c.members)[0]),
      tags: { ...c.members.at(-1)?.tags, id: 'id-new' },
    });
    c.members.splice(c.members.length - 2, 1);
    c.setStatus('id-new', 'alive', 'join');
    await c.advance(50);
    expect(leaderOf(c).store.catalog.node('web')?.ID).toBe('id-web');
    expect(
      c.logged.some((l) => l.includes('failed to reconcile member') && l.includes('is reserved by node id-web')),
    ).toBe(true);
  });

  test('that failed under a name which another agent has by now does that one no harm', async () => {
    const c = await cluster();
    addClient(c, 'web');
    await c.advance(50);
    c.members[c.members.length - 1] = {
      ...(c.members.at(-1) as (typeof c.members)[0]),
      tags: { ...c.members.at(-1)?.tags, id: 'id-old' },
    };
    c.setStatus('id-old', 'failed', 'failed');
    await c.advance(50);
    expect(check(c, 'web')).toMatchObject({ Status: 'passing' });
    c.setStatus('id-old', 'left', 'leave');
    await c.advance(50);
    expect(leaderOf(c).store.catalog.node('web')).toBeDefined();
  });
});

describe('a server', () => {
  test('that joins gets the log at once and a vote once it was healthy for ten seconds', async () => {
    const c = await cluster();
    c.addMember('s4');
    await c.boot('s4');
    c.setStatus('s4', 'alive', 'join');
    await c.advance(100);
    const vote = () =>
      leaderOf(c)
        .consensus.members()
        .find((m) => m.id === 's4')?.voter;
    expect(vote()).toBe(false);
    await c.advance(9000);
    expect(vote()).toBe(false);
    await c.until(() => vote() === true, 6000);
    expect(c.life('s4').store.catalog.node('s4')).toBeDefined();
  });

  test('that only reads never gets a vote', async () => {
    const c = new TestCluster({
      seed: 1,
      size: 3,
      tags: (id): Record<string, string> => (id === 's4' ? { read_replica: '1' } : {}),
    });
    await c.start();
    c.addMember('s4');
    await c.boot('s4');
    c.setStatus('s4', 'alive', 'join');
    await c.advance(60_000);
    expect(
      leaderOf(c)
        .consensus.members()
        .find((m) => m.id === 's4')?.voter,
    ).toBe(false);
    expect(leaderOf(c).store.catalog.service('s4', 'consul')?.Meta).toMatchObject({ read_replica: 'true' });
  });

  test('that leaves is no peer any more', async () => {
    const c = await cluster();
    const gone = othersOf(c)[0] as string;
    c.setStatus(gone, 'left', 'leave');
    await c.advance(100);
    expect(
      leaderOf(c)
        .consensus.members()
        .map((m) => m.id),
    ).not.toContain(gone);
    expect(leaderOf(c).store.catalog.node(gone)).toBeUndefined();
  });

  test('with a new address is a peer under that address, and keeps its vote', async () => {
    const c = await cluster();
    const moved = othersOf(c)[0] as string;
    const at = c.members.findIndex((m) => m.name === moved);
    c.members[at] = { ...(c.members[at] as (typeof c.members)[0]), address: '10.0.9.9' };
    c.setStatus(moved, 'alive', 'update');
    await c.advance(200);
    expect(
      leaderOf(c)
        .consensus.members()
        .find((m) => m.id === moved),
    ).toEqual({
      ...{ id: moved, address: '10.0.9.9:8300', voter: true },
    });
    expect(leaderOf(c).store.catalog.node(moved)?.Address).toBe('10.0.9.9');
  });

  test.for([
    [1, '10.0.9.9:8300'],
    [2, 'the old one'],
    [3, '10.0.9.9:8300'],
  ] as const)('that leads %s servers and has a new address is known under %s', async ([size, expected]) => {
    const c = await cluster(size);
    const id = c.leader() as string;
    const address = () =>
      c
        .life(id)
        .consensus.members()
        .find((m) => m.id === id)?.address;
    const before = address();
    const at = c.members.findIndex((m) => m.name === id);
    c.members[at] = { ...(c.members[at] as (typeof c.members)[0]), address: '10.0.9.9' };
    c.setStatus(id, 'alive', 'update');
    await c.advance(200);
    expect(address()).toBe(expected === 'the old one' ? before : expected);
  });

  test('that leads is never deregistered by itself', async () => {
    const c = await cluster();
    const leader = c.leader() as string;
    c.setStatus(leader, 'left', 'leave');
    await c.advance(1000);
    expect(c.life(leader).store.catalog.node(leader)).toBeDefined();
    expect(c.logged.some((l) => l.includes('deregistering self should be done by follower'))).toBe(true);
  });
});

describe('autopilot', () => {
  test('finds a healthy cluster healthy, and tells how many may fail', async () => {
    const c = await cluster();
    await c.advance(3000);
    const health = leaderOf(c).autopilot.health();
    expect([health.Healthy, health.FailureTolerance]).toEqual([true, 1]);
    expect(health.Servers.map((s) => [s.Name, s.Healthy, s.Voter, s.LastTerm])).toEqual(
      ['s1', 's2', 's3'].map((name) => [name, true, true, leaderOf(c).consensus.lastTerm()]),
    );
    expect(leaderOf(c).autopilot.state()).toMatchObject({ Leader: c.leader(), Voters: ['s1', 's2', 's3'] });
  });

  test('finds a server unhealthy that it cannot reach, before gossip does', async () => {
    const c = await cluster();
    await c.advance(3000);
    const lost = othersOf(c)[0] as string;
    const since = leaderOf(c)
      .autopilot.facts()
      .find((f) => f.id === lost)?.stableSinceMs as number;
    c.network.isolate(lost);
    await c.advance(5000);
    const health = leaderOf(c).autopilot.health();
    expect([health.Healthy, health.FailureTolerance]).toEqual([false, 0]);
    const row = health.Servers.find((s) => s.ID === lost);
    expect(row).toMatchObject({ Healthy: false, SerfStatus: 'alive', LastIndex: 0 });
    expect(row?.StableSinceMs).toBeGreaterThan(since);
  });

  test('removes a dead server within ten seconds and marks it as left', async () => {
    const c = await cluster();
    const dead = othersOf(c)[0] as string;
    c.crash(dead);
    c.setStatus(dead, 'failed', 'failed');
    await c.advance(50);
    expect(check(c, dead)).toMatchObject({ Status: 'critical' });
    await c.advance(10_100);
    expect(
      leaderOf(c)
        .consensus.members()
        .map((m) => m.id),
    ).not.toContain(dead);
    expect(c.members.find((m) => m.name === dead)?.status).toBe('left');
    expect(leaderOf(c).store.catalog.node(dead)).toBeUndefined();
    expect(c.logged.some((l) => l.includes(`Attempting removal of failed server node id=${dead} name=${dead}`))).toBe(
      true,
    );
  });

  test('never removes so many at once that a majority would be gone', async () => {
    const c = await cluster(5);
    const [a, b, d] = othersOf(c) as [string, string, string];
    for (const id of [a, b]) c.crash(id);
    // Gossip is mistaken about the third: it lives.
    for (const id of [a, b, d]) c.setStatus(id, 'failed', 'failed');
    await c.advance(10_100);
    expect(leaderOf(c).consensus.members()).toHaveLength(3);
  });

  test('keeps as many servers as it was told to keep', async () => {
    const c = await cluster();
    const dead = othersOf(c)[0] as string;
    const { consensus, store } = leaderOf(c);
    const config = { ...(store.operator.autopilot().value as object), MinQuorum: 3 };
    await c.settled(
      consensus.propose({
        type: MessageType.Autopilot,
        request: { Datacenter: '', Token: '', CAS: false, Config: config },
      }),
    );
    c.crash(dead);
    c.setStatus(dead, 'failed', 'failed');
    await c.advance(30_000);
    expect(consensus.members()).toHaveLength(3);
  });

  test('removes nobody where it is told not to', async () => {
    const c = await cluster();
    const dead = othersOf(c)[0] as string;
    const { consensus, store } = leaderOf(c);
    const config = { ...(store.operator.autopilot().value as object), CleanupDeadServers: false };
    await c.settled(
      consensus.propose({
        type: MessageType.Autopilot,
        request: { Datacenter: '', Token: '', CAS: false, Config: config },
      }),
    );
    c.crash(dead);
    c.setStatus(dead, 'failed', 'failed');
    await c.advance(30_000);
    expect(consensus.members()).toHaveLength(3);
  });

  test('removes a peer that gossip has never heard of, but not at first sight', async () => {
    const c = await cluster();
    const { consensus } = leaderOf(c);
    await c.settled(consensus.addNonvoter('ghost', '10.0.7.7:8300'));
    await c.advance(9000);
    expect(consensus.members()).toHaveLength(4);
    await c.advance(12_000);
    expect(consensus.members()).toHaveLength(3);
  });

  test('of a new leader takes over what the old one had begun', async () => {
    const c = await cluster();
    const old = c.leader() as string;
    c.crash(old);
    await c.until(() => c.leader() !== undefined, 10_000);
    c.setStatus(old, 'failed', 'failed');
    await c.advance(10_200);
    expect(
      leaderOf(c)
        .consensus.members()
        .map((m) => m.id),
    ).not.toContain(old);
    expect(c.announced).toEqual([old, c.leader()]);
  });
});

test('a leader writes its first commands once, in the recorded order; the next one finds them', async () => {
  const c = await cluster();
  const { store } = leaderOf(c);
  const first = store.operator.systemMetadata().value.map((e) => [e.Key, e.CreateIndex]);
  expect(first.map(([key]) => key).sort()).toEqual(['intention-format', 'virtual-ips', 'virtual-ips-term-gateway']);
  expect(store.operator.autopilot().value?.CreateIndex).toBeLessThan(Math.min(...first.map(([, i]) => i as number)));
  expect(store.federation.get('dc1').value).not.toBeNull();
  const index = store.operator.autopilot().value?.ModifyIndex;
  c.crash(c.leader() as string);
  await c.until(() => c.leader() !== undefined, 10_000);
  const next = leaderOf(c).store;
  expect(next.operator.autopilot().value?.ModifyIndex).toBe(index);
  expect(next.operator.systemMetadata().value.map((e) => [e.Key, e.CreateIndex])).toEqual(first);
});

test('a check that another agent registered under the name of membership is no membership', async () => {
  const c = await cluster();
  const { server, store } = leaderOf(c);
  const external = RegisterRequest.make({
    ...{ Node: 'external', Address: '192.0.2.1' },
    Checks: [HealthCheck.make({ CheckID: 'ping', Name: 'ping', Status: 'critical' })],
  });
  await c.settled(server.write(Catalog.Register, external));
  await c.advance(2 * RECONCILE_PERIOD_MS);
  expect(store.catalog.node('external')).toBeDefined();
  expect(server.peek(Catalog.ListDatacenters, who)?.value).toEqual(['dc1']);
});
