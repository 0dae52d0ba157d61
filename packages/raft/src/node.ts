import type { Clock, Disk, Log, Metrics, Millis, Rng, Timer } from '@proconsul/base';
import { errorText, invariant } from '@proconsul/base';
import {
  type Configuration,
  type ConfigurationCodec,
  type MembershipChange,
  type Server,
  type ServerId,
  voters,
} from './configuration.ts';
import { RaftCore } from './core.ts';
import type { DurableLog } from './durable-log.ts';
import { type Entry, LogType } from './entry.ts';
import { RaftError } from './errors.ts';
import type { NewEntry, RaftEffect, RaftInput, Role, Sent } from './inputs.ts';
import type { InstallSnapshotRequest, RaftRequest, RaftResponse } from './messages.ts';
import { APPLY_SLICE, type RaftOptions, WAITING_INPUTS_MAX } from './options.ts';
import type { SnapshotMeta, SnapshotStore } from './snapshot-store.ts';
import { STATE_REPLACED_TOKEN } from './state.ts';
import { writeVoteState } from './state-file.ts';
import type { StateMachine } from './state-machine.ts';
import { openStorage, type Storage } from './storage.ts';
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
}

interface Pending {
  readonly term: number;
  readonly bytes: number;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Request {
  respond(response: RaftResponse): void;
  readonly state: SnapshotState | undefined;
}

/** Bytes of entries in one append-entries request. */
const SEND_BYTES_MAX = 1024 * 1024;

const NO_DATA = new Uint8Array(0);

/** Figures by name, as `info` and `/v1/agent/self` print them. */
export type RaftStats = Readonly<Record<string, string>>;

/**
 * A Raft server on a disk, a clock and a transport: carries out what {@link RaftCore} decides, in its order, and applies
 * what is committed to a state machine.
 */
export class RaftNode {
  readonly #options: RaftOptions;
  readonly #d: RaftDependencies;
  #storage: Storage | undefined;
  #core: RaftCore | undefined;
  #applied = 0;
  #commitTarget = 0;
  #applying = false;
  #pending = new Map<number, Pending>();
  #pendingBytes = 0;
  #inputs: RaftInput[] = [];
  #stepping = false;
  #timer: Timer | undefined;
  #snapshotTimer: Timer | undefined;
  #snapshotting = false;
  #tokens = 1;
  readonly #waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  readonly #requests = new Map<number, Request>();
  /** Puts the state of that snapshot in place, which was read before it was written. */
  #install: { readonly snapshot: string; run(): void } | undefined;
  /** Restores of the state machine under way: commits wait for them. */
  #restoring: Promise<void> | undefined;
  #role: Role = 'follower';
  #stopped = false;
  #failure: Error | undefined;

  constructor(options: RaftOptions, dependencies: RaftDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** Opens and verifies what is on the disk, and loads the newest snapshot. Throws DamageError, DiskError. */
  async open(): Promise<void> {
    const { clock, rng, disk, log, codec, machine } = this.#d;
    this.#storage = await openStorage(this.#options, { disk, clock, rng, log }, codec, {
      durable: (index) => this.#input({ kind: 'durable', at: clock.now(), index }),
      rejected: (lastIndex, error) => this.#onRejected(lastIndex, error),
      failed: (error) => this.#onDiskFailed(error),
    });
    const { initial, snapshots } = this.#storage;
    const latest = snapshots.latest;
    if (latest !== undefined) {
      await machine.restore(oneChunk(await snapshots.read(latest)));
      this.#applied = latest.index;
    }
    this.#commitTarget = this.#applied;
    this.#core = new RaftCore(this.#options, initial, rng, codec);
    log.info('initial configuration', {
      index: this.core.configurationIndex,
      servers: serversText(this.core.configuration.servers),
    });
  }

