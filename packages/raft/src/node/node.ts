import {
  type Clock,
  type Disk,
  errorText,
  invariant,
  type Log,
  type Metrics,
  type Millis,
  type Rng,
  soon,
  type Timer,
} from '@proconsul/base';
import { CHUNK_BYTES, CHUNKS_MAX, chunksOf } from '../chunking.ts';
import {
  type Configuration,
  type ConfigurationCodec,
  configurationText,
  type MembershipChange,
  type ServerId,
} from '../configuration.ts';
import { RaftCore } from '../core/core.ts';
import type { NewEntry, RaftEffect, RaftInput, Role } from '../core/inputs.ts';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import { PATIENCE } from '../core/state.ts';
import { isStranger, refusalTo } from '../core/strangers.ts';
import { isNoSpace } from '../disk/log-open.ts';
import { ENTRY_MAX_BYTES } from '../disk/segment.ts';
import type { SnapshotMeta } from '../disk/snapshot-store.ts';
import { writeVoteState } from '../disk/state-file.ts';
import { openStorage, type Storage } from '../disk/storage.ts';
import { type Entry, LogType } from '../entry.ts';
import { RaftError, type RaftErrorCode } from '../errors.ts';
import { Applier } from './applier.ts';
import { BatchTimes } from './batch-times.ts';
import { NodeSnapshots } from './node-snapshots.ts';
import { type RaftOptions, WAITING_INPUTS_MAX } from './options.ts';
import { Outbox, oneChunk } from './outbox.ts';
import { Proposals } from './proposals.ts';
import type { StateMachine } from './state-machine.ts';
import { type RaftStats, statsOf } from './stats.ts';
import type { SnapshotState, Transport } from './transport.ts';

export interface RaftDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly disk: Disk;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly transport: Transport;
  readonly codec: ConfigurationCodec;
  readonly machine: StateMachine;
  /** Told after the change took effect here. A leader has to pass a barrier before it may answer for the past. */
  onRole?(role: Role, term: number): void;
  /** Told when another server, or nobody, is followed. */
  onLeader?(leader: { readonly id: ServerId; readonly address: string } | undefined): void;
  /** The disk or the program failed: this node takes no part any more. Told once. */
  onFailure?(error: Error): void;
}

interface Asker {
  resolve(): void;
  reject(error: Error): void;
}

/** A line about messages of servers that are no members comes no more often. */
const STRANGER_TOLD_MS: Millis = 10_000;

interface IncomingRequest {
  respond(response: RaftResponse): void;
  readonly state: SnapshotState | undefined;
}

const NO_DATA = new Uint8Array(0);

function randomU64(rng: Rng): bigint {
  const { buffer } = rng.bytes(8);
  return new DataView(buffer as ArrayBuffer).getBigUint64(0);
}

/**
 * A Raft server on a disk, a clock and a transport: carries out what {@link RaftCore} decides, in its order, and applies
 * what is committed to a state machine.
 */
export class RaftNode {
  readonly #options: RaftOptions;
  readonly #d: RaftDependencies;
  #storage: Storage | undefined;
  #core: RaftCore | undefined;
  #applier: Applier | undefined;
  #outbox: Outbox | undefined;
  #snapshots: NodeSnapshots | undefined;
  readonly #proposals = new Proposals();
  readonly #times: BatchTimes;
  #isFlushPlanned = false;
  readonly #inputs: RaftInput[] = [];
  /** An input is being worked on, or its effects wait for the disk. */
  #isStepping = false;
  /** The vote does not fit on the disk; nothing goes on before it does. */
  #isDiskFull = false;
  #timer: Timer | undefined;
  /** When `#timer` goes off, and when the core wants to be woken: never before that. */
  #timerDueAt: Millis = 0;
  #wakeAt: Millis | undefined;
  #retryTimer: Timer | undefined;
  #tokens = 1;
  readonly #askers = new Map<number, Asker>();
  readonly #requests = new Map<number, IncomingRequest>();
  #strangerToldAt: Millis = Number.NEGATIVE_INFINITY;
  readonly #idleWaiters: (() => void)[] = [];
  #role: Role = 'follower';
  #isStopped = false;
  #failure: Error | undefined;

  constructor(options: RaftOptions, dependencies: RaftDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#times = new BatchTimes(dependencies.metrics);
  }

  // Life.

