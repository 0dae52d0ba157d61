import { utf8 } from '@proconsul/base';
import type { Configuration, Entry } from '@proconsul/raft';
import { expect, test } from 'vitest';
import { LogImage } from './log-image.ts';
import { Oracle } from './oracle.ts';

const entry = (index: number, term: number, text = 'x'): Entry => ({ index, term, type: 0, data: utf8(text) });

function server(id: string, entries: readonly Entry[], durable = entries) {
  const memory = new LogImage();
  const disk = new LogImage();
  for (const e of entries) memory.apply({ kind: 'append', entry: e });
  for (const e of durable) disk.apply({ kind: 'append', entry: e });
  return { id, memory, disk, snapshotIndex: 0 };
}

const three: Configuration = {
  servers: ['a', 'b', 'c'].map((id) => ({ id, address: `${id}:1`, suffrage: 'voter' })),
};

test('two leaders in one term are seen, one leader twice is not two', () => {
  const oracle = new Oracle();
  oracle.onLeader(server('a', []), 2);
  oracle.onLeader(server('a', []), 2);
  expect(() => oracle.onLeader(server('b', []), 2)).toThrow('two leaders in term 2: a and b');
});

test('a leader without an entry that was committed before its term is seen', () => {
  const oracle = new Oracle();
  const all = [server('a', [entry(1, 2)]), server('b', [entry(1, 2)]), server('c', [])];
  const serverOf = (id: string) => all.find((s) => s.id === id);
  oracle.onLeaderCommit(all[0]!, { index: 1, term: 2, configuration: three }, serverOf);
  oracle.onApply('a', entry(1, 2), 0);
  expect(() => oracle.onLeader(all[2]!, 3)).toThrow('c leads term 3 without committed entry 1');
  oracle.onLeader(all[1]!, 4);
});

test('a commit without a durable majority is seen', () => {
  const oracle = new Oracle();
  const all = [server('a', [entry(1, 2)]), server('b', [entry(1, 2)], []), server('c', [])];
  const serverOf = (id: string) => all.find((s) => s.id === id);
  expect(() => oracle.onLeaderCommit(all[0]!, { index: 1, term: 2, configuration: three }, serverOf)).toThrow(
    '1 durable copies among 3 voters',
  );
});

test('a leader that commits an entry of an earlier term is seen', () => {
  const oracle = new Oracle();
  const all = [server('a', [entry(1, 2)]), server('b', [entry(1, 2)]), server('c', [])];
  const commit = { index: 1, term: 3, configuration: three };
  expect(() => oracle.onLeaderCommit(all[0]!, commit, (id) => all.find((s) => s.id === id))).toThrow(
    'a committed 1 of term 2 as leader of term 3',
  );
});

test('a second vote in a term is seen', () => {
  const oracle = new Oracle();
  oracle.onVote('a', 3, 'b');
  oracle.onVote('a', 3, 'b');
  expect(() => oracle.onVote('a', 3, 'c')).toThrow('a voted in term 3 for b and c');
});

test('different entries in one place are seen, in the log and in the state', () => {
  const oracle = new Oracle();
  oracle.onAppend('a', entry(1, 1), 0);
  oracle.onAppend('a', entry(2, 2), 1);
  oracle.onAppend('b', entry(2, 2), 1);
  expect(() => oracle.onAppend('c', entry(2, 2, 'y'), 1)).toThrow('another entry 2 of term 2');
  expect(() => oracle.onAppend('c', entry(2, 2), 2)).toThrow('another entry before 2');
  const state = oracle.onApply('a', entry(1, 1), 0);
  expect(() => oracle.onApply('b', entry(1, 2), 0)).toThrow('b applied entry 1 of term 2');
  expect(() => oracle.onRestore('b', 1, state + 1)).toThrow('b restored another state at 1');
  expect(() => oracle.onRestore('b', 2, state)).toThrow('nobody has applied');
  oracle.onRestore('b', 1, state);
});

test('a read behind what was seen is stale, and a write cannot be acknowledged before it', () => {
  const oracle = new Oracle();
  oracle.onWriteDone('a', 0, 5);
  const floor = oracle.floor;
  expect(() => oracle.onReadDone('b', 'lease', floor, 4)).toThrow('b answered a lease read with 4, but 5');
  expect(() => oracle.onWriteDone('b', floor, 5)).toThrow('acknowledged a write at 5');
  oracle.onReadDone('b', 'verified', floor, 5);
});

test('a vote that is taken back is seen', () => {
  const oracle = new Oracle();
  oracle.onVote('a', 3, 'b');
  oracle.onVote('a', 4, undefined);
  expect(() => oracle.onVote('a', 3, undefined)).toThrow('a forgot its vote of term 3');
});

test('a vote while a leader may hold its lease is seen, unless the voter stood itself', () => {
  const oracle = new Oracle();
  oracle.onHeard('a', 1000);
  expect(() => oracle.onGrant('a', 1400)).toThrow('a votes 400 ms after it heard a leader');
  oracle.onGrant('a', 1600);
  oracle.onHeard('a', 2000);
  oracle.onVote('a', 5, 'a');
  oracle.onGrant('a', 2100);
});

test('a leader without the durable votes of a majority is seen', () => {
  const oracle = new Oracle();
  oracle.onVote('a', 2, 'a');
  expect(() => oracle.onElected('a', 2, three)).toThrow('a leads term 2 with 1 votes of 3');
  oracle.onVote('b', 2, 'a');
  oracle.onElected('a', 2, three);
});
