import { expect, test } from 'vitest';
import type { MembershipChange } from '../configuration.ts';
import { CoreCluster } from '../testing/core-cluster.ts';

// Membership changes one server at a time, and leadership transfer. Source: Ongaro's thesis, sections 3.10, 4.1 and 4.2.

const led = (ids: readonly string[] = ['a', 'b', 'c']): CoreCluster => {
  const cluster = new CoreCluster(ids);
  cluster.startAll();
  cluster.elect('a');
  cluster.deliver();
  return cluster;
};

let tokens = 1;
function change(cluster: CoreCluster, id: string, what: MembershipChange): number {
  const token = tokens++;
  cluster.ask(id, { kind: 'change-membership', appendedAtMs: 0, token, change: what });
  return token;
}

const suffrages = (cluster: CoreCluster, id: string): string =>
  cluster
    .node(id)
    .core.configuration.servers.map((s) => `${s.id}:${s.suffrage}`)
    .join(' ');

test('4.1: a configuration is in force as soon as it is in the log', () => {
  const cluster = led();
  cluster.addFresh('d');
  cluster.input('d', { kind: 'start' });
  change(cluster, 'a', { kind: 'add-voter', id: 'd', address: 'd:1' });
  expect(suffrages(cluster, 'a')).toBe('a:voter b:voter c:voter d:voter');
  expect(cluster.node('a').core.committedConfiguration?.configuration.servers).toHaveLength(3);
  cluster.advance(500);
  expect(cluster.node('a').core.committedConfiguration?.configuration.servers).toHaveLength(4);
  expect(suffrages(cluster, 'd')).toBe('a:voter b:voter c:voter d:voter');
  expect(cluster.logsOf('d')).toBe(cluster.logsOf('a'));
});

test('4.1: only one change at a time', () => {
  const cluster = led();
  cluster.isolate('a');
  const first = change(cluster, 'a', { kind: 'add-nonvoter', id: 'd', address: 'd:1' });
  const second = change(cluster, 'a', { kind: 'remove', id: 'c' });
  expect(cluster.node('a').outcomes.get(first)).toBeUndefined();
  expect(cluster.node('a').outcomes.get(second)).toBe('CONFIGURATION_BUSY');
});

test('4.1 (errata): no change before the leader has committed an entry of its own term', () => {
  const cluster = new CoreCluster(['a', 'b', 'c']);
  cluster.startAll();
  cluster.at += 2000;
  cluster.timeUp('a');
  cluster.deliver((m) => m.kind !== 'append-entries');
  expect(cluster.leaders()).toEqual(['a']);
  const token = change(cluster, 'a', { kind: 'remove', id: 'c' });
  expect(cluster.node('a').outcomes.get(token)).toBe('CONFIGURATION_BUSY');
});

test('4.1: a change that is overwritten is out of force again', () => {
  const cluster = led();
  cluster.isolate('a');
  change(cluster, 'a', { kind: 'remove', id: 'c' });
  expect(suffrages(cluster, 'a')).toBe('a:voter b:voter');
  cluster.elect('b');
  cluster.heal();
  cluster.advance(3000);
  expect(suffrages(cluster, 'a')).toBe('a:voter b:voter c:voter');
});

test('4.2.1: a non-voter receives the log but counts for nothing', () => {
  const cluster = led();
  cluster.addFresh('d');
  cluster.input('d', { kind: 'start' });
  change(cluster, 'a', { kind: 'add-nonvoter', id: 'd', address: 'd:1' });
  cluster.advance(500);
  cluster.propose('a', 'x');
  cluster.advance(500);
  expect(cluster.texts('d')).toEqual(['x']);
  for (const id of ['b', 'c']) cluster.node(id).down = true;
  const { committed } = cluster.node('a');
  cluster.propose('a', 'y');
  cluster.deliver();
  expect(cluster.node('a').committed).toBe(committed);
  cluster.advance(20_000);
  expect(cluster.leaders()).toEqual([]);
  expect(cluster.node('d').core.role).toBe('follower');
});

test('4.2.2: a leader that removes itself leads until that is committed, then steps down', () => {
  const cluster = led();
  cluster.isolate('a');
  change(cluster, 'a', { kind: 'remove', id: 'a' });
  expect(cluster.node('a').core.role).toBe('leader');
  cluster.heal();
  cluster.advance(300);
  expect(cluster.node('a').core.role).toBe('follower');
  cluster.advance(5000);
  expect(cluster.leaders()).toHaveLength(1);
  expect(cluster.leaders()).not.toContain('a');
});

test.for(['demote', 'remove'] as const)(
  'a server that a %s of the leader leaves as the only voter, and that starts again, lets its lease end first',
  (kind) => {
    const cluster = led(['a', 'b']);
    cluster.advance(500);
    cluster.node('b').slowDisk = true; // So that the change is not committed.
    change(cluster, 'a', { kind, id: 'a' });
    cluster.deliver();
    cluster.durable('b');
    cluster.messages.length = 0; // The answer is lost.
    expect(cluster.node('a').core.hasLease(cluster.at)).toBe(true);
    cluster.isolate('b');
    cluster.restart('b');
    expect(suffrages(cluster, 'b')).toMatch(/\bb:voter$/);
    for (let ms = 0; ms < 3000; ms++) {
      cluster.advance(1);
      if (cluster.node('a').core.hasLease(cluster.at)) expect(cluster.node('b').core.role).not.toBe('leader');
    }
    expect(cluster.node('b').core.role).toBe('leader');
  },
);

