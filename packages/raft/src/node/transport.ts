import type { Server } from '../configuration.ts';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';

/** State that comes with an install-snapshot request, exactly `sizeBytes` of it. */
export type SnapshotState = AsyncIterable<Uint8Array>;

export type RequestHandler = (
  request: RaftRequest,
  respond: (response: RaftResponse) => void,
  state: SnapshotState | undefined,
) => void;

/** Messages between servers. May lose, delay, repeat and reorder them; never changes one. */
export interface Transport {
  /** Resolves with the answer; rejects when none came, or not in time. */
  send(to: Server, request: RaftRequest, state?: SnapshotState): Promise<RaftResponse>;
  /** Sets who answers the others' requests. `respond` may be called later, or never. Undefined: nobody. */
  onRequest(handler: RequestHandler | undefined): void;
}

/** For a cluster of one. */
export const noTransport: Transport = {
  send: () => Promise.reject(new Error('no transport')),
  onRequest: () => undefined,
};
