import type { Level, LogFields, Millis, Rng } from '@proconsul/base';
import {
  type Configuration,
  type ConfigurationCodec,
  EMPTY_CONFIGURATION,
  isVoter,
  type Server,
  type ServerId,
  voters,
} from '../configuration.ts';
import { LATE_MS } from '../late.ts';
import type { ConfigurationAt, CoreOptions, InitialState } from './core-options.ts';
import type { RaftEffect, Role } from './inputs.ts';
import type { RaftResponse } from './messages.ts';
import type { Progress } from './progress.ts';
import { StateAge } from './state-age.ts';
import type { TermRuns } from './term-runs.ts';
import { FIRST_RETRY, GAP_FADE, GAPS_WAITED, LEASE_MARGIN, PATIENCE } from './timing.ts';
import { type VoterFacts, voterFacts } from './voter-facts.ts';

/** Token of a `restore-snapshot` effect whose state the caller has loaded already. */
export const STATE_REPLACED_TOKEN = -1;

/** An answer that waits until entries up to `upTo` are durable. */
export interface PendingAck {
  readonly token: number;
  readonly upTo: number;
  readonly response: RaftResponse;
}

export interface Transfer {
  readonly token: number;
  readonly to: ServerId;
  readonly deadline: Millis;
  sent: boolean;
  /** The target has read the order. */
  answered: boolean;
}

/**
 * All that one server knows, and small helpers around it. The rules are functions on it, in files of their own (election.ts,
 * replication.ts, ...); core.ts leads each input to its rule. Invariant: snapshotIndex <= commitIndex <= durableIndex <=
 * runs.lastIndex.
 */
export class RaftState {
  readonly options: CoreOptions;
  readonly rng: Rng;
  readonly codec: ConfigurationCodec;
  term: number;
  votedFor: ServerId | undefined;
  role: Role = 'follower';
  leaderId: ServerId | undefined;
  leaderAddress: string | undefined;
  readonly runs: TermRuns;
  commitIndex: number;
  /** What a leader has told us to be committed; `commitIndex` follows once that is durable here. */
  commitTarget: number;
  durableIndex: number;
  snapshotIndex: number;
  /** The committed configuration and those after it. Each is in force as soon as it is in the log. */
  configurations: ConfigurationAt[];
  halted = false;
  /** When a leader was last heard; the start counts, so that a restart does not break a promise made before it. */
  lastContactAt: Millis = 0;
  /** The term of the leader that was heard then. */
  #heardTerm = 0;
  /** The longest recent pause between two words of one leader. */
  #gapMs: Millis = 0;
  /** For how long we stood still, as late timers tell, since a leader was heard or, as the leader, a quorum: it excuses their silence. */
  excusedMs: Millis = 0;
  electionDeadline: Millis = 0;
  warnedNoPeers = false;
  // Candidate.
  /** Elections without a result since there was a leader. */
  attempts = 0;
  preVoting = false;
  /** Rounds of pre-votes since a leader was heard. */
  preVoteRounds = 0;
  /** Who would vote for us in the next term. */
  consents = new Set<ServerId>();
  /** The pre-votes are won: at the deadline we stand. */
  willStand = false;
  /** How long the slowest answer took that the last pre-votes were won with. */
  answerMs: Millis = 0;
  /** The term that we stand in; 0 when we have not stood since there was somebody to follow. */
  standsIn = 0;
  /** Who votes for us in that term: also late, when we ask for consent to the next one already. */
  votes = new Set<ServerId>();
  refusals = new Set<ServerId>();
  transferElection = false;
  /** Voters that answer, but no pre-votes. */
  readonly withoutPreVote = new Set<ServerId>();
  // Leader.
  peers = new Map<ServerId, Progress>();
  leaderSince: Millis = 0;
  /** A moment that the last contact to a quorum is not before; brought up to date with every round of heartbeats. */
  contactFloor: Millis = 0;
  /** When the members changed last. */
  changedAt: Millis = 0;
  /** Index of the first entry of our term. */
  termStartIndex = 0;
  heartbeatAt: Millis = 0;
  /** When the others are told of commits that nothing has told them of by then; Infinity: there are none. */
  noticeAt: Millis = Number.POSITIVE_INFINITY;
  round = 0;
  verifies: { readonly token: number; readonly round: number }[] = [];
  transfer: Transfer | undefined;
  leaseBlockedUntil: Millis = Number.NEGATIVE_INFINITY;
  // Follower.
  pendingAcks: PendingAck[] = [];
  readonly stateAge = new StateAge();
  // Output.
  effects: RaftEffect[] = [];
  #known: VoterFacts = voterFacts(EMPTY_CONFIGURATION, '');
  #voteDirty = false;
  #timerAt: Millis | undefined;

