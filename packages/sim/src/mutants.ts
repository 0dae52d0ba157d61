import { AGENT_MUTANT_SEEDS_MAX, AGENT_MUTANTS } from './agent-mutants.ts';

/**
 * Faults planted into the product's source, to measure the simulation: each must be found. The runner (scripts/mutants.mjs) builds
 * the simulation once for each of them with one piece of text exchanged; nothing of this is in what ships.
 */
export interface Mutant {
  readonly name: string;
  /** Below packages/raft/src. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Which simulation looks for it: cores alone, that many Raft nodes on disks, or whole agents with that many servers. */
  readonly run: 'cores' | 'disk-1' | 'disk-3' | 'disk-5' | 'agents-3';
}

const cores = (name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  file,
  find,
  replace,
  run: 'cores',
});

const disks = (servers: 1 | 3 | 5, name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  file,
  find,
  replace,
  run: `disk-${servers}`,
});

/** Seeds within which every one must be found. */
export const MUTANT_SEEDS_MAX = 2000;

/** The same for one of them. */
export const seedsMaxOf = ({ run }: Mutant): number => (run === 'agents-3' ? AGENT_MUTANT_SEEDS_MAX : MUTANT_SEEDS_MAX);

const ELECTIONS: readonly Mutant[] = [
  cores(
    'votes twice in a term',
    'core/election.ts',
    "if (s.role !== 'follower' || (s.votedFor !== undefined && s.votedFor !== request.from)) return answer(false);",
    "if (s.role !== 'follower') return answer(false); s.votedFor = undefined;",
  ),
  cores(
    'forgets its vote when it restarts',
    'core/state.ts',
    'this.votedFor = initial.votedFor;',
    'this.votedFor = undefined;',
  ),
  cores(
    'forgets its vote when the leader of its term is heard',
    'core/step-down.ts',
    'if (term > s.term) s.setVote(term, undefined);',
    's.setVote(term, undefined);',
  ),
  cores(
    'answers before its vote is durable',
    'core/state.ts',
    "if (effect.kind !== 'log' && effect.kind !== 'count') this.flushVote();",
    '',
  ),
  cores(
    'never writes its vote',
    'core/state.ts',
    "this.effects.push({ kind: 'persist-vote', term: this.term, votedFor: this.votedFor });",
    "this.effects.push({ kind: 'persist-vote', term: this.term, votedFor: undefined });",
  ),
  cores(
    'votes for a candidate with an older log',
    'core/election.ts',
    'if (request.lastLogTerm !== s.runs.lastTerm) return request.lastLogTerm > s.runs.lastTerm;\n  return request.lastLogIndex >= s.runs.lastIndex;',
    'return request.lastLogTerm >= 0;',
  ),
  cores(
    'compares logs by their length only',
    'core/election.ts',
    'if (request.lastLogTerm !== s.runs.lastTerm) return request.lastLogTerm > s.runs.lastTerm;',
    '',
  ),
  cores(
    'compares logs by their last term only',
    'core/election.ts',
    'return request.lastLogIndex >= s.runs.lastIndex;\n}',
    'return true;\n}',
  ),
  cores(
    'counts a refusal as a vote',
    'core/election.ts',
    'if (response.granted) favour.add(from);',
    'favour.add(from); if (response.granted);',
  ),
  cores(
    'counts votes of an older term',
    'core/election.ts',
    'sent.term === s.term && sent.term === s.standsIn;',
    'true;',
  ),
  cores(
    'leads after a pre-vote, without a vote',
    'core/election.ts',
    'if (pre) preVoteWon(s, at, at - sent.at);\n  else win(s, at);',
    'if (pre) { s.setVote(s.term + 1, s.options.id); s.preVoting = false; }\n  win(s, at);',
  ),
  cores(
    'stands without a new term',
    'core/election.ts',
    's.setVote(s.term + 1, s.options.id);',
    's.setVote(Math.max(s.term, 2), s.options.id);',
  ),
  cores(
    'a majority is half',
    'configuration.ts',
    'Math.floor(voterCount / 2) + 1;',
    'Math.max(1, Math.ceil(voterCount / 2) - 1 || 1);',
  ),
  cores(
    'votes although a leader is alive',
    'core/election.ts',
    "return s.role === 'follower' && s.term > 0 && at - s.lastContactAt < s.refusalMs;",
    'return at < 0;',
  ),
  cores(
    'forgets at a restart that it may just have answered a leader',
    'core/core.ts',
    's.lastContactAt = at;',
    's.lastContactAt = Number.NEGATIVE_INFINITY;',
  ),
  cores(
    'waits for the pre-votes of servers that know none',
    'core/election.ts',
    '  probe(s, at, silent);\n',
    '  probe(s, at, silent.slice(0, 0));\n',
  ),
  cores(
    'a leader that removed itself, and lost that entry, cannot stand',
    'core/election.ts',
    'if (!s.mayBeVoter(s.options.id)) {',
    'if (!s.isVoter) {',
  ),
  cores(
    'a leader gives up on nobody whose order to stand was not read',
    'core/leadership-transfer.ts',
    'if (transfer.sent && !transfer.answered) becomeFollower(s, at, s.term);',
    '',
  ),
];

