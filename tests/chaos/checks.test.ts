import { describe, expect, test } from 'vitest';
import { type Append, checkLists, type ListRead } from './lists.ts';
import { checkLocks, type Fenced, type Grant, untilRemoved } from './locks.ts';
import { checkRegisters, type RegisterOp } from './registers.ts';
import { checkWatched, type Watched } from './watching.ts';

// The judges of `npm run chaos`: what they let pass, and what they must not.

const NEVER = Number.POSITIVE_INFINITY;

describe('registers', () => {
  const op = (
    more: Partial<RegisterOp> & Pick<RegisterOp, 'kind' | 'value' | 'startedAt' | 'endedAt'>,
  ): RegisterOp => ({
    key: 'r',
    at: 's1',
    mode: 'default',
    index: 0,
    ...more,
  });
  const write = (value: string, startedAt: number, endedAt: number, more: Partial<RegisterOp> = {}) =>
    op({ kind: 'write', value, startedAt, endedAt, ...more });
  const read = (value: string | undefined, index: number, startedAt: number, more: Partial<RegisterOp> = {}) =>
    op({ kind: 'read', value, index, startedAt, endedAt: startedAt + 1, ...more });

  test('pass when each read has what the last write left, also one that nobody answered', () => {
    expect(
      checkRegisters([
        read(undefined, 0, 0),
        write('a', 1, 2),
        read('a', 5, 3),
        write('b', 4, NEVER),
        read('a', 5, 5),
        read('b', 6, 20, { mode: 'consistent' }),
        write('c', 22, 23, { cas: 6 }),
        write('d', 24, NEVER, { cas: 6, isRefused: true }),
        read('c', 7, 25),
        read('a', 5, 26, { mode: 'stale', ageMs: 50 }),
      ]),
    ).toEqual([]);
  });

  test.for<[string, RegisterOp[], RegExp]>([
    ['an acknowledged write that is not seen', [write('a', 0, 1), read(undefined, 0, 2)], /not linearizable/],
    [
      'a read that goes back, as of a deposed leader',
      [write('a', 0, 1), write('b', 2, 3), read('b', 6, 4), read('a', 5, 6)],
      /not linearizable/,
    ],
    ['a lost update', [write('a', 0, 1), write('b', 2, 3), read('a', 5, 4)], /not linearizable/],
    ['a value that nobody wrote', [read('z', 5, 0, { mode: 'stale' })], /nobody wrote/],
    [
      'a value whose write was refused',
      [write('a', 0, NEVER, { isRefused: true }), read('a', 5, 3, { mode: 'stale' })],
      /its write was refused/,
    ],
    [
      'a value with two indexes',
      [write('a', 0, 1), read('a', 5, 2), read('a', 6, 4)],
      /has the index 6 at s1, and had 5/,
    ],
    [
      'an index with two values',
      [write('a', 0, 9), write('b', 0, 9), read('a', 5, 10, { mode: 'stale' }), read('b', 5, 12)],
      /both have the index 5/,
    ],
    [
      'two that replaced the same',
      [write('a', 0, 1), write('b', 2, 5, { cas: 5 }), write('c', 2, 5, { cas: 5 })],
      /b and c both replaced what had the index 5/,
    ],
    [
      'a write between a compare-and-set and what it compared with',
      [
        write('a', 0, 1),
        read('a', 5, 2),
        write('b', 4, 5),
        read('b', 6, 6),
        write('c', 7, 8, { cas: 5 }),
        read('c', 7, 9),
      ],
      /c replaced 5, but b came between/,
    ],
    [
      'a stale answer that is older than it says',
      [write('a', 0, 1), write('b', 2, 3), read('b', 6, 4), read('a', 5, 500, { mode: 'stale', ageMs: 20 })],
      /says that it is 20 ms old, but b is 497 ms old/,
    ],
  ])('%s is a violation', ([, ops, why]) => {
    expect(checkRegisters(ops).join('\n')).toMatch(why);
  });
});

