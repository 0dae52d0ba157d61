import type { Millis } from '@proconsul/base';
import { type Configuration, findServer, type ServerId } from '../configuration.ts';
import { type Entry, isLogType, LogType } from '../entry.ts';
import { campaign } from './election.ts';
import type { AppendEntriesRequest, InstallSnapshotRequest, TimeoutNowRequest } from './messages.ts';
import type { RaftState } from './state.ts';
import { becomeFollower } from './step-down.ts';

/**
 * What a follower does with what a leader sends. Source: Ongaro's thesis sections 3.5 (log matching), 5.1 (snapshots), 3.10
 * (transfer); raft wire section 1 (fields of the answers).
 */

/** Takes note of the leader of `term`, which is at least ours. False when the sender cannot be the leader of that term. */
function hearLeader(s: RaftState, at: Millis, from: ServerId, address: string, term: number): boolean {
  if (s.role === 'leader' && term === s.term) {
    s.log('error', 'another server claims to lead in our term', { term, from });
    return false;
  }
  if (term > s.term || s.role !== 'follower') becomeFollower(s, at, term);
  s.setLeader(from, findServer(s.configuration, from)?.address ?? address);
  s.heard(at, term);
  s.attempts = 0;
  s.preVoteRounds = 0;
  s.electionDeadline = at + s.patienceMs();
  return true;
}

export function onAppendRequest(s: RaftState, at: Millis, token: number, request: AppendEntriesRequest): void {
  const lastLog = s.runs.lastIndex;
  const refuse = (noRetryBackoff: boolean): void =>
    s.emit({
      kind: 'respond',
      token,
      response: { kind: 'append-entries', term: s.term, lastLog, success: false, noRetryBackoff },
    });
  if (request.term < s.term) return refuse(false);
  if (!hearLeader(s, at, request.from, request.address, request.term)) return refuse(false);
  const response = { kind: 'append-entries', term: s.term, lastLog, success: true, noRetryBackoff: false } as const;
  const { entries, prevLogIndex } = request;
  if (entries === null) return s.emit({ kind: 'respond', token, response });
  if (!hasPrevious(s, prevLogIndex, request.prevLogTerm)) return refuse(true);
  if (!areWellFormed(entries, request) || !takeEntries(s, entries)) return refuse(false);
  const upTo = prevLogIndex + entries.length;
  s.stateAge.heard(request.sentAfter ?? at, request.term, request.leaderCommit);
  s.commitTarget = Math.max(s.commitTarget, Math.min(request.leaderCommit, upTo));
  if (s.durableIndex >= upTo) s.emit({ kind: 'respond', token, response });
  else s.pendingAcks.push({ token, upTo, response });
  followCommit(s);
}

/** Entries that our snapshot covers are committed, so every leader has them as we do. */
function hasPrevious(s: RaftState, index: number, term: number): boolean {
  return index === 0 || index < s.runs.baseIndex || s.runs.term(index) === term;
}

/** A peer may be broken or malicious: indexes must follow each other, terms must not fall or pass the leader's, types be known. */
function areWellFormed(entries: readonly Entry[], request: AppendEntriesRequest): boolean {
  let index = request.prevLogIndex;
  let term = request.prevLogTerm;
  for (const entry of entries) {
    if (entry.index !== ++index || !(entry.term >= Math.max(term, 1)) || entry.term > request.term) return false;
    if (!isLogType(entry.type)) return false;
    term = entry.term;
  }
  return true;
}

/** Appends what is new, voiding what contradicts it. False when the entries cannot be true. */
function takeEntries(s: RaftState, entries: readonly Entry[]): boolean {
  let i = 0;
  while (i < entries.length) {
    const { index, term } = entries[i]!;
    if (index > s.runs.lastIndex || (index > s.runs.baseIndex && s.runs.term(index) !== term)) break;
    i++;
  }
  if (i === entries.length) return true;
  const news = i === 0 ? entries : entries.slice(i);
  const configurations: { index: number; configuration: Configuration }[] = [];
  for (const { type, data, index } of news) {
    if (type !== LogType.configuration) continue;
    try {
      configurations.push({ index, configuration: s.codec.decode(data) });
    } catch {
      s.log('error', 'refusing an entry whose configuration does not decode', { index });
      return false;
    }
  }
  const from = news[0]!.index;
  const truncateFrom = from <= s.runs.lastIndex ? from : undefined;
  if (truncateFrom !== undefined && !voidFrom(s, truncateFrom)) return false;
  for (const { index, term } of news) s.runs.append(index, term);
  s.emit({ kind: 'append', entries: news, truncateFrom });
  for (const { index, configuration } of configurations) s.pushConfiguration(index, configuration);
  return true;
}

