import type { Millis } from '@proconsul/base';
import { findServer, quorumOf, type Server, type ServerId } from '../configuration.ts';
import type { Sent } from './inputs.ts';
import { becomeLeader } from './leader.ts';
import type { PreVoteRequest, VoteRequest, VoteResponse } from './messages.ts';
import type { RaftState } from './state.ts';
import { becomeFollower } from './step-down.ts';
import { PROMPT_MS } from './timing.ts';

/**
 * Elections. Source: Ongaro's thesis sections 3.4 (leader election), 3.6.1 (election restriction), 3.9 (timing), 4.2.2
 * (servers that their configuration leaves out), 4.2.3 (disruptive servers), 9.6 (pre-vote); raft wire section 1 (what the
 * other implementation refuses).
 */

/** The time of the election timer is over: unless we stood still ourselves, nobody spoke meanwhile. */
export function onElectionTimer(s: RaftState, at: Millis, lateMs: Millis): void {
  const excusedMs = s.excuse(lateMs);
  if (excusedMs > 0) s.electionDeadline = at + excusedMs;
  else if (s.willStand) stand(s, at);
  else campaign(s, at, false);
}

/** Nobody has been heard for long enough, or the leader asked us to stand. */
export function campaign(s: RaftState, at: Millis, transfer: boolean): void {
  s.excusedMs = 0;
  s.willStand = false;
  s.electionDeadline = at + s.retryMs();
  // The entry of the bootstrap is on its way to the disk. A vote without it would be taken for that of an old server.
  if (s.durableIndex === 0 && s.runs.lastIndex > 0) return;
  if (!s.mayBeVoter(s.options.id)) {
    s.setLeader(undefined, undefined);
    warnCannotStand(s);
    return;
  }
  if (s.role === 'candidate') s.attempts++;
  if (s.role === 'follower') {
    s.log('warn', 'heartbeat timeout reached, starting election', {
      'last-leader-addr': s.leaderAddress ?? '',
      'last-leader-id': s.leaderId ?? '',
    });
    s.emit({ kind: 'count', name: 'raft.transition.heartbeat_timeout' });
  } else s.log('warn', 'Election timeout reached, restarting election');
  s.setLeader(undefined, undefined);
  const silent = s.preVoteRounds >= PROBE_AFTER_ROUNDS ? silentVoters(s) : [];
  s.consents = ownVote(s);
  s.refusals = new Set();
  s.transferElection = transfer;
  s.setRole('candidate');
  s.emit({ kind: 'count', name: 'raft.state.candidate' });
  s.log('info', 'entering candidate state', { node: `Node at ${s.options.address} [Candidate]`, term: s.term + 1 });
  if (transfer || !s.options.preVote) return stand(s, at);
  s.preVoting = true;
  s.preVoteRounds++;
  for (const { id } of s.otherVoters()) if (s.withoutPreVote.has(id)) s.consents.add(id);
  if (s.consents.size >= s.quorum) return preVoteWon(s, at, 0);
  const request: PreVoteRequest = { kind: 'request-pre-vote', ...s.requestHeader(), term: s.term + 1, ...lastEntry(s) };
  for (const to of s.otherVoters())
    s.emit({ kind: 'send', to, request, sent: sentVote(request.kind, request.term, at) });
  probe(s, at, silent);
}

/** Rounds without a result before we ask whether those that do not answer are there. */
const PROBE_AFTER_ROUNDS = 2;
/** Nobody gives a vote in it, and everybody answers. */
const PROBE_TERM = 0;

const silentVoters = (s: RaftState): Server[] =>
  s.otherVoters().filter(({ id }) => !s.refusals.has(id) && (!s.consents.has(id) || s.withoutPreVote.has(id)));

/**
 * Servers of older versions know no pre-votes and leave them without an answer. Whoever answers a request for a vote that nobody
 * can get, and no pre-vote, is one of them: its silence counts as consent. Otherwise two servers, one of them such with the shorter
 * log, would never elect anybody.
 */
function probe(s: RaftState, at: Millis, silent: readonly Server[]): void {
  const request: VoteRequest = {
    kind: 'request-vote',
    ...s.requestHeader(),
    ...lastEntry(s),
    term: PROBE_TERM,
    leadershipTransfer: false,
  };
  for (const to of silent) s.emit({ kind: 'send', to, request, sent: sentVote(request.kind, PROBE_TERM, at) });
}

function onProbed(s: RaftState, at: Millis, from: ServerId): void {
  if (s.role !== 'candidate' || !s.preVoting || s.refusals.has(from) || s.consents.has(from)) return;
  if (findServer(s.configuration, from)?.suffrage !== 'voter') return;
  s.withoutPreVote.add(from);
  s.consents.add(from);
  if (s.consents.size >= s.quorum) preVoteWon(s, at, 0);
}

/** A server that its own newest configuration leaves out may have to lead until that is committed; its vote does not count. */
const ownVote = (s: RaftState): Set<ServerId> => new Set(s.isVoter ? [s.options.id] : []);

function warnCannotStand(s: RaftState): void {
  if (s.warnedNoPeers) return;
  s.warnedNoPeers = true;
  const known = s.configuration.servers.length > 0;
  s.log('warn', known ? 'not part of stable configuration, aborting election' : 'no known peers, aborting election');
}

/**
 * Where answers take long, others have won theirs meanwhile: so that not all of them stand at once and share the votes, each waits
 * for a part of the time that its answers took.
 */
function preVoteWon(s: RaftState, at: Millis, answerMs: Millis): void {
  if (s.willStand) return;
  s.answerMs = answerMs;
  s.log('info', 'pre-vote successful, starting election', {
    term: s.term + 1,
    tally: s.consents.size,
    refused: s.refusals.size,
    votesNeeded: s.quorum,
  });
  if (answerMs < PROMPT_MS) return stand(s, at);
  s.willStand = true;
  s.electionDeadline = at + s.rng.float() * Math.min(answerMs, s.options.electionTimeoutMs);
}

