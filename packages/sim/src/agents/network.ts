import {
  type Datagrams,
  type DialOptions,
  type Endpoint,
  type Listener,
  type Millis,
  type Network,
  NetworkError,
  type Rng,
  type Stream,
} from '@proconsul/base';
import type { EventQueue } from '../event-queue.ts';
import { copies, type PacketWeather, packetDelay, RESEND_MS, usualDelay } from '../weather.ts';
import type { AgentProcess } from './process.ts';
import { LinkStream, type SocketOwner, type StreamLinks } from './stream.ts';

const RESENDS_MAX = 5;
/** On one machine. */
const LOOPBACK_MS: Millis = 0.05;
const EPHEMERAL_PORT = 32_768;

/** What the process of one life has opened. */
interface Sockets {
  readonly process: AgentProcess;
  readonly packets: Map<number, (bytes: Uint8Array, from: Endpoint) => void>;
  readonly listeners: Map<number, (stream: Stream) => void>;
  readonly streams: Set<LinkStream>;
}

/** Nothing ever happens to it. */
const OUTSIDER: SocketOwner = { receive: (fn) => fn() };

/** Packets and streams between machines, each with one address and any number of ports. */
export class AgentNetwork implements StreamLinks {
  readonly events: EventQueue;
  readonly rng: Rng;
  readonly #sockets = new Map<string, Sockets>();
  readonly #cut = new Set<string>();
  readonly #dark = new Set<string>();
  /** Clients that live on a machine, and their connections. */
  readonly #outside = new Map<string, Set<LinkStream>>();
  #port = EPHEMERAL_PORT;
  weather: PacketWeather;
  packets = 0;
  streams = 0;

  constructor(events: EventQueue, rng: Rng, weather: PacketWeather) {
    this.events = events;
    this.rng = rng;
    this.weather = weather;
  }

  /** The network as a new process at `address` sees it. */
  attach(address: string, process: AgentProcess): Network {
    const sockets: Sockets = { process, packets: new Map(), listeners: new Map(), streams: new Set() };
    this.#sockets.set(address, sockets);
    this.#dark.delete(address);
    return {
      bindUdp: async ({ port }, onDatagram) => {
        sockets.packets.set(port, onDatagram);
        return this.#datagrams(address, port, sockets);
      },
      listen: async ({ port }, onConnection) => {
        if (sockets.listeners.has(port)) throw new NetworkError('EADDRINUSE', `listen tcp ${address}:${port}: bind`);
        sockets.listeners.set(port, onConnection);
        const close = async (): Promise<void> => {
          sockets.listeners.delete(port);
        };
        return { local: { host: address, port }, close } satisfies Listener;
      },
      dial: (options) => this.#dial(address, process, sockets.streams, options, process),
    };
  }

  /** Connections of a client that lives on the machine of `address`. */
  dialFrom(address: string, port: number, timeoutMs: Millis): Promise<Stream> {
    let streams = this.#outside.get(address);
    if (streams === undefined) {
      streams = new Set();
      this.#outside.set(address, streams);
    }
    return this.#dial(address, OUTSIDER, streams, { host: address, port, timeoutMs }, this.events);
  }

