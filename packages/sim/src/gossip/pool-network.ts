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
import { copies, LAN_WEATHER, type PacketWeather, packetDelay, RESEND_MS, usualDelay } from '../weather.ts';
import type { SimProcess } from './process.ts';
import { SimStream } from './sim-stream.ts';

interface Host {
  readonly process: SimProcess;
  packets: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  accept: ((stream: Stream) => void) | undefined;
  /** Share of the packets to and from it that are lost, besides what the network loses. */
  loss: number;
}

/** Packets and streams between the members of a pool, each at an address of its own. Everything uses one port. */
export class PoolNetwork {
  readonly #events: EventQueue;
  readonly #rng: Rng;
  readonly #hosts = new Map<string, Host>();
  readonly #blocked = new Set<string>();
  weather: PacketWeather = LAN_WEATHER;
  packets = 0;
  packetBytes = 0;
  streams = 0;
  streamBytes = 0;
  /** Something happened on a stream: promises may be waiting to go on. */
  hasStreamNews = false;

  constructor(events: EventQueue, rng: Rng) {
    this.#events = events;
    this.#rng = rng;
  }

  /** The network as the process at `address` sees it. An address that was used before is taken over. */
  attach(address: string, process: SimProcess): Network {
    const host: Host = { process, packets: undefined, accept: undefined, loss: 0 };
    this.#hosts.set(address, host);
    return {
      bindUdp: (options, onDatagram) => {
        host.packets = onDatagram;
        return Promise.resolve(this.#datagrams(address, options.port, host));
      },
      listen: (options, onConnection) => {
        host.accept = onConnection;
        const close = (): Promise<void> => {
          host.accept = undefined;
          return Promise.resolve();
        };
        return Promise.resolve<Listener>({ local: { host: address, port: options.port }, close });
      },
      dial: (options) => this.#dial(address, process, options),
    };
  }

  setLoss(address: string, loss: number): void {
    const host = this.#hosts.get(address);
    if (host !== undefined) host.loss = loss;
  }

  /** Nothing passes from `from` to `to` any more; the other way is not affected. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from} ${to}`);
  }

  heal(): void {
    this.#blocked.clear();
  }

  #datagrams(address: string, port: number, host: Host): Datagrams {
    const local = { host: address, port };
    return {
      local,
      send: (bytes, to) => {
        this.packets++;
        this.packetBytes += bytes.length;
        const times = copies(this.weather, this.#rng);
        host.process.send(() => {
          for (let i = 0; i < times; i++) this.#carryPacket(bytes, local, to.host);
        });
      },
      close: () => {
        host.packets = undefined;
        return Promise.resolve();
      },
    };
  }

  #carryPacket(bytes: Uint8Array, from: Endpoint, to: string): void {
    const { loss } = this.weather;
    const target = this.#hosts.get(to);
    if (target === undefined || this.#blocked.has(`${from.host} ${to}`)) return;
    const passes = (1 - loss) * (1 - target.loss) * (1 - (this.#hosts.get(from.host)?.loss ?? 0));
    if (passes < 1 && this.#rng.float() >= passes) return;
    this.#events.after(packetDelay(this.weather, this.#rng), () => {
      target.process.receive(() => target.packets?.(bytes, from), true);
    });
  }

  /** A lossy path makes a stream slower: what is lost is sent again. A blocked one never answers. */
  #streamDelay(from: string, to: string): Millis {
    const loss =
      1 - (1 - this.weather.loss) * (1 - (this.#hosts.get(from)?.loss ?? 0)) * (1 - (this.#hosts.get(to)?.loss ?? 0));
    let delay = usualDelay(this.weather, this.#rng);
    for (let wait = RESEND_MS; loss > 0 && this.#rng.float() < loss && wait < RESEND_MS * 64; wait *= 2) delay += wait;
    return delay;
  }

  #dial(from: string, process: SimProcess, { host: to, port, timeoutMs }: DialOptions): Promise<Stream> {
    return new Promise((resolve, reject) => {
      let isOpen = true;
      const settle = (fn: () => void): void => {
        if (!isOpen) return;
        isOpen = false;
        timer.cancel();
        this.hasStreamNews = true;
        fn();
      };
      const fail = (code: string, text: string): void =>
        settle(() => reject(new NetworkError(code, `dial tcp ${to}:${port}: ${text}`)));
      const timer = process.after(timeoutMs, () => fail('ETIMEDOUT', 'i/o timeout'));
      const carry = (a: string, b: string, fn: () => void): void => this.#carryStream(a, b, fn);
      const knock = (): void =>
        carry(from, to, () => {
          const target = this.#hosts.get(to);
          if (target === undefined) return;
          // The kernel answers for a process that stands still; for one that is gone it refuses.
          const accept = target.process.isUp ? target.accept : undefined;
          carry(to, from, () => {
            process.receive(() => {
              if (accept === undefined) return fail('ECONNREFUSED', 'connect: connection refused');
              settle(() => resolve(this.#connect(from, process, { host: to, port }, target, accept)));
            }, false);
          });
        });
      process.send(knock);
    });
  }

  #connect(from: string, process: SimProcess, to: Endpoint, target: Host, accept: (stream: Stream) => void): Stream {
    this.streams++;
    const near = { host: from, port: 40_000 };
    const carry = (a: string, b: string, sender: SimProcess, owner: SimProcess) => (size: number, fn: () => void) => {
      this.streamBytes += size;
      const deliver = (): void => {
        this.hasStreamNews = true;
        fn();
      };
      sender.send(() => this.#carryStream(a, b, () => owner.receive(deliver, false)));
    };
    const ours = new SimStream(near, to, carry(from, to.host, process, target.process));
    const theirs = new SimStream(to, near, carry(to.host, from, target.process, process));
    ours.pair(theirs);
    theirs.pair(ours);
    target.process.receive(() => {
      this.hasStreamNews = true;
      accept(theirs);
    }, false);
    return ours;
  }

  #carryStream(from: string, to: string, fn: () => void): void {
    if (this.#blocked.has(`${from} ${to}`)) return;
    this.#events.after(this.#streamDelay(from, to), fn);
  }
}
