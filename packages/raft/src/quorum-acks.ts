import type { Millis } from '@proconsul/base';
import type { Progress, RaftState } from './state.ts';

/** The newest moment at which, as far as answers show, a quorum still followed us. Not before we began to lead. */
export function quorumContactAt(s: RaftState): Millis {
  return Math.max(
    s.leaderSince,
    ackedByQuorum(s, (peer) => peer.ackedSentAt, Number.POSITIVE_INFINITY),
  );
}

/** The highest value that a quorum of voters has reached; ours is `own`. */
export function ackedByQuorum(s: RaftState, of: (peer: Progress) => number, own: number): number {
  const values: number[] = [];
  for (const server of s.configuration.servers) {
    if (server.suffrage !== 'voter') continue;
    if (server.id === s.options.id) values.push(own);
    else {
      const peer = s.peers.get(server.id);
      values.push(peer ? of(peer) : Number.NEGATIVE_INFINITY);
    }
  }
  values.sort((a, b) => b - a);
  return values[s.quorum - 1] ?? Number.NEGATIVE_INFINITY;
}
