import { type Clock, type Log, type Millis, NetworkError, type Rng, type Stream } from '@proconsul/base';
import { NetworkTransport, type Server, type Transport } from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';

/** A link that stays cut for this long resets its connections. */
const RESET_AFTER_MS = 4000;
/** How often a cut link is looked at again. */
const RETRY_MS = 40;
/** What was lost on the way comes again after about this time. */
const RETRANSMIT_MS = 200;
/** Bytes on the way in one direction before the sender is told to wait. */
const WINDOW_BYTES = 64 * 1024;

/** The state of links between servers, which both kinds of simulated networks obey. */
export interface Links {
  readonly events: EventQueue;
  readonly rng: Rng;
  delayMs: Millis;
  loss: number;
  isBlocked(from: string, to: string): boolean;
}

/** One life of a server, as its connections see it. */
export interface StreamOwner {
  readonly id: string;
  isAlive(): boolean;
  /** Runs `fn` now, or when a paused process goes on. */
  whenAwake(fn: () => void): void;
}

/** One end of a connection: bytes arrive in order, late, in pieces, or not at all while the link is cut. */
class SimStream implements Stream {
  readonly remote: { readonly host: string; readonly port: number };
  readonly local: { readonly host: string; readonly port: number };
  readonly #links: Links;
  readonly #owner: StreamOwner;
  other!: SimStream;
  #inbox: Uint8Array[] = [];
  #isPaused = false;
  #isClosed = false;
  #onTheWay = 0;
  #isFull = false;
  /** Bytes on the way, in order. */
  readonly #wire: { readonly piece: Uint8Array; readonly arrivesAt: Millis }[] = [];
  #data: ((bytes: Uint8Array) => void) | undefined;
  #close: ((error?: Error) => void) | undefined;
  #drain: (() => void) | undefined;

  constructor(links: Links, owner: StreamOwner, peer: string) {
    this.#links = links;
    this.#owner = owner;
    this.local = { host: owner.id, port: 8300 };
    this.remote = { host: peer, port: 8300 };
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#owner.isAlive();
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
    this.#links.events.after(0, () => this.#deliver());
  }
  onEnd(): void {}
  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
  }
  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  write(bytes: Uint8Array): boolean {
    if (!this.isOpen) return true;
    const { rng } = this.#links;
    const cut = rng.float() < 0.2 ? rng.int(bytes.length + 1) : 0;
    for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) if (piece.length > 0) this.#send(piece);
    this.#isFull = this.#onTheWay > WINDOW_BYTES;
    return !this.#isFull;
  }

  #send(piece: Uint8Array): void {
    const { events, rng, delayMs, loss } = this.#links;
    this.#onTheWay += piece.length;
    const late = rng.float() < loss ? RETRANSMIT_MS * (1 + rng.float()) : 0;
    this.#wire.push({ piece, arrivesAt: events.now + rng.float() * delayMs + late });
    if (this.#wire.length === 1) this.#await(0);
  }

  /** One piece after the other: what is late or held back is never overtaken. */
  #await(heldMs: Millis): void {
    const next = this.#wire[0];
    if (!next) return;
    const { events } = this.#links;
    const waitMs = heldMs > 0 ? RETRY_MS : next.arrivesAt - events.now;
    events.after(waitMs, () => this.#arrive(next.piece, heldMs));
  }

  #arrive(piece: Uint8Array, heldMs: Millis): void {
    if (this.#links.isBlocked(this.local.host, this.remote.host)) {
      if (heldMs >= RESET_AFTER_MS) return this.#reset();
      return this.#await(heldMs + RETRY_MS);
    }
    this.#wire.shift();
    this.#onTheWay -= piece.length;
    if (this.#isFull && this.#onTheWay <= WINDOW_BYTES) {
      this.#isFull = false;
      this.#owner.whenAwake(() => this.isOpen && this.#drain?.());
    }
    this.other.#take(piece);
    this.#await(0);
  }

  #take(piece: Uint8Array): void {
    if (!this.isOpen) return;
    this.#inbox.push(piece);
    this.#owner.whenAwake(() => this.#deliver());
  }

  #deliver(): void {
    while (this.#data && !this.#isPaused && this.isOpen && this.#inbox.length > 0) this.#data(this.#inbox.shift()!);
  }

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    this.#isPaused = false;
    this.#links.events.after(0, () => this.#deliver());
  }
  end(): void {
    this.destroy();
  }

  destroy(error?: Error): void {
    if (this.#isClosed) return;
    this.closed(error);
    this.#tellOther(0);
  }

  /** The other side hears of it unless the link is cut; then it goes on waiting. */
  #tellOther(heldMs: Millis): void {
    const { events, rng, delayMs } = this.#links;
    events.after(rng.float() * delayMs + (heldMs > 0 ? RETRY_MS : 0), () => {
      if (!this.#links.isBlocked(this.local.host, this.remote.host)) this.other.closed();
      else if (heldMs < RESET_AFTER_MS) this.#tellOther(heldMs + RETRY_MS);
    });
  }

  #reset(): void {
    const error = new NetworkError('ECONNRESET', 'connection reset by peer');
    this.closed(error);
    this.other.closed(error);
  }

  closed(error?: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inbox = [];
    this.#links.events.after(0, () => {
      if (this.#owner.isAlive()) this.#owner.whenAwake(() => this.#close?.(error));
    });
  }
}

