import type { Millis } from '@proconsul/base';
import type { Sent } from './inputs.ts';
import type { Progress } from './progress.ts';
import { ackedByQuorum } from './quorum-acks.ts';
import { sentNow } from './sent.ts';
import type { RaftState } from './state.ts';
import { heartbeatEveryMs } from './timing.ts';

/**
 * Rounds of heartbeats, and what their answers prove: that we led after somebody asked (`onVerify`), and for how long nobody else
 * can lead (`hasLease`). Source: Ongaro's thesis section 6.4.
 */

export function sendHeartbeats(s: RaftState, at: Millis): void {
  s.heartbeatAt = at + heartbeatEveryMs(s.options.heartbeatTimeoutMs);
  for (const { server } of s.peers.values()) {
    const sent: Sent = { ...sentNow(s, at, 'append-entries', 0, 0), heartbeat: true };
    const header = s.requestHeader();
    s.emit({
      kind: 'send',
      to: server,
      sent,
      request: { kind: 'append-entries', ...header, prevLogIndex: 0, prevLogTerm: 0, entries: null, leaderCommit: 0 },
    });
  }
}

/** A round of heartbeats whose answers confirm whoever asked before it. */
function beginRound(s: RaftState, at: Millis): void {
  s.round++;
  sendHeartbeats(s, at);
}

export function onVerify(s: RaftState, at: Millis, token: number): void {
  if (s.role !== 'leader' || s.halted) return s.emit({ kind: 'refused', token, code: 'NOT_LEADER' });
  if (s.isSoleVoter) return s.emit({ kind: 'done', token });
  const isFirst = s.verifies.length === 0;
  s.verifies.push({ token, round: s.round + 1 });
  if (isFirst) beginRound(s, at);
}

export function noteAck(s: RaftState, at: Millis, peer: Progress, sent: Sent): void {
  peer.heardAt = at;
  if (sent.at > peer.ackedSentAt) peer.ackedSentAt = sent.at;
  if (sent.round <= peer.ackedRound) return;
  peer.ackedRound = sent.round;
  if (s.verifies.length === 0) return;
  const round = ackedByQuorum(s, (p) => p.ackedRound, Number.POSITIVE_INFINITY);
  let done = 0;
  while (done < s.verifies.length && s.verifies[done]!.round <= round) {
    s.emit({ kind: 'done', token: s.verifies[done++]!.token });
  }
  if (done > 0) s.verifies = s.verifies.slice(done);
  // Those that came meanwhile share the next round.
  if (round >= s.round && s.verifies.length > 0) beginRound(s, at);
}

/** Whether no other server can have been elected by now: a quorum answered so recently that it still refuses to vote. */
export function hasLease(s: RaftState, now: Millis): boolean {
  if (s.role !== 'leader' || s.halted) return false;
  if (s.isSoleVoter) return true;
  if (s.transfer || now < s.leaseBlockedUntil) return false;
  const acked = ackedByQuorum(s, (peer) => peer.ackedSentAt, Number.POSITIVE_INFINITY);
  return now - acked < s.options.leaderLeaseTimeoutMs;
}
