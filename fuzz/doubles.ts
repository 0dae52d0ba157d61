// Stand-ins for the machine, made for many short lives: nothing is scheduled, everything that was written is kept.
import type {
  Clock,
  Datagrams,
  DialOptions,
  Endpoint,
  Listener,
  ListenOptions,
  Log,
  Millis,
  Network,
  Stream,
  Timer,
} from '@proconsul/base';
import { NetworkError } from '@proconsul/base';

interface Pending {
  readonly at: Millis;
  readonly fn: () => void;
}

/** Stands still; what is due at once is done when asked. */
export class StillClock implements Clock {
  #now = 1_000_000;
  readonly #pending = new Set<Pending>();

  now(): Millis {
    return this.#now;
  }
  wallMs(): Millis {
    return 1_700_000_000_000 + this.#now;
  }
  after(delayMs: Millis, fn: () => void): Timer {
    const pending = { at: this.#now + delayMs, fn };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }
  get timers(): number {
    return this.#pending.size;
  }

  /** Does what is due without time passing, again and again. True when something was. */
  turn(): boolean {
    let any = false;
    for (const pending of [...this.#pending]) {
      if (pending.at > this.#now) continue;
      this.#pending.delete(pending);
      pending.fn();
      any = true;
    }
    return any;
  }

  /** Lets time pass. */
  advance(ms: Millis): void {
    this.#now += ms;
    this.turn();
  }
}

/** Lets promises that wait for nothing but each other settle. */
export async function rest(clock?: StillClock): Promise<void> {
  do for (let i = 0; i < 8; i++) await undefined;
  while (clock?.turn() === true);
}

/** One end of a connection, the other being the fuzzer. */
export class FedStream implements Stream {
  readonly local: Endpoint = { host: '10.0.0.9', port: 8300 };
  readonly remote: Endpoint = { host: '10.0.0.1', port: 40_000 };
  readonly written: Uint8Array[] = [];
  writtenBytes = 0;
  isClosed = false;
  isPaused = false;
  /** Not delivered while the other side has paused. */
  readonly #held: Uint8Array[] = [];
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;

  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
  }
  onEnd(fn: () => void): void {
    this.#end = fn;
  }
  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
  }
  onDrain(): void {}
  write(bytes: Uint8Array): boolean {
    this.written.push(bytes);
    this.writtenBytes += bytes.length;
    return true;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
    while (!this.isPaused && !this.isClosed && this.#held.length > 0) this.#data?.(this.#held.shift()!);
  }
  end(): void {}
  destroy(error?: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#close?.(error);
  }

  feed(bytes: Uint8Array): void {
    if (this.isClosed) return;
    if (this.isPaused) this.#held.push(bytes);
    else this.#data?.(bytes);
  }
  feedEnd(): void {
    if (!this.isClosed) this.#end?.();
  }

  /** In pieces that follow from the bytes themselves, so that a run is always the same. */
  feedInPieces(bytes: Uint8Array): void {
    let step = 1 + ((bytes[0] ?? 0) % 61);
    for (let at = 0; at < bytes.length && !this.isClosed; at += step, step = 1 + ((step * 7) % 61)) {
      this.feed(bytes.slice(at, at + step));
    }
  }
}

/** Sockets that the fuzzer holds the other end of. */
export class FedNetwork implements Network {
  packet: (bytes: Uint8Array, from: Endpoint) => void = () => undefined;
  accept: (stream: Stream) => void = () => undefined;
  sent = 0;
  sentBytes = 0;

  async listen(options: ListenOptions, onConnection: (stream: Stream) => void): Promise<Listener> {
    this.accept = onConnection;
    return { local: { host: options.host, port: options.port }, close: async () => undefined };
  }
  dial({ host }: DialOptions): Promise<Stream> {
    return Promise.reject(new NetworkError('ECONNREFUSED', `dial ${host}: connection refused`));
  }
  async bindUdp(options: Endpoint, onDatagram: (bytes: Uint8Array, from: Endpoint) => void): Promise<Datagrams> {
    this.packet = onDatagram;
    return {
      local: options,
      send: (bytes) => {
        this.sent++;
        this.sentBytes += bytes.length;
      },
      close: async () => undefined,
    };
  }
}

/** Counts lines, and keeps the last reasons. */
export class CountingLog implements Log {
  lines = 0;
  errors = 0;
  trace(): void {}
  debug(): void {}
  info(): void {
    this.lines++;
  }
  warn(): void {
    this.lines++;
    this.errors++;
  }
  error(): void {
    this.lines++;
    this.errors++;
  }
  named(): Log {
    return this;
  }
}