/** Servers that speak the product's own transport over simulated connections. */
export class StreamNetwork {
  readonly #links: Links;
  readonly #listening = new Map<string, { readonly owner: StreamOwner; readonly transport: NetworkTransport }>();
  readonly #streams = new Map<string, Set<SimStream>>();

  constructor(links: Links) {
    this.#links = links;
  }

  transport(owner: StreamOwner, clock: Clock, log: Log): Transport {
    const { id } = owner;
    const transport = new NetworkTransport(
      { id, address: `${id}:8300`, timeoutMs: 3000, quickTimeoutMs: 1000 },
      { clock, log, dial: (server, timeoutMs) => this.#dial(owner, server, timeoutMs) },
    );
    this.#listening.set(id, { owner, transport });
    return transport;
  }

  /** The process is gone. After a power cut nobody is told. */
  disconnect(id: string, isSilent: boolean): void {
    this.#listening.delete(id);
    const streams = this.#streams.get(id) ?? new Set();
    this.#streams.delete(id);
    for (const stream of streams) {
      if (isSilent) stream.closed();
      else stream.destroy();
    }
  }

  #dial(owner: StreamOwner, { id }: Server, timeoutMs: Millis): Promise<Stream> {
    const { events, rng, delayMs } = this.#links;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new NetworkError('ETIMEDOUT', 'i/o timeout'));
      const isCut = (): boolean => this.#links.isBlocked(owner.id, id) || this.#links.isBlocked(id, owner.id);
      events.after(rng.float() * delayMs * 2, () => {
        if (!owner.isAlive()) return;
        if (isCut()) {
          events.after(timeoutMs, () => owner.isAlive() && owner.whenAwake(giveUp));
          return;
        }
        const there = this.#listening.get(id);
        if (!there?.owner.isAlive()) return reject(new NetworkError('ECONNREFUSED', 'connection refused'));
        owner.whenAwake(() => resolve(this.#connect(owner, there)));
      });
    });
  }

  #connect(owner: StreamOwner, there: { readonly owner: StreamOwner; readonly transport: NetworkTransport }): Stream {
    const dialled = new SimStream(this.#links, owner, there.owner.id);
    const accepted = new SimStream(this.#links, there.owner, owner.id);
    dialled.other = accepted;
    accepted.other = dialled;
    this.#remember(owner.id, dialled);
    this.#remember(there.owner.id, accepted);
    there.owner.whenAwake(() => there.transport.serve(accepted));
    return dialled;
  }

  #remember(id: string, stream: SimStream): void {
    let streams = this.#streams.get(id);
    if (!streams) {
      streams = new Set();
      this.#streams.set(id, streams);
    }
    for (const old of streams) if (!old.isOpen) streams.delete(old);
    streams.add(stream);
  }
}