test('a server that has always been alone leads as soon as it starts', () => {
  const cluster = new CoreCluster(['a']);
  cluster.startAll();
  expect(cluster.leaders()).toEqual(['a']);
  change(cluster, 'a', { kind: 'add-nonvoter', id: 'b', address: 'b:1' });
  cluster.deliver();
  cluster.restart('a');
  expect(cluster.leaders()).toEqual(['a']);
});

test('a voter may be demoted, added again as a non-voter stays what it is, and be promoted', () => {
  const cluster = led();
  change(cluster, 'a', { kind: 'add-nonvoter', id: 'b', address: 'b:1' });
  cluster.advance(300);
  expect(suffrages(cluster, 'a')).toBe('a:voter b:voter c:voter');
  change(cluster, 'a', { kind: 'demote', id: 'b' });
  cluster.advance(300);
  expect(suffrages(cluster, 'c')).toBe('a:voter b:nonvoter c:voter');
  change(cluster, 'a', { kind: 'add-voter', id: 'b', address: 'b:1' });
  cluster.advance(300);
  expect(suffrages(cluster, 'c')).toBe('a:voter b:voter c:voter');
});

test('a leader that was alone gives its first peer time to answer', () => {
  const cluster = led(['a']);
  cluster.advance(5000);
  cluster.addFresh('b');
  cluster.input('b', { kind: 'start' });
  cluster.isolate('b');
  change(cluster, 'a', { kind: 'add-voter', id: 'b', address: 'b:1' });
  cluster.advance(300);
  expect(cluster.node('a').core.role).toBe('leader');
  cluster.heal();
  cluster.advance(1000);
  expect(cluster.leaders()).toEqual(['a']);
  expect(cluster.logsOf('b')).toBe(cluster.logsOf('a'));
});

test('a configuration without a voter, or with an address twice, is refused', () => {
  const cluster = led(['a']);
  const last = change(cluster, 'a', { kind: 'remove', id: 'a' });
  expect(cluster.node('a').outcomes.get(last)).toBe('INVALID_CONFIGURATION');
  const twice = change(cluster, 'a', { kind: 'add-voter', id: 'z', address: 'a:1' });
  expect(cluster.node('a').outcomes.get(twice)).toBe('INVALID_CONFIGURATION');
});

test('only the leader changes the membership', () => {
  const cluster = led();
  const token = change(cluster, 'b', { kind: 'remove', id: 'c' });
  expect(cluster.node('b').outcomes.get(token)).toBe('NOT_LEADER');
});

test('3.10: a transfer brings the target up to date, and it is elected at once', () => {
  const cluster = led();
  cluster.propose('a', 'x');
  cluster.ask('a', { kind: 'transfer-leadership', token: 900, to: 'c' });
  cluster.deliver();
  expect(cluster.leaders()).toEqual(['c']);
  expect(cluster.node('a').outcomes.get(900)).toBe('done');
  expect(cluster.texts('c')).toEqual(['x']);
});

test('3.10: during a transfer nothing new is taken, and no lease is held', () => {
  const cluster = led();
  cluster.advance(300);
  cluster.isolate('c');
  cluster.ask('a', { kind: 'transfer-leadership', token: 901, to: 'c' });
  expect(cluster.node('a').core.proposalRefusal()).toBe('LEADERSHIP_TRANSFER_IN_PROGRESS');
  expect(cluster.node('a').core.hasLease(cluster.at)).toBe(false);
  cluster.advance(1100);
  expect(cluster.node('a').outcomes.get(901)).toBe('LEADERSHIP_TRANSFER_FAILED');
  expect(cluster.node('a').core.hasLease(cluster.at)).toBe(false);
});

test('3.10: a leader whose order to stand was never read gives up its term, so that the order is void', () => {
  const cluster = led();
  cluster.advance(300);
  const { term } = cluster.node('a').core;
  cluster.isolate('c');
  cluster.ask('a', { kind: 'transfer-leadership', token: 901, to: 'c' });
  cluster.advance(1100);
  expect(cluster.node('a').core.role).not.toBe('leader');
  cluster.advance(5000);
  const leader = ['a', 'b'].find((id) => cluster.node(id).core.role === 'leader')!;
  expect(cluster.node(leader).core.term).toBeGreaterThan(term);
  const other = leader === 'a' ? 'b' : 'a';
  cluster.request(other, { kind: 'timeout-now', from: leader, address: `${leader}:1`, term });
  expect(cluster.node(other).core.role).toBe('follower');
  expect(cluster.node(leader).core.hasLease(cluster.at)).toBe(true);
});

test('3.10: "stand now" from anybody but the leader one follows is ignored', () => {
  const cluster = led();
  const { term } = cluster.node('b').core;
  cluster.request('b', { kind: 'timeout-now', from: 'c', address: 'c:1' });
  expect(cluster.node('b').core.term).toBe(term);
});

test('a transfer to nobody, to oneself or to a non-voter fails', () => {
  const cluster = led(['a']);
  cluster.ask('a', { kind: 'transfer-leadership', token: 902, to: undefined });
  expect(cluster.node('a').outcomes.get(902)).toBe('LEADERSHIP_TRANSFER_FAILED');
  cluster.ask('a', { kind: 'transfer-leadership', token: 903, to: 'a' });
  expect(cluster.node('a').outcomes.get(903)).toBe('LEADERSHIP_TRANSFER_FAILED');
});