const REPLICATION: readonly Mutant[] = [
  cores(
    'commits entries of an older term',
    'core/commitment.ts',
    'if (index <= s.commitIndex || s.runs.term(index) !== s.term) return;',
    'if (index <= s.commitIndex) return;',
  ),
  cores(
    'counts servers that do not vote towards a commit',
    'core/quorum-acks.ts',
    'const { quorum, voterIds } = s;',
    'const { quorum } = s; const voterIds = s.configuration.servers.map(({ id }) => id);',
  ),
  cores(
    'the leader counts its own entries before they are durable',
    'core/commitment.ts',
    '(peer) => peer.matchIndex, s.durableIndex);\n  const index = Math.min(replicated, s.durableIndex);',
    '(peer) => peer.matchIndex, s.runs.lastIndex);\n  const index = replicated;',
  ),
  cores(
    'acknowledges entries before they are durable',
    'core/follower.ts',
    'if (s.durableIndex >= upTo) s.emit',
    'if (upTo >= 0) s.emit',
  ),
  cores(
    'releases every waiting acknowledgement at once',
    'core/follower.ts',
    's.pendingAcks.length > 0 && s.pendingAcks[0]!.upTo <= s.durableIndex',
    's.pendingAcks.length > 0',
  ),
  cores(
    'takes entries from a leader of an older term',
    'core/follower.ts',
    'if (request.term < s.term) return refuse(false);',
    '',
  ),
  cores(
    'does not compare the entry before',
    'core/follower.ts',
    'if (!hasPrevious(s, prevLogIndex, request.prevLogTerm)) return refuse(true);',
    'if (prevLogIndex > s.runs.lastIndex) return refuse(true);',
  ),
  cores(
    'keeps entries that contradict those of the leader',
    'core/follower.ts',
    'if (index > s.runs.lastIndex || (index > s.runs.baseIndex && s.runs.term(index) !== term)) break;',
    'if (index > s.runs.lastIndex) break;',
  ),
  cores(
    'truncates what a late request does not carry',
    'core/follower.ts',
    'if (i === entries.length) return true;',
    'if (i === entries.length) { const end = request0(entries); if (end > s.commitTarget && end <= s.runs.lastIndex) { s.emit({ kind: "append", entries: [], truncateFrom: undefined }); dropSuffix(s, end); } return true; } function request0(e: readonly Entry[]): number { return (e[e.length - 1]?.index ?? Infinity) + 1; }',
  ),
  cores(
    'believes truncated entries to be durable',
    'core/follower.ts',
    's.durableIndex = Math.min(s.durableIndex, from - 1);',
    '',
  ),
  cores(
    'acknowledges entries that it has just truncated',
    'core/follower.ts',
    "if (ack.upTo < from || ack.response.kind !== 'append-entries') continue;\n    s.emit({ kind: 'respond', token: ack.token, response: { ...ack.response, term: s.term, success: false } });",
    "if (ack.upTo < from || ack.response.kind !== 'append-entries') continue;\n    s.emit({ kind: 'respond', token: ack.token, response: { ...ack.response, term: s.term, success: true } });",
  ),
  cores(
    'takes a refusal for a success',
    'core/replication-answers.ts',
    'if (response?.success) return onMatched(s, at, peer, sent.lastIndex);',
    'if (response) return onMatched(s, at, peer, sent.lastIndex);',
  ),
  cores(
    'takes silence for a success',
    'core/replication-answers.ts',
    'if (response?.success) return onMatched(s, at, peer, sent.lastIndex);',
    'if (!response || response.success) return onMatched(s, at, peer, sent.lastIndex);',
  ),
  cores(
    'believes that followers hold what it never sent',
    'core/replication-answers.ts',
    'if (isNews) peer.matchIndex = index;',
    'peer.matchIndex = s.runs.lastIndex;',
  ),
  cores(
    'believes at first that followers hold everything',
    'core/membership.ts',
    '  matchIndex: 0,\n',
    '  matchIndex: s.runs.lastIndex,\n',
  ),
  cores(
    'does not take a refusal as a reason to go back',
    'core/replication-answers.ts',
    'peer.nextIndex = Math.max(Math.min(sent.prevLogIndex, response.lastLog + 1), 1);',
    'peer.nextIndex = Math.max(sent.prevLogIndex + 1, 1);',
  ),
  cores(
    'believes an answer to a question of an earlier term',
    'core/replication-answers.ts',
    "  if (s.role !== 'leader' || sent.term !== s.term || !peer) return;\n  if (response?.term === s.term) noteAck(s, at, peer, sent);",
    "  if (s.role !== 'leader' || !peer) return;\n  if (response?.term === s.term) noteAck(s, at, peer, sent);",
  ),
  cores(
    'a new leader commits nothing of its own term',
    'core/leader.ts',
    'appendEntries(s, at, 0, [{ type: LogType.noop, data: NO_DATA }]);',
    '',
  ),
];

