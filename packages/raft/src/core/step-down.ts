import type { Millis } from '@proconsul/base';
import { quorumContactAt } from './quorum-acks.ts';
import type { RaftState } from './state.ts';

/** The way back to being a follower, from every role. Source: Ongaro's thesis section 3.4. */

/** Follows `term`, which is at least ours. */
export function becomeFollower(s: RaftState, at: Millis, term: number): void {
  const before = s.role;
  if (term > s.term) s.setVote(term, undefined);
  if (before === 'leader') endLeadership(s);
  s.preVoting = false;
  s.willStand = false;
  s.standsIn = 0;
  s.excusedMs = 0;
  if (before !== 'follower') {
    s.setRole('follower');
    s.log('info', 'entering follower state', {
      follower: `Node at ${s.options.address} [Follower]`,
      'leader-address': s.leaderAddress ?? '',
      'leader-id': s.leaderId ?? '',
    });
    s.emit({ kind: 'count', name: 'raft.state.follower' });
  }
  if (before === 'leader') s.setLeader(undefined, undefined);
  s.electionDeadline = at + s.patienceMs();
}

/** Settles what only a leader can settle. The caller changes the role. */
function endLeadership(s: RaftState): void {
  for (const { token } of s.verifies) s.emit({ kind: 'refused', token, code: 'LEADERSHIP_LOST' });
  s.verifies = [];
  // Losing the leadership is what a transfer was for.
  if (s.transfer) s.emit({ kind: 'done', token: s.transfer.token });
  s.transfer = undefined;
  // Nobody else led before that: our state, once applied, is that of then.
  if (s.commitIndex >= s.termStartIndex) s.stateAge.heard(quorumContactAt(s), s.term, s.commitIndex);
  s.peers = new Map();
}
