import type { Clock, Log, Millis, Rng } from '@proconsul/base';
import type { RaftRequest, RaftResponse, RequestHandler, Server, SnapshotState, Transport } from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';
import { type Links, StreamNetwork, type StreamOwner } from './stream-network.ts';

/** How long a request waits for its answer. */
export const ANSWER_WITHIN_MS = 800;
/** Delay of the slowest messages. */
const STRAGGLER_MS = 2500;

/**
 * Links between nodes, and what passes over them: either single requests (late, lost, repeated, out of order) or, with `isWire`, the
 * product's own transport over connections. A link may be cut in one direction, and flap.
 */
export class NodeNetwork implements Links {
  readonly events: EventQueue;
  readonly rng: Rng;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #blocked = new Set<string>();
  /** What waits on links where nothing moves, in order. Connections keep their bytes themselves. */
  readonly #clogged = new Map<string, (() => void)[]>();
  readonly #streams: StreamNetwork | undefined;
  /** Counts healings: what flapped before has ended. */
  #generation = 0;
  delayMs: Millis = 2;
  loss = 0;
  duplicates = 0;
  /** Share of single messages that take up to {@link STRAGGLER_MS}. */
  stragglers = 0;

  constructor(events: EventQueue, rng: Rng, isWire: boolean) {
    this.events = events;
    this.rng = rng;
    if (isWire) this.#streams = new StreamNetwork(this);
  }

  /** Nothing passes from `from` to `to` any more. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  unblock(from: string, to: string): void {
    this.#blocked.delete(`${from}>${to}`);
  }

  /** Whether connections carry nothing from `from` to `to` for now. */
  isBlocked(from: string, to: string): boolean {
    const link = `${from}>${to}`;
    return this.#blocked.has(link) || this.#clogged.has(link);
  }

  /** What is sent from `from` to `to` waits, until {@link unclog}. */
  clog(from: string, to: string): void {
    const link = `${from}>${to}`;
    if (!this.#clogged.has(link)) this.#clogged.set(link, []);
  }

  unclog(from: string, to: string): void {
    const link = `${from}>${to}`;
    const waiting = this.#clogged.get(link) ?? [];
    this.#clogged.delete(link);
    for (const deliver of waiting) this.events.after(0, () => this.#arrive(link, deliver));
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
    for (const link of [...this.#clogged.keys()]) {
      const [from = '', to = ''] = link.split('>');
      this.unclog(from, to);
    }
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
      const copies = this.rng.float() < this.duplicates ? 2 : 1;
      const pieces = message.state && collect(message.state);
      for (let i = 0; i < copies; i++) {
        this.#pass(from.id, to.id, () => {
          this.#handlers.get(to.id)?.(
            message.request,
            (response) => this.#pass(to.id, from.id, () => isAlive() && from.whenAwake(() => resolve(response))),
            pieces && replay(pieces),
          );
        });
      }
    });
  }

  #pass(from: string, to: string, deliver: () => void): void {
    const isLost = this.rng.float() < this.loss;
    const isSlow = this.rng.float() < this.stragglers;
    const link = `${from}>${to}`;
    this.events.after(this.rng.float() * (isSlow ? STRAGGLER_MS : this.delayMs), () => {
      if (!isLost) this.#arrive(link, deliver);
    });
  }

  #arrive(link: string, deliver: () => void): void {
    if (this.#blocked.has(link)) return;
    const waiting = this.#clogged.get(link);
    if (waiting) waiting.push(deliver);
    else deliver();
  }
}

async function collect(state: SnapshotState): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of state) pieces.push(piece);
  return pieces;
}

/** The same state for each copy of a request. */
async function* replay(pieces: Promise<Uint8Array[]>): SnapshotState {
  yield* await pieces;
}