const READS: readonly Mutant[] = [
  cores(
    'a lease longer than the patience of followers',
    'core/heartbeats.ts',
    'return now - acked < s.options.leaderLeaseTimeoutMs;',
    'return now - acked < 4 * s.options.leaderLeaseTimeoutMs;',
  ),
  cores(
    'a lease from the moment of the answer',
    'core/heartbeats.ts',
    'if (sent.at > peer.ackedSentAt) peer.ackedSentAt = sent.at;',
    'peer.ackedSentAt = at;',
  ),
  cores(
    'a lease while the leadership is handed over',
    'core/heartbeats.ts',
    'if (s.transfer || now < s.leaseBlockedUntil) return false;',
    '',
  ),
  cores(
    'a leader that nobody answers goes on',
    'core/leader.ts',
    '    return becomeFollower(s, at, s.term);\n  }\n  if (s.transfer && at',
    '  }\n  if (s.transfer && at',
  ),
  cores(
    'confirms its leadership without asking',
    'core/heartbeats.ts',
    "if (s.isSoleVoter) return s.emit({ kind: 'done', token });",
    "if (s.isSoleVoter || at >= 0) return s.emit({ kind: 'done', token });",
  ),
  cores(
    'confirms its leadership with one answer',
    'core/heartbeats.ts',
    'const round = ackedByQuorum(s, (p) => p.ackedRound, Number.POSITIVE_INFINITY);',
    'const round = peer.ackedRound;',
  ),
  cores(
    'confirms its leadership with answers to earlier questions',
    'core/heartbeats.ts',
    's.verifies.push({ token, round: s.round + 1 });',
    's.verifies.push({ token, round: s.round });',
  ),
];

