import type { Millis } from '@proconsul/base';
import type { ServerId } from '../configuration.ts';
import { maybeCommit } from './commitment.ts';
import { noteAck } from './heartbeats.ts';
import type { Sent } from './inputs.ts';
import { maybeSendTimeoutNow } from './leadership-transfer.ts';
import type { AppendEntriesResponse, InstallSnapshotResponse } from './messages.ts';
import type { Progress } from './progress.ts';
import { planNotice, replicate, sendEntries } from './replication.ts';
import type { RaftState } from './state.ts';
import { becomeFollower } from './step-down.ts';

/**
 * What a leader learns from answers to entries and snapshots. Source: Ongaro's thesis section 3.5; raft wire section 1 (next index
 * after a refusal).
 */

export function onAppendResponse(
  s: RaftState,
  at: Millis,
  from: ServerId,
  sent: Sent,
  response: AppendEntriesResponse | undefined,
): void {
  if (response && response.term > s.term) return becomeFollower(s, at, response.term);
  const peer = s.peers.get(from);
  if (s.role !== 'leader' || sent.term !== s.term || !peer) return;
  if (response?.term === s.term) noteAck(s, at, peer, sent);
  if (sent.heartbeat) return;
  peer.inFlight = Math.max(0, peer.inFlight - 1);
  if (response?.success) return onMatched(s, at, peer, sent.lastIndex);
  peer.probing = true;
  if (!response) {
    // Whether it arrived is unknown; go on after what is certain, with the next heartbeat.
    peer.nextIndex = Math.max(peer.matchIndex, Math.min(peer.nextIndex - 1, sent.prevLogIndex)) + 1;
    return;
  }
  // A refusal older than a later success says nothing new.
  if (sent.prevLogIndex < peer.matchIndex) return;
  peer.nextIndex = Math.max(Math.min(sent.prevLogIndex, response.lastLog + 1), 1);
  // A server that lost its disk no longer has what it acknowledged. Asking it for that again and again would never end.
  peer.matchIndex = Math.min(peer.matchIndex, peer.nextIndex - 1);
  if (response.noRetryBackoff && peer.inFlight === 0) retry(s, at, peer);
}

function retry(s: RaftState, at: Millis, peer: Progress): void {
  if (peer.nextIndex <= s.runs.lastIndex) replicate(s, at, peer);
  else if (!peer.installing) sendEntries(s, at, peer);
}

function onMatched(s: RaftState, at: Millis, peer: Progress, index: number): void {
  peer.probing = false;
  const isNews = index > peer.matchIndex;
  if (isNews) peer.matchIndex = index;
  // With nothing more under way, what lies between was not sent: the request carried less than planned.
  if (peer.nextIndex <= peer.matchIndex || peer.inFlight === 0) peer.nextIndex = peer.matchIndex + 1;
  if (isNews) maybeCommit(s, at);
  if (s.role !== 'leader') return;
  maybeSendTimeoutNow(s, at);
  replicate(s, at, peer);
  planNotice(s, at, peer);
}

export function onInstallResponse(
  s: RaftState,
  at: Millis,
  from: ServerId,
  sent: Sent,
  outcome: { readonly response: InstallSnapshotResponse | undefined; readonly index: number },
): void {
  const { response, index } = outcome;
  if (response && response.term > s.term) return becomeFollower(s, at, response.term);
  const peer = s.peers.get(from);
  if (s.role !== 'leader' || sent.term !== s.term || !peer) return;
  peer.installing = false;
  if (!response) return;
  noteAck(s, at, peer, sent);
  if (!response.success) return;
  peer.nextIndex = Math.max(peer.nextIndex, index + 1);
  onMatched(s, at, peer, index);
}
