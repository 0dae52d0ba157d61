import type { Millis, Rng } from '@proconsul/base';
import type { RaftRequest, RaftResponse, ServerId } from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';
import type { SimSnapshot } from './disk.ts';

/** How bad the network is. Shares are between 0 and 1. */
export interface NetworkWeather {
  readonly delayMinMs: Millis;
  readonly delayMaxMs: Millis;
  /** Share of messages that take up to {@link STRAGGLER_MS}. */
  readonly stragglers: number;
  readonly loss: number;
  readonly duplicates: number;
}

export const CALM: NetworkWeather = { delayMinMs: 0.2, delayMaxMs: 2, stragglers: 0, loss: 0, duplicates: 0 };

/** Delay of the slowest messages. */
export const STRAGGLER_MS = 2500;
/** A request that has no answer by then has none; some wait longer. */
export const RPC_TIMEOUT_MS = 1500;
const RPC_LONG_TIMEOUT_MS = 4000;
const LONG_TIMEOUTS = 0.3;
/** A request or an answer that a clogged link holds back is waited for this long. */
export const CLOGGED_TIMEOUT_MS = 10_000;

export interface Receiver {
  readonly isUp: boolean;
  receive(request: RaftRequest, state: SimSnapshot | undefined, respond: (response: RaftResponse) => void): void;
}

/** Requests and answers between servers, delayed, lost, repeated and reordered. */
export class SimNetwork {
  readonly #events: EventQueue;
  readonly #rng: Rng;
  readonly #receivers = new Map<ServerId, Receiver>();
  readonly #blocked = new Set<string>();
  /** What waits on links where nothing moves, in order. */
  readonly #clogged = new Map<string, (() => void)[]>();
  weather: NetworkWeather = CALM;
  messages = 0;

  constructor(events: EventQueue, rng: Rng) {
    this.#events = events;
    this.#rng = rng;
  }

  attach(id: ServerId, receiver: Receiver): void {
    this.#receivers.set(id, receiver);
  }

  /** Nothing passes from `from` to `to`. The other way is not affected. */
  block(from: ServerId, to: ServerId): void {
    this.#blocked.add(linkOf(from, to));
  }

  unblock(from: ServerId, to: ServerId): void {
    this.#blocked.delete(linkOf(from, to));
  }

  /** What is sent from `from` to `to` waits, until {@link unclog}. */
  clog(from: ServerId, to: ServerId): void {
    const link = linkOf(from, to);
    if (!this.#clogged.has(link)) this.#clogged.set(link, []);
  }

  /** What waited arrives, in order, unless the link is cut by now. */
  unclog(from: ServerId, to: ServerId): void {
    const link = linkOf(from, to);
    const waiting = this.#clogged.get(link) ?? [];
    this.#clogged.delete(link);
    for (const deliver of waiting) this.#events.after(0, () => this.#arrive(link, deliver));
  }

  heal(): void {
    this.#blocked.clear();
    for (const link of [...this.#clogged.keys()]) {
      const [from = '', to = ''] = link.split(' ');
      this.unclog(from, to);
    }
  }

  /** Delivers, perhaps; `done` is called exactly once, with undefined when no answer came in time. */
  call(
    from: ServerId,
    to: ServerId,
    message: { readonly request: RaftRequest; readonly state: SimSnapshot | undefined },
    done: (response: RaftResponse | undefined) => void,
  ): void {
    let open = true;
    const finish = (response: RaftResponse | undefined): void => {
      if (!open) return;
      open = false;
      this.#events.cancel(timeout);
      done(response);
    };
    const startedAt = this.#events.now;
    const giveUp = (): void => {
      const left = startedAt + CLOGGED_TIMEOUT_MS - this.#events.now;
      const isHeld = this.#clogged.has(linkOf(from, to)) || this.#clogged.has(linkOf(to, from));
      if (isHeld && left > 0) timeout = this.#events.after(Math.min(left, RPC_TIMEOUT_MS), giveUp);
      else finish(undefined);
    };
    const isPatient = this.#rng.float() < LONG_TIMEOUTS;
    let timeout = this.#events.after(isPatient ? RPC_LONG_TIMEOUT_MS : RPC_TIMEOUT_MS, giveUp);
    const copies = this.#rng.float() < this.weather.duplicates ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.#carry(from, to, () => {
        const receiver = this.#receivers.get(to);
        if (!receiver?.isUp) return this.#carry(to, from, () => finish(undefined));
        receiver.receive(message.request, message.state, (response) => this.#carry(to, from, () => finish(response)));
      });
    }
  }

  #carry(from: ServerId, to: ServerId, deliver: () => void): void {
    const { delayMinMs, delayMaxMs, stragglers, loss } = this.weather;
    const rng = this.#rng;
    this.messages++;
    const isLost = rng.float() < loss;
    const isSlow = rng.float() < stragglers;
    const delay = isSlow ? rng.float() * STRAGGLER_MS : delayMinMs + rng.float() * (delayMaxMs - delayMinMs);
    const link = linkOf(from, to);
    if (isLost || this.#blocked.has(link)) return;
    this.#events.after(delay, () => this.#arrive(link, deliver));
  }

  #arrive(link: string, deliver: () => void): void {
    if (this.#blocked.has(link)) return;
    const waiting = this.#clogged.get(link);
    if (waiting) waiting.push(deliver);
    else deliver();
  }
}

const linkOf = (from: ServerId, to: ServerId): string => `${from} ${to}`;
