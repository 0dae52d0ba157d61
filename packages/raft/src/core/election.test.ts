import { expect, test } from 'vitest';
import { CoreCluster } from '../testing/core-cluster.ts';
import type { VoteRequest } from './messages.ts';

// One test for each rule of Ongaro's thesis on elections; the section stands in the name.

const three = (options: { preVote?: boolean } = {}): CoreCluster => {
  const cluster = new CoreCluster(['a', 'b', 'c'], options);
  cluster.startAll();
  return cluster;
};

const vote = (fields: Partial<VoteRequest> = {}): VoteRequest => ({
  kind: 'request-vote',
  from: 'b',
  address: 'b:1',
  term: 2,
  lastLogIndex: 1,
  lastLogTerm: 1,
  leadershipTransfer: false,
  ...fields,
});

test('3.4: servers start as followers, and one that hears of no leader stands for election', () => {
  const cluster = three();
  expect([...cluster.nodes.values()].map((n) => n.core.role)).toEqual(['follower', 'follower', 'follower']);
  cluster.advance(4000);
  expect(cluster.leaders()).toHaveLength(1);
});

test('3.4: heartbeats keep the followers from standing', () => {
  const cluster = three();
  cluster.advance(4000);
  const term = cluster.node('a').core.term;
  cluster.advance(60_000);
  expect(cluster.node('a').core.term).toBe(term);
  expect(cluster.leaders()).toHaveLength(1);
});

test.for([1, 5])('a follower is in touch within 100 ms, with timeouts %i times as long', (scale) => {
  const cluster = new CoreCluster(['a', 'b', 'c'], { scale });
  cluster.startAll();
  cluster.advance(4000 * scale);
  const follower = [...cluster.nodes.values()].find((n) => n.core.role === 'follower')!.core;
  let longest = 0;
  for (let i = 0; i < 300; i++) {
    cluster.advance(10);
    longest = Math.max(longest, cluster.at - follower.lastContactAt);
  }
  expect(longest).toBeLessThanOrEqual(100);
  expect(cluster.leaders()).toHaveLength(1);
});

test('3.4: a candidate increments its term, votes for itself, and wins with a majority', () => {
  const cluster = three();
  cluster.cut.add('a>c').add('c>a');
  cluster.elect('a');
  expect(cluster.leaders()).toEqual(['a']);
  expect(cluster.node('a').vote).toEqual({ term: 2, votedFor: 'a' });
  expect(cluster.node('b').vote).toEqual({ term: 2, votedFor: 'a' });
});

test('3.4: a server votes for at most one candidate in a term, first come, first served, across a restart', () => {
  const cluster = three();
  cluster.at += 2000;
  expect(cluster.request('c', vote({ from: 'a', address: 'a:1' }))).toMatchObject({ granted: true });
  expect(cluster.request('c', vote({ from: 'b' }))).toMatchObject({ granted: false });
  cluster.restart('c');
  cluster.at += 2000;
  expect(cluster.request('c', vote({ from: 'b' }))).toMatchObject({ granted: false });
  expect(cluster.request('c', vote({ from: 'a', address: 'a:1' }))).toMatchObject({ granted: true });
});

test('3.4, 3.8: term and vote are durable before the vote is cast or asked for', () => {
  const cluster = three({ preVote: false });
  cluster.at += 2000;
  const cast = cluster.node('c').effects.length;
  cluster.request('c', vote());
  const kinds = cluster
    .node('c')
    .effects.slice(cast)
    .map((e) => e.kind);
  expect(kinds.indexOf('persist-vote')).toBeLessThan(kinds.indexOf('respond'));
  expect(kinds).toContain('persist-vote');
  const asked = cluster.timeUp('a').map((e) => e.kind);
  expect(asked.indexOf('persist-vote')).toBeLessThan(asked.indexOf('send'));
  expect(asked).toContain('persist-vote');
});

