import { invariant, type Millis } from '@proconsul/base';
import type { ServerId } from '../configuration.ts';
import type { Sent } from './inputs.ts';
import type { Progress } from './progress.ts';
import { proposalRefusal, replicate } from './replication.ts';
import { sentNow } from './sent.ts';
import type { RaftState } from './state.ts';
import { becomeFollower } from './step-down.ts';

/** Handing the leadership over: to a peer that was named, or to the most advanced. Source: Ongaro's thesis section 3.10. */

export function onTransfer(s: RaftState, at: Millis, token: number, to: ServerId | undefined): void {
  const refusal = proposalRefusal(s);
  if (refusal) return s.emit({ kind: 'refused', token, code: refusal });
  const target = transferTarget(s, to);
  if (!target) {
    const message = 'cannot find peer';
    return s.emit({ kind: 'refused', token, code: 'LEADERSHIP_TRANSFER_FAILED', message });
  }
  s.transfer = {
    token,
    to: target.server.id,
    deadline: at + s.options.electionTimeoutMs,
    sent: false,
    answered: false,
  };
  maybeSendTimeoutNow(s, at);
  if (!s.transfer.sent) replicate(s, at, target);
}

function transferTarget(s: RaftState, to: ServerId | undefined): Progress | undefined {
  let best: Progress | undefined;
  for (const peer of s.peers.values()) {
    if (peer.server.suffrage !== 'voter') continue;
    if (to !== undefined ? peer.server.id === to : !best || isAhead(peer, best)) best = peer;
  }
  return best;
}

/** Has more, or as much and was heard later. */
const isAhead = (a: Progress, b: Progress): boolean =>
  a.matchIndex > b.matchIndex || (a.matchIndex === b.matchIndex && a.ackedSentAt > b.ackedSentAt);

export function maybeSendTimeoutNow(s: RaftState, at: Millis): void {
  const { transfer } = s;
  if (!transfer || transfer.sent) return;
  const peer = s.peers.get(transfer.to);
  if (!peer || peer.matchIndex < s.runs.lastIndex) return;
  transfer.sent = true;
  sendTimeoutNow(s, at, peer);
}

function sendTimeoutNow(s: RaftState, at: Millis, { server: to }: Progress): void {
  const { from, address, term } = s.requestHeader();
  const sent = sentNow(s, at, 'timeout-now', 0, 0);
  s.emit({ kind: 'send', to, request: { kind: 'timeout-now', from, address, term }, sent });
}

export function onTimeoutNowResponse(s: RaftState, from: ServerId, sent: Sent): void {
  if (s.transfer?.to === from && sent.term === s.term) s.transfer.answered = true;
}

export function failTransfer(s: RaftState, at: Millis): void {
  const { transfer } = s;
  invariant(transfer, 'a transfer is under way');
  s.transfer = undefined;
  // The target may still stand, past the promise of the others not to vote: no lease until that is over.
  if (transfer.sent) s.leaseBlockedUntil = at + 2 * s.options.electionTimeoutMs;
  s.emit({
    kind: 'refused',
    token: transfer.token,
    code: 'LEADERSHIP_TRANSFER_FAILED',
    message: 'leadership transfer timeout',
  });
  // An order that waits unread somewhere may be followed at any time. It is void once this term is over.
  if (transfer.sent && !transfer.answered) becomeFollower(s, at, s.term);
}

/**
 * Our disk takes no more: we lead no longer, and whoever has most stands at once. Our term is over with that, so that the order is
 * void for whoever reads it late. Not when we have just begun to lead: disks that are all full would pass it on and on.
 */
export function abdicate(s: RaftState, at: Millis): void {
  const heir = transferTarget(s, undefined);
  if (heir && at - s.leaderSince >= s.options.electionTimeoutMs) sendTimeoutNow(s, at, heir);
  becomeFollower(s, at, s.term);
}
