import type { Millis } from '@proconsul/base';
import type { ServerId } from './configuration.ts';
import type { Progress, RaftState } from './state.ts';

/** The newest moment at which, as far as answers show, a quorum still followed us. Not before we began to lead. */
export function quorumContactAt(s: RaftState): Millis {
  return Math.max(
    s.leaderSince,
    ackedByQuorum(s, (peer) => peer.ackedSentAt, Number.POSITIVE_INFINITY),
  );
}

/** The highest value that a quorum of voters has reached; ours is `own`. Asked for with every read, so it makes no lists. */
export function ackedByQuorum(s: RaftState, of: (peer: Progress) => number, own: number): number {
  const { quorum } = s;
  let highest = Number.NEGATIVE_INFINITY;
  for (const server of s.configuration.servers) {
    if (server.suffrage !== 'voter') continue;
    const value = reached(s, server.id, of, own);
    if (value > highest && countReached(s, of, own, value) >= quorum) highest = value;
  }
  return highest;
}

function countReached(s: RaftState, of: (peer: Progress) => number, own: number, value: number): number {
  let count = 0;
  for (const server of s.configuration.servers) {
    if (server.suffrage === 'voter' && reached(s, server.id, of, own) >= value) count++;
  }
  return count;
}

function reached(s: RaftState, id: ServerId, of: (peer: Progress) => number, own: number): number {
  if (id === s.options.id) return own;
  const peer = s.peers.get(id);
  return peer ? of(peer) : Number.NEGATIVE_INFINITY;
}
