import type { Millis } from '@proconsul/base';
import { ackedByQuorum } from './quorum-acks.ts';
import { planNotice, sendNotices } from './replication.ts';
import type { RaftState } from './state.ts';
import { becomeFollower } from './step-down.ts';

/** Commits what a quorum holds, if it is of our term: older entries only with it. Thesis section 3.6.2. */
export function maybeCommit(s: RaftState, at: Millis): void {
  // The last of the answers to entries that are committed already says nothing new.
  if (s.durableIndex <= s.commitIndex) return;
  const replicated = ackedByQuorum(s, (peer) => peer.matchIndex, s.durableIndex);
  const index = Math.min(replicated, s.durableIndex);
  if (index <= s.commitIndex || s.runs.term(index) !== s.term) return;
  s.setCommit(index);
  for (const peer of s.peers.values()) planNotice(s, at, peer);
  stepDownIfRemoved(s, at);
}

/** A leader that a committed configuration no longer counts among the voters has led its last entry. Thesis section 4.2.2. */
function stepDownIfRemoved(s: RaftState, at: Millis): void {
  if (s.configurations.length > 1 || s.isVoter) return;
  s.log('info', 'removed ourself, stepping down');
  // Nobody else could tell them soon.
  sendNotices(s, at);
  becomeFollower(s, at, s.term);
}
