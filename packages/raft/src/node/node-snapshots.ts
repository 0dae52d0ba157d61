import { type Clock, errorText, invariant, type Log, type Metrics, type Rng, type Timer } from '@proconsul/base';
import type { RaftCore } from '../core/core.ts';
import type { RaftEffect, RaftInput } from '../core/inputs.ts';
import type { InstallSnapshotRequest } from '../core/messages.ts';
import { STATE_REPLACED_TOKEN } from '../core/state.ts';
import type { SnapshotMeta } from '../disk/snapshot-store.ts';
import type { Storage } from '../disk/storage.ts';
import { RaftError } from '../errors.ts';
import type { Applier } from './applier.ts';
import type { NodeStatus } from './node-status.ts';
import type { RaftOptions } from './options.ts';
import { oneChunk } from './outbox.ts';
import type { StateMachine } from './state-machine.ts';
import type { SnapshotState } from './transport.ts';

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface SnapshotDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly machine: StateMachine;
}

/** What snapshots need of the node around them. */
export interface SnapshotHost {
  readonly core: RaftCore;
  readonly status: NodeStatus;
  /** Resolves when everything that was in the log before it is applied here. */
  barrier(): Promise<void>;
  /** Proposals that waited may go on. */
  flush(): void;
  input(input: RaftInput): void;
  fail(error: Error): void;
}

/** Snapshots of one node: taken now and then, taken in from the leader, put in place of the state by an operator. */
export class NodeSnapshots {
  readonly #options: RaftOptions;
  readonly #d: SnapshotDependencies;
  readonly #storage: Storage;
  readonly #applier: Applier;
  readonly #host: SnapshotHost;
  #timer: Timer | undefined;
  #isSnapshotting = false;
  /** The state is being replaced from outside: proposals wait. */
  isReplacing = false;

  constructor(
    options: RaftOptions,
    dependencies: SnapshotDependencies,
    storage: Storage,
    applier: Applier,
    host: SnapshotHost,
  ) {
    this.#options = options;
    this.#d = dependencies;
    this.#storage = storage;
    this.#applier = applier;
    this.#host = host;
  }

  // Ours.

  /** Looks now and then whether another one is worth while. */
  plan(): void {
    const { clock, rng, log } = this.#d;
    const { snapshotIntervalMs, snapshotThreshold } = this.#options;
    this.#timer = clock.after(snapshotIntervalMs * (1 + rng.float()), () => {
      if (this.#host.status.isOver) return;
      this.plan();
      const last = this.#storage.snapshots.latest?.index ?? 0;
      if (this.#applier.applied - last < snapshotThreshold || this.#isSnapshotting) return;
      this.take().catch((error) => log.error('failed to take snapshot', { error: errorText(error) }));
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Writes the state of now as a snapshot and forgets the entries that it covers, but for the trailing ones. */
  async take(): Promise<SnapshotMeta> {
    const { core } = this.#host;
    const storage = this.#storage;
    const applier = this.#applier;
    if (this.#host.status.isStopped) throw new RaftError('STOPPED');
    if (this.#isSnapshotting || applier.isRestoring) throw new RaftError('SNAPSHOT_BUSY');
    const index = applier.applied;
    const term = core.termOf(index);
    const committed = core.committedConfiguration;
    if (term === undefined || !committed || index <= (storage.snapshots.latest?.index ?? 0)) {
      throw new RaftError('NOTHING_TO_SNAPSHOT');
    }
    const { clock, log, machine, metrics } = this.#d;
    this.#isSnapshotting = true;
    try {
      const startedAt = clock.now();
      const capture = machine.snapshot();
      log.info('starting snapshot up to', { index });
      const { configuration, index: configurationIndex } = committed;
      const meta = await storage.snapshots.write({ index, term, configuration, configurationIndex }, capture.chunks());
      const compactTo = Math.max(0, Math.min(index, storage.log.lastIndex - this.#options.trailingLogs));
      this.#host.input({ kind: 'snapshot-taken', at: clock.now(), index, compactTo });
      metrics.sample('raft.snapshot.takeSnapshot', clock.now() - startedAt);
      log.info('snapshot complete up to', { index });
      return meta;
    } finally {
      this.#isSnapshotting = false;
    }
  }

  // An operator's.

  async replaceState(chunks: Chunks, minIndex: number, install: (() => void) | undefined): Promise<void> {
    if (this.#host.status.role !== 'leader') throw new RaftError('NOT_LEADER');
    if (this.#isSnapshotting || this.#applier.isRestoring) throw new RaftError('SNAPSHOT_BUSY');
    this.#isSnapshotting = true;
    try {
      await this.#host.barrier();
      this.isReplacing = true;
      await this.#applier.whenApplied(this.#storage.log.lastIndex);
      await this.#writeState(chunks, minIndex, install);
    } finally {
      this.isReplacing = false;
      this.#isSnapshotting = false;
      this.#host.flush();
    }
  }

  async #writeState(chunks: Chunks, minIndex: number, install: (() => void) | undefined): Promise<void> {
    const { core } = this.#host;
    const { log, snapshots } = this.#storage;
    const { configuration, configurationIndex, term } = core;
    const before = log.lastIndex;
    const index = Math.max(before, minIndex) + 1;
    const stillLeads = (): boolean => this.#host.status.role === 'leader' && core.term === term;
    const meta = await snapshots.write({ index, term, configuration, configurationIndex }, chunks);
    try {
      if (!stillLeads() || log.lastIndex !== before) throw new RaftError('LEADERSHIP_LOST');
      if (install) install();
      else await this.#d.machine.restore(oneChunk(await snapshots.read(meta)));
    } catch (error) {
      await snapshots.discard(meta);
      throw error;
    }
    if (!stillLeads()) {
      const error = new Error('leadership lost while the state was replaced; the log no longer leads to it');
      this.#host.fail(error);
      throw error;
    }
    this.#host.input({ kind: 'state-replaced', at: this.#d.clock.now(), index });
    await this.#applier.whenApplied(index);
  }

  // The leader's.

  async store(token: number, request: InstallSnapshotRequest, state: SnapshotState | undefined): Promise<void> {
    const { snapshots } = this.#storage;
    let ok = false;
    try {
      const { lastLogIndex: index, lastLogTerm: term, configuration, configurationIndex } = request;
      if (state) await snapshots.write({ index, term, configuration, configurationIndex }, state, request.sizeBytes);
      ok = state !== undefined;
    } catch (error) {
      this.#d.log.error('failed to store the snapshot of the leader', { error: errorText(error) });
    }
    this.#host.input({ kind: 'snapshot-stored', at: this.#d.clock.now(), token, request, ok });
  }

  /** Log and state become what a stored snapshot says, and what the log has after it. */
  restore({ token, index, term, keepLog }: Extract<RaftEffect, { kind: 'restore-snapshot' }>): void {
    const { log, snapshots } = this.#storage;
    if (keepLog) log.compactTo(index);
    else log.reset({ index, term });
    this.#applier.restore(index, async () => {
      if (token === STATE_REPLACED_TOKEN) return;
      // Not always the newest one: a later one may have been stored while this waited.
      const meta = snapshots.list().find((m) => m.index === index && m.term === term);
      invariant(meta, 'the snapshot to restore is there');
      await this.#d.machine.restore(oneChunk(await snapshots.read(meta)));
    });
  }
}