describe('lists', () => {
  const append = (item: string, endedAt: number, outcome: Append['outcome'] = 'done'): Append => ({
    key: 'l',
    item,
    startedAt: endedAt - 1,
    endedAt,
    outcome,
  });
  const read = (text: string, startedAt: number, more: Partial<ListRead> = {}): ListRead => {
    const items = text.split('');
    return { key: 'l', at: 's1', isStale: false, items, copy: items, startedAt, endedAt: startedAt + 1, ...more };
  };
  const judge = (appends: Append[], reads: ListRead[], ended: string) =>
    checkLists(appends, reads, new Map([['l', ended.split('')]]));
  const appends = [append('a', 1), append('b', 3), append('c', NEVER, 'unknown'), append('d', NEVER, 'refused')];

  test('pass when reads are beginnings of what is there in the end', () => {
    const reads = [read('a', 2), read('ab', 4), read('a', 6, { isStale: true }), read('abc', 8)];
    expect(judge(appends, reads, 'abc')).toEqual([]);
    expect(judge(appends, reads.slice(0, 3), 'ab')).toEqual([]);
  });

  test.for<[string, ListRead[], string, RegExp]>([
    ['an acknowledged item that is lost', [], 'a', /has lost b/],
    ['an item that was refused', [], 'abd', /has d, which was refused/],
    ['an item twice', [], 'aba', /an item twice/],
    ['an item from nowhere', [], 'abz', /has z, which nobody appended/],
    ['half a transaction', [read('ab', 4, { copy: ['a'] })], 'ab', /half a transaction/],
    ['a read of another order, however stale', [read('ba', 4, { isStale: true })], 'ab', /is no part of it/],
    ['a read without what was acknowledged before', [read('a', 10)], 'ab', /has 1 items, but 2 were there before/],
    ['a read that goes back', [read('abc', 4), read('ab', 8)], 'abc', /has 2 items, but 3 were there before/],
  ])('%s is a violation', ([, reads, ended, why]) => {
    expect(judge(appends, reads, ended).join('\n')).toMatch(why);
  });
});

describe('locks', () => {
  const grant = (session: string, lockIndex: number, endedAt: number, heldUntil: number): Grant => ({
    key: 'k',
    session,
    node: `node of ${session}`,
    lockIndex,
    startedAt: endedAt - 5,
    endedAt,
    heldUntil,
  });
  const fenced = (lockIndex: number, index: number): Fenced => ({ key: 'k', lockIndex, index });

  test('pass when one follows the other, also when the moments of asking overlap', () => {
    const grants = [grant('a', 1, 10, 20), grant('b', 2, 22, 40), grant('c', 3, 50, 60), grant('d', 0, 70, 80)];
    expect(checkLocks(grants, [fenced(1, 5), fenced(2, 7), fenced(2, 8), fenced(3, 9)])).toEqual([]);
  });

  test('pass when a holder has lost its node, and with it its session', () => {
    const grants = [grant('a', 1, 10, 40), grant('b', 2, 30, 50)];
    const removed = (at: number) => checkLocks(untilRemoved(grants, [{ node: 'node of a', at }]), []);
    expect(removed(20)).toEqual([]);
    expect(removed(35)).toEqual(['k was given to b while a held it']);
    expect(removed(-20_000)).toEqual(['k was given to b while a held it']);
  });

  test.for<[string, Grant[], Fenced[], RegExp]>([
    ['two holders at a time', [grant('a', 1, 10, 40), grant('b', 2, 30, 50)], [], /was given to b while a held it/],
    ['one LockIndex for two', [grant('a', 1, 10, 20), grant('b', 1, 30, 40)], [], /a and b both have the LockIndex 1/],
    [
      'a LockIndex that goes back',
      [grant('a', 2, 10, 20), grant('b', 1, 30, 40)],
      [],
      /LockIndex went back from 2 to 1/,
    ],
    [
      'a write of a holder that is over',
      [],
      [fenced(2, 7), fenced(1, 8)],
      /the LockIndex 1 wrote at 8, after one with 2/,
    ],
  ])('%s is a violation', ([, grants, writes, why]) => {
    expect(checkLocks(grants, writes).join('\n')).toMatch(why);
  });
});

describe('watchers', () => {
  const watched = (indexes: number[], more: Partial<Watched> = {}): Watched => ({
    name: 'w',
    isStale: false,
    indexes,
    last: '200 x',
    ended: '200 x',
    ...more,
  });

  test('pass when the index only grows and the last answer is the last state', () => {
    expect(checkWatched([watched([1, 1, 5]), watched([5, 4], { isStale: true })], false)).toEqual([]);
    expect(checkWatched([watched([5, 4])], true)).toEqual([]);
  });

  test.for<[string, Watched, RegExp]>([
    ['an index that goes back', watched([5, 4]), /went back from 5 to 4/],
    ['an index of nothing', watched([0], { isStale: true }), /was told the index 0/],
    ['an old state in the end', watched([5], { last: '200 y' }), /old state in the end: 200 y instead of 200 x/],
  ])('%s is a violation', ([, one, why]) => {
    expect(checkWatched([one], false).join('\n')).toMatch(why);
  });
});