  /** The process at `address` is dead: its kernel closes what it had open. */
  abandon(address: string): void {
    for (const stream of this.#sockets.get(address)?.streams ?? []) stream.abandon();
    this.#sockets.delete(address);
  }

  /** The machine at `address` has no power: it says nothing, and forgets everything. */
  darken(address: string): void {
    for (const stream of this.#sockets.get(address)?.streams ?? []) stream.lose();
    // Clients on it are not simulated as programs that die: they see their connection end.
    for (const stream of this.#outside.get(address) ?? []) stream.destroy();
    this.#sockets.delete(address);
    this.#dark.add(address);
  }

  /** Nothing passes from `from` to `to` any more; the other way is not affected. */
  cut(from: string, to: string): void {
    if (from !== to) this.#cut.add(`${from} ${to}`);
  }

  mend(from: string, to: string): void {
    this.#cut.delete(`${from} ${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  isCut(from: string, to: string): boolean {
    return this.#dark.has(to) || this.#dark.has(from) || this.#cut.has(`${from} ${to}`);
  }

  streamDelayMs(from: string, to: string): Millis {
    if (from === to) return LOOPBACK_MS;
    const { loss } = this.weather;
    let delay = usualDelay(this.weather, this.rng);
    for (let i = 0, wait = RESEND_MS; loss > 0 && i < RESENDS_MAX && this.rng.float() < loss; i++, wait *= 2)
      delay += wait;
    return delay;
  }

  #datagrams(address: string, port: number, sockets: Sockets): Datagrams {
    const local = { host: address, port };
    return {
      local,
      send: (bytes, to) => {
        if (!sockets.process.isUp) return;
        const times = copies(this.weather, this.rng);
        for (let i = 0; i < times; i++) this.#carry(bytes.slice(), local, to);
      },
      close: async () => {
        sockets.packets.delete(port);
      },
    };
  }

  #carry(bytes: Uint8Array, from: Endpoint, to: Endpoint): void {
    this.packets++;
    const { loss } = this.weather;
    if (loss > 0 && this.rng.float() < loss) return;
    this.events.after(packetDelay(this.weather, this.rng), () => {
      if (this.isCut(from.host, to.host)) return;
      const sockets = this.#sockets.get(to.host);
      sockets?.process.receive(() => sockets.packets.get(to.port)?.(bytes, from), true);
    });
  }

  #dial(
    from: string,
    owner: SocketOwner,
    mine: Set<LinkStream>,
    { host: to, port, timeoutMs, signal }: DialOptions,
    clock: { after(delayMs: Millis, fn: () => void): unknown },
  ): Promise<Stream> {
    const operation = `dial tcp ${to}:${port}`;
    return new Promise((resolve, reject) => {
      let isOpen = true;
      const settle = (fn: () => void): void => {
        if (!isOpen) return;
        isOpen = false;
        fn();
      };
      const fail = (code: string, text: string): void =>
        settle(() => reject(new NetworkError(code, `${operation}: ${text}`)));
      clock.after(timeoutMs, () => fail('ETIMEDOUT', 'i/o timeout'));
      signal?.addEventListener('abort', () => fail('ECANCELED', 'operation was canceled'), { once: true });
      this.#knock(from, to, 0, () => {
        const sockets = this.#sockets.get(to);
        const accept = sockets?.process.isUp ? sockets.listeners.get(port) : undefined;
        // The kernel answers for a process that stands still; for one that is gone it refuses.
        const made =
          sockets !== undefined && accept !== undefined ? this.#pair(from, owner, to, port, sockets) : undefined;
        if (made !== undefined) sockets?.process.receive(() => accept?.(made.theirs));
        this.#knock(to, from, 0, () =>
          owner.receive(() => {
            if (made === undefined) return fail('ECONNREFUSED', 'connect: connection refused');
            if (!isOpen) return made.ours.destroy();
            mine.add(made.ours);
            made.ours.forget = () => mine.delete(made.ours);
            settle(() => resolve(made.ours));
          }),
        );
      });
    });
  }

  /** Part of a handshake: sent again while the link is cut, for about as long as anybody waits. */
  #knock(from: string, to: string, attempt: number, fn: () => void): void {
    this.events.after(this.streamDelayMs(from, to), () => {
      if (!this.isCut(from, to)) return fn();
      if (attempt < RESENDS_MAX) this.events.after(RESEND_MS << attempt, () => this.#knock(from, to, attempt + 1, fn));
    });
  }

  #pair(from: string, owner: SocketOwner, to: string, port: number, { process, streams }: Sockets) {
    this.streams++;
    const near = { host: from, port: this.#port++ };
    const far = { host: to, port };
    const ours = new LinkStream(this, owner, near, far);
    const theirs = new LinkStream(this, process, far, near);
    ours.other = theirs;
    theirs.other = ours;
    streams.add(theirs);
    theirs.forget = () => streams.delete(theirs);
    return { ours, theirs };
  }
}