test('3.4: a leader of at least its own term makes a candidate a follower again', () => {
  const cluster = three({ preVote: false });
  cluster.at += 2000;
  cluster.timeUp('a');
  expect(cluster.node('a').core.role).toBe('candidate');
  const heartbeat = {
    kind: 'append-entries',
    from: 'b',
    address: 'b:1',
    prevLogIndex: 0,
    prevLogTerm: 0,
    entries: null,
    leaderCommit: 0,
  } as const;
  expect(cluster.request('a', { ...heartbeat, term: 1 })).toMatchObject({ success: false, term: 2 });
  expect(cluster.node('a').core.role).toBe('candidate');
  cluster.request('a', { ...heartbeat, term: 2 });
  expect(cluster.node('a').core.role).toBe('follower');
  expect(cluster.node('a').core.leaderId).toBe('b');
});

test('3.4: election timeouts are random, so that split votes are rare and settle themselves', () => {
  const deadlines = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const cluster = new CoreCluster([`server${i}`, 'x', 'y']);
    cluster.startAll();
    const { timerAt } = cluster.node(`server${i}`);
    expect(timerAt).toBeGreaterThanOrEqual(650);
    expect(timerAt).toBeLessThan(1300);
    deadlines.add(timerAt!);
  }
  expect(deadlines.size).toBe(20);
});

test('3.3: a server that learns of a higher term becomes a follower; what comes with a lower one is refused', () => {
  const cluster = three();
  cluster.elect('a');
  const { term } = cluster.node('a').core;
  cluster.node('b').core.step({ kind: 'timer', at: cluster.at }, []);
  cluster.input('a', {
    kind: 'response',
    from: 'b',
    sent: { kind: 'append-entries', term, at: cluster.at, round: 0, prevLogIndex: 0, lastIndex: 0, heartbeat: true },
    response: { kind: 'append-entries', term: term + 3, lastLog: 1, success: false, noRetryBackoff: false },
  });
  expect(cluster.node('a').core.role).toBe('follower');
  expect(cluster.node('a').vote).toEqual({ term: term + 3, votedFor: undefined });
  expect(cluster.request('a', vote({ term }))).toMatchObject({ granted: false, term: term + 3 });
});

test('3.6.1: a vote is refused to a candidate whose log is less up to date: by last term first, then by length', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.propose('a', 'x');
  cluster.deliver();
  const { lastIndex, lastTerm, term } = cluster.node('c').core;
  cluster.at += 5000;
  const ask = (lastLogIndex: number, lastLogTerm: number, inTerm: number) =>
    cluster.request('c', vote({ lastLogIndex, lastLogTerm, term: inTerm }));
  expect(ask(lastIndex + 9, lastTerm - 1, term + 1)).toMatchObject({ granted: false });
  expect(ask(lastIndex - 1, lastTerm, term + 2)).toMatchObject({ granted: false });
  expect(ask(lastIndex, lastTerm, term + 3)).toMatchObject({ granted: true });
  expect(
    cluster.request('b', vote({ from: 'c', lastLogIndex: 1, lastLogTerm: lastTerm + 1, term: term + 4 })),
  ).toMatchObject({ granted: true });
});

test('4.2.3: a server that hears a leader refuses to vote and does not even take over the term', () => {
  const cluster = three();
  cluster.elect('a');
  const { term } = cluster.node('b').core;
  expect(cluster.request('b', vote({ from: 'c', term: term + 5, lastLogIndex: 99, lastLogTerm: 99 }))).toMatchObject({
    granted: false,
    term,
  });
  expect(cluster.node('b').core.term).toBe(term);
});

test('4.2.3: for one heartbeat timeout after its start a server refuses too: it may have promised before it stopped', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.restart('b');
  const { term, lastIndex, lastTerm } = cluster.node('b').core;
  const request = vote({ from: 'c', term: term + 1, lastLogIndex: lastIndex, lastLogTerm: lastTerm });
  expect(cluster.request('b', request)).toMatchObject({ granted: false });
  cluster.at += 1000;
  expect(cluster.request('b', request)).toMatchObject({ granted: true });
});