const MEMBERSHIP: readonly Mutant[] = [
  cores(
    'changes the members before an entry of its own term is committed',
    'core/membership.ts',
    'if (s.commitIndex < s.termStartIndex || s.configurations.length > 1) {',
    'if (s.configurations.length > 1) {',
  ),
  cores(
    'changes the members twice at a time',
    'core/membership.ts',
    'if (s.commitIndex < s.termStartIndex || s.configurations.length > 1) {',
    'if (s.commitIndex < s.termStartIndex) {',
  ),
  cores(
    'uses new members only once they are committed',
    'core/state.ts',
    'return this.configurations[this.configurations.length - 1]?.configuration ?? EMPTY_CONFIGURATION;',
    'return this.configurations[0]?.configuration ?? EMPTY_CONFIGURATION;',
  ),
  cores('keeps members whose entry was truncated', 'core/follower.ts', '  s.dropConfigurationsFrom(from);\n', ''),
  cores(
    'does not learn the members from entries',
    'core/follower.ts',
    'for (const { index, configuration } of configurations) s.pushConfiguration(index, configuration);',
    '',
  ),
];

const SNAPSHOTS: readonly Mutant[] = [
  cores(
    'forgets entries that no snapshot covers',
    'core/core.ts',
    'const upTo = Math.min(compactTo, index);',
    'const upTo = Math.max(compactTo, s.commitIndex);',
  ),
  cores(
    'keeps a log that an installed snapshot contradicts',
    'core/follower.ts',
    'const keepLog = s.durableIndex >= index && s.runs.term(index) === term;',
    'const keepLog = s.durableIndex >= index && s.runs.term(index) !== undefined;',
  ),
  cores(
    'goes back to an older snapshot',
    'core/follower.ts',
    "if (index <= s.commitIndex || s.role === 'leader') return respond(index <= s.commitIndex);",
    "if (s.role === 'leader') return respond(index <= s.commitIndex);",
  ),
  cores(
    'an installed snapshot has no members',
    'core/follower.ts',
    's.configurations = [{ index: request.configurationIndex, configuration: request.configuration }, ...later];',
    '',
  ),
  cores(
    'offers others entries that an installed snapshot covers',
    'core/follower.ts',
    'if (keepLog) s.runs.compactTo(index);\n  else {',
    'if (!keepLog) {',
  ),
  cores(
    'says that a snapshot is in place before it is stored',
    'core/follower.ts',
    "  s.emit({ kind: 'store-snapshot', token, request });",
    "  s.emit({ kind: 'store-snapshot', token, request });\n  respond(true);",
  ),
  cores(
    'believes that a snapshot was taken that was refused',
    'core/replication-answers.ts',
    '  if (!response.success) return;\n  peer.nextIndex = Math.max(peer.nextIndex, index + 1);',
    '  peer.nextIndex = Math.max(peer.nextIndex, index + 1);',
  ),
];