  constructor(options: CoreOptions, initial: InitialState, rng: Rng, codec: ConfigurationCodec) {
    this.options = options;
    this.rng = rng;
    this.codec = codec;
    this.term = initial.term;
    this.votedFor = initial.votedFor;
    this.runs = initial.runs;
    this.commitIndex = initial.snapshotIndex;
    this.commitTarget = initial.snapshotIndex;
    this.snapshotIndex = initial.snapshotIndex;
    this.durableIndex = initial.runs.lastIndex;
    this.configurations = [...initial.configurations];
  }

  /** The configuration in force: the newest in the log, committed or not. */
  get configuration(): Configuration {
    return this.configurations[this.configurations.length - 1]?.configuration ?? EMPTY_CONFIGURATION;
  }

  /** What follows from the configuration in force; every message asks for it. */
  #facts(): VoterFacts {
    const { configuration } = this;
    if (this.#known.of !== configuration) this.#known = voterFacts(configuration, this.options.id);
    return this.#known;
  }

  get isVoter(): boolean {
    return this.#facts().isVoter;
  }

  get voterIds(): readonly ServerId[] {
    return this.#facts().ids;
  }

  /** A voter now, or before a change that may not have been committed. Source: Ongaro's thesis section 4.2.2. */
  mayBeVoter(id: ServerId): boolean {
    return this.configurations.some(({ configuration }) => isVoter(configuration, id));
  }

  get voterCount(): number {
    return this.#facts().ids.length;
  }

  get quorum(): number {
    return this.#facts().quorum;
  }

  get isSoleVoter(): boolean {
    const { ids, isVoter } = this.#facts();
    return isVoter && ids.length === 1;
  }

  /** Nobody else votes, nor did before a change that may not have been committed: so nobody else can lead. */
  get isSurelyAlone(): boolean {
    return this.isSoleVoter && this.configurations.every(({ configuration }) => voters(configuration).length === 1);
  }

  otherVoters(): Server[] {
    return voters(this.configuration).filter((server) => server.id !== this.options.id);
  }

  /** The vote must be durable before anything that others see. */
  setVote(term: number, votedFor: ServerId | undefined): void {
    this.term = term;
    this.votedFor = votedFor;
    this.#voteDirty = true;
  }

  emit(effect: RaftEffect): void {
    if (effect.kind !== 'log' && effect.kind !== 'count') this.flushVote();
    this.effects.push(effect);
  }

