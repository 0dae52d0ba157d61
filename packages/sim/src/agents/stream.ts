import { type Endpoint, type Millis, NetworkError, type Rng, type Stream } from '@proconsul/base';
import type { EventQueue } from '../event-queue.ts';
import { RESEND_MS } from '../weather.ts';

/** Bytes on the way in one direction, or not read yet, before the sender is told to wait. */
const WINDOW_BYTES = 256 * 1024;
/** Longest wait before something held up is sent again. */
const RESEND_MAX_MS: Millis = 1600;
/** A sender that nobody confirms anything to gives up between these. */
const GIVE_UP_MS: Millis = 5000;
const GIVE_UP_SPREAD_MS: Millis = 40_000;
/** Share of writes that arrive in two pieces. */
const CUT_SHARE = 0.1;

/** Whoever has sockets: the process of an agent, or a client that nothing ever happens to. */
export interface SocketOwner {
  receive(fn: () => void): void;
}

/** What streams need of the network around them. */
export interface StreamLinks {
  readonly events: EventQueue;
  readonly rng: Rng;
  /** For a packet of a stream; what is lost on the way comes later. */
  streamDelayMs(from: string, to: string): Millis;
  /** Nothing passes: the link is cut, or the machine has no power. */
  isCut(from: string, to: string): boolean;
}

type Item =
  | { readonly kind: 'data'; readonly bytes: Uint8Array; readonly arrivesAt: Millis }
  | { readonly kind: 'end'; readonly arrivesAt: Millis }
  | { readonly kind: 'gone'; readonly arrivesAt: Millis };

/**
 * One end of a connection as the kernels of two machines make it: bytes arrive in order, late, in pieces; a cut link holds
 * them up until it is mended or the sender gives up; a process that dies closes its end, a machine without power says nothing.
 */
