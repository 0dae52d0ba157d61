import {
  type Clock,
  errorText,
  type Labels,
  type Log,
  type Metrics,
  type Millis,
  noMetrics,
  type Stream,
} from '@proconsul/base';
import type { Server } from '../configuration.ts';
import type { InstallSnapshotRequest, RaftRequest, RaftResponse } from '../core/messages.ts';
import type { RequestHandler, SnapshotState, Transport } from '../node/transport.ts';
import { Lane } from './lane.ts';
import { MessageBuffer } from './message-buffer.ts';
import { MESSAGE_MAX_BYTES, RaftTransportError, SNAPSHOT_TIMEOUT_SCALE_BYTES } from './protocol.ts';
import { encodeRequest } from './request-codec.ts';
import { decodeResponse } from './response-codec.ts';
import { ServedConnection } from './served-connection.ts';

export interface NetworkTransportOptions {
  readonly id: string;
  /** host:port that we advertise. */
  readonly address: string;
  /** For connecting, and for the answer to a request. */
  readonly timeoutMs: Millis;
  /** For heartbeats, votes and the like: their answers are worth nothing later, and a connection that is lost shows sooner. */
  readonly quickTimeoutMs: Millis;
  /** In which a request must have arrived as a whole. */
  readonly receiveTimeoutMs: Millis;
}

/** Source of the first: raft wire, section 1. */
export const NETWORK_TRANSPORT_DEFAULTS = {
  timeoutMs: 10_000,
  quickTimeoutMs: 2_000,
  receiveTimeoutMs: 60_000,
} as const satisfies Partial<NetworkTransportOptions>;

export interface NetworkTransportDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** A new connection to the raft side of that server, past the first byte. Who knows a newer address may use it. */
  dial(server: Server, timeoutMs: Millis): Promise<Stream>;
}

/** Connections are kept apart, so that a batch of entries or a slow disk never holds up a heartbeat or a vote. */
type LaneName = 'heartbeat' | 'replication' | 'control';

/**
 * Messages between servers over connections, as Consul's servers speak. At most three connections to each server are kept:
 * one for heartbeats, one for entries (several requests at a time, in order), one for the rest; a snapshot has its own.
 */
export class NetworkTransport implements Transport {
  readonly #options: NetworkTransportOptions;
  readonly #d: NetworkTransportDependencies;
  readonly #lanes = new Map<string, Lane>();
  readonly #served = new Set<ServedConnection>();
  readonly #snapshots = new Set<Stream>();
  readonly #receiving = { bytes: 0 };
  readonly #labels = new Map<string, Labels>();
  #handler: RequestHandler | undefined;
  #isClosed = false;

  constructor(
    options: Pick<NetworkTransportOptions, 'id' | 'address'> & Partial<NetworkTransportOptions>,
    dependencies: NetworkTransportDependencies,
  ) {
    this.#options = { ...NETWORK_TRANSPORT_DEFAULTS, ...options };
    this.#d = dependencies;
  }

