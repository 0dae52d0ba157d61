import type { Millis, Rng } from '@proconsul/base';
import type { RaftRequest, RaftResponse, RequestHandler, Server, SnapshotState, Transport } from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';

/** How long a request waits for its answer. */
export const ANSWER_WITHIN_MS = 800;

/** Requests between nodes: late, lost, repeated, out of order, through in one direction only. */
export class NodeNetwork {
  readonly #events: EventQueue;
  readonly #rng: Rng;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #blocked = new Set<string>();
  delayMs: Millis = 2;
  loss = 0;
  duplicates = 0;

  constructor(events: EventQueue, rng: Rng) {
    this.#events = events;
    this.#rng = rng;
  }

  /** Nothing passes from `from` to `to` any more. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  heal(): void {
    this.#blocked.clear();
  }

  /** The transport of one life of a server. `isAlive` turns false with it. */
  transport(id: string, isAlive: () => boolean): Transport {
    return {
      onRequest: (handler) => {
        if (handler) this.#handlers.set(id, handler);
        else this.#handlers.delete(id);
      },
      send: (to, request, state) => this.#send(id, to, { request, state }, isAlive),
    };
  }

  disconnect(id: string): void {
    this.#handlers.delete(id);
  }

  #send(
    from: string,
    to: Server,
    message: { readonly request: RaftRequest; readonly state: SnapshotState | undefined },
    isAlive: () => boolean,
  ): Promise<RaftResponse> {
    return new Promise((resolve, reject) => {
      this.#events.after(ANSWER_WITHIN_MS, () => isAlive() && reject(new Error('no answer')));
      const copies = this.#rng.float() < this.duplicates && message.state === undefined ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        this.#pass(from, to.id, () => {
          this.#handlers.get(to.id)?.(
            message.request,
            (response) => this.#pass(to.id, from, () => isAlive() && resolve(response)),
            message.state,
          );
        });
      }
    });
  }

  #pass(from: string, to: string, deliver: () => void): void {
    const isLost = this.#rng.float() < this.loss;
    this.#events.after(this.#rng.float() * this.delayMs, () => {
      if (!isLost && !this.#blocked.has(`${from}>${to}`)) deliver();
    });
  }
}
