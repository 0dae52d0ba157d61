import type { Server } from './configuration.ts';
import type { DurableLog } from './durable-log.ts';
import type { Entry } from './entry.ts';
import type { RaftEffect, Sent } from './inputs.ts';
import type { RaftRequest, RaftResponse } from './messages.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import type { SnapshotState, Transport } from './transport.ts';

/** Bytes of entries in one append-entries request. */
export const SEND_BYTES_MAX = 1024 * 1024;

export interface OutboxDependencies {
  readonly log: DurableLog;
  readonly snapshots: SnapshotStore;
  readonly transport: Transport;
  readonly id: string;
  readonly address: string;
  /** The answer to a request, or that none came. */
  answered(from: Server, sent: Sent, response: RaftResponse | undefined): void;
}

/** Fills requests with what they carry and sends them. */
export class Outbox {
  readonly #d: OutboxDependencies;

  constructor(dependencies: OutboxDependencies) {
    this.#d = dependencies;
  }

  send(to: Server, request: RaftRequest, sent: Sent, state?: SnapshotState): void {
    const { transport, answered } = this.#d;
    transport.send(to, request, state).then(
      (response) => answered(to, sent, response),
      () => answered(to, sent, undefined),
    );
  }

  sendEntries(e: Extract<RaftEffect, { kind: 'send-entries' }>): void {
    if (e.last < e.from) return this.#sendFilled(e, []);
    const { log } = this.#d;
    const cached = log.readCached(e.from, e.last, SEND_BYTES_MAX);
    if (cached) return this.#sendFilled(e, cached);
    log.read(e.from, e.last, SEND_BYTES_MAX).then(
      (entries) => (entries ? this.#sendFilled(e, entries) : this.#d.answered(e.to, e.sent, undefined)),
      () => this.#d.answered(e.to, e.sent, undefined),
    );
  }

  #sendFilled(e: Extract<RaftEffect, { kind: 'send-entries' }>, entries: readonly Entry[]): void {
    const { id: from, address } = this.#d;
    const { term, prevLogIndex, prevLogTerm, leaderCommit } = e;
    const request: RaftRequest = {
      kind: 'append-entries',
      from,
      address,
      term,
      prevLogIndex,
      prevLogTerm,
      entries,
      leaderCommit,
    };
    // Fewer than the core asked for when they are large: the answer speaks only of these.
    this.send(e.to, request, { ...e.sent, lastIndex: prevLogIndex + entries.length });
  }

  async sendSnapshot(to: Server, term: number, sent: Sent): Promise<void> {
    const { snapshots, id: from, address, answered } = this.#d;
    const meta = snapshots.latest;
    const bytes = meta && (await snapshots.read(meta).catch(() => undefined));
    if (!meta || !bytes) return answered(to, sent, undefined);
    const { configuration, configurationIndex, sizeBytes } = meta;
    const request: RaftRequest = {
      kind: 'install-snapshot',
      from,
      address,
      term,
      lastLogIndex: meta.index,
      lastLogTerm: meta.term,
      configuration,
      configurationIndex,
      sizeBytes,
    };
    this.send(to, request, { ...sent, lastIndex: meta.index }, oneChunk(bytes));
  }
}

export async function* oneChunk(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
