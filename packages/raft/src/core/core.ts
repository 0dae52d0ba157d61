import { type Millis, type Rng, unreachable } from '@proconsul/base';
import type { Configuration, ConfigurationCodec, ServerId } from '../configuration.ts';
import { LogType } from '../entry.ts';
import type { RaftErrorCode } from '../errors.ts';
import { maybeCommit } from './commitment.ts';
import type { ConfigurationAt, CoreOptions, InitialState } from './core-options.ts';
import { campaign, onElectionTimer, onPreVoteRequest, onVoteRequest, onVoteResponse } from './election.ts';
import {
  dropSuffix,
  followCommit,
  onAppendRequest,
  onInstallSnapshot,
  onSnapshotStored,
  onTimeoutNow,
  releaseAcks,
} from './follower.ts';
import { hasLease, onVerify } from './heartbeats.ts';
import type { RaftEffect, RaftInput, Role, Sent } from './inputs.ts';
import { leaderDeadline, onLeaderTimer } from './leader.ts';
import { abdicate, onTimeoutNowResponse, onTransfer } from './leadership-transfer.ts';
import { onChangeMembership } from './membership.ts';
import type { RaftRequest, RaftResponse } from './messages.ts';
import { appendEntries, proposalRefusal } from './replication.ts';
import { onAppendResponse, onInstallResponse } from './replication-answers.ts';
import { RaftState, STATE_REPLACED_TOKEN } from './state.ts';
import { becomeFollower } from './step-down.ts';

/**
 * One server of a Raft cluster as a pure state machine: an input with the time in it goes in, effects come out, in the order
 * in which they must be carried out (see {@link RaftEffect}). No clock, no disk, no network.
 * Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014).
 */
export class RaftCore {
  readonly #s: RaftState;

  constructor(options: CoreOptions, initial: InitialState, rng: Rng, codec: ConfigurationCodec) {
    this.#s = new RaftState(options, initial, rng, codec);
  }