/** Drops entries that another leader never committed. Committed ones never conflict, unless somebody lies. */
function voidFrom(s: RaftState, from: number): boolean {
  if (from <= Math.max(s.commitIndex, s.commitTarget)) {
    s.log('error', 'refusing entries that contradict committed ones', { from, 'commit-index': s.commitIndex });
    return false;
  }
  s.log('warn', 'clearing log suffix', { from, to: s.runs.lastIndex });
  dropSuffix(s, from);
  return true;
}

/** Forgets entries from `from` on, and answers "no" for those whose answer waited for them. */
export function dropSuffix(s: RaftState, from: number): void {
  s.runs.truncateFrom(from);
  s.dropConfigurationsFrom(from);
  s.durableIndex = Math.min(s.durableIndex, from - 1);
  const kept = s.pendingAcks.filter((ack) => ack.upTo < from);
  for (const ack of s.pendingAcks) {
    if (ack.upTo < from || ack.response.kind !== 'append-entries') continue;
    s.emit({ kind: 'respond', token: ack.token, response: { ...ack.response, term: s.term, success: false } });
  }
  s.pendingAcks = kept;
}

/** Commits what the leader said is committed, as far as it is durable here. */
export function followCommit(s: RaftState): void {
  const index = Math.min(s.commitTarget, s.durableIndex);
  if (index > s.commitIndex) s.setCommit(index);
}

/** More of our log is durable: the answers that waited for it may go. */
export function releaseAcks(s: RaftState): void {
  while (s.pendingAcks.length > 0 && s.pendingAcks[0]!.upTo <= s.durableIndex) {
    const { token, response } = s.pendingAcks.shift()!;
    s.emit({ kind: 'respond', token, response });
  }
}

export function onTimeoutNow(s: RaftState, at: Millis, token: number, request: TimeoutNowRequest): void {
  s.emit({ kind: 'respond', token, response: { kind: 'timeout-now' } });
  // Of an earlier term, or when the leader was not heard for long, it is old, and others may rely on it being void.
  const isFresh = at - s.lastContactAt < s.refusalMs && (request.term === undefined || request.term === s.term);
  if (s.role === 'follower' && s.leaderId === request.from && isFresh && s.isVoter) campaign(s, at, true);
}

export function onInstallSnapshot(s: RaftState, at: Millis, token: number, request: InstallSnapshotRequest): void {
  const respond = (success: boolean): void =>
    s.emit({ kind: 'respond', token, response: { kind: 'install-snapshot', term: s.term, success } });
  if (request.term < s.term || !hearLeader(s, at, request.from, request.address, request.term)) return respond(false);
  if (request.lastLogIndex <= s.commitIndex) return respond(true);
  s.emit({ kind: 'store-snapshot', token, request });
}

/** The snapshot is on our disk. Whoever leads by now, what it holds is committed. */
export function onSnapshotStored(
  s: RaftState,
  at: Millis,
  input: { readonly token: number; readonly request: InstallSnapshotRequest; readonly ok: boolean },
): void {
  const { token, request, ok } = input;
  const { lastLogIndex: index, lastLogTerm: term } = request;
  const respond = (success: boolean): void =>
    s.emit({ kind: 'respond', token, response: { kind: 'install-snapshot', term: s.term, success } });
  if (!ok) return respond(false);
  if (index <= s.commitIndex || s.role === 'leader') return respond(index <= s.commitIndex);
  s.lastContactAt = at;
  s.electionDeadline = at + s.patienceMs();
  const keepLog = s.durableIndex >= index && s.runs.term(index) === term;
  const later = keepLog ? s.configurations.filter((c) => c.index > index) : [];
  // The caller forgets what the snapshot covers: so do we, or a later leader would try to send it.
  if (keepLog) s.runs.compactTo(index);
  else {
    s.runs.reset(index, term);
    s.durableIndex = index;
    for (const ack of s.pendingAcks) {
      if (ack.response.kind !== 'append-entries') continue;
      s.emit({ kind: 'respond', token: ack.token, response: { ...ack.response, term: s.term, success: false } });
    }
    s.pendingAcks = [];
  }
  // Other servers may be voters now.
  s.standsIn = 0;
  s.consents = new Set();
  s.willStand = false;
  s.commitIndex = index;
  s.commitTarget = Math.max(s.commitTarget, index);
  if (!keepLog) s.commitTarget = index;
  s.snapshotIndex = index;
  s.configurations = [{ index: request.configurationIndex, configuration: request.configuration }, ...later];
  s.emit({ kind: 'restore-snapshot', token, index, term, keepLog });
  s.emit({
    kind: 'configuration',
    configuration: request.configuration,
    index: request.configurationIndex,
    committed: true,
  });
  respond(true);
  followCommit(s);
}