const NODE: readonly Mutant[] = [
  disks(
    1,
    'does not wait for the disk before it acknowledges',
    'disk/durable-log.ts',
    '    file.sync().then(\n      () => this.#onSynced(),\n      (error) => this.#fail(error),\n    );\n  }\n\n  #flushNow',
    '    void file; Promise.resolve().then(() => this.#onSynced());\n  }\n\n  #flushNow',
  ),
  disks(
    1,
    'counts entries as durable that were queued after the sync began',
    'disk/durable-log.ts',
    'if (grew) this.#durableIndex = this.#inFlightLast;',
    'if (grew) this.#durableIndex = this.#runs.lastIndex;',
  ),
  disks(
    1,
    'goes on after a failed sync',
    'disk/durable-log.ts',
    '    file.sync().then(\n      () => this.#onSynced(),\n      (error) => this.#fail(error),\n    );\n  }\n\n  #flushNow',
    '    file.sync().then(\n      () => this.#onSynced(),\n      () => this.#onSynced(),\n    );\n  }\n\n  #flushNow',
  ),
  disks(
    1,
    'a new segment is not durable in its directory',
    'disk/log-segments.ts',
    '      await disk.syncDir(this.#options.directory);\n    } catch (error) {',
    '    } catch (error) {',
  ),
  disks(
    1,
    'takes a torn record for whole',
    'disk/segment.ts',
    'if (size === 0 || crc32c(bytes, seed, at + 4, at + size) !== view.getUint32(at, true)) {\n      if (length',
    'if (size === 0) {\n      if (length',
  ),
  disks(
    1,
    'takes damage in the middle for a torn end',
    'disk/segment.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it stands so in the source
    "    return { outcome: 'damaged', end: at, why: `checksum mismatch before the sound record at byte ${i}` };",
    "    return { outcome: 'torn', end: at, why: '' };",
  ),
  disks(
    1,
    'publishes a snapshot without making its name durable',
    'disk/snapshot-store.ts',
    '    await this.#disk.rename(temporary, final);\n    await this.#disk.syncDir(this.#directory);',
    '    await this.#disk.rename(temporary, final);',
  ),
  disks(
    1,
    'writes the state of a snapshot without a sync',
    'disk/snapshot-store.ts',
    '      await file.sync();\n    } finally {',
    '    } finally {',
  ),
  disks(
    1,
    'a snapshot with a higher index than its state',
    'node/node-snapshots.ts',
    'const meta = await storage.snapshots.write({ index, term, configuration, configurationIndex }, capture.chunks());\n      const compactTo',
    'const meta = await storage.snapshots.write({ index: Math.min(index + 1, storage.log.lastIndex), term, configuration, configurationIndex }, capture.chunks());\n      const compactTo',
  ),
  disks(
    1,
    'a snapshot with a lower index than its state',
    'node/node-snapshots.ts',
    'const meta = await storage.snapshots.write({ index, term, configuration, configurationIndex }, capture.chunks());\n      const compactTo',
    'const meta = await storage.snapshots.write({ index: Math.max(index - 1, 1), term, configuration, configurationIndex }, capture.chunks());\n      const compactTo',
  ),
  disks(
    1,
    'tells a client that a full disk refused a write which it kept',
    'disk/durable-log.ts',
    '    this.#runs.truncateFrom(keep + 1);\n    this.#cache.dropFrom(keep + 1);\n    // What',
    '    // What',
  ),
  disks(
    3,
    'does not wait for its vote to be written',
    'node/driver.ts',
    '        votes.write(effect, () => this.#goOn(list, i + 1));\n        return false;',
    '        votes.write(effect, () => undefined);\n        continue;',
  ),
  disks(
    3,
    'a truncation is not written',
    'disk/durable-log.ts',
    '    this.#pending.push({ kind: RecordKind.truncate, index, term: 0 });\n    this.#write();',
    '    this.#write();',
  ),
  disks(
    3,
    'says that nothing was done when the leadership was lost',
    'node/effects.ts',
    "      proposals.rejectQueued('NOT_LEADER');\n      proposals.rejectNumbered('LEADERSHIP_LOST');",
    "      proposals.rejectQueued('NOT_LEADER');\n      proposals.rejectNumbered('NOT_LEADER');",
  ),
  disks(
    3,
    'reads before the entries of earlier leaders are applied (lease)',
    'node/node.ts',
    'return this.appliedIndex >= core.termStartIndex && core.hasLease(this.#d.clock.now());',
    'return core.hasLease(this.#d.clock.now());',
  ),
  disks(
    3,
    'reads before the entries of earlier leaders are applied (quorum)',
    'node/node.ts',
    'await applier.whenApplied(Math.max(readIndex, core.termStartIndex));',
    'await applier.whenApplied(0 * readIndex);',
  ),
  disks(
    3,
    'an old answer about durability counts for new entries',
    'node/driver.ts',
    "if (input.kind === 'durable') return { ...input, index: log.durableIndex };",
    "if (input.kind === 'durable') return { ...input, index: log.lastIndex };",
  ),
  disks(
    3,
    'forgets its log when a snapshot arrives that it does not need',
    'node/node-snapshots.ts',
    'if (keepLog) log.compactTo(index);',
    'if (keepLog && index < 0) log.compactTo(index);',
  ),
];

export const MUTANTS: readonly Mutant[] = [
  ...ELECTIONS,
  ...REPLICATION,
  ...READS,
  ...MEMBERSHIP,
  ...SNAPSHOTS,
  ...NODE,
  ...AGENT_MUTANTS,
];
