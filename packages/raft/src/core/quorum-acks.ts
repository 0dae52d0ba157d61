import type { Millis } from '@proconsul/base';
import type { ServerId } from '../configuration.ts';
import type { Progress } from './progress.ts';
import type { RaftState } from './state.ts';

/** The newest moment at which, as far as answers show, a quorum still followed us. Not before we began to lead. */
export function quorumContactAt(s: RaftState): Millis {
  return Math.max(
    s.leaderSince,
    ackedByQuorum(s, (peer) => peer.ackedSentAt, Number.POSITIVE_INFINITY),
  );
}

/** When a quorum was heard, if it was not before we began to lead. */
export function quorumHeardAt(s: RaftState): Millis {
  return Math.max(
    s.leaderSince,
    ackedByQuorum(s, (peer) => peer.heardAt, Number.POSITIVE_INFINITY),
  );
}

/** The highest value that a quorum of voters has reached; ours is `own`. Asked for with every message, so it makes no lists. */
export function ackedByQuorum(s: RaftState, of: (peer: Progress) => number, own: number): number {
  const { quorum, voterIds } = s;
  let highest = Number.NEGATIVE_INFINITY;
  for (const id of voterIds) {
    const value = reached(s, id, of, own);
    if (value <= highest) continue;
    let count = 0;
    for (const other of voterIds) if (reached(s, other, of, own) >= value) count++;
    if (count >= quorum) highest = value;
  }
  return highest;
}

function reached(s: RaftState, id: ServerId, of: (peer: Progress) => number, own: number): number {
  if (id === s.options.id) return own;
  const peer = s.peers.get(id);
  return peer ? of(peer) : Number.NEGATIVE_INFINITY;
}
