import { describe, expect, test } from 'vitest';
import type { RaftRequest } from './messages.ts';
import { isStranger, refusalTo, type Standing } from './strangers.ts';

const server = (id: string) => ({ id, address: `${id}:8300`, suffrage: 'voter' as const });
const follower: Standing = {
  ...{ role: 'follower', term: 3, leaderId: 'a', lastContactAt: 1000 },
  configuration: { servers: [server('a'), server('b'), server('c')] },
  hasLease: () => false,
};
const PATIENCE_MS = 500;
const from = (id: string, address = `${id}:8300`): RaftRequest => ({
  ...{ kind: 'append-entries', from: id, address, term: 99, prevLogIndex: 0, prevLogTerm: 0, entries: null },
  leaderCommit: 0,
});
const verdict = (own: Partial<Standing>, request: RaftRequest, now = 1100) =>
  isStranger({ ...follower, ...own }, request, now, PATIENCE_MS);

describe('a sender that is no member', () => {
  test('is passed over by a follower that hears its leader', () => {
    expect(verdict({}, from('x'))).toBe(true);
    expect(verdict({}, from('x'), 1000 + PATIENCE_MS)).toBe(false);
    expect(verdict({ leaderId: undefined }, from('x'))).toBe(false);
  });

  test('is passed over by a leader as long as it has a lease', () => {
    const leader = { role: 'leader', leaderId: 'b' } as const;
    expect(verdict({ ...leader, hasLease: () => true }, from('x'))).toBe(true);
    expect(verdict({ ...leader, hasLease: () => false }, from('x'))).toBe(false);
  });

  test('is heard where nothing is known of members, and when it is the leader that we follow', () => {
    expect(verdict({ configuration: { servers: [] } }, from('x'))).toBe(false);
    expect(verdict({ leaderId: 'x' }, from('x'))).toBe(false);
  });

  test('gets a no with our term', () => {
    expect(refusalTo(from('x'), 3)).toMatchObject({ kind: 'append-entries', term: 3, success: false });
    const vote = { kind: 'request-vote', from: 'x', address: 'x', term: 9, lastLogIndex: 1, lastLogTerm: 1 } as const;
    expect(refusalTo({ ...vote, leadershipTransfer: true }, 3)).toEqual({
      kind: 'request-vote',
      term: 3,
      granted: false,
    });
  });
});

test('members are heard, by id or by address', () => {
  expect([verdict({}, from('c')), verdict({}, from('', 'c:8300'))]).toEqual([false, false]);
});
