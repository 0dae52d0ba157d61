import { expect, test } from 'vitest';
import type { Entry } from '../entry.ts';
import { CoreCluster } from '../testing/core-cluster.ts';
import type { AppendEntriesRequest } from './messages.ts';
import { COMMIT_NOTICE_MS } from './progress.ts';

// One test for each rule of Ongaro's thesis on replication and commitment; the section stands in the name.

const three = (): CoreCluster => {
  const cluster = new CoreCluster(['a', 'b', 'c']);
  cluster.startAll();
  return cluster;
};

const entry = (index: number, term: number, text = ''): Entry => ({
  index,
  term,
  type: 0,
  data: new TextEncoder().encode(text),
});

const append = (
  term: number,
  prev: readonly [number, number],
  entries: readonly Entry[],
  leaderCommit = 0,
): AppendEntriesRequest => ({
  kind: 'append-entries',
  from: 'a',
  address: 'a:1',
  term,
  prevLogIndex: prev[0],
  prevLogTerm: prev[1],
  entries,
  leaderCommit,
});

test('3.5: an entry is committed once a majority holds it, and the others hear of it', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.isolate('c');
  cluster.propose('a', 'x');
  cluster.deliver();
  expect(cluster.node('a').committed).toBe(3);
  cluster.advance(COMMIT_NOTICE_MS);
  expect(cluster.node('b').committed).toBe(3);
  cluster.heal();
  cluster.advance(500);
  expect(cluster.node('c').committed).toBe(3);
  expect(cluster.texts('c')).toEqual(['x']);
});

test('a commit is told with the next entries, or by a message of its own when there are none', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.deliver();
  cluster.advance(COMMIT_NOTICE_MS);
  const appends = () => cluster.sent.filter((m) => m.request.kind === 'append-entries' && m.request.entries !== null);
  const before = appends().length;
  for (const text of ['x', 'y', 'z']) {
    cluster.propose('a', text);
    cluster.deliver();
  }
  expect(appends().length - before).toBe(3 * 2);
  expect(cluster.node('a').committed).toBe(5);
  expect(cluster.node('b').committed).toBe(4);
  cluster.advance(COMMIT_NOTICE_MS);
  expect(appends().length - before).toBe(4 * 2);
  expect(cluster.node('b').committed).toBe(5);
});

test('3.5: without a majority nothing is committed', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.isolate('a');
  cluster.propose('a', 'x');
  cluster.deliver();
  expect(cluster.node('a').committed).toBe(2);
});

test('3.5, 3.8: entries are durable before they are acknowledged, and the leader counts itself only then', () => {
  const cluster = three();
  cluster.elect('a');
  for (const id of ['a', 'b', 'c']) cluster.node(id).slowDisk = true;
  cluster.propose('a', 'x');
  cluster.deliver();
  expect(cluster.node('a').committed).toBe(2);
  cluster.durable('b');
  cluster.deliver();
  expect(cluster.node('a').committed).toBe(2);
  cluster.durable('a');
  cluster.deliver();
  expect(cluster.node('a').committed).toBe(3);
});

test('3.5: an append whose previous entry is missing or of another term is refused, and says where the log ends', () => {
  const cluster = three();
  expect(cluster.request('b', append(2, [5, 2], []))).toEqual({
    kind: 'append-entries',
    term: 2,
    lastLog: 1,
    success: false,
    noRetryBackoff: true,
  });
  expect(cluster.request('b', append(2, [1, 2], []))).toMatchObject({ success: false, noRetryBackoff: true });
  expect(cluster.request('b', append(2, [1, 1], []))).toMatchObject({ success: true, lastLog: 1 });
});

test('3.5: an entry that conflicts with one of the leader is removed with all that follow it', () => {
  const cluster = three();
  const node = cluster.node('b');
  cluster.request('b', append(2, [1, 1], [entry(2, 2, 'old'), entry(3, 2, 'old'), entry(4, 2, 'old')]));
  cluster.deliver();
  cluster.request('b', append(3, [2, 2], [entry(3, 3, 'new')]));
  cluster.deliver();
  expect(cluster.logsOf('b')).toBe('1/1 2/2 3/3');
  expect(node.core.durableIndex).toBe(3);
});

test('3.5: entries that are there already stay, so an old append that comes late removes nothing', () => {
  const cluster = three();
  cluster.request('b', append(2, [1, 1], [entry(2, 2), entry(3, 2), entry(4, 2)]));
  cluster.deliver();
  const effects = cluster.node('b').effects.length;
  cluster.request('b', append(2, [1, 1], [entry(2, 2)]));
  expect(cluster.logsOf('b')).toBe('1/1 2/2 3/2 4/2');
  expect(
    cluster
      .node('b')
      .effects.slice(effects)
      .some((e) => e.kind === 'append'),
  ).toBe(false);
});

