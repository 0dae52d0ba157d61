import { expect, test } from 'vitest';
import { CoreCluster } from '../testing/core-cluster.ts';
import type { Sent } from './inputs.ts';

const THREE = ['a', 'b', 'c'];
const FIVE = ['a', 'b', 'c', 'd', 'e'];

function started(ids: readonly string[] = THREE): CoreCluster {
  const cluster = new CoreCluster(ids);
  cluster.startAll();
  return cluster;
}

/** A cluster that `a` leads, all heartbeats answered. */
function led(ids?: readonly string[]): CoreCluster {
  const cluster = started(ids);
  cluster.elect('a');
  cluster.advance(300);
  return cluster;
}

/** The timer of `id` goes off `lateMs` after it was due. */
function late(cluster: CoreCluster, id: string, lateMs: number): void {
  cluster.at = (cluster.node(id).timerAt as number) + lateMs;
  cluster.input(id, { kind: 'timer' });
}

function voted(cluster: CoreCluster, from: string, term: number, sentAt: number, kind: Sent['kind'] = 'request-vote') {
  const sent = { kind, term, at: sentAt, round: 0, prevLogIndex: 0, lastIndex: 0, heartbeat: false } as const;
  const response = { kind: 'request-vote' as const, term: kind === 'request-vote' ? term : term - 1, granted: true };
  cluster.input('a', {
    kind: 'response',
    from,
    sent,
    response: kind === 'request-vote' ? response : { ...response, kind: 'request-pre-vote' },
  });
}

test('a follower that stood still does not take that for silence of the leader, but for a heartbeat timeout at the most', () => {
  const cluster = led();
  cluster.isolate('b');
  late(cluster, 'b', 300);
  expect(cluster.node('b').core.role).toBe('follower');
  expect(cluster.node('b').timerAt).toBe(cluster.at + 300);
  late(cluster, 'b', 5000);
  expect(cluster.node('b').timerAt).toBe(cluster.at + 700);
  expect(cluster.node('b').core.role).toBe('follower');
  late(cluster, 'b', 5000);
  expect(cluster.node('b').core.role).toBe('candidate');
});

test('a timer that is a little late is no standing still', () => {
  const cluster = led();
  cluster.isolate('b');
  late(cluster, 'b', 5);
  expect(cluster.node('b').core.role).toBe('candidate');
});

test('a leader that stood still goes on when the answers are there, without a lease until then', () => {
  const cluster = led();
  late(cluster, 'a', 900);
  expect(cluster.node('a').core.role).toBe('leader');
  expect(cluster.node('a').core.hasLease(cluster.at)).toBe(false);
  cluster.deliver();
  expect(cluster.node('a').core.hasLease(cluster.at)).toBe(true);
  cluster.isolate('a');
  cluster.advance(700);
  expect(cluster.node('a').core.role).not.toBe('leader');
});

test('a leader that is alone gives up at last, however often it stands still', () => {
  const cluster = led();
  cluster.isolate('a');
  const from = cluster.at;
  while (cluster.node('a').core.role === 'leader') late(cluster, 'a', 200);
  expect(cluster.at - from).toBeLessThan(500 + 1000 + 3 * 200);
});

test('a leader whose answers are on their way for longer than its lease goes on, as long as they come', () => {
  const cluster = led();
  const { term } = cluster.node('a').core;
  for (let i = 0; i < 30; i++) {
    const sentAt = cluster.at - 600;
    cluster.messages.length = 0;
    for (const from of ['b', 'c']) {
      cluster.input('a', {
        kind: 'response',
        from,
        sent: { kind: 'append-entries', term, at: sentAt, round: 0, prevLogIndex: 0, lastIndex: 0, heartbeat: true },
        response: { kind: 'append-entries', term, lastLog: 2, success: true, noRetryBackoff: false },
      });
    }
    cluster.at = cluster.node('a').timerAt as number;
    cluster.input('a', { kind: 'timer' });
  }
  expect(cluster.node('a').core.role).toBe('leader');
  expect(cluster.node('a').core.hasLease(cluster.at)).toBe(false);
});

