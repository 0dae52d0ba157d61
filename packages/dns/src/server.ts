import type { Clock, Datagrams, Endpoint, Listener, Log, Millis, Network, Stream } from '@proconsul/base';
import type { DnsHandler } from './handler.ts';
import type { Recursors } from './recursors.ts';
import { FrameReader, frame } from './tcp-frames.ts';

/** Connections at once; a further one is closed when it arrives. */
export const TCP_CONNECTIONS_MAX = 1_024;
/** Of them for one address. */
export const TCP_CONNECTIONS_PER_CLIENT_MAX = 128;
/** Questions of one connection under way; reading pauses until one is answered. */
export const TCP_PIPELINE_MAX = 64;
/** A connection without a question for so long is closed. */
export const TCP_IDLE_MS: Millis = 8_000;
/** UDP questions that wait for data or recursors; further ones are dropped, and clients ask again. */
export const UDP_PENDING_MAX = 8_192;

/** Tries at a port that is free for UDP and TCP. */
const BIND_ATTEMPTS = 10;

export interface DnsServerDependencies {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly handler: DnsHandler;
  readonly recursors: Recursors;
}

/** The sockets of DNS: UDP and TCP on every address. */
export class DnsServer {
  private readonly deps: DnsServerDependencies;
  private readonly sockets: { readonly network: string; readonly local: Endpoint; close(): Promise<void> }[] = [];
  private readonly streams = new Map<Stream, string>();
  private udpPending = 0;
  private closed = false;

  constructor(deps: DnsServerDependencies) {
    this.deps = deps;
  }

  /** Binds each address for UDP and TCP and returns what was bound. After a rejection nothing stays bound. */
  async start(addresses: readonly Endpoint[]): Promise<readonly Endpoint[]> {
    const bound: Endpoint[] = [];
    try {
      for (const address of addresses) bound.push(await this.bind(address));
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.deps.recursors.setOwnAddresses(bound);
    return bound;
  }

  /** Closes every socket and connection. */
  async stop(): Promise<void> {
    this.closed = true;
    for (const stream of [...this.streams.keys()]) stream.destroy();
    for (const socket of this.sockets.splice(0)) {
      const address = formatEndpoint(socket.local);
      this.deps.log.info('Stopping server', { protocol: 'DNS', address, network: socket.network });
      await socket.close();
    }
  }

  private async bind(address: Endpoint): Promise<Endpoint> {
    // With port 0 the system chooses for UDP, and another program may hold that number for TCP.
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.bindBoth(address);
      } catch (error) {
        if (address.port !== 0 || attempt >= BIND_ATTEMPTS) throw error;
      }
    }
  }

  private async bindBoth(address: Endpoint): Promise<Endpoint> {
    const { network, log } = this.deps;
    // The callback needs the socket that it is given to.
    const socket: { udp: Datagrams | undefined } = { udp: undefined };
    const udp = await network.bindUdp(address, (bytes, from) => this.onDatagram(socket.udp, bytes, from));
    let tcp: Listener;
    try {
      tcp = await network.listen(udp.local, (stream) => this.onConnection(stream));
    } catch (error) {
      await udp.close();
      throw error;
    }
    socket.udp = udp;
    this.sockets.push({ network: 'udp', local: udp.local, close: () => udp.close() });
    this.sockets.push({ network: 'tcp', local: tcp.local, close: () => tcp.close() });
    for (const name of ['udp', 'tcp'])
      log.info('Started DNS server', { address: formatEndpoint(udp.local), network: name });
    return udp.local;
  }

  private onDatagram(udp: Datagrams | undefined, bytes: Uint8Array, from: Endpoint): void {
    if (udp === undefined) return;
    if (this.udpPending >= UDP_PENDING_MAX) return;
    const reply = this.deps.handler.handle(bytes, from, 'udp');
    if (reply === undefined) return;
    if (!(reply instanceof Promise)) {
      udp.send(reply, from);
      return;
    }
    this.udpPending++;
    reply
      .then((message) => {
        if (message !== undefined && !this.closed) udp.send(message, from);
      })
      .finally(() => {
        this.udpPending--;
      });
  }

  private onConnection(stream: Stream): void {
    const host = stream.remote.host;
    let same = 0;
    for (const other of this.streams.values()) if (other === host) same++;
    if (this.closed || this.streams.size >= TCP_CONNECTIONS_MAX || same >= TCP_CONNECTIONS_PER_CLIENT_MAX) {
      stream.onClose(() => {});
      stream.destroy();
      return;
    }
    this.streams.set(stream, host);
    const connection = new TcpConnection(stream, this.deps.handler, this.deps.clock);
    stream.onClose(() => {
      this.streams.delete(stream);
      connection.closed();
    });
  }
}

/** One client over TCP. Replies go out as they become ready, which RFC 7766 section 7 allows. */
class TcpConnection {
  private readonly stream: Stream;
  private readonly handler: DnsHandler;
  private readonly clock: Clock;
  private readonly frames = new FrameReader();
  private readonly waiting: Uint8Array[] = [];
  private underWay = 0;
  private blocked = false;
  private ended = false;
  private gone = false;
  private idle: { cancel(): void };

  constructor(stream: Stream, handler: DnsHandler, clock: Clock) {
    this.stream = stream;
    this.handler = handler;
    this.clock = clock;
    this.idle = clock.after(TCP_IDLE_MS, () => this.onIdle());
    stream.onData((bytes) => this.onData(bytes));
    stream.onEnd(() => {
      this.ended = true;
      this.next();
    });
    stream.onDrain(() => {
      this.blocked = false;
      this.next();
    });
  }

  closed(): void {
    this.gone = true;
    this.waiting.length = 0;
    this.idle.cancel();
  }

  private onData(bytes: Uint8Array): void {
    const messages = this.frames.push(bytes);
    if (messages.length > 0) this.restartIdle();
    // What waits was in one read of the socket, and reading pauses while anything waits.
    for (const message of messages) this.waiting.push(message.slice());
    this.next();
  }

  private next(): void {
    while (!this.gone && !this.blocked && this.underWay < TCP_PIPELINE_MAX) {
      const message = this.waiting.shift();
      if (message === undefined) break;
      const reply = this.handler.handle(message, this.stream.remote, 'tcp');
      if (reply instanceof Promise) {
        this.underWay++;
        reply.then((bytes) => {
          this.underWay--;
          this.send(bytes);
          this.next();
        });
      } else {
        this.send(reply);
      }
    }
    if (this.gone) return;
    if (this.waiting.length > 0) this.stream.pause();
    else this.stream.resume();
    if (!this.ended || this.waiting.length > 0 || this.underWay > 0) return;
    this.gone = true;
    this.stream.end();
  }

  private send(reply: Uint8Array | undefined): void {
    if (this.gone || reply === undefined) return;
    if (!this.stream.write(frame(reply))) this.blocked = true;
  }

  private restartIdle(): void {
    this.idle.cancel();
    this.idle = this.clock.after(TCP_IDLE_MS, () => this.onIdle());
  }

  /** A reader that takes nothing for the whole time counts as idle too. */
  private onIdle(): void {
    if (this.underWay > 0 && !this.blocked) this.restartIdle();
    else this.stream.destroy();
  }
}

function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