  flushVote(): void {
    if (!this.#voteDirty) return;
    this.#voteDirty = false;
    this.effects.push({ kind: 'persist-vote', term: this.term, votedFor: this.votedFor });
  }

  log(level: Lowercase<Level>, message: string, fields: LogFields = {}): void {
    this.effects.push({ kind: 'log', level, message, fields });
  }

  setRole(role: Role): void {
    if (this.role === role) return;
    this.role = role;
    this.emit({ kind: 'role', role, term: this.term });
  }

  setLeader(id: ServerId | undefined, address: string | undefined): void {
    if (this.leaderId === id && this.leaderAddress === address) return;
    this.leaderId = id;
    this.leaderAddress = address;
    this.emit({ kind: 'leader', id, address });
  }

  /** A word of the leader of `term`. */
  heard(at: Millis, term: number): void {
    const gap = term === this.#heardTerm ? at - this.lastContactAt : 0;
    const longest = Math.max(gap, this.#gapMs - gap * GAP_FADE);
    this.#gapMs = Math.min(longest, this.options.heartbeatTimeoutMs);
    this.#heardTerm = term;
    this.lastContactAt = at;
    this.excusedMs = 0;
  }

  /**
   * How long a follower that hears nothing waits before it stands. Different each time, so that one is first. Longer where the leader
   * makes long pauses, as on a machine that has too much to do.
   */
  patienceMs(): Millis {
    const { heartbeatTimeoutMs } = this.options;
    const base = Math.max(heartbeatTimeoutMs * PATIENCE, Math.min(this.#gapMs * GAPS_WAITED, heartbeatTimeoutMs));
    return Math.max(base, this.refusalMs * 1.05) + this.rng.float() * base;
  }

  /** By how much the timer that goes off now is late. */
  latenessMs(at: Millis): Millis {
    return this.#timerAt === undefined ? 0 : Math.max(0, at - this.#timerAt);
  }

  /**
   * We stood still for `lateMs`: whatever others said meanwhile is still to be read, so their silence does not count. Returns what is
   * excused, 0 when it was too little or when all has been excused that may be.
   */
  excuse(lateMs: Millis): Millis {
    if (lateMs < LATE_MS) return 0;
    const left = this.options.heartbeatTimeoutMs - this.excusedMs;
    const excused = Math.min(lateMs, left);
    if (excused < LATE_MS) return 0;
    this.excusedMs += excused;
    return excused;
  }

  /** For how long after a word of the leader nobody gets our vote: a leader that heard from us counts on that. */
  get refusalMs(): Millis {
    return this.options.leaderLeaseTimeoutMs * LEASE_MARGIN;
  }

  /** How long a candidate waits for a result: soon again after a split vote, longer when answers seem to take their time. */
  retryMs(): Millis {
    const { electionTimeoutMs } = this.options;
    const usual = electionTimeoutMs * Math.min(1, FIRST_RETRY * 2 ** this.attempts);
    const base = Math.max(usual, Math.min(this.answerMs * 2, electionTimeoutMs * 2));
    return base + this.rng.float() * base;
  }

  requestHeader(): { from: ServerId; address: string; term: number } {
    return { from: this.options.id, address: this.options.address, term: this.term };
  }

  wishTimer(at: Millis | undefined): void {
    if (at === this.#timerAt) return;
    this.#timerAt = at;
    this.effects.push({ kind: 'set-timer', at });
  }

  /** The timer that was set has gone off. */
  timerFired(): void {
    this.#timerAt = undefined;
  }

  pushConfiguration(index: number, configuration: Configuration): void {
    this.configurations.push({ index, configuration });
    this.emit({ kind: 'configuration', configuration, index, committed: false });
  }

  /** Configurations of entries from `index` on are void with them. */
  dropConfigurationsFrom(index: number): void {
    const before = this.configurations.length;
    while (this.configurations.length > 1 && this.configurations[this.configurations.length - 1]!.index >= index) {
      this.configurations.pop();
    }
    if (this.configurations.length === 1 && this.configurations[0]!.index >= index) this.configurations.pop();
    if (this.configurations.length === before) return;
    const latest = this.configurations[this.configurations.length - 1];
    this.emit({
      kind: 'configuration',
      configuration: this.configuration,
      index: latest?.index ?? 0,
      committed: latest !== undefined && latest.index <= this.commitIndex,
    });
  }

  /** Moves the commit index and, with it, the committed configuration. */
  setCommit(index: number): void {
    this.commitIndex = index;
    this.emit({ kind: 'commit', index });
    let committed = false;
    while (this.configurations.length > 1 && this.configurations[1]!.index <= index) {
      this.configurations.shift();
      committed = true;
    }
    const first = this.configurations[0];
    if (committed && first) {
      this.emit({ kind: 'configuration', configuration: first.configuration, index: first.index, committed: true });
    }
  }
}