test('raft wire 1: candidates that are unknown or no voters are refused', () => {
  const cluster = new CoreCluster(['a', 'b', 'c'], { suffrages: { c: 'nonvoter' } });
  cluster.startAll();
  cluster.at += 5000;
  const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = cluster.node('a').core;
  for (const from of ['c', 'stranger']) {
    expect(cluster.request('a', vote({ from, term: 9, lastLogIndex, lastLogTerm }))).toMatchObject({ granted: false });
  }
});

test('4.1: a candidate whose log goes beyond ours may have become a voter in what we lack', () => {
  const cluster = new CoreCluster(['a', 'b', 'c'], { suffrages: { c: 'nonvoter' } });
  cluster.startAll();
  cluster.at += 5000;
  for (const from of ['c', 'stranger']) {
    cluster.at += 5000;
    const term = from === 'c' ? 9 : 10;
    expect(cluster.request('a', vote({ from, term, lastLogIndex: 9, lastLogTerm: 8 }))).toMatchObject({
      granted: true,
    });
  }
});

test('9.6: a server that is cut off does not raise its term, and disturbs nobody when it comes back', () => {
  const cluster = three();
  cluster.elect('a');
  const { term } = cluster.node('a').core;
  cluster.isolate('c');
  cluster.advance(30_000);
  expect(cluster.node('c').core.role).toBe('candidate');
  expect(cluster.node('c').core.term).toBe(term);
  cluster.heal();
  cluster.advance(5000);
  expect(cluster.leaders()).toEqual(['a']);
  expect(cluster.node('a').core.term).toBe(term);
});

test('3.10: a voter that has more than the one that the leader chose does not wait to stand itself', () => {
  const cluster = three();
  cluster.at += 2000;
  cluster.request('c', vote({ lastLogIndex: 0, lastLogTerm: 0 }));
  expect(cluster.node('c').timerAt! - cluster.at).toBeGreaterThan(500);
  cluster.request('c', vote({ term: 3, lastLogIndex: 0, lastLogTerm: 0, leadershipTransfer: true }));
  expect(cluster.node('c').timerAt! - cluster.at).toBeLessThanOrEqual(20);
});

test('9.6: a pre-vote changes nothing at those who are asked', () => {
  const cluster = three();
  cluster.at += 5000;
  const before = { ...cluster.node('b').vote };
  const request = {
    kind: 'request-pre-vote',
    from: 'a',
    address: 'a:1',
    term: 2,
    lastLogIndex: 1,
    lastLogTerm: 1,
  } as const;
  expect(cluster.request('b', request)).toMatchObject({ granted: true });
  expect(cluster.request('b', { ...request, from: 'c' })).toMatchObject({ granted: true });
  expect(cluster.node('b').vote).toEqual(before);
  expect(cluster.node('b').core.term).toBe(1);
});

/** Requests that `id` sends when its timer goes off, as `kind term>to`. */
function asked(cluster: CoreCluster, id: string): string[] {
  cluster.at += 5000;
  const effects = cluster.timeUp(id);
  return effects.flatMap((e) =>
    e.kind === 'send' && 'term' in e.request ? [`${e.request.kind} ${e.request.term}>${e.to.id}`] : [],
  );
}

const probed = (cluster: CoreCluster, from: string, kind: 'request-vote' | 'request-pre-vote', term: number): void => {
  const sent = { kind, term, at: 0, round: 0, prevLogIndex: 0, lastIndex: 0, heartbeat: false } as const;
  cluster.input('a', { kind: 'response', from, sent, response: { kind, term: 1, granted: false } });
};

test('9.6: a voter that answers, but no pre-votes, knows none: its silence counts as consent', () => {
  const cluster = three();
  cluster.isolate('a');
  const preVotes = ['request-pre-vote 2>b', 'request-pre-vote 2>c'];
  for (let round = 0; round < 2; round++) expect(asked(cluster, 'a')).toEqual(preVotes);
  // In term 0 nobody votes for anybody.
  expect(asked(cluster, 'a')).toEqual([...preVotes, 'request-vote 0>b', 'request-vote 0>c']);
  expect(cluster.node('a').vote.term).toBe(1);
  probed(cluster, 'b', 'request-vote', 0);
  expect(cluster.node('a').vote).toEqual({ term: 2, votedFor: 'a' });
});