  get core(): RaftCore {
    invariant(this.#core !== undefined, 'the node is open');
    return this.#core;
  }

  get #log(): DurableLog {
    return (this.#storage as Storage).log;
  }

  get #snapshots(): SnapshotStore {
    return (this.#storage as Storage).snapshots;
  }

  /** Writes the first configuration. Rejects with CANNOT_BOOTSTRAP unless the server is fresh. */
  async bootstrap(configuration: Configuration): Promise<void> {
    if (!this.core.isFresh) throw new RaftError('CANNOT_BOOTSTRAP');
    this.#input({ kind: 'bootstrap', at: this.#d.clock.now(), configuration });
    await this.#idle();
  }

  /** Takes part. A server that is the only voter leads before this resolves. */
  async start(): Promise<void> {
    const { clock, transport } = this.#d;
    transport.onRequest((request, respond, state) => this.#onRequest(request, respond, state));
    this.#input({ kind: 'start', at: clock.now() });
    this.#planSnapshot();
    await this.#idle();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#snapshotTimer?.cancel();
    this.#d.transport.onRequest(undefined);
    this.#rejectAll(new RaftError('STOPPED'));
    await this.#restoring;
    await this.#storage?.log.close();
  }

  get role(): Role {
    return this.#role;
  }
  get lastIndex(): number {
    return this.#log.lastIndex;
  }
  get lastTerm(): number {
    return this.core.lastTerm;
  }
  get appliedIndex(): number {
    return this.#applied;
  }

  /** We lead, and no other server can lead at this moment. */
  hasLease(): boolean {
    return this.#role === 'leader' && this.core.hasLease(this.#d.clock.now());
  }

  leader(): { readonly id: ServerId; readonly address: string } | undefined {
    const id = this.core.leaderId;
    return id === undefined ? undefined : { id, address: this.core.leaderAddress ?? '' };
  }

  /** 0 on the leader; Infinity when there never was a leader. */
  lastContactMs(): Millis {
    if (this.#role === 'leader') return 0;
    if (this.core.leaderId === undefined && this.core.term === 0) return Number.POSITIVE_INFINITY;
    return this.#d.clock.now() - this.core.lastContactAt;
  }

  configuration(): Configuration {
    return this.core.configuration;
  }

  /**
   * Adds an entry to the log and resolves with what the state machine made of it, once it is durable on a quorum and
   * applied here. Rejects with RaftError; after LEADERSHIP_LOST or STOPPED the entry may still survive.
   */
  propose(
    data: Uint8Array,
    options: { readonly command?: unknown; readonly extensions?: Uint8Array } = {},
  ): Promise<unknown> {
    const entry: NewEntry = { type: LogType.command, data, ...options };
    return this.#propose(entry);
  }

  /** Resolves when everything that was in the log before it is applied here. */
  async barrier(): Promise<void> {
    await this.#propose({ type: LogType.barrier, data: NO_DATA });
  }

  #propose(entry: NewEntry): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(entry.data.length);
      if (refusal !== undefined) return reject(refusal);
      this.#proposals.push({ entry, resolve, reject });
      const { clock } = this.#d;
      this.#input({ kind: 'propose', at: clock.now(), appendedAtMs: clock.wallMs(), entries: [entry] });
    });
  }

  /** Proposals whose entries the core has not numbered yet, in order. */
  readonly #proposals: { readonly entry: NewEntry; resolve(r: unknown): void; reject(e: Error): void }[] = [];

  #refusal(bytes: number): Error | undefined {
    if (this.#stopped) return new RaftError('STOPPED');
    if (this.#failure !== undefined) return new RaftError('DISK_FAILED');
    const code = this.core.proposalRefusal();
    if (code !== undefined) return new RaftError(code);
    const { pendingMax, pendingMaxBytes } = this.#options;
    if (this.#pending.size >= pendingMax || this.#pendingBytes + bytes > pendingMaxBytes)
      return new RaftError('QUEUE_FULL');
    return undefined;
  }

  /** Resolves when a quorum has confirmed that we lead. */
  verifyLeader(): Promise<void> {
    return this.#ask((token, at) => ({ kind: 'verify', at, token }));
  }

  change(change: MembershipChange): Promise<void> {
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

  #ask(make: (token: number, at: Millis) => RaftInput): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(new RaftError('STOPPED'));
      const token = this.#tokens++;
      this.#waiting.set(token, { resolve, reject });
      this.#input(make(token, this.#d.clock.now()));
    });
  }