  /** Rejects with RaftTransportError. */
  send(to: Server, request: RaftRequest, state?: SnapshotState): Promise<RaftResponse> {
    if (this.#isClosed) return Promise.reject(new RaftTransportError('RAFT_CLOSED', 'the transport is closed'));
    const answer =
      request.kind === 'install-snapshot'
        ? this.#sendSnapshot(to, request, state)
        : this.#lane(to, laneOf(request)).send(request);
    return this.#observed(to, request, answer);
  }

  onRequest(handler: RequestHandler | undefined): void {
    this.#handler = handler;
  }

  /** Answers the requests of a connection that another server opened, from after the first byte on. */
  serve(stream: Stream): void {
    if (this.#isClosed) return stream.destroy();
    const { clock, log } = this.#d;
    const { id, address, receiveTimeoutMs } = this.#options;
    const connection = new ServedConnection(stream, {
      clock,
      log,
      receiveTimeoutMs,
      responder: { id, address },
      receiving: this.#receiving,
      handler: () => this.#handler,
      onClosed: (closed) => this.#served.delete(closed),
    });
    this.#served.add(connection);
  }

  /** Drops every connection; what is under way is rejected. */
  close(): void {
    this.#isClosed = true;
    for (const lane of [...this.#lanes.values()]) lane.close();
    for (const connection of [...this.#served]) connection.close();
    for (const stream of [...this.#snapshots]) stream.destroy();
    this.#lanes.clear();
  }

  #lane(to: Server, name: LaneName): Lane {
    const key = `${name} ${to.id} ${to.address}`;
    let lane = this.#lanes.get(key);
    if (lane) return lane;
    const { timeoutMs, quickTimeoutMs } = this.#options;
    const laneMs = name === 'replication' ? timeoutMs : quickTimeoutMs;
    lane = new Lane(laneMs, {
      clock: this.#d.clock,
      dial: () => this.#d.dial(to, laneMs),
      onIdle: () => this.#lanes.delete(key),
    });
    this.#lanes.set(key, lane);
    return lane;
  }

  async #sendSnapshot(
    to: Server,
    request: InstallSnapshotRequest,
    state: SnapshotState | undefined,
  ): Promise<RaftResponse> {
    const { timeoutMs } = this.#options;
    let stream: Stream;
    try {
      stream = await this.#d.dial(to, timeoutMs);
    } catch (error) {
      throw new RaftTransportError('RAFT_CONNECTION', errorText(error));
    }
    if (this.#isClosed) stream.destroy();
    this.#snapshots.add(stream);
    const scaled = timeoutMs * Math.max(1, request.sizeBytes / SNAPSHOT_TIMEOUT_SCALE_BYTES);
    const timer = this.#d.clock.after(scaled, () => stream.destroy(new Error('i/o timeout')));
    try {
      const answer = readAnswer(stream, request);
      // Handled below; a connection that breaks early must not go unheard meanwhile.
      answer.catch(() => undefined);
      await writeState(stream, request, state, answer);
      return await answer;
    } catch (error) {
      if (error instanceof RaftTransportError) throw error;
      throw new RaftTransportError('RAFT_CONNECTION', errorText(error));
    } finally {
      timer.cancel();
      this.#snapshots.delete(stream);
      stream.destroy();
    }
  }

  /** Source of the names: the telemetry page of the documentation. */
  async #observed(to: Server, request: RaftRequest, answer: Promise<RaftResponse>): Promise<RaftResponse> {
    const { clock, metrics = noMetrics } = this.#d;
    const startedAt = clock.now();
    const response = await answer;
    const name = sampleOf(request);
    const labels = this.#labelsOf(to.id);
    if (name) metrics.sample(name, clock.now() - startedAt, labels);
    if (request.kind === 'append-entries' && request.entries && request.entries.length > 0) {
      metrics.count('raft.replication.appendEntries.logs', request.entries.length, labels);
    }
    return response;
  }

  /** One object for each peer: the metrics know it again. */
  #labelsOf(id: string): Labels {
    let labels = this.#labels.get(id);
    if (labels === undefined) {
      labels = { peer_id: id };
      this.#labels.set(id, labels);
    }
    return labels;
  }
}

function laneOf(request: RaftRequest): LaneName {
  if (request.kind !== 'append-entries') return 'control';
  return request.entries === null ? 'heartbeat' : 'replication';
}

function sampleOf(request: RaftRequest): string | undefined {
  if (request.kind === 'install-snapshot') return 'raft.replication.installSnapshot';
  if (request.kind !== 'append-entries') return undefined;
  return request.entries === null ? 'raft.replication.heartbeat' : 'raft.replication.appendEntries.rpc';
}

/** Resolves with the one answer that comes on this connection. */
function readAnswer(stream: Stream, request: RaftRequest): Promise<RaftResponse> {
  return new Promise((resolve, reject) => {
    const buffer = new MessageBuffer();
    stream.onData((bytes) => {
      try {
        buffer.add(bytes);
        const answer = buffer.values(2, MESSAGE_MAX_BYTES);
        if (answer === undefined) return;
        const received = decodeResponse(request, answer);
        if (received.error === undefined) resolve(received.response);
        else reject(new RaftTransportError('RAFT_REMOTE', received.error));
      } catch (error) {
        reject(error);
      }
    });
    stream.onEnd(() => reject(new Error('EOF')));
    stream.onClose((error) => reject(error ?? new Error('EOF')));
  });
}

/** Writes request and state as fast as the other side takes them. Stops when the answer, or the end, comes first. */
async function writeState(
  stream: Stream,
  request: InstallSnapshotRequest,
  state: SnapshotState | undefined,
  answer: Promise<RaftResponse>,
): Promise<void> {
  let drained = (): void => undefined;
  stream.onDrain(() => drained());
  let isAnswered = false;
  const over = answer.then(
    () => {
      isAnswered = true;
    },
    () => {
      isAnswered = true;
    },
  );
  stream.write(encodeRequest(request));
  let left = request.sizeBytes;
  for await (const piece of state ?? []) {
    left -= piece.length;
    if (left < 0) throw new Error('the snapshot is longer than its size');
    const pieces = piece.length > WRITE_BYTES ? sliced(piece) : [piece];
    for (const part of pieces) {
      if (isAnswered) return;
      if (stream.write(part)) continue;
      await Promise.race([over, new Promise<void>((resolve) => (drained = resolve))]);
    }
  }
  if (left > 0) throw new Error('the snapshot is shorter than its size');
}

/** Handed to a connection at once. */
const WRITE_BYTES = 256 * 1024;

function* sliced(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) yield bytes.subarray(at, at + WRITE_BYTES);
}