test('3.5: the commit index of the leader counts only as far as this append shows the logs to be equal', () => {
  const cluster = three();
  cluster.request('b', append(2, [1, 1], [entry(2, 2), entry(3, 2), entry(4, 2)]));
  cluster.deliver();
  cluster.request('b', append(3, [2, 2], [], 9));
  expect(cluster.node('b').committed).toBe(2);
});

test('3.5: a heartbeat says nothing about the log', () => {
  const cluster = three();
  cluster.request('b', append(2, [1, 1], [entry(2, 2)]));
  cluster.deliver();
  const heartbeat = { ...append(2, [0, 0], [], 9), entries: null };
  expect(cluster.request('b', heartbeat)).toMatchObject({ success: true, lastLog: 2 });
  expect(cluster.node('b').committed).toBe(0);
});

test('3.5: a follower that missed much, or holds entries of dead leaders, is brought in line', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.isolate('c');
  for (let i = 0; i < 300; i++) cluster.propose('a', `x${i}`);
  cluster.deliver();
  cluster.heal();
  cluster.advance(2000);
  expect(cluster.logsOf('c')).toBe(cluster.logsOf('a'));
  cluster.isolate('a');
  cluster.propose('a', 'never', 'never');
  cluster.elect('b');
  cluster.propose('b', 'kept');
  cluster.heal();
  cluster.advance(3000);
  expect(cluster.logsOf('a')).toBe(cluster.logsOf('b'));
  expect(cluster.texts('a').at(-1)).toBe('kept');
});

test('raft wire 1: an append carries at most 64 entries, and two requests are under way to a peer that is caught up', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.sent.length = 0;
  for (let i = 0; i < 400; i++) cluster.propose('a', 'x');
  const toB = () =>
    cluster.sent.filter((s) => s.to === 'b' && s.request.kind === 'append-entries' && s.request.entries !== null);
  expect(toB()).toHaveLength(2);
  cluster.deliver();
  expect(Math.max(...toB().map((s) => (s.request.kind === 'append-entries' ? s.request.entries!.length : 0)))).toBe(64);
  expect(cluster.node('b').log).toHaveLength(402);
});

test('3.6.2: a leader commits entries of earlier terms only with one of its own (figure 3.7)', () => {
  const cluster = new CoreCluster(['s1', 's2', 's3', 's4', 's5'], { preVote: false });
  cluster.startAll();
  // (a) s1 leads and replicates entry 2 only to s2.
  cluster.elect('s1');
  cluster.deliver();
  cluster.isolate('s1');
  cluster.cut.delete('s1>s2');
  cluster.cut.delete('s2>s1');
  cluster.propose('s1', 'two');
  cluster.deliver();
  expect(cluster.node('s1').committed).toBe(2);
  expect(cluster.logsOf('s2')).toBe('1/1 2/2 3/2');
  // (b) s5 is elected by s3 and s4 and takes another entry for the same place.
  for (const id of ['s1', 's2']) cluster.isolate(id);
  cluster.at += 5000;
  cluster.timeUp('s5');
  cluster.deliver((m) => m.kind !== 'append-entries');
  expect(cluster.leaders()).toContain('s5');
  cluster.heal();
  cluster.isolate('s5');
  // (c) s1 is elected again and replicates entry 3 to s3: on a majority now, but of an earlier term.
  cluster.messages.length = 0;
  for (let tries = 0; tries < 4 && !(tries > 0 && cluster.node('s1').core.role === 'leader'); tries++) {
    cluster.at += 5000;
    cluster.timeUp('s1');
    cluster.deliver((m) => m.kind !== 'append-entries');
  }
  expect(cluster.node('s1').core.role).toBe('leader');
  cluster.node('s1').slowDisk = true;
  const { term } = cluster.node('s1').core;
  cluster.input('s1', {
    kind: 'response',
    from: 's2',
    sent: { kind: 'append-entries', term, at: cluster.at, round: 0, prevLogIndex: 3, lastIndex: 3, heartbeat: false },
    response: { kind: 'append-entries', term, lastLog: 3, success: true, noRetryBackoff: false },
  });
  cluster.input('s1', {
    kind: 'response',
    from: 's3',
    sent: { kind: 'append-entries', term, at: cluster.at, round: 0, prevLogIndex: 3, lastIndex: 3, heartbeat: false },
    response: { kind: 'append-entries', term, lastLog: 3, success: true, noRetryBackoff: false },
  });
  expect(cluster.node('s1').committed).toBe(2);
  // (e) With an entry of its own term on a majority, all before it is committed too.
  cluster.node('s1').slowDisk = false;
  cluster.durable('s1');
  cluster.deliver();
  cluster.advance(300);
  expect(cluster.node('s1').committed).toBe(cluster.node('s1').core.lastIndex);
});