  get id(): ServerId {
    return this.#s.options.id;
  }
  get role(): Role {
    return this.#s.role;
  }
  get term(): number {
    return this.#s.term;
  }
  get votedFor(): ServerId | undefined {
    return this.#s.votedFor;
  }
  get leaderId(): ServerId | undefined {
    return this.#s.leaderId;
  }
  get leaderAddress(): string | undefined {
    return this.#s.leaderAddress;
  }
  get commitIndex(): number {
    return this.#s.commitIndex;
  }
  get durableIndex(): number {
    return this.#s.durableIndex;
  }
  get lastIndex(): number {
    return this.#s.runs.lastIndex;
  }
  get lastTerm(): number {
    return this.#s.runs.lastTerm;
  }
  /** Index of the first entry of our term; meaningful while leading. */
  get termStartIndex(): number {
    return this.#s.termStartIndex;
  }
  /** When the leader was last heard, on the monotonic clock. */
  get lastContactAt(): Millis {
    return this.#s.lastContactAt;
  }
  /** How old the state is that has everything up to `applied`; Infinity when it was never known to be complete. */
  stateAgeMs(now: Millis, applied: number): Millis {
    return this.#s.stateAge.ageMs(now, applied, (index) => this.#s.runs.term(index));
  }
  get isSoleVoter(): boolean {
    return this.#s.isSoleVoter;
  }
  /** The configuration in force. */
  get configuration(): Configuration {
    return this.#s.configuration;
  }
  get configurationIndex(): number {
    return this.#s.configurations[this.#s.configurations.length - 1]?.index ?? 0;
  }
  get committedConfiguration(): ConfigurationAt | undefined {
    const first = this.#s.configurations[0];
    return first && first.index <= this.#s.commitIndex ? first : undefined;
  }
  /**
   * Whether this server has never been part of a cluster. Term 1 without a vote is what a bootstrap leaves that was interrupted
   * before its entry was durable: the first election is for term 2.
   */
  get isFresh(): boolean {
    const s = this.#s;
    return s.term <= 1 && s.votedFor === undefined && s.runs.lastIndex === 0 && s.configurations.length === 0;
  }
  /** Term of an entry in the log or just before it. */
  termOf(index: number): number | undefined {
    return this.#s.runs.term(index);
  }
  /** Whether a read answered now cannot miss a write acknowledged before. */
  hasLease(now: Millis): boolean {
    return hasLease(this.#s, now);
  }
  /** What a leader knows of the others: the highest index that each is known to hold. Empty on others than leaders. */
  matchIndexes(): ReadonlyMap<ServerId, number> {
    const found = new Map<ServerId, number>();
    for (const [id, { matchIndex }] of this.#s.peers) found.set(id, matchIndex);
    return found;
  }

  /** Why a `propose` input would be ignored now. */
  proposalRefusal(): RaftErrorCode | undefined {
    return proposalRefusal(this.#s);
  }

  /** Applies one input and appends what must now be done to `effects`, in order. */
  step(input: RaftInput, effects: RaftEffect[]): void {
    const s = this.#s;
    if (s.halted) return;
    s.effects = effects;
    this.#dispatch(s, input);
    s.flushVote();
    s.wishTimer(this.#deadline(s));
  }

  #dispatch(s: RaftState, input: RaftInput): void {
    const { at } = input;
    switch (input.kind) {
      case 'start':
        return this.#start(s, at);
      case 'timer': {
        const lateMs = s.latenessMs(at);
        s.timerFired();
        if (s.role === 'leader') onLeaderTimer(s, at, lateMs);
        else if (at >= s.electionDeadline) onElectionTimer(s, at, lateMs);
        return;
      }
      case 'bootstrap':
        return this.#bootstrap(s, at, input.configuration);
      case 'propose':
        if (proposalRefusal(s) === undefined) appendEntries(s, at, input.appendedAtMs, input.entries);
        return;
      case 'request':
        return this.#request(s, at, input.token, input.request);
      case 'response':
        return this.#response(s, at, input.from, input.sent, input.response);
      case 'durable':
        return this.#durable(s, at, input.index);
      case 'log-rejected':
        return this.#logRejected(s, at, input.lastIndex);
      case 'disk-failed':
        if (s.role !== 'follower') becomeFollower(s, at, s.term);
        s.setLeader(undefined, undefined);
        s.halted = true;
        return;
      case 'change-membership':
        return onChangeMembership(s, at, input.appendedAtMs, input.token, input.change);
      case 'transfer-leadership':
        return onTransfer(s, at, input.token, input.to);
      case 'verify':
        return onVerify(s, at, input.token);
      case 'snapshot-taken':
        return this.#snapshotTaken(s, input.index, input.compactTo);
      case 'snapshot-stored':
        return onSnapshotStored(s, at, input);
      case 'state-replaced':
        return this.#stateReplaced(s, at, input.index);
      default:
        return unreachable(input, 'input');
    }
  }

  /**
   * A server that is the only voter need not wait to hear of another leader: there cannot be one. Unless it became so by a change that may
   * not have been committed: the leader that made it, and has a lease, counts on what we answered before.
   */
  #start(s: RaftState, at: Millis): void {
    // A bootstrap before the start may have made it the leader already.
    if (s.role !== 'follower') return;
    s.lastContactAt = at;
    s.log('info', 'entering follower state', {
      follower: `Node at ${s.options.address} [Follower]`,
      'leader-address': '',
      'leader-id': '',
    });
    s.electionDeadline = at + s.patienceMs();
    if (s.isSurelyAlone) campaign(s, at, false);
  }

  /** Source: raft wire section 1: every server writes the same entry, with index 1, term 1 and no time. */
  #bootstrap(s: RaftState, at: Millis, configuration: Configuration): void {
    if (!this.isFresh) return;
    s.setVote(1, undefined);
    s.runs.append(1, 1);
    const entry = {
      index: 1,
      term: 1,
      type: LogType.configuration,
      data: s.codec.encode(configuration),
      appendedAtMs: 0,
    };
    s.emit({ kind: 'append', entries: [entry], truncateFrom: undefined });
    s.pushConfiguration(1, configuration);
    // Standing for election must wait until the entry is durable. A vote without it would be taken for that of an old server.
    s.electionDeadline = at + s.patienceMs();
  }

  #request(s: RaftState, at: Millis, token: number, request: RaftRequest): void {
    switch (request.kind) {
      case 'append-entries':
        return onAppendRequest(s, at, token, request);
      case 'request-vote':
        return onVoteRequest(s, at, token, request);
      case 'request-pre-vote':
        return onPreVoteRequest(s, at, token, request);
      case 'install-snapshot':
        return onInstallSnapshot(s, at, token, request);
      case 'timeout-now':
        return onTimeoutNow(s, at, token, request);
      default:
        return unreachable(request, 'request');
    }
  }

