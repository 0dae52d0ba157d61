import { errorText, invariant, type Millis } from '@proconsul/base';
import { type Configuration, configurationText, type MembershipChange, type ServerId } from '../configuration.ts';
import type { RaftCore } from '../core/core.ts';
import type { RaftEffect, RaftInput, Role } from '../core/inputs.ts';
import type { SnapshotMeta } from '../disk/snapshot-store.ts';
import { openStorage } from '../disk/storage.ts';
import { LogType } from '../entry.ts';
import { RaftError, type RaftErrorCode } from '../errors.ts';
import { type NodeParts, nodeParts, type RaftDependencies } from './node-parts.ts';
import { NodeStatus } from './node-status.ts';
import type { RaftOptions } from './options.ts';
import { oneChunk } from './outbox.ts';
import { type RaftStats, statsOf } from './stats.ts';

/**
 * A Raft server on a disk, a clock and a transport: carries out what {@link RaftCore} decides, in its order, and applies
 * what is committed to a state machine.
 */
export class RaftNode {
  readonly #options: RaftOptions;
  readonly #d: RaftDependencies;
  readonly #status = new NodeStatus();
  #parts: NodeParts | undefined;

  constructor(options: RaftOptions, dependencies: RaftDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  get #opened(): NodeParts {
    invariant(this.#parts, 'the node is open');
    return this.#parts;
  }

  // Life.

  /** Opens and verifies what is on the disk, and loads the newest snapshot. Throws DamageError, DiskError. */
  async open(): Promise<void> {
    const { codec, machine, log } = this.#d;
    const storage = await openStorage(this.#options, this.#d, codec, {
      durable: (index) => this.#onDurable(index),
      rejected: (lastIndex, error) => this.#onRejected(lastIndex, error),
      failed: (error) => this.#fail(error),
    });
    const { snapshots } = storage;
    if (snapshots.latest) await machine.restore(oneChunk(await snapshots.read(snapshots.latest)));
    this.#parts = nodeParts(this.#options, this.#d, storage, this.#status, (error) => this.#fail(error));
    if (this.#status.failure) throw this.#status.failure;
    const { configuration, configurationIndex } = this.core;
    log.info('initial configuration', { index: configurationIndex, servers: configurationText(configuration) });
  }

  /**
   * Writes the first configuration. A server that is the only voter leads before this resolves, unless its disk is full.
   * Rejects with CANNOT_BOOTSTRAP unless the server is fresh.
   */
  async bootstrap(configuration: Configuration): Promise<void> {
    const { core, driver, storage } = this.#opened;
    if (!core.isFresh) throw new RaftError('CANNOT_BOOTSTRAP');
    driver.input({ kind: 'bootstrap', at: this.#d.clock.now(), configuration });
    await driver.idle();
    await storage.log.settled();
    await driver.idle();
  }

  /** Takes part. A server that is the only voter leads before this resolves, unless its disk is full. */
  async start(): Promise<void> {
    const { driver, requests, snapshots } = this.#opened;
    const { clock, transport } = this.#d;
    transport.onRequest((request, respond, state) => requests.take(request, respond, state));
    driver.input({ kind: 'start', at: clock.now() });
    snapshots.plan();
    await driver.idle();
  }

  /** Everything that waits is rejected with STOPPED. Resolves when the files are closed. */
  async stop(): Promise<void> {
    if (this.#status.isStopped) return;
    this.#status.isStopped = true;
    const parts = this.#parts;
    parts?.timer.stop();
    parts?.snapshots.stop();
    parts?.votes.stop();
    this.#d.transport.onRequest(undefined);
    this.#rejectAll('STOPPED');
    parts?.driver.release();
    await parts?.applier.stop();
    await parts?.storage.log.close();
  }

  // What others may know.

  /** The rules; only for looking at. */
  get core(): RaftCore {
    return this.#opened.core;
  }
  get role(): Role {
    return this.#status.role;
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
    return this.#status.failure;
  }

  /**
   * Whether a read of the state machine answered now cannot miss any write acknowledged before: we lead, no other server can
   * lead at this moment, and all that earlier leaders committed is applied here.
   */
  hasLease(): boolean {
    if (this.#status.role !== 'leader' || this.#status.failure) return false;
    const { core } = this;
    return this.appliedIndex >= core.termStartIndex && core.hasLease(this.#d.clock.now());
  }

  leader(): { readonly id: ServerId; readonly address: string } | undefined {
    const { leaderId, leaderAddress } = this.core;
    return leaderId === undefined ? undefined : { id: leaderId, address: leaderAddress ?? '' };
  }

  /** 0 on the leader; Infinity when there never was a leader. */
  lastContactMs(): Millis {
    if (this.#status.role === 'leader') return 0;
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
    return statsOf(this.core, this.#status.role, {
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
    return this.#opened.proposer.propose({ type: LogType.command, data, ...options });
  }

  /**
   * As {@link RaftNode.propose} for a command that may be too large for one entry: it is cut into pieces, which the state machine
   * puts together. Resolves with what the state machine made of the last one.
   */
  proposeChunked(data: Uint8Array, options: { readonly command?: unknown } = {}): Promise<unknown> {
    return this.#opened.proposer.proposeChunked(data, options);
  }

  /** Resolves when everything that was in the log before it is applied here. */
  barrier(): Promise<void> {
    return this.#opened.proposer.barrier();
  }

  /**
   * Resolves when a quorum has confirmed, after this call, that we lead, and everything committed before it is applied here: a
   * read that follows is linearizable. Source: Ongaro's thesis section 6.4.
   */
  async verifyLeader(): Promise<void> {
    this.#d.metrics.count('raft.verify_leader');
    const { core, applier, driver } = this.#opened;
    const readIndex = Math.max(core.commitIndex, core.termStartIndex);
    const isAlone = core.isSoleVoter && this.role === 'leader';
    if (isAlone && !driver.isBusy && !this.#status.isOver && applier.applied >= readIndex) return;
    await this.#ask((token, at) => ({ kind: 'verify', at, token }));
    // The leadership may have begun after the call; then its first entry marks what is committed.
    await applier.whenApplied(Math.max(readIndex, core.termStartIndex));
  }

  /** Resolves when the change is committed. One at a time: CONFIGURATION_BUSY. */
  change(change: MembershipChange): Promise<void> {
    if (this.#parts?.snapshots.isReplacing) return Promise.reject(new RaftError('CONFIGURATION_BUSY'));
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

  #ask(inputOf: (token: number, at: Millis) => RaftInput): Promise<void> {
    return new Promise((resolve, reject) => {
      const code = this.#status.refusal();
      if (code) return reject(new RaftError(code));
      const { callers, driver } = this.#opened;
      driver.input(inputOf(callers.ask({ resolve, reject }), this.#d.clock.now()));
    });
  }

  // What the disk says. Before the node is open, only what the log tells of itself is on its way there: no entries.

  #onDurable(index: number): void {
    const parts = this.#parts;
    if (!parts) return;
    const at = this.#d.clock.now();
    parts.times.durable(index, at);
    parts.driver.input({ kind: 'durable', at, index });
  }

  #onRejected(lastIndex: number, error: Error): void {
    const parts = this.#parts;
    if (!parts) return;
    this.#d.log.error('failed to append to the log', { error: errorText(error) });
    // With peers, the entries may have reached some of them, and may yet be committed.
    parts.proposals.rejectAfter(lastIndex, parts.core.isSoleVoter ? 'DISK_FULL' : 'LEADERSHIP_LOST');
    parts.driver.input({ kind: 'log-rejected', at: this.#d.clock.now(), lastIndex });
  }

  /** After a failed sync nothing that was not reported durable may be trusted, so this node takes no part any more. */
  #fail(error: Error): void {
    if (this.#status.isOver) return;
    this.#status.failure = error;
    this.#d.log.error('raft stopped taking part', { error: errorText(error) });
    this.#d.transport.onRequest(undefined);
    const parts = this.#parts;
    parts?.timer.stop();
    parts?.driver.clear();
    if (parts) this.#takeLeave(parts);
    this.#rejectAll('DISK_FAILED');
    parts?.driver.release();
    this.#d.onFailure?.(error);
  }

  /** Whatever the core was about to do is void; only its parting words count. */
  #takeLeave({ core, effects }: NodeParts): void {
    const list: RaftEffect[] = [];
    core.step({ kind: 'disk-failed', at: this.#d.clock.now() }, list);
    for (const e of list) if (e.kind === 'role' || e.kind === 'leader' || e.kind === 'log') effects.carryOut(e);
  }

  #rejectAll(code: RaftErrorCode): void {
    const parts = this.#parts;
    if (!parts) return;
    parts.proposals.rejectQueued(code);
    parts.proposals.rejectNumbered(code);
    parts.applier.rejectWaiters(new RaftError(code));
    parts.callers.rejectAskers(code);
  }
}
