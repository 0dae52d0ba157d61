import { type Clock, type Metrics, type Rng, soon } from '@proconsul/base';
import { CHUNK_BYTES, CHUNKS_MAX, chunksOf } from '../chunking.ts';
import type { RaftCore } from '../core/core.ts';
import type { NewEntry } from '../core/inputs.ts';
import { ENTRY_MAX_BYTES } from '../disk/segment.ts';
import { LogType } from '../entry.ts';
import { RaftError, type RaftErrorCode } from '../errors.ts';
import type { BatchTimes } from './batch-times.ts';
import type { Driver } from './driver.ts';
import type { NodeSnapshots } from './node-snapshots.ts';
import type { NodeStatus } from './node-status.ts';
import type { Proposals } from './proposals.ts';

export interface ProposerOptions {
  readonly pendingMax: number;
  readonly pendingMaxBytes: number;
}

export interface ProposerDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly metrics: Metrics;
  readonly core: RaftCore;
  readonly driver: Driver;
  readonly status: NodeStatus;
  readonly proposals: Proposals;
  readonly snapshots: NodeSnapshots;
  readonly times: BatchTimes;
}

const NO_DATA = new Uint8Array(0);

/** Takes proposals in. Those made in one turn, whoever made them, go to the core, the disk and the others in one piece. */
export class Proposer {
  readonly #options: ProposerOptions;
  readonly #d: ProposerDependencies;
  #isFlushPlanned = false;

  constructor(options: ProposerOptions, dependencies: ProposerDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  propose(entry: NewEntry): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const code = this.#refusal(entry);
      if (code) return reject(new RaftError(code));
      this.#d.proposals.queue(entry, { resolve, reject });
      this.planFlush();
    });
  }

  /** All pieces or none: a command without its last ones would only be held. */
  async proposeChunked(data: Uint8Array, options: { readonly command?: unknown }): Promise<unknown> {
    if (data.length <= CHUNK_BYTES) return this.propose({ type: LogType.command, data, ...options });
    const { pendingMax, pendingMaxBytes } = this.#options;
    const { size, bytes } = this.#d.proposals;
    const chunks = chunksOf(data, randomU64(this.#d.rng));
    if (chunks.length > CHUNKS_MAX) throw new RaftError('ENTRY_TOO_LARGE');
    if (size + chunks.length > pendingMax || bytes + data.length > pendingMaxBytes) throw new RaftError('QUEUE_FULL');
    const last = chunks.length - 1;
    const results = await Promise.all(
      chunks.map((chunk, i) => this.propose({ type: LogType.command, ...chunk, ...(i === last ? options : {}) })),
    );
    return results[last];
  }

  async barrier(): Promise<void> {
    this.#d.metrics.count('raft.barrier');
    await this.propose({ type: LogType.barrier, data: NO_DATA });
  }

  /** What is queued goes out at the end of this turn, unless something keeps it back then. */
  planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    soon(this.#d.clock, () => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  #refusal(entry: NewEntry): RaftErrorCode | undefined {
    const { status, core, proposals } = this.#d;
    const code = status.refusal() ?? core.proposalRefusal();
    if (code) return code;
    const { length } = entry.data;
    if (length + (entry.extensions?.length ?? 0) > ENTRY_MAX_BYTES) return 'ENTRY_TOO_LARGE';
    const { pendingMax, pendingMaxBytes } = this.#options;
    const { size, bytes } = proposals;
    return size >= pendingMax || bytes + length > pendingMaxBytes ? 'QUEUE_FULL' : undefined;
  }

  #flush(): void {
    const { clock, metrics, core, driver, status, proposals, snapshots, times } = this.#d;
    if (driver.isBusy || snapshots.isReplacing || status.isOver) return;
    const entries = proposals.queuedEntries();
    if (entries.length === 0) return;
    const code = core.proposalRefusal();
    if (code) return proposals.rejectQueued(code);
    proposals.number(core.lastIndex + 1, core.term);
    metrics.count('raft.apply', entries.length);
    metrics.gauge('raft.leader.dispatchNumLogs', entries.length);
    const at = clock.now();
    times.dispatched(core.lastIndex + entries.length, at);
    driver.input({ kind: 'propose', at, appendedAtMs: clock.wallMs(), entries });
  }
}

function randomU64(rng: Rng): bigint {
  const { buffer } = rng.bytes(8);
  return new DataView(buffer as ArrayBuffer).getBigUint64(0);
}
