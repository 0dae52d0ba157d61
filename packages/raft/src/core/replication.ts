import type { Millis } from '@proconsul/base';
import type { Entry } from '../entry.ts';
import type { RaftErrorCode } from '../errors.ts';
import type { NewEntry } from './inputs.ts';
import { APPEND_ENTRIES_MAX, COMMIT_NOTICE_MS, IN_FLIGHT_MAX, type Progress } from './progress.ts';
import { sentNow } from './sent.ts';
import type { RaftState } from './state.ts';

/** What a leader appends and sends to the others. Source: Ongaro's thesis section 3.5. */

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

/** Sends what `peer` lacks, as far as the limits on requests under way allow. */
export function replicate(s: RaftState, at: Millis, peer: Progress): void {
  const limit = peer.probing ? 1 : IN_FLIGHT_MAX;
  while (!peer.installing && peer.inFlight < limit && peer.nextIndex <= s.runs.lastIndex) {
    if (!sendEntries(s, at, peer)) return;
    if (peer.probing) return;
  }
}

/** One request with the next entries, or with none when there are none: then it carries only the commit index. */
export function sendEntries(s: RaftState, at: Millis, peer: Progress): boolean {
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

/** The commit index goes out with the next entries, or soon by itself. */
export function planNotice(s: RaftState, at: Millis, peer: Progress): void {
  if (wantsNotice(s, peer)) s.noticeAt = Math.min(s.noticeAt, at + COMMIT_NOTICE_MS);
}

/** With something under way, the answer to that plans it. */
const wantsNotice = (s: RaftState, peer: Progress): boolean =>
  peer.commitSent < s.commitIndex && peer.inFlight === 0 && !peer.installing && !peer.probing;

export function sendNotices(s: RaftState, at: Millis): void {
  s.noticeAt = Number.POSITIVE_INFINITY;
  for (const peer of s.peers.values()) if (wantsNotice(s, peer)) sendEntries(s, at, peer);
}