/** The real election: a new term, and our own vote in it. */
function stand(s: RaftState, at: Millis): void {
  s.preVoting = false;
  s.willStand = false;
  s.votes = ownVote(s);
  s.refusals = new Set();
  s.setVote(s.term + 1, s.options.id);
  s.standsIn = s.term;
  s.electionDeadline = at + s.retryMs();
  if (s.votes.size >= s.quorum) return win(s, at);
  const request: VoteRequest = {
    kind: 'request-vote',
    ...s.requestHeader(),
    ...lastEntry(s),
    leadershipTransfer: s.transferElection,
  };
  for (const to of s.otherVoters()) s.emit({ kind: 'send', to, request, sent: sentVote(request.kind, s.term, at) });
}

function win(s: RaftState, at: Millis): void {
  s.log('info', 'election won', { term: s.term, tally: s.votes.size });
  becomeLeader(s, at);
}

const lastEntry = (s: RaftState): { lastLogIndex: number; lastLogTerm: number } => ({
  lastLogIndex: s.runs.lastIndex,
  lastLogTerm: s.runs.lastTerm,
});

const sentVote = (kind: 'request-vote' | 'request-pre-vote', term: number, at: Millis): Sent => ({
  kind,
  term,
  at,
  round: 0,
  prevLogIndex: 0,
  lastIndex: 0,
  heartbeat: false,
});

export function onVoteResponse(s: RaftState, at: Millis, from: ServerId, sent: Sent, response: VoteResponse): void {
  const pre = sent.kind === 'request-pre-vote';
  if (response.term > s.term && !(pre && response.granted)) return becomeFollower(s, at, response.term);
  if (pre) s.withoutPreVote.delete(from);
  else if (sent.term === PROBE_TERM) return onProbed(s, at, from);
  // A vote that comes late, when we ask for consent to the next term already, is as good as any: we have promised nothing since.
  const current = pre ? s.preVoting && sent.term === s.term + 1 : sent.term === s.term && sent.term === s.standsIn;
  if (s.role !== 'candidate' || !current || findServer(s.configuration, from)?.suffrage !== 'voter') return;
  const favour = pre ? s.consents : s.votes;
  if (response.granted) favour.add(from);
  else if (pre === s.preVoting) s.refusals.add(from);
  if (favour.size < quorumOf(s.voterCount)) return;
  if (pre) preVoteWon(s, at, at - sent.at);
  else win(s, at);
}

/**
 * Whether a leader is known and alive, so that an election would only disturb it. For a while after the start we assume so:
 * before it we may have answered a leader whose lease counts on us.
 */
function leaderIsKnown(s: RaftState, at: Millis): boolean {
  if (s.role === 'leader') return true;
  return s.role === 'follower' && s.term > 0 && at - s.lastContactAt < s.refusalMs;
}

/**
 * A candidate is refused when nothing says that it is a voter. One that only an uncommitted change leaves out is heard: when that
 * change is lost, nobody else might be electable. So is one whose log goes beyond ours: what made it a voter may stand in what we
 * lack, and our vote may be the one that is missing. Source: Ongaro's thesis section 4.1.
 */
function mayStand(s: RaftState, { from, lastLogIndex, lastLogTerm }: VoteRequest | PreVoteRequest): boolean {
  if (s.configuration.servers.length === 0 || s.mayBeVoter(from)) return true;
  const { lastIndex, lastTerm } = s.runs;
  if (lastLogTerm > lastTerm || (lastLogTerm === lastTerm && lastLogIndex > lastIndex)) return true;
  s.log('warn', 'rejecting vote request since node is not a voter', { from });
  return false;
}

/** Several that have more than a chosen one do not stand at the same moment. */
const HEIR_SPREAD_MS: Millis = 20;

function isUpToDate(s: RaftState, request: VoteRequest | PreVoteRequest): boolean {
  if (request.lastLogTerm !== s.runs.lastTerm) return request.lastLogTerm > s.runs.lastTerm;
  return request.lastLogIndex >= s.runs.lastIndex;
}

export function onVoteRequest(s: RaftState, at: Millis, token: number, request: VoteRequest): void {
  const answer = (granted: boolean): void =>
    s.emit({ kind: 'respond', token, response: { kind: 'request-vote', term: s.term, granted } });
  if (request.term < Math.max(s.term, 1) || !mayStand(s, request)) return answer(false);
  if (!request.leadershipTransfer && leaderIsKnown(s, at)) return answer(false);
  const isNews = request.term > s.term;
  if (isNews) becomeFollower(s, at, request.term);
  if (s.role !== 'follower' || (s.votedFor !== undefined && s.votedFor !== request.from)) return answer(false);
  if (!isUpToDate(s, request)) {
    // The leader of our term wants another one, and we have more than the one it chose: there is nothing to wait for.
    if (isNews && request.leadershipTransfer) s.electionDeadline = at + s.rng.float() * HEIR_SPREAD_MS;
    return answer(false);
  }
  if (s.votedFor === undefined) s.setVote(s.term, request.from);
  s.electionDeadline = at + s.patienceMs();
  answer(true);
}

/** The same checks as for a vote; nothing changes here. */
export function onPreVoteRequest(s: RaftState, at: Millis, token: number, request: PreVoteRequest): void {
  const granted = request.term >= s.term && mayStand(s, request) && !leaderIsKnown(s, at) && isUpToDate(s, request);
  s.emit({ kind: 'respond', token, response: { kind: 'request-pre-vote', term: s.term, granted } });
}