export class LinkStream implements Stream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #links: StreamLinks;
  readonly #owner: SocketOwner;
  other!: LinkStream;
  /** Called once it is closed. */
  forget = (): void => {};
  /** `lost`: the machine lost its power and knows nothing of the connection any more. */
  #state: 'open' | 'closed' | 'lost' = 'open';
  readonly #wire: Item[] = [];
  #isUnderWay = false;
  #heldMs = 0;
  #onTheWay = 0;
  #isFull = false;
  #inbox: (Uint8Array | 'end')[] = [];
  #isPaused = false;
  #hasEnded = false;
  #sawEnd = false;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;
  #drain: (() => void) | undefined;
  #error: Error | undefined;

  constructor(links: StreamLinks, owner: SocketOwner, local: Endpoint, remote: Endpoint) {
    this.#links = links;
    this.#owner = owner;
    this.local = local;
    this.remote = remote;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
    if (this.#inbox.length > 0) this.#soon(() => this.#deliver());
  }
  onEnd(fn: () => void): void {
    this.#end = fn;
  }
  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
    if (this.#state === 'closed') queueMicrotask(() => fn(this.#error));
  }
  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'open' || this.#hasEnded || bytes.length === 0) return true;
    const { rng } = this.#links;
    const cut = rng.float() < CUT_SHARE ? rng.int(bytes.length + 1) : 0;
    // The kernel has a copy.
    if (cut > 0) this.#put('data', bytes.slice(0, cut));
    if (cut < bytes.length) this.#put('data', bytes.slice(cut));
    this.#isFull = this.#onTheWay > WINDOW_BYTES;
    return !this.#isFull;
  }

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#soon(() => this.#deliver());
  }

  end(): void {
    if (this.#state !== 'open' || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#put('end');
    this.#closeIfDone();
  }

  destroy(error?: Error): void {
    if (this.#state !== 'open') return;
    this.#put('gone');
    this.#over(error);
  }

  /** The process is dead: the kernel tells the other side. */
  abandon(): void {
    if (this.#state !== 'open') return;
    this.#put('gone');
    this.#state = 'closed';
    this.#close = undefined;
    this.#inbox = [];
  }

  /** The machine has no power: nobody is told. */
  lose(): void {
    this.#state = 'lost';
    this.#wire.length = 0;
    this.#inbox = [];
    this.#close = undefined;
  }

  #soon(fn: () => void): void {
    this.#links.events.after(0, () => this.#owner.receive(fn));
  }

  #put(kind: 'data' | 'end' | 'gone', bytes?: Uint8Array): void {
    const { events } = this.#links;
    const delay = this.#links.streamDelayMs(this.local.host, this.remote.host);
    const arrivesAt = Math.max(events.now + delay, this.#wire.at(-1)?.arrivesAt ?? 0);
    if (bytes === undefined) this.#wire.push({ kind: kind as 'end', arrivesAt });
    else {
      this.#onTheWay += bytes.length;
      this.#wire.push({ kind: 'data', bytes, arrivesAt });
    }
    this.#await();
  }

  #await(): void {
    const [next] = this.#wire;
    if (next === undefined || this.#isUnderWay) return;
    this.#isUnderWay = true;
    const { events } = this.#links;
    events.after(next.arrivesAt - events.now, () => this.#arrive(next));
  }

  #arrive(item: Item): void {
    this.#isUnderWay = false;
    if (this.#state === 'lost') return;
    if (this.#links.isCut(this.local.host, this.remote.host)) return this.#hold(item);
    this.#heldMs = 0;
    this.#wire.shift();
    if (this.other.#state !== 'open') {
      if (item.kind === 'data') this.#onTheWay -= item.bytes.length;
      if (item.kind !== 'gone') this.#reset();
    } else if (item.kind === 'gone') {
      const { other } = this;
      other.#owner.receive(() => other.#over());
    } else if (item.kind === 'end') this.other.#take('end');
    else this.other.#take(item.bytes);
    this.#await();
  }

  /** The link is cut: sent again later, ever more seldom, until the sender gives up. */
  #hold(item: Item): void {
    const { events, rng } = this.#links;
    if (this.#heldMs > GIVE_UP_MS + rng.float() * GIVE_UP_SPREAD_MS) {
      const error = new NetworkError('ETIMEDOUT', 'read tcp: connection timed out');
      this.#wire.length = 0;
      this.#owner.receive(() => this.#over(error));
      return;
    }
    const waitMs = Math.min(RESEND_MAX_MS, Math.max(RESEND_MS, this.#heldMs));
    this.#heldMs += waitMs;
    this.#isUnderWay = true;
    events.after(waitMs, () => this.#arrive(item));
  }

  /** The other side knows nothing of the connection, and its kernel says so. */
  #reset(): void {
    if (this.#state !== 'open') return;
    const error = new NetworkError('ECONNRESET', 'read tcp: connection reset by peer');
    const { events } = this.#links;
    const back = this.#links.streamDelayMs(this.remote.host, this.local.host);
    events.after(back, () => {
      if (this.#links.isCut(this.remote.host, this.local.host)) return;
      this.#owner.receive(() => this.#over(error));
    });
  }

  #take(item: Uint8Array | 'end'): void {
    this.#inbox.push(item);
    this.#owner.receive(() => this.#deliver());
  }

  #deliver(): void {
    while (this.#data !== undefined && !this.#isPaused && this.#state === 'open' && this.#inbox.length > 0) {
      const item = this.#inbox.shift() as Uint8Array | 'end';
      if (item === 'end') {
        this.#sawEnd = true;
        if (this.#end === undefined) this.end();
        else this.#end();
        this.#closeIfDone();
        continue;
      }
      this.other.#read(item.length);
      this.#data(item);
    }
  }

  /** The other side has read so much. */
  #read(size: number): void {
    this.#onTheWay -= size;
    if (!this.#isFull || this.#onTheWay > WINDOW_BYTES || this.#state !== 'open') return;
    this.#isFull = false;
    this.#soon(() => {
      if (this.#state === 'open') this.#drain?.();
    });
  }

  #closeIfDone(): void {
    if (this.#hasEnded && this.#sawEnd && this.#state === 'open') this.#over();
  }

  #over(error?: Error): void {
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    this.forget();
    this.#error = error;
    this.#inbox = [];
    const close = this.#close;
    if (close !== undefined) queueMicrotask(() => close(error));
  }
}