  /** Opens and verifies what is on the disk, and loads the newest snapshot. Throws DamageError, DiskError. */
  async open(): Promise<void> {
    const { clock, rng, disk, log, codec, machine, metrics, transport } = this.#d;
    const storage = await openStorage(this.#options, { disk, clock, rng, log }, codec, {
      // Before the core is there, only what the log says of itself is on its way to the disk: no entries.
      durable: (index) => {
        this.#times.durable(index, clock.now());
        if (this.#core) this.#input({ kind: 'durable', at: clock.now(), index });
      },
      rejected: (lastIndex, error) => this.#core && this.#onLogRejected(lastIndex, error),
      failed: (error) => this.#fail(error),
    });
    const { initial, snapshots } = storage;
    const { latest } = snapshots;
    if (latest) await machine.restore(oneChunk(await snapshots.read(latest)));
    this.#storage = storage;
    this.#core = new RaftCore(this.#options, initial, rng, codec);
    this.#applier = new Applier(latest?.index ?? 0, {
      log: storage.log,
      machine,
      clock,
      metrics,
      settle: (entry, result) => this.#proposals.settle(entry, result),
      onApplied: (index) => this.#onApplied(index),
      onFailed: (error) => this.#fail(error),
    });
    const { id, address } = this.#options;
    this.#snapshots = new NodeSnapshots(this.#options, this.#d, storage, this.#applier, {
      core: this.#core,
      role: () => this.#role,
      isStopped: () => this.#isStopped,
      isOver: () => this.#isStopped || this.#failure !== undefined,
      barrier: () => this.barrier(),
      flush: () => this.#planFlush(),
      input: (input) => this.#input(input),
      fail: (error) => this.#fail(error),
    });
    this.#outbox = new Outbox({
      log: storage.log,
      snapshots,
      transport,
      id,
      address,
      answered: (from, sent, response) =>
        this.#input({ kind: 'response', at: clock.now(), from: from.id, sent, response }),
    });
    if (this.#failure) throw this.#failure;
    const { configuration, configurationIndex } = this.#core;
    log.info('initial configuration', { index: configurationIndex, servers: configurationText(configuration) });
  }

  /**
   * Writes the first configuration. A server that is the only voter leads before this resolves, unless its disk is full.
   * Rejects with CANNOT_BOOTSTRAP unless the server is fresh.
   */
  async bootstrap(configuration: Configuration): Promise<void> {
    if (!this.core.isFresh) throw new RaftError('CANNOT_BOOTSTRAP');
    this.#input({ kind: 'bootstrap', at: this.#d.clock.now(), configuration });
    await this.#idle();
    await this.#opened.storage.log.settled();
    await this.#idle();
  }

  /** Takes part. A server that is the only voter leads before this resolves, unless its disk is full. */
  async start(): Promise<void> {
    const { clock, transport } = this.#d;
    transport.onRequest((request, respond, state) => this.#onRequest(request, respond, state));
    this.#input({ kind: 'start', at: clock.now() });
    this.#opened.snapshots.plan();
    await this.#idle();
  }

  /** Everything that waits is rejected with STOPPED. Resolves when the files are closed. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#snapshots?.stop();
    this.#retryTimer?.cancel();
    this.#d.transport.onRequest(undefined);
    this.#rejectAll('STOPPED');
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
    await this.#applier?.stop();
    await this.#storage?.log.close();
  }

  // What others may know.

  /** The rules; only for looking at. */
  get core(): RaftCore {
    invariant(this.#core, 'the node is open');
    return this.#core;
  }
  get #opened(): { storage: Storage; applier: Applier; outbox: Outbox; snapshots: NodeSnapshots } {
    invariant(this.#storage && this.#applier && this.#outbox && this.#snapshots, 'the node is open');
    return { storage: this.#storage, applier: this.#applier, outbox: this.#outbox, snapshots: this.#snapshots };
  }
  get role(): Role {
    return this.#role;
  }
  get lastIndex(): number {
    return this.#opened.storage.log.lastIndex;
  }
  get lastTerm(): number {
    return this.core.lastTerm;
  }
  get appliedIndex(): number {
    return this.#opened.applier.applied;
  }
  /** Why this node takes no part any more; undefined while it does. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Whether a read of the state machine answered now cannot miss any write acknowledged before: we lead, no other server can
   * lead at this moment, and all that earlier leaders committed is applied here.
   */
  hasLease(): boolean {
    if (this.#role !== 'leader' || this.#failure) return false;
    const { core } = this;
    return this.appliedIndex >= core.termStartIndex && core.hasLease(this.#d.clock.now());
  }

  leader(): { readonly id: ServerId; readonly address: string } | undefined {
    const { leaderId, leaderAddress } = this.core;
    return leaderId === undefined ? undefined : { id: leaderId, address: leaderAddress ?? '' };
  }

  /** 0 on the leader; Infinity when there never was a leader. */
  lastContactMs(): Millis {
    if (this.#role === 'leader') return 0;
    if (this.core.leaderId === undefined && this.core.term === 0) return Number.POSITIVE_INFINITY;
    return this.#d.clock.now() - this.core.lastContactAt;
  }

  /**
   * How old the applied state is: since the moment for which a leader vouched that nothing else was committed. 0 with a
   * lease; Infinity before everything is applied that was committed when a leader was first heard in this life.
   */
  stateAgeMs(): Millis {
    if (this.hasLease()) return 0;
    return this.core.stateAgeMs(this.#d.clock.now(), this.appliedIndex);
  }

  /** In force, committed or not. */
  configuration(): Configuration {
    return this.core.configuration;
  }

  /** Figures by name, as `info` prints them. */
  stats(): RaftStats {
    const { storage, applier } = this.#opened;
    const { applied, waiting } = applier;
    return statsOf(this.core, this.#role, {
      applied,
      waiting,
      lastIndex: this.lastIndex,
      lastContactMs: this.lastContactMs(),
      snapshot: storage.snapshots.latest,
    });
  }

  // What others may ask.

  /**
   * Adds an entry to the log and resolves with what the state machine made of it, once it is durable on a quorum and
   * applied here. Rejects with RaftError; after LEADERSHIP_LOST, DISK_FAILED or STOPPED the entry may still survive.
   */
  propose(
    data: Uint8Array,
    options: { readonly command?: unknown; readonly extensions?: Uint8Array } = {},
  ): Promise<unknown> {
    return this.#propose({ type: LogType.command, data, ...options });
  }

  /**
   * As {@link RaftNode.propose} for a command that may be too large for one entry: it is cut into pieces, which the state machine
   * puts together. Resolves with what the state machine made of the last one.
   */
  async proposeChunked(data: Uint8Array, options: { readonly command?: unknown } = {}): Promise<unknown> {
    if (data.length <= CHUNK_BYTES) return this.propose(data, options);
    const { pendingMax, pendingMaxBytes } = this.#options;
    const { size, bytes } = this.#proposals;
    const chunks = chunksOf(data, randomU64(this.#d.rng));
    // All or none: a command without its last pieces would only be held.
    if (chunks.length > CHUNKS_MAX) throw new RaftError('ENTRY_TOO_LARGE');
    if (size + chunks.length > pendingMax || bytes + data.length > pendingMaxBytes) throw new RaftError('QUEUE_FULL');
    const last = chunks.length - 1;
    const results = await Promise.all(
      chunks.map((chunk, i) => this.#propose({ type: LogType.command, ...chunk, ...(i === last ? options : {}) })),
    );
    return results[last];
  }

  /** Resolves when everything that was in the log before it is applied here. */
  async barrier(): Promise<void> {
    this.#d.metrics.count('raft.barrier');
    await this.#propose({ type: LogType.barrier, data: NO_DATA });
  }

  /**
   * Resolves when a quorum has confirmed, after this call, that we lead, and everything committed before it is applied here: a
   * read that follows is linearizable. Source: Ongaro's thesis section 6.4.
   */
  async verifyLeader(): Promise<void> {
    this.#d.metrics.count('raft.verify_leader');
    const { core } = this;
    const readIndex = Math.max(core.commitIndex, core.termStartIndex);
    const { applier } = this.#opened;
    const isAlone = core.isSoleVoter && this.#role === 'leader';
    if (isAlone && !this.#isStepping && !this.#isStopped && !this.#failure && applier.applied >= readIndex) return;
    await this.#ask((token, at) => ({ kind: 'verify', at, token }));
    // The leadership may have begun after the call; then its first entry marks what is committed.
    await applier.whenApplied(Math.max(readIndex, core.termStartIndex));
  }

  /** Resolves when the change is committed. One at a time: CONFIGURATION_BUSY. */
  change(change: MembershipChange): Promise<void> {
    if (this.#snapshots?.isReplacing) return Promise.reject(new RaftError('CONFIGURATION_BUSY'));
    const { clock } = this.#d;
    return this.#ask((token, at) => ({ kind: 'change-membership', at, appendedAtMs: clock.wallMs(), token, change }));
  }
  addVoter(id: ServerId, address: string): Promise<void> {
    return this.change({ kind: 'add-voter', id, address });
  }
  addNonvoter(id: ServerId, address: string): Promise<void> {
    return this.change({ kind: 'add-nonvoter', id, address });
  }
  demote(id: ServerId): Promise<void> {
    return this.change({ kind: 'demote', id });
  }
  remove(id: ServerId): Promise<void> {
    return this.change({ kind: 'remove', id });
  }

  /** Hands the leadership over, to the most advanced peer unless one is named. */
  transferLeadership(to?: ServerId): Promise<void> {
    return this.#ask((token, at) => ({ kind: 'transfer-leadership', at, token, to }));
  }

  #propose(entry: NewEntry): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const code = this.#refusal(entry);
      if (code) return reject(new RaftError(code));
      this.#proposals.queue(entry, { resolve, reject });
      this.#planFlush();
    });
  }

  #refusal(entry: NewEntry): RaftErrorCode | undefined {
    if (this.#isStopped) return 'STOPPED';
    if (this.#failure) return 'DISK_FAILED';
    if (this.#isDiskFull) return 'DISK_FULL';
    const code = this.core.proposalRefusal();
    if (code) return code;
    const { length } = entry.data;
    if (length + (entry.extensions?.length ?? 0) > ENTRY_MAX_BYTES) return 'ENTRY_TOO_LARGE';
    const { pendingMax, pendingMaxBytes } = this.#options;
    const { size, bytes } = this.#proposals;
    return size >= pendingMax || bytes + length > pendingMaxBytes ? 'QUEUE_FULL' : undefined;
  }

  /** Proposals made in one turn, whoever made them, go to the core, the disk and the others in one piece. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    soon(this.#d.clock, () => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isStepping || this.#snapshots?.isReplacing || this.#isStopped || this.#failure) return;
    const entries = this.#proposals.queuedEntries();
    if (entries.length === 0) return;
    const code = this.core.proposalRefusal();
    if (code) return this.#proposals.rejectQueued(code);
    const { clock, metrics } = this.#d;
    this.#proposals.number(this.core.lastIndex + 1, this.core.term);
    metrics.count('raft.apply', entries.length);
    metrics.gauge('raft.leader.dispatchNumLogs', entries.length);
    const at = clock.now();
    this.#times.dispatched(this.core.lastIndex + entries.length, at);
    this.#input({ kind: 'propose', at, appendedAtMs: clock.wallMs(), entries });
  }

  #ask(make: (token: number, at: Millis) => RaftInput): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(new RaftError('STOPPED'));
      if (this.#failure) return reject(new RaftError('DISK_FAILED'));
      if (this.#isDiskFull) return reject(new RaftError('DISK_FULL'));
      const token = this.#tokens++;
      this.#askers.set(token, { resolve, reject });
      this.#input(make(token, this.#d.clock.now()));
    });
  }

  // Inputs and effects.

  /** Resolves when no input is being worked on. */
  #idle(): Promise<void> {
    if (!this.#isStepping || this.#isDiskFull) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #input(input: RaftInput): void {
    if (this.#isStopped || this.#failure) return;
    // A peer that asks too much while we write our vote is not answered; it asks again.
    if (this.#inputs.length >= WAITING_INPUTS_MAX && input.kind === 'request') {
      this.#requests.delete(input.token);
      return;
    }
    this.#inputs.push(input);
    if (!this.#isStepping) this.#work();
  }

  /** Works on inputs until there is none or the disk has to be waited for. */
  #work(): void {
    this.#isStepping = true;
    try {
      while (this.#inputs.length > 0) {
        const effects: RaftEffect[] = [];
        this.core.step(this.#upToDate(this.#inputs.shift()!), effects);
        if (!this.#carryOut(effects, 0)) return;
      }
    } catch (error) {
      return this.#fail(error as Error);
    }
    this.#isStepping = false;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
    if (this.#proposals.queuedSize > 0) this.#planFlush();
  }

  /** While an input waited for a vote to be written, what it says of the log may have become old. */
  #upToDate(input: RaftInput): RaftInput {
    const { log } = this.#opened.storage;
    if (input.kind === 'durable') return { ...input, index: log.durableIndex };
    if (input.kind === 'log-rejected') return { ...input, lastIndex: log.lastIndex };
    return input;
  }

  /** Carries out effects in order. False when the rest must wait for the vote to be durable, and goes on by itself. */
  #carryOut(effects: readonly RaftEffect[], from: number): boolean {
    for (let i = from; i < effects.length && !this.#failure; i++) {
      const effect = effects[i]!;
      if (effect.kind === 'persist-vote') {
        this.#persistVote(effect, () => this.#carryOut(effects, i + 1));
        return false;
      }
      this.#effect(effect);
    }
    return true;
  }

  #persistVote(vote: Extract<RaftEffect, { kind: 'persist-vote' }>, goOn: () => boolean): void {
    const { term, votedFor } = vote;
    writeVoteState(this.#d.disk, this.#opened.storage.votePath, { term, votedFor }).then(
      () => {
        this.#isDiskFull = false;
        if (this.#isStopped || this.#failure) return;
        try {
          if (goOn()) this.#work();
        } catch (error) {
          this.#fail(error as Error);
        }
      },
      (error) => {
        if (!isNoSpace(error)) return this.#fail(error);
        this.#waitForSpace(() => this.#persistVote(vote, goOn), error);
      },
    );
  }

  /** Nothing may be sent before the vote is durable, so everything waits until it fits. */
  #waitForSpace(retry: () => void, error: Error): void {
    if (this.#isStopped) return;
    const { clock, log } = this.#d;
    if (!this.#isDiskFull) log.error('failed to persist vote, waiting for space', { error: errorText(error) });
    this.#isDiskFull = true;
    this.#proposals.rejectQueued('DISK_FULL');
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
    this.#retryTimer = clock.after(this.#options.diskRetryMs, retry);
  }

  #effect(e: RaftEffect): void {
    const { storage, applier, outbox, snapshots } = this.#opened;
    switch (e.kind) {
      case 'persist-vote':
        return;
      case 'append':
        return this.#append(e.entries, e.truncateFrom);
      case 'commit':
        this.#times.committed(e.index, this.#d.clock.now());
        return applier.commit(e.index);
      case 'set-timer':
        return this.#setTimer(e.at);
      case 'role':
        return this.#onRole(e.role, e.term);
      case 'send':
        return outbox.send(e.to, e.request, e.sent);
      case 'send-entries':
        return outbox.sendEntries(e);
      case 'send-snapshot':
        void outbox.sendSnapshot(e.to, e.term, e.sent);
        return;
      case 'respond':
        this.#requests.get(e.token)?.respond(e.response);
        this.#requests.delete(e.token);
        return;
      case 'store-snapshot':
        void snapshots.store(e.token, e.request, this.#requests.get(e.token)?.state);
        return;
      case 'restore-snapshot':
        // The log no longer leads to what they wait for.
        if (!e.keepLog) this.#proposals.rejectNumbered('LEADERSHIP_LOST');
        return snapshots.restore(e);
      case 'compact':
        return storage.log.compactTo(e.index);
      case 'change-appended':
        return this.#changeAppended(e.token, e.index);
      case 'done':
        return this.#answer(e.token, (asker) => asker.resolve());
      case 'refused':
        return this.#answer(e.token, (asker) => asker.reject(new RaftError(e.code, e.message)));
      case 'log':
        return this.#d.log[e.level](e.message, e.fields);
      case 'count':
        return this.#d.metrics.count(e.name);
      case 'observe':
        return this.#d.metrics.sample(e.name, e.value);
      case 'leader':
        return this.#d.onLeader?.(e.id === undefined ? undefined : { id: e.id, address: e.address ?? '' });
      case 'configuration':
        return;
    }
  }

  #append(entries: readonly Entry[], truncateFrom: number | undefined): void {
    const { log } = this.#opened.storage;
    if (truncateFrom !== undefined) {
      this.#proposals.rejectAfter(truncateFrom - 1, 'LEADERSHIP_LOST');
      log.truncateFrom(truncateFrom);
    }
    // A full disk may have dropped the entries before these; the core is about to hear of it, and drops these too.
    if (entries[0]!.index === log.lastIndex + 1) log.append(entries);
  }

  #answer(token: number, how: (asker: Asker) => void): void {
    const asker = this.#askers.get(token);
    this.#askers.delete(token);
    if (asker) how(asker);
  }

  #changeAppended(token: number, index: number): void {
    this.#answer(token, ({ resolve, reject }) => {
      this.#proposals.waitFor(index, this.core.term, { resolve: () => resolve(), reject });
    });
  }

  #setTimer(at: Millis | undefined): void {
    this.#wakeAt = at;
    // Nearly every message puts the wish off. The timer that runs is left alone and, when it goes off, set for the rest.
    if (this.#timer && at !== undefined && at >= this.#timerDueAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at !== undefined && !this.#isStopped) this.#armTimer(at);
  }

  #armTimer(at: Millis): void {
    const { clock } = this.#d;
    this.#timerDueAt = at;
    this.#timer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timer = undefined;
      const wakeAt = this.#wakeAt;
      if (wakeAt === undefined) return;
      if (wakeAt > clock.now()) return this.#armTimer(wakeAt);
      this.#wakeAt = undefined;
      this.#input({ kind: 'timer', at: clock.now() });
    });
  }

  #onRole(role: Role, term: number): void {
    const before = this.#role;
    this.#role = role;
    this.#times.clear();
    if (before === 'leader') {
      this.#proposals.rejectQueued('NOT_LEADER');
      this.#proposals.rejectNumbered('LEADERSHIP_LOST');
      this.#opened.applier.rejectWaiters(new RaftError('LEADERSHIP_LOST'));
    }
    this.#d.onRole?.(role, term);
  }

  #onApplied(index: number): void {
    const { log, snapshots } = this.#opened.storage;
    const hasPeers = this.core.configuration.servers.length > 1;
    log.trimCache(index, hasPeers ? this.#options.cacheBytes : 0);
    const { metrics } = this.#d;
    metrics.gauge('raft.applied_index', index);
    metrics.gauge('raft.last_index', Math.max(log.lastIndex, snapshots.latest?.index ?? 0));
  }

  #onRequest(request: RaftRequest, respond: (r: RaftResponse) => void, state: SnapshotState | undefined): void {
    const at = this.#d.clock.now();
    if (isStranger(this.core, request, at, PATIENCE * this.#options.heartbeatTimeoutMs)) {
      this.#passOver(request, at);
      return respond(refusalTo(request, this.core.term));
    }
    const token = this.#tokens++;
    this.#requests.set(token, { respond, state });
    this.#input({ kind: 'request', at, token, request });
  }

  /** One line in a while: a stranger sends as much as it likes. */
  #passOver({ from, address, kind }: RaftRequest, at: Millis): void {
    if (at - this.#strangerToldAt < STRANGER_TOLD_MS) return;
    this.#strangerToldAt = at;
    this.#d.log.warn('passing over messages of a server that is no member', { from, address, kind });
  }

  // Snapshots.

  /** Writes the state of now as a snapshot and forgets the entries that it covers, but for the trailing ones. */
  snapshot(): Promise<SnapshotMeta> {
    return this.#opened.snapshots.take();
  }

  /**
   * Replaces the state with one from outside, at an index above everything here and at least `minIndex`. Only on a leader;
   * proposals wait meanwhile. Durable when it resolves. `install` puts what `chunks` say in place, where the caller has read
   * them already; without it the state machine reads what was written.
   */
  restoreUserSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    minIndex = 0,
    install?: () => void,
  ): Promise<void> {
    return this.#opened.snapshots.replaceState(chunks, minIndex, install);
  }

  // Trouble.

  #onLogRejected(lastIndex: number, error: Error): void {
    this.#d.log.error('failed to append to the log', { error: errorText(error) });
    // With peers, the entries may have reached some of them, and may yet be committed.
    this.#proposals.rejectAfter(lastIndex, this.core.isSoleVoter ? 'DISK_FULL' : 'LEADERSHIP_LOST');
    this.#input({ kind: 'log-rejected', at: this.#d.clock.now(), lastIndex });
  }

  #rejectAll(code: RaftErrorCode): void {
    this.#proposals.rejectQueued(code);
    this.#proposals.rejectNumbered(code);
    this.#applier?.rejectWaiters(new RaftError(code));
    for (const { reject } of this.#askers.values()) reject(new RaftError(code));
    this.#askers.clear();
  }

  /** After a failed sync nothing that was not reported durable may be trusted, so this node takes no part any more. */
  #fail(error: Error): void {
    if (this.#failure || this.#isStopped) return;
    this.#failure = error;
    const { log, transport, clock } = this.#d;
    log.error('raft stopped taking part', { error: errorText(error) });
    transport.onRequest(undefined);
    this.#timer?.cancel();
    this.#inputs.length = 0;
    // Whatever the core was about to do is void; only its parting words count.
    const effects: RaftEffect[] = [];
    this.#core?.step({ kind: 'disk-failed', at: clock.now() }, effects);
    for (const e of effects) if (e.kind === 'role' || e.kind === 'leader' || e.kind === 'log') this.#effect(e);
    this.#rejectAll('DISK_FAILED');
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
    this.#d.onFailure?.(error);
  }
}
