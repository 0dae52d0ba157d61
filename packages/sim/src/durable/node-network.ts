import type { Clock, Log, Millis, Rng } from '@proconsul/base';
import type { RaftRequest, RaftResponse, RequestHandler, Server, SnapshotState, Transport } from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';
import { type Links, StreamNetwork, type StreamOwner } from './stream-network.ts';

/** How long a request waits for its answer. */
export const ANSWER_WITHIN_MS = 800;

/**
 * Links between nodes, and what passes over them: either single requests (late, lost, repeated, out of order) or, with `isWire`, the
 * product's own transport over connections. A link may be cut in one direction, and flap.
 */
export class NodeNetwork implements Links {
  readonly events: EventQueue;
  readonly rng: Rng;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #blocked = new Set<string>();
  readonly #streams: StreamNetwork | undefined;
  /** Counts healings: what flapped before has ended. */
  #generation = 0;
  delayMs: Millis = 2;
  loss = 0;
  duplicates = 0;

  constructor(events: EventQueue, rng: Rng, isWire: boolean) {
    this.events = events;
    this.rng = rng;
    if (isWire) this.#streams = new StreamNetwork(this);
  }

  /** Nothing passes from `from` to `to` any more. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  /** The link breaks and comes back again and again, until everything is healed. */
  flap(from: string, to: string, periodMs: Millis): void {
    const generation = this.#generation;
    const turn = (): void => {
      if (generation !== this.#generation) return;
      const link = `${from}>${to}`;
      if (!this.#blocked.delete(link)) this.#blocked.add(link);
      this.events.after(this.rng.float() * 2 * periodMs, turn);
    };
    turn();
  }

  heal(): void {
    this.#generation++;
    this.#blocked.clear();
  }

  /** The transport of one life of a server. */
  transport(owner: StreamOwner, clock: Clock, log: Log): Transport {
    if (this.#streams) return this.#streams.transport(owner, clock, log);
    const { id } = owner;
    return {
      onRequest: (handler) => {
        if (!handler) this.#handlers.delete(id);
        else this.#handlers.set(id, (...args) => owner.whenAwake(() => owner.isAlive() && handler(...args)));
      },
      send: (to, request, state) => this.#send(owner, to, { request, state }),
    };
  }

  disconnect(id: string, isSilent: boolean): void {
    this.#handlers.delete(id);
    this.#streams?.disconnect(id, isSilent);
  }

  #send(
    from: StreamOwner,
    to: Server,
    message: { readonly request: RaftRequest; readonly state: SnapshotState | undefined },
  ): Promise<RaftResponse> {
    return new Promise((resolve, reject) => {
      const isAlive = (): boolean => from.isAlive();
      this.events.after(ANSWER_WITHIN_MS, () => isAlive() && reject(new Error('no answer')));
      const copies = this.rng.float() < this.duplicates && message.state === undefined ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        this.#pass(from.id, to.id, () => {
          this.#handlers.get(to.id)?.(
            message.request,
            (response) => this.#pass(to.id, from.id, () => isAlive() && from.whenAwake(() => resolve(response))),
            message.state,
          );
        });
      }
    });
  }

  #pass(from: string, to: string, deliver: () => void): void {
    const isLost = this.rng.float() < this.loss;
    this.events.after(this.rng.float() * this.delayMs, () => {
      if (!isLost && !this.isBlocked(from, to)) deliver();
    });
  }
}
