import type { Server } from '../configuration.ts';
import type { RaftEffect, Sent } from '../core/inputs.ts';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import type { DurableLog } from '../disk/durable-log.ts';
import type { SnapshotStore } from '../disk/snapshot-store.ts';
import type { Entry } from '../entry.ts';
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
  /** What was read from memory last, and its last entry. */
  #latest: { readonly last: number; readonly entries: readonly Entry[]; readonly end: Entry | undefined } | undefined;

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
    const cached = this.#fromMemory(e.from, e.last);
    if (cached) return this.#sendFilled(e, cached);
    log.read(e.from, e.last, SEND_BYTES_MAX).then(
      (entries) => (entries ? this.#sendFilled(e, entries) : this.#d.answered(e.to, e.sent, undefined)),
      () => this.#d.answered(e.to, e.sent, undefined),
    );
  }

  /** One list for all followers that are sent the same entries: then they are encoded once. */
  #fromMemory(from: number, last: number): readonly Entry[] | undefined {
    const { log } = this.#d;
    const before = this.#latest;
    if (before && before.last === last && before.entries[0] === log.cached(from) && before.end === log.cached(last)) {
      return before.entries;
    }
    const entries = log.readCached(from, last, SEND_BYTES_MAX);
    const isWhole = entries !== undefined && entries.length === last - from + 1;
    this.#latest = isWhole ? { last, entries, end: entries[entries.length - 1] } : undefined;
    return entries;
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