test('9.6: a voter that answers pre-votes is taken at its word', () => {
  const cluster = three();
  cluster.isolate('a');
  for (let round = 0; round < 3; round++) asked(cluster, 'a');
  probed(cluster, 'b', 'request-pre-vote', 2);
  probed(cluster, 'b', 'request-vote', 0);
  expect(cluster.node('a').vote.term).toBe(1);
});

test('9.6: nobody votes in the term of such a question, not even a server that is new', () => {
  const cluster = three();
  cluster.addFresh('d');
  for (const id of ['b', 'd']) {
    expect(cluster.request(id, vote({ from: 'a', term: 0 }))).toMatchObject({ granted: false });
    expect(cluster.node(id).core.votedFor).toBeUndefined();
  }
});

test('9.6: votes of an earlier round do not count in a later one', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.at += 5000;
  const late = {
    kind: 'request-pre-vote',
    term: 2,
    at: 0,
    round: 0,
    prevLogIndex: 0,
    lastIndex: 0,
    heartbeat: false,
  } as const;
  cluster.isolate('b');
  cluster.timeUp('b');
  cluster.input('b', {
    kind: 'response',
    from: 'c',
    sent: late,
    response: { kind: 'request-pre-vote', term: 2, granted: true },
  });
  expect(cluster.node('b').core.role).toBe('candidate');
  expect(cluster.node('b').vote.term).toBe(2);
});

test('6.2: a leader that no quorum answers steps down', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.isolate('a');
  cluster.advance(499);
  expect(cluster.node('a').core.role).toBe('leader');
  cluster.advance(200);
  expect(cluster.node('a').core.role).not.toBe('leader');
});

test('6.4.1: the lease ends before any other server can be elected', () => {
  for (let seed = 0; seed < 20; seed++) {
    const cluster = three();
    cluster.elect('a');
    cluster.advance(200 + seed * 7);
    expect(cluster.node('a').core.hasLease(cluster.at)).toBe(true);
    cluster.isolate('a');
    while (cluster.leaders().every((id) => id === 'a')) cluster.advance(20);
    expect(cluster.node('a').core.hasLease(cluster.at)).toBe(false);
  }
});

test('a server that is the only voter leads at once, and needs no timer', () => {
  const cluster = new CoreCluster(['a']);
  cluster.startAll();
  cluster.deliver();
  const { core, timerAt, committed } = cluster.node('a');
  expect({ role: core.role, term: core.term, timerAt, committed }).toEqual({
    role: 'leader',
    term: 2,
    timerAt: undefined,
    committed: 2,
  });
});

test('a server without a configuration waits, and says so once', () => {
  const cluster = new CoreCluster([]);
  const node = cluster.addFresh('a');
  cluster.startAll();
  cluster.advance(20_000);
  expect(node.core.role).toBe('follower');
  const warnings = node.effects
    .filter((e) => e.kind === 'log' && e.level === 'warn')
    .map((e) => (e.kind === 'log' ? e.message : ''));
  expect(warnings).toEqual(['no known peers, aborting election']);
});

test('a bootstrap is taken once, on a fresh server, as entry 1 of term 1 without a time', () => {
  const cluster = new CoreCluster([]);
  const node = cluster.addFresh('a');
  cluster.startAll();
  const configuration = { servers: [{ id: 'a', address: 'a:1', suffrage: 'voter' as const }] };
  cluster.input('a', { kind: 'bootstrap', configuration });
  cluster.deliver();
  expect(node.log[0]).toMatchObject({ index: 1, term: 1, type: 5, appendedAtMs: 0 });
  expect(cluster.leaders()).toEqual(['a']);
  expect(cluster.input('a', { kind: 'bootstrap', configuration })).toEqual([]);
});