test('3.6.1: a new leader has every committed entry, and first of all appends one of its own term', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.propose('a', 'kept');
  cluster.deliver();
  cluster.isolate('a');
  cluster.elect('b');
  cluster.deliver();
  const log = cluster.node('b').log;
  expect(cluster.texts('b')).toEqual(['kept']);
  expect(log.at(-1)).toMatchObject({ type: 1, term: cluster.node('b').core.term });
});

test('entries that are not in order, or of a term beyond their leader, are refused and change nothing', () => {
  const cluster = three();
  const bad: readonly (readonly Entry[])[] = [
    [entry(3, 2)],
    [entry(2, 2), entry(4, 2)],
    [entry(2, 2), entry(3, 1)],
    [entry(2, 9)],
    [entry(2, 0)],
    [{ ...entry(2, 2), type: 5, data: new Uint8Array([0xff, 1, 2]) }],
  ];
  for (const entries of bad) {
    expect(cluster.request('b', append(2, [1, 1], entries))).toMatchObject({ success: false });
    expect(cluster.logsOf('b')).toBe('1/1');
  }
});

test('committed entries are never removed, whatever a liar sends', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.propose('a', 'x');
  cluster.deliver();
  const { term } = cluster.node('b').core;
  const before = cluster.logsOf('b');
  expect(cluster.request('b', append(term + 1, [1, 1], [entry(2, term + 1)]))).toMatchObject({ success: false });
  expect(cluster.logsOf('b')).toBe(before);
});

test('a full disk on a follower is answered with a refusal, and the entries come again later', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.node('b').slowDisk = true;
  cluster.propose('a', 'x');
  cluster.deliver();
  const node = cluster.node('b');
  node.log.length = 2;
  cluster.input('b', { kind: 'log-rejected', lastIndex: 2 });
  node.slowDisk = false;
  cluster.advance(1000);
  expect(cluster.logsOf('b')).toBe(cluster.logsOf('a'));
  expect(node.committed).toBe(3);
});

test('a leader whose disk is full steps down, and one that can write takes over', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.node('a').slowDisk = true;
  cluster.propose('a', 'x');
  cluster.node('a').log.length = 2;
  cluster.input('a', { kind: 'log-rejected', lastIndex: 2 });
  expect(cluster.node('a').core.role).toBe('follower');
  cluster.deliver();
  cluster.elect('b');
  expect(cluster.leaders()).toEqual(['b']);
});

test('a leader whose disk is full has another one stand at once, unless it has only just begun to lead', () => {
  for (const [ledMs, isOrdered] of [
    [200, false],
    [3000, true],
  ] as const) {
    const cluster = three();
    cluster.elect('a');
    cluster.advance(ledMs);
    cluster.node('a').slowDisk = true;
    cluster.propose('a', 'x');
    cluster.node('a').log.length = 2;
    const effects = cluster.input('a', { kind: 'log-rejected', lastIndex: 2 });
    expect(effects.some((e) => e.kind === 'send' && e.request.kind === 'timeout-now')).toBe(isOrdered);
    expect(cluster.node('a').core.role).toBe('follower');
    cluster.deliver();
    expect(cluster.leaders()).toHaveLength(isOrdered ? 1 : 0);
    expect(cluster.leaders()).not.toContain('a');
  }
});

test('6.4: a leader confirms itself by a round of heartbeats that began after the question', () => {
  const cluster = three();
  cluster.elect('a');
  cluster.isolate('a');
  cluster.ask('a', { kind: 'verify', token: 1 });
  cluster.deliver();
  expect(cluster.node('a').outcomes.get(1)).toBeUndefined();
  cluster.heal();
  cluster.advance(100);
  expect(cluster.node('a').outcomes.get(1)).toBe('done');
  cluster.isolate('a');
  cluster.ask('a', { kind: 'verify', token: 2 });
  cluster.advance(2000);
  expect(cluster.node('a').outcomes.get(2)).toBe('LEADERSHIP_LOST');
});