  stats(): RaftStats {
    const { core } = this;
    const latest = this.#snapshots.latest;
    const state = { follower: 'Follower', candidate: 'Candidate', leader: 'Leader' }[this.#role];
    return {
      applied_index: String(this.#applied),
      commit_index: String(core.commitIndex),
      fsm_pending: '0',
      last_contact: this.#role === 'leader' ? '0' : `${Math.round(this.lastContactMs())}ms`,
      last_log_index: String(this.lastIndex),
      last_log_term: String(this.lastTerm),
      last_snapshot_index: String(latest?.index ?? 0),
      last_snapshot_term: String(latest?.term ?? 0),
      latest_configuration: serversText(core.configuration.servers),
      latest_configuration_index: String(core.configurationIndex <= 1 ? 0 : core.configurationIndex),
      num_peers: String(Math.max(0, voters(core.configuration).length - 1)),
      protocol_version: '3',
      protocol_version_max: '3',
      protocol_version_min: '0',
      snapshot_version_max: '1',
      snapshot_version_min: '0',
      state,
      term: String(core.term),
    };
  }

  // Inputs and effects.

  #idleWaiters: (() => void)[] = [];

  /** Resolves when no input is being worked on. */
  #idle(): Promise<void> {
    if (!this.#stepping && this.#inputs.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #input(input: RaftInput): void {
    if (this.#stopped) return;
    // A peer that asks too much while we write our vote is not answered; it asks again.
    if (this.#inputs.length >= WAITING_INPUTS_MAX && input.kind === 'request') return;
    this.#inputs.push(input);
    if (!this.#stepping) this.#run();
  }

  #run(): void {
    this.#stepping = true;
    const work = this.#drain();
    if (work === undefined) {
      this.#finishedRun();
      return;
    }
    work.then(
      () => this.#finishedRun(),
      (error) => this.#onDiskFailed(error as Error),
    );
  }

  #finishedRun(): void {
    this.#stepping = false;
    // Something may have come in between the last input and this turn.
    if (this.#inputs.length > 0) return this.#run();
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** Works on inputs until there is none. A promise only when something has to be waited for. */
  #drain(): Promise<void> | undefined {
    for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) {
      const effects: RaftEffect[] = [];
      if (input.kind === 'propose' && this.#refuseLate(input.entries)) continue;
      this.core.step(input.kind === 'durable' ? this.#stillDurable(input) : input, effects);
      const waiting = this.#carryOut(effects, 0);
      if (waiting !== undefined) return waiting.then(() => this.#drain());
    }
    return undefined;
  }

  /** The report may have waited for a vote to be written, and entries that it counts may have been voided meanwhile. */
  #stillDurable(input: Extract<RaftInput, { kind: 'durable' }>): RaftInput {
    return { ...input, index: Math.min(input.index, this.#log.durableIndex) };
  }

  /** A proposal that waited may find that its time has passed: the core would ignore it, and its caller wait for ever. */
  #refuseLate(entries: readonly NewEntry[]): boolean {
    const code = this.core.proposalRefusal();
    if (code === undefined) return false;
    const at = this.#proposals.findIndex((p) => p.entry === entries[0]);
    if (at >= 0) this.#proposals.splice(at, 1)[0]?.reject(new RaftError(code));
    return true;
  }

  #carryOut(effects: readonly RaftEffect[], from: number): Promise<void> | undefined {
    for (let i = from; i < effects.length; i++) {
      const effect = effects[i] as RaftEffect;
      if (effect.kind !== 'persist-vote') {
        this.#effect(effect);
        continue;
      }
      const { term, votedFor } = effect;
      const path = (this.#storage as Storage).votePath;
      return writeVoteState(this.#d.disk, path, { term, votedFor }).then(() => this.#carryOut(effects, i + 1));
    }
    return undefined;
  }

  #effect(e: RaftEffect): void {
    switch (e.kind) {
      case 'persist-vote':
        return;
      case 'append':
        return this.#append(e.entries, e.truncateFrom);
      case 'commit':
        this.#commitTarget = Math.max(this.#commitTarget, e.index);
        return this.#apply();
      case 'set-timer':
        return this.#setTimer(e.at);
      case 'role':
        return this.#onRole(e.role, e.term);
      case 'send':
        return this.#send(e.to, e.request, e.sent);
      case 'send-entries':
        void this.#sendEntries(e);
        return;
      case 'send-snapshot':
        void this.#sendSnapshot(e.to, e.term, e.sent);
        return;
      case 'respond':
        this.#requests.get(e.token)?.respond(e.response);
        this.#requests.delete(e.token);
        return;
      case 'store-snapshot':
        void this.#storeSnapshot(e.token, e.request);
        return;
      case 'restore-snapshot':
        return this.#restore(e.token, e.index, e.term, e.keepLog);
      case 'compact':
        return this.#log.compactTo(e.index);
      case 'change-appended':
        return this.#changeAppended(e.token, e.index);
      case 'done':
        this.#waiting.get(e.token)?.resolve();
        this.#waiting.delete(e.token);
        return;
      case 'refused':
        this.#waiting.get(e.token)?.reject(new RaftError(e.code, e.message));
        this.#waiting.delete(e.token);
        return;
      case 'log':
        return this.#d.log[e.level](e.message, e.fields);
      case 'count':
        return this.#d.metrics.count(e.name);
      case 'observe':
        return this.#d.metrics.sample(e.name, e.value);
      case 'leader':
      case 'configuration':
        return;
    }
  }

  #append(entries: readonly Entry[], truncateFrom: number | undefined): void {
    if (truncateFrom !== undefined) {
      for (const [index, p] of [...this.#pending])
        if (index >= truncateFrom) this.#settle(index, p, new RaftError('LEADERSHIP_LOST'));
      this.#log.truncateFrom(truncateFrom);
    }
    for (const entry of entries) {
      const head = this.#proposals[0];
      if (head === undefined || head.entry.data !== entry.data || head.entry.type !== entry.type) continue;
      this.#proposals.shift();
      const bytes = entry.data.length;
      this.#pendingBytes += bytes;
      this.#pending.set(entry.index, { term: entry.term, bytes, resolve: head.resolve, reject: head.reject });
    }
    this.#log.append(entries);
    this.#d.metrics.count('raft.apply', entries.length);
  }

  #settle(index: number, p: Pending, error: Error): void {
    this.#pending.delete(index);
    this.#pendingBytes -= p.bytes;
    p.reject(error);
  }

  #rejectAll(error: Error): void {
    for (const [index, p] of [...this.#pending]) this.#settle(index, p, error);
    for (const p of this.#proposals.splice(0)) p.reject(error);
    for (const w of this.#waiting.values()) w.reject(error);
    this.#waiting.clear();
  }

  #setTimer(at: Millis | undefined): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at === undefined || this.#stopped) return;
    const { clock } = this.#d;
    this.#timer = clock.after(Math.max(0, at - clock.now()), () => this.#input({ kind: 'timer', at: clock.now() }));
  }

  #onRole(role: Role, term: number): void {
    const before = this.#role;
    this.#role = role;
    if (before === 'leader' && role !== 'leader') this.#rejectAll(new RaftError('LEADERSHIP_LOST'));
    this.#d.onRole?.(role, term);
  }

  // Applying.

  #apply(): void {
    if (this.#applying || this.#restoring !== undefined) return;
    this.#applying = true;
    const work = this.#applySlices();
    if (work === undefined) {
      this.#applying = false;
      return;
    }
    work.then(
      () => {
        this.#applying = false;
        if (this.#applied < this.#commitTarget) this.#apply();
      },
      (error) => this.#onDiskFailed(error as Error),
    );
  }

  #applySlices(): Promise<void> | undefined {
    while (this.#applied < this.#commitTarget && !this.#stopped && this.#restoring === undefined) {
      const to = Math.min(this.#commitTarget, this.#applied + APPLY_SLICE);
      const cached = this.#log.readCached(this.#applied + 1, to, Number.MAX_SAFE_INTEGER);
      if (cached === undefined) return this.#applyFromDisk(to).then(() => this.#applySlices());
      this.#applyEntries(cached);
    }
    return undefined;
  }

  async #applyFromDisk(to: number): Promise<void> {
    const from = this.#applied + 1;
    const entries = await this.#log.read(from, to, SEND_BYTES_MAX);
    // A snapshot from the leader has taken their place.
    if (this.#restoring !== undefined || this.#applied + 1 !== from) return;
    invariant(entries !== undefined, 'committed entries are in the log until they are applied');
    this.#applyEntries(entries);
  }

  #applyEntries(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    const commands = entries.filter((e) => e.type === LogType.command);
    const results = commands.length === 0 ? [] : this.#d.machine.apply(commands);
    this.#applied = last.index;
    let at = 0;
    for (const entry of entries) {
      const result = entry.type === LogType.command ? results[at++] : undefined;
      const p = this.#pending.get(entry.index);
      if (p === undefined) continue;
      this.#pending.delete(entry.index);
      this.#pendingBytes -= p.bytes;
      if (p.term === entry.term) p.resolve(result);
      else p.reject(new RaftError('LEADERSHIP_LOST'));
      delete (entry as { command?: unknown }).command;
    }
    this.#log.trimCache(last.index, this.#options.cacheBytes);
  }

  #changeAppended(token: number, index: number): void {
    const waiting = this.#waiting.get(token);
    this.#waiting.delete(token);
    if (waiting === undefined) return;
    this.#pending.set(index, {
      term: this.core.term,
      bytes: 0,
      resolve: () => waiting.resolve(),
      reject: waiting.reject,
    });
  }

  // Snapshots.

  #planSnapshot(): void {
    const { clock, rng } = this.#d;
    const { snapshotIntervalMs } = this.#options;
    this.#snapshotTimer = clock.after(snapshotIntervalMs * (1 + rng.float()), () => {
      this.#planSnapshot();
      if (this.#applied - (this.#snapshots.latest?.index ?? 0) < this.#options.snapshotThreshold) return;
      this.snapshot().catch((error) => this.#d.log.error('failed to take snapshot', { error: errorText(error) }));
    });
  }

  /** Writes the state of now as a snapshot and forgets the entries that it covers, but for the trailing ones. */
  async snapshot(): Promise<SnapshotMeta> {
    if (this.#snapshotting) throw new RaftError('SNAPSHOT_BUSY');
    const index = this.#applied;
    const term = this.core.termOf(index);
    if (index === 0 || term === undefined || index <= (this.#snapshots.latest?.index ?? 0))
      throw new RaftError('NOTHING_TO_SNAPSHOT');
    this.#snapshotting = true;
    const { clock, log, machine } = this.#d;
    try {
      const capture = machine.snapshot();
      const committed = this.core.committedConfiguration ?? {
        configuration: this.core.configuration,
        index: this.core.configurationIndex,
      };
      log.info('starting snapshot up to', { index });
      const meta = await this.#snapshots.write(
        { index, term, configuration: committed.configuration, configurationIndex: committed.index },
        capture.chunks(),
      );
      const compactTo = Math.max(0, index - this.#options.trailingLogs);
      this.#input({ kind: 'snapshot-taken', at: clock.now(), index, compactTo });
      log.info('snapshot complete up to', { index });
      return meta;
    } finally {
      this.#snapshotting = false;
    }
  }

  /**
   * Replaces the state with one from outside, at an index above everything here and at least `minIndex`. Only on a leader.
   * Durable when it resolves. `install` puts what `chunks` say in place, where the caller has read them already; without it
   * the state machine reads what was written.
   */
  async restoreUserSnapshot(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    minIndex = 0,
    install?: () => void,
  ): Promise<void> {
    if (this.#role !== 'leader') throw new RaftError('NOT_LEADER');
    if (this.#snapshotting) throw new RaftError('SNAPSHOT_BUSY');
    this.#snapshotting = true;
    try {
      await this.barrier();
      const index = Math.max(this.lastIndex, this.#applied, minIndex) + 1;
      const { configuration, configurationIndex, term } = this.core;
      const { id } = await this.#snapshots.write({ index, term, configuration, configurationIndex }, chunks);
      const done = new Promise<void>((resolve, reject) => this.#waiting.set(STATE_REPLACED_TOKEN, { resolve, reject }));
      this.#install = install === undefined ? undefined : { snapshot: id, run: install };
      this.#input({ kind: 'state-replaced', at: this.#d.clock.now(), index });
      await done;
    } finally {
      this.#install = undefined;
      this.#snapshotting = false;
    }
  }

  #restore(token: number, index: number, term: number, keepLog: boolean): void {
    if (keepLog) this.#log.compactTo(index);
    else {
      for (const [at, p] of [...this.#pending]) if (at <= index) this.#settle(at, p, new RaftError('LEADERSHIP_LOST'));
      this.#log.reset({ index, term });
    }
    const before = this.#restoring ?? Promise.resolve();
    const work = before
      .then(() => this.#load(index))
      .then(
        () => {
          this.#applied = index;
          this.#commitTarget = Math.max(this.#commitTarget, index);
          this.#waiting.get(token)?.resolve();
        },
        (error) => {
          this.#waiting.get(token)?.reject(error);
          this.#onDiskFailed(error);
        },
      );
    const restoring = work.then(() => {
      this.#waiting.delete(token);
      if (this.#restoring !== restoring) return;
      this.#restoring = undefined;
      this.#apply();
    });
    this.#restoring = restoring;
  }

  async #load(index: number): Promise<void> {
    // Not always the newest one: a later one may have been stored while this waited.
    const meta = this.#snapshots.list().find((m) => m.index === index);
    invariant(meta !== undefined, 'the snapshot to restore is there');
    if (this.#install?.snapshot === meta.id) return this.#install.run();
    await this.#d.machine.restore(oneChunk(await this.#snapshots.read(meta)));
  }

  async #storeSnapshot(token: number, request: InstallSnapshotRequest): Promise<void> {
    const state = this.#requests.get(token)?.state;
    let ok = false;
    try {
      if (state !== undefined) {
        const { lastLogIndex, lastLogTerm, configuration, configurationIndex } = request;
        await this.#snapshots.write(
          { index: lastLogIndex, term: lastLogTerm, configuration, configurationIndex },
          state,
        );
        ok = true;
      }
    } catch (error) {
      this.#d.log.error('failed to store the snapshot of the leader', { error: errorText(error) });
    }
    this.#input({ kind: 'snapshot-stored', at: this.#d.clock.now(), token, request, ok });
  }

  // Peers.

  #onRequest(request: RaftRequest, respond: (r: RaftResponse) => void, state: SnapshotState | undefined): void {
    const token = this.#tokens++;
    this.#requests.set(token, { respond, state });
    this.#input({ kind: 'request', at: this.#d.clock.now(), token, request });
  }

  #send(to: Server, request: RaftRequest, sent: Sent, state?: SnapshotState): void {
    const answer = (response: RaftResponse | undefined) =>
      this.#input({ kind: 'response', at: this.#d.clock.now(), from: to.id, sent, response });
    this.#d.transport.send(to, request, state).then(answer, () => answer(undefined));
  }

  async #sendEntries(e: Extract<RaftEffect, { kind: 'send-entries' }>): Promise<void> {
    let entries: readonly Entry[] | undefined = [];
    if (e.last >= e.from) {
      entries =
        this.#log.readCached(e.from, e.last, SEND_BYTES_MAX) ??
        (await this.#log.read(e.from, e.last, SEND_BYTES_MAX).catch(() => undefined));
    }
    if (entries === undefined) {
      this.#input({ kind: 'response', at: this.#d.clock.now(), from: e.to.id, sent: e.sent, response: undefined });
      return;
    }
    const request: RaftRequest = {
      kind: 'append-entries',
      from: this.#options.id,
      address: this.#options.address,
      term: e.term,
      prevLogIndex: e.prevLogIndex,
      prevLogTerm: e.prevLogTerm,
      entries,
      leaderCommit: e.leaderCommit,
    };
    // Fewer than the core asked for when they are large: the answer speaks only of these.
    this.#send(e.to, request, { ...e.sent, lastIndex: e.prevLogIndex + entries.length });
  }

  async #sendSnapshot(to: Server, term: number, sent: Sent): Promise<void> {
    const meta = this.#snapshots.latest;
    const bytes = meta === undefined ? undefined : await this.#snapshots.read(meta).catch(() => undefined);
    if (meta === undefined || bytes === undefined) {
      this.#input({ kind: 'response', at: this.#d.clock.now(), from: to.id, sent, response: undefined });
      return;
    }
    const request: RaftRequest = {
      kind: 'install-snapshot',
      from: this.#options.id,
      address: this.#options.address,
      term,
      lastLogIndex: meta.index,
      lastLogTerm: meta.term,
      configuration: meta.configuration,
      configurationIndex: meta.configurationIndex,
      sizeBytes: meta.sizeBytes,
    };
    this.#send(to, request, { ...sent, lastIndex: meta.index }, oneChunk(bytes));
  }

  // Trouble.

  #onRejected(lastIndex: number, error: Error): void {
    this.#d.log.error('the disk is full', { error: errorText(error) });
    for (const [index, p] of [...this.#pending])
      if (index > lastIndex) this.#settle(index, p, new RaftError('DISK_FULL'));
    this.#input({ kind: 'log-rejected', at: this.#d.clock.now(), lastIndex });
  }

  /** After a failed sync nothing that was not reported durable may be trusted, so this node takes no part any more. */
  #onDiskFailed(error: Error): void {
    if (this.#failure !== undefined || this.#stopped) return;
    this.#failure = error;
    this.#d.log.error('the disk failed', { error: errorText(error) });
    this.#stepping = false;
    this.#input({ kind: 'disk-failed', at: this.#d.clock.now() });
    this.#rejectAll(new RaftError('DISK_FAILED'));
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** As Consul prints servers. */
function serversText(servers: readonly Server[]): string {
  const word = { voter: 'Voter', nonvoter: 'Nonvoter', staging: 'Staging' } as const;
  return `[${servers.map((s) => `{Suffrage:${word[s.suffrage]} ID:${s.id} Address:${s.address}}`).join(' ')}]`;
}
