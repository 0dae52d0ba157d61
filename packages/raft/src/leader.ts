import { invariant, type Millis } from '@proconsul/base';
import { applyChange, type MembershipChange, type Server, type ServerId } from './configuration.ts';
import { type Entry, LogType } from './entry.ts';
import { RaftError, type RaftErrorCode } from './errors.ts';
import type { NewEntry, Sent } from './inputs.ts';
import type { AppendEntriesResponse, InstallSnapshotResponse } from './messages.ts';
import { ackedByQuorum, quorumContactAt } from './quorum-acks.ts';
import { APPEND_ENTRIES_MAX, COMMIT_NOTICE_MS, IN_FLIGHT_MAX, type Progress, type RaftState } from './state.ts';
import { becomeFollower } from './step-down.ts';

/**
 * What a leader does. Source: Ongaro's thesis sections 3.5 (replication), 3.6.2 (commitment), 3.10 (transfer), 4.1 and 4.2
 * (membership), 6.4 (reads); raft wire section 1 (next index after a refusal).
 */

const NO_DATA = new Uint8Array(0);

export function becomeLeader(s: RaftState, at: Millis): void {
  s.setRole('leader');
  s.attempts = 0;
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

/** Why a proposal would be refused now; undefined when it would be taken. */
export function proposalRefusal(s: RaftState): RaftErrorCode | undefined {
  if (s.halted) return 'DISK_FAILED';
  if (s.role !== 'leader') return 'NOT_LEADER';
  return s.transfer ? 'LEADERSHIP_TRANSFER_IN_PROGRESS' : undefined;
}

/** Appends to our log and sends to the others. Entries get the indexes after the last one. */
export function appendEntries(s: RaftState, at: Millis, appendedAtMs: Millis, news: readonly NewEntry[]): void {
  const entries: Entry[] = new Array(news.length);
  let index = s.runs.lastIndex;
  for (let i = 0; i < news.length; i++) {
    const { type, data, extensions, command } = news[i]!;
    index++;
    const entry: Entry =
      extensions === undefined
        ? { index, term: s.term, type, data, appendedAtMs, command }
        : { index, term: s.term, type, data, extensions, appendedAtMs, command };
    s.runs.append(index, s.term);
    entries[i] = entry;
  }
  s.emit({ kind: 'append', entries, truncateFrom: undefined });
  for (const peer of s.peers.values()) replicate(s, at, peer);
}

/** Brings the list of peers in line with the configuration in force. */
function syncPeers(s: RaftState): void {
  const servers = new Map<ServerId, Server>();
  for (const server of s.configuration.servers) if (server.id !== s.options.id) servers.set(server.id, server);
  for (const id of [...s.peers.keys()]) if (!servers.has(id)) s.peers.delete(id);
  for (const [id, server] of servers) {
    const peer = s.peers.get(id);
    if (peer) peer.server = server;
    else s.peers.set(id, newProgress(s, server));
  }
  s.contactFloor = quorumContactAt(s);
}

const newProgress = (s: RaftState, server: Server): Progress => ({
  server,
  nextIndex: s.runs.lastIndex + 1,
  matchIndex: 0,
  inFlight: 0,
  probing: true,
  installing: false,
  commitSent: 0,
  ackedSentAt: Number.NEGATIVE_INFINITY,
  ackedRound: -1,
});

/** Sends what `peer` lacks, as far as the limits on requests under way allow. */
function replicate(s: RaftState, at: Millis, peer: Progress): void {
  const limit = peer.probing ? 1 : IN_FLIGHT_MAX;
  while (!peer.installing && peer.inFlight < limit && peer.nextIndex <= s.runs.lastIndex) {
    if (!sendEntries(s, at, peer)) return;
    if (peer.probing) return;
  }
}

/** One request with the next entries, or with none when there are none: then it carries only the commit index. */
function sendEntries(s: RaftState, at: Millis, peer: Progress): boolean {
  const prevLogIndex = peer.nextIndex - 1;
  const prevLogTerm = s.runs.term(prevLogIndex);
  if (prevLogTerm === undefined) {
    sendSnapshot(s, at, peer);
    return false;
  }
  const last = Math.min(s.runs.lastIndex, prevLogIndex + APPEND_ENTRIES_MAX);
  const leaderCommit = s.commitIndex;
  const sent = sentNow(s, at, 'append-entries', prevLogIndex, last);
  peer.inFlight++;
  peer.commitSent = leaderCommit;
  if (!peer.probing) peer.nextIndex = last + 1;
  const { server: to } = peer;
  const { term } = s;
  s.emit({
    kind: 'send-entries',
    to,
    term,
    prevLogIndex,
    prevLogTerm,
    from: prevLogIndex + 1,
    last,
    leaderCommit,
    sent,
  });
  return true;
}

function sendSnapshot(s: RaftState, at: Millis, peer: Progress): void {
  peer.installing = true;
  s.emit({ kind: 'send-snapshot', to: peer.server, term: s.term, sent: sentNow(s, at, 'install-snapshot', 0, 0) });
}

function sentNow(s: RaftState, at: Millis, kind: Sent['kind'], prevLogIndex: number, lastIndex: number): Sent {
  return { kind, term: s.term, at, round: s.round, prevLogIndex, lastIndex, heartbeat: false };
}

function sendHeartbeats(s: RaftState, at: Millis): void {
  s.heartbeatAt = at + s.options.heartbeatTimeoutMs / 10;
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

/** When it gives up unless a quorum answers. New members are given as long for their first answer as a new leader. */
const givesUpAt = (s: RaftState): Millis => Math.max(s.contactFloor, s.changedAt) + s.options.leaderLeaseTimeoutMs;

/** When the leader wants to be woken; undefined when it leads nobody but itself. */
export function leaderDeadline(s: RaftState): Millis | undefined {
  let at = s.peers.size > 0 ? Math.min(s.heartbeatAt, s.noticeAt) : Number.POSITIVE_INFINITY;
  if (s.transfer) at = Math.min(at, s.transfer.deadline);
  if (!s.isSoleVoter) at = Math.min(at, givesUpAt(s));
  return at === Number.POSITIVE_INFINITY ? undefined : at;
}

export function onLeaderTimer(s: RaftState, at: Millis): void {
  s.contactFloor = quorumContactAt(s);
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

/** Whether no other server can have been elected by now: a quorum answered so recently that it still refuses to vote. */
export function hasLease(s: RaftState, now: Millis): boolean {
  if (s.role !== 'leader' || s.halted) return false;
  if (s.isSoleVoter) return true;
  if (s.transfer || now < s.leaseBlockedUntil) return false;
  const acked = ackedByQuorum(s, (peer) => peer.ackedSentAt, Number.POSITIVE_INFINITY);
  return now - acked < s.options.leaderLeaseTimeoutMs;
}

function noteAck(s: RaftState, at: Millis, peer: Progress, sent: Sent): void {
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

/** A round of heartbeats whose answers confirm whoever asked before it. */
function beginRound(s: RaftState, at: Millis): void {
  s.round++;
  sendHeartbeats(s, at);
}

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

/** The commit index goes out with the next entries, or soon by itself. */
function planNotice(s: RaftState, at: Millis, peer: Progress): void {
  if (wantsNotice(s, peer)) s.noticeAt = Math.min(s.noticeAt, at + COMMIT_NOTICE_MS);
}

/** With something under way, the answer to that plans it. */
const wantsNotice = (s: RaftState, peer: Progress): boolean =>
  peer.commitSent < s.commitIndex && peer.inFlight === 0 && !peer.installing && !peer.probing;

function sendNotices(s: RaftState, at: Millis): void {
  s.noticeAt = Number.POSITIVE_INFINITY;
  for (const peer of s.peers.values()) if (wantsNotice(s, peer)) sendEntries(s, at, peer);
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

export function onChangeMembership(
  s: RaftState,
  at: Millis,
  appendedAtMs: Millis,
  token: number,
  change: MembershipChange,
): void {
  const refusal = proposalRefusal(s);
  if (refusal) return s.emit({ kind: 'refused', token, code: refusal });
  // A change may begin only after an entry of our term is committed, and after the one before. Thesis section 4.1 and its errata.
  if (s.commitIndex < s.termStartIndex || s.configurations.length > 1) {
    return s.emit({ kind: 'refused', token, code: 'CONFIGURATION_BUSY' });
  }
  let next: ReturnType<typeof applyChange>;
  try {
    next = applyChange(s.configuration, change);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return s.emit({ kind: 'refused', token, code: error.code, message: error.message });
  }
  const index = s.runs.lastIndex + 1;
  s.log('info', 'updating configuration', {
    command: change.kind,
    'server-id': change.id,
    servers: next.servers.length,
  });
  s.pushConfiguration(index, next);
  s.changedAt = at;
  syncPeers(s);
  appendEntries(s, at, appendedAtMs, [{ type: LogType.configuration, data: s.codec.encode(next) }]);
  s.emit({ kind: 'change-appended', token, index });
}

export function onVerify(s: RaftState, at: Millis, token: number): void {
  if (s.role !== 'leader' || s.halted) return s.emit({ kind: 'refused', token, code: 'NOT_LEADER' });
  if (s.isSoleVoter) return s.emit({ kind: 'done', token });
  const isFirst = s.verifies.length === 0;
  s.verifies.push({ token, round: s.round + 1 });
  if (isFirst) beginRound(s, at);
}

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

function maybeSendTimeoutNow(s: RaftState, at: Millis): void {
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

/**
 * Our disk takes no more: we lead no longer, and whoever has most stands at once. Our term is over with that, so that the order is
 * void for whoever reads it late. Not when we have just begun to lead: disks that are all full would pass it on and on.
 */
export function abdicate(s: RaftState, at: Millis): void {
  const heir = transferTarget(s, undefined);
  if (heir && at - s.leaderSince >= s.options.electionTimeoutMs) sendTimeoutNow(s, at, heir);
  becomeFollower(s, at, s.term);
}

export function onTimeoutNowResponse(s: RaftState, from: ServerId, sent: Sent): void {
  if (s.transfer?.to === from && sent.term === s.term) s.transfer.answered = true;
}

function failTransfer(s: RaftState, at: Millis): void {
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