  #response(s: RaftState, at: Millis, from: ServerId, sent: Sent, response: RaftResponse | undefined): void {
    switch (sent.kind) {
      case 'append-entries':
        return onAppendResponse(s, at, from, sent, response?.kind === sent.kind ? response : undefined);
      case 'install-snapshot':
        return onInstallResponse(s, at, from, sent, {
          response: response?.kind === sent.kind ? response : undefined,
          index: sent.lastIndex,
        });
      case 'request-vote':
      case 'request-pre-vote':
        if (response?.kind === sent.kind) onVoteResponse(s, at, from, sent, response);
        return;
      case 'timeout-now':
        if (response) onTimeoutNowResponse(s, from, sent);
        return;
    }
  }

  #durable(s: RaftState, at: Millis, index: number): void {
    s.durableIndex = Math.max(s.durableIndex, Math.min(index, s.runs.lastIndex));
    releaseAcks(s);
    if (s.role === 'leader') maybeCommit(s, at);
    else followCommit(s);
    const isBootstrap = s.term === 1 && s.votedFor === undefined && s.durableIndex === 1;
    if (isBootstrap && s.role === 'follower' && s.isSoleVoter) campaign(s, at, false);
  }

  /** The disk is full. A leader that cannot write makes room for one that can. */
  #logRejected(s: RaftState, at: Millis, lastIndex: number): void {
    dropSuffix(s, lastIndex + 1);
    if (s.role !== 'leader') return;
    s.log('error', 'failed to commit logs: no space left on device, stepping down');
    abdicate(s, at);
  }

  #snapshotTaken(s: RaftState, index: number, compactTo: number): void {
    if (index <= s.snapshotIndex) return;
    s.snapshotIndex = index;
    const upTo = Math.min(compactTo, index);
    if (upTo <= s.runs.baseIndex) return;
    s.runs.compactTo(upTo);
    s.emit({ kind: 'compact', index: upTo });
  }

  #stateReplaced(s: RaftState, at: Millis, index: number): void {
    const { configuration } = s;
    s.runs.reset(index, s.term);
    s.durableIndex = index;
    s.snapshotIndex = index;
    s.commitIndex = index;
    s.commitTarget = index;
    s.configurations = [{ index: s.configurations[0]?.index ?? index, configuration }];
    s.emit({ kind: 'restore-snapshot', token: STATE_REPLACED_TOKEN, index, term: s.term, keepLog: false });
    if (s.role !== 'leader') return;
    // Whatever the others hold, they now need the snapshot.
    for (const peer of s.peers.values()) peer.nextIndex = index + 1;
    appendEntries(s, at, 0, [{ type: LogType.noop, data: new Uint8Array(0) }]);
  }

  #deadline(s: RaftState): Millis | undefined {
    if (s.halted) return undefined;
    return s.role === 'leader' ? leaderDeadline(s) : s.electionDeadline;
  }
}