/** `a` stands in term 2, nobody answers, and it asks for consent to term 3. */
function asksAnew(): CoreCluster {
  const cluster = started(FIVE);
  cluster.at += 2000;
  cluster.timeUp('a');
  for (const from of ['b', 'c']) voted(cluster, from, 2, cluster.at, 'request-pre-vote');
  expect(cluster.node('a').vote).toEqual({ term: 2, votedFor: 'a' });
  cluster.messages.length = 0;
  cluster.timeUp('a');
  expect(cluster.sent.at(-1)).toMatchObject({ request: { kind: 'request-pre-vote', term: 3 } });
  return cluster;
}

test('votes that come late elect as well, while it asks for consent to the next term already', () => {
  const cluster = asksAnew();
  for (const from of ['b', 'c']) voted(cluster, from, 2, cluster.at - 900);
  expect(cluster.node('a').core.role).toBe('leader');
  expect(cluster.node('a').core.term).toBe(2);
});

test('they elect no more once another leader of that term was heard', () => {
  const cluster = asksAnew();
  const word = { kind: 'append-entries', from: 'b', address: 'b:1', prevLogIndex: 0, prevLogTerm: 0 } as const;
  cluster.request('a', { ...word, term: 2, entries: null, leaderCommit: 0 });
  cluster.isolate('a');
  cluster.at += 5000;
  cluster.timeUp('a');
  expect(cluster.node('a').core.role).toBe('candidate');
  for (const from of ['c', 'd', 'e']) voted(cluster, from, 2, cluster.at - 900);
  expect(cluster.node('a').core.role).toBe('candidate');
});

test('where answers are slow a candidate waits for a part of that time, and steps back when another one stands', () => {
  const cluster = started(FIVE);
  cluster.at += 2000;
  cluster.timeUp('a');
  cluster.messages.length = 0;
  const askedAt = cluster.at;
  cluster.at += 200;
  for (const from of ['b', 'c']) voted(cluster, from, 2, askedAt, 'request-pre-vote');
  expect(cluster.node('a').vote.term).toBe(1);
  const standsAt = cluster.node('a').timerAt as number;
  expect(standsAt).toBeGreaterThan(cluster.at);
  expect(standsAt).toBeLessThanOrEqual(cluster.at + 200);
  const other = { kind: 'request-vote', from: 'b', address: 'b:1', term: 2, lastLogIndex: 1, lastLogTerm: 1 } as const;
  expect(cluster.request('a', { ...other, leadershipTransfer: false })).toMatchObject({ granted: true });
  expect(cluster.node('a').core.role).toBe('follower');
});

test('with nobody else it stands then', () => {
  const cluster = started(FIVE);
  cluster.at += 2000;
  cluster.timeUp('a');
  const askedAt = cluster.at;
  cluster.at += 200;
  for (const from of ['b', 'c']) voted(cluster, from, 2, askedAt, 'request-pre-vote');
  cluster.at = cluster.node('a').timerAt as number;
  cluster.input('a', { kind: 'timer' });
  expect(cluster.node('a').vote).toEqual({ term: 2, votedFor: 'a' });
});

test('a follower of a leader that makes long pauses is more patient, and forgets them after a while', () => {
  const shortest = (pauseMs: number, calmMs: number): number => {
    const cluster = led();
    const { term } = cluster.node('a').core;
    cluster.isolate('b');
    const word = { kind: 'append-entries', from: 'a', address: 'a:1', prevLogIndex: 0, prevLogTerm: 0, term } as const;
    const hear = () => cluster.request('b', { ...word, entries: null, leaderCommit: 0 });
    cluster.at += pauseMs;
    hear();
    for (let passed = 0; passed < calmMs; passed += 100) {
      cluster.at += 100;
      hear();
    }
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 50; i++) {
      hear();
      least = Math.min(least, (cluster.node('b').timerAt as number) - cluster.at);
    }
    return least;
  };
  expect(shortest(100, 0)).toBeLessThan(750);
  expect(shortest(640, 0)).toBeGreaterThan(900);
  expect(shortest(640, 15_000)).toBeLessThan(750);
});
