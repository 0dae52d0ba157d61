import type { Millis } from '@proconsul/base';
import { LogType } from '../entry.ts';
import { sendHeartbeats } from './heartbeats.ts';
import { failTransfer } from './leadership-transfer.ts';
import { syncPeers } from './membership.ts';
import { quorumHeardAt } from './quorum-acks.ts';
import { appendEntries, replicate, sendEntries, sendNotices } from './replication.ts';
import type { RaftState } from './state.ts';
import { becomeFollower } from './step-down.ts';

/** How a leadership begins, what the leader does as time passes, and when it gives up. Source: Ongaro's thesis sections 3.4 to 3.6. */

const NO_DATA = new Uint8Array(0);

export function becomeLeader(s: RaftState, at: Millis): void {
  s.setRole('leader');
  s.attempts = 0;
  s.preVoting = false;
  s.willStand = false;
  s.excusedMs = 0;
  s.preVoteRounds = 0;
  s.leaderSince = at;
  s.contactFloor = at;
  s.changedAt = at;
  s.round = 0;
  s.verifies = [];
  s.transfer = undefined;
  s.leaseBlockedUntil = Number.NEGATIVE_INFINITY;
  s.noticeAt = Number.POSITIVE_INFINITY;
  s.peers = new Map();
  s.setLeader(s.options.id, s.options.address);
  s.log('info', 'entering leader state', { leader: `Node at ${s.options.address} [Leader]` });
  s.emit({ kind: 'count', name: 'raft.state.leader' });
  syncPeers(s);
  s.termStartIndex = s.runs.lastIndex + 1;
  sendHeartbeats(s, at);
  appendEntries(s, at, 0, [{ type: LogType.noop, data: NO_DATA }]);
}

/** When the leader wants to be woken; undefined when it leads nobody but itself. */
export function leaderDeadline(s: RaftState): Millis | undefined {
  let at = s.peers.size > 0 ? Math.min(s.heartbeatAt, s.noticeAt) : Number.POSITIVE_INFINITY;
  if (s.transfer) at = Math.min(at, s.transfer.deadline);
  if (!s.isSoleVoter) at = Math.min(at, givesUpAt(s));
  return at === Number.POSITIVE_INFINITY ? undefined : at;
}

/**
 * When it gives up unless a quorum answers. New members are given as long for their first answer as a new leader. While it stood still
 * itself it heard nobody; its lease ends all the same.
 */
const givesUpAt = (s: RaftState): Millis =>
  Math.max(s.contactFloor, s.changedAt) + s.options.leaderLeaseTimeoutMs + s.excusedMs;

export function onLeaderTimer(s: RaftState, at: Millis, lateMs: Millis): void {
  const heardAt = quorumHeardAt(s);
  if (heardAt > s.contactFloor) s.excusedMs = 0;
  s.contactFloor = heardAt;
  s.excuse(lateMs);
  // The same sum as for the deadline: a difference may round to just less, and the timer would be due again at once.
  if (!s.isSoleVoter && at >= givesUpAt(s)) {
    s.log('warn', 'failed to contact quorum of nodes, stepping down');
    return becomeFollower(s, at, s.term);
  }
  if (s.transfer && at >= s.transfer.deadline) failTransfer(s, at);
  if (s.role !== 'leader') return;
  if (at >= s.noticeAt) sendNotices(s, at);
  if (s.peers.size === 0 || at < s.heartbeatAt) return;
  // A round whose messages were lost is repeated, together with who came meanwhile.
  if (s.verifies.length > 0) s.round++;
  sendHeartbeats(s, at);
  for (const peer of s.peers.values()) {
    if (peer.inFlight > 0 || peer.installing) continue;
    if (peer.nextIndex <= s.runs.lastIndex) replicate(s, at, peer);
    else if (peer.commitSent < s.commitIndex || peer.matchIndex < s.runs.lastIndex || s.options.vouches) {
      sendEntries(s, at, peer);
    }
  }
}
