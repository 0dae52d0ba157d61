import {
  type Clock,
  type Endpoint,
  errorText,
  type Log,
  type Millis,
  type Network,
  type Rng,
  type Stream,
  shuffle,
} from '@proconsul/base';
import {
  decodeLabels,
  encodeMessage,
  formatAddress,
  HEADER_BYTES,
  type Name,
  parseAddress,
  RCODE_NAMES,
  Rcode,
  RRType,
} from '@proconsul/dns-wire';
import type { Transport } from './handler.ts';
import type { DnsSettings } from './settings.ts';
import { FrameReader, frame } from './tcp-frames.ts';

export const DNS_PORT = 53;
/** Questions on their way to recursors; more of them fail at once. */
export const RECURSIONS_MAX = 1_024;

export interface RecursorDependencies {
  readonly network: Network;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
}

/** Other name servers that are asked about names which are not ours. */
export class Recursors {
  private readonly deps: RecursorDependencies;
  private servers: readonly Endpoint[] = [];
  private own: readonly Endpoint[] = [];
  private settings: DnsSettings;
  private underWay = 0;

  constructor(settings: DnsSettings, deps: RecursorDependencies) {
    this.deps = deps;
    this.settings = settings;
    this.reload(settings);
  }

  reload(settings: DnsSettings): void {
    this.settings = settings;
    const servers = settings.recursors.map(parseRecursor).filter((server) => server !== undefined);
    this.servers = servers.filter((server) => {
      const self = this.own.some((own) => own.port === server.port && sameHost(own.host, server.host));
      if (self)
        this.deps.log.warn('recursor is this agent and is not used', { recursor: `${server.host}:${server.port}` });
      return !self;
    });
  }

  /** Tells which addresses are ours, so that no question is sent to ourselves for ever. */
  setOwnAddresses(own: readonly Endpoint[]): void {
    this.own = own;
    this.reload(this.settings);
  }

  /**
   * Sends a query on, over the transport it came by, and returns the first reply of NOERROR or NXDOMAIN, as it came but with
   * the id of the query. Undefined when no server gave one.
   */
  async forward(query: Uint8Array, transport: Transport): Promise<Uint8Array | undefined> {
    if (this.underWay >= RECURSIONS_MAX) return undefined;
    this.underWay++;
    try {
      const servers = [...this.servers];
      if (this.settings.recursorStrategy === 'random') shuffle(this.deps.rng, servers);
      for (const server of servers) {
        const reply = await this.ask(server, query, transport);
        if (reply !== undefined) return reply;
      }
      this.deps.log.error('all resolvers failed for question from client', { servers: servers.length });
      return undefined;
    } finally {
      this.underWay--;
    }
  }

  private async ask(server: Endpoint, query: Uint8Array, transport: Transport): Promise<Uint8Array | undefined> {
    const id = this.deps.rng.int(0x10000);
    const packet = withId(query, id);
    const recursor = `${server.host}:${server.port}`;
    try {
      const reply = await (transport === 'udp' ? this.askUdp(server, packet) : this.askTcp(server, packet));
      const rcode = reply[3]! & 15;
      if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) {
        this.deps.log.debug('recurse succeeded for question', { recursor });
        return withId(reply, (query[0]! << 8) | query[1]!);
      }
      this.deps.log.debug('recurse failed for question', { recursor, rcode: RCODE_NAMES[rcode] ?? rcode });
    } catch (error) {
      this.deps.log.error('recurse failed', { error: errorText(error), recursor });
    }
    return undefined;
  }

  private async askUdp(server: Endpoint, packet: Uint8Array): Promise<Uint8Array> {
    const { network } = this.deps;
    const host = server.host.includes(':') ? '::' : '0.0.0.0';
    let deliver: (bytes: Uint8Array) => void = () => {};
    const reply = new Promise<Uint8Array>((resolve) => {
      deliver = resolve;
    });
    // A port of its own for each question makes replies hard to forge.
    const socket = await network.bindUdp({ host, port: 0 }, (bytes, from) => {
      if (from.port !== server.port || !sameHost(from.host, server.host)) return;
      if (answers(bytes, packet)) deliver(bytes.slice());
    });
    try {
      socket.send(packet, server);
      return await this.withTimeout(reply, () => {});
    } finally {
      await socket.close();
    }
  }

  private async askTcp(server: Endpoint, packet: Uint8Array): Promise<Uint8Array> {
    const stream = await this.deps.network.dial({ ...server, timeoutMs: this.settings.recursorTimeoutMs });
    try {
      return await this.withTimeout(readReply(stream, packet), () => stream.destroy());
    } finally {
      stream.destroy();
    }
  }

  private withTimeout<T>(work: Promise<T>, giveUp: () => void): Promise<T> {
    const waitMs: Millis = this.settings.recursorTimeoutMs;
    return new Promise((resolve, reject) => {
      const timer = this.deps.clock.after(waitMs, () => {
        giveUp();
        reject(new Error(`no reply within ${waitMs}ms`));
      });
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

function readReply(stream: Stream, packet: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const frames = new FrameReader();
    stream.onData((bytes) => {
      for (const message of frames.push(bytes)) if (answers(message, packet)) resolve(message.slice());
    });
    stream.onEnd(() => reject(new Error('connection ended without a reply')));
    stream.onClose((error) => reject(error ?? new Error('connection closed without a reply')));
    stream.write(frame(packet));
  });
}

/** A reply to this query: the same id and the same question. */
function answers(reply: Uint8Array, query: Uint8Array): boolean {
  if (reply.length < HEADER_BYTES || (reply[2]! & 0x80) === 0) return false;
  if (reply[0] !== query[0] || reply[1] !== query[1]) return false;
  // Servers that cannot read a query may answer without repeating the question.
  if (reply[4] === 0 && reply[5] === 0) return (reply[3]! & 15) !== Rcode.NOERROR;
  let end: number;
  try {
    end = decodeLabels(query, HEADER_BYTES).end + 4;
  } catch {
    return false;
  }
  if (reply.length < end) return false;
  for (let i = HEADER_BYTES; i < end; i++) if (lower(reply[i]!) !== lower(query[i]!)) return false;
  return true;
}

/** ASCII letters in lower case: some servers change the case of the question. */
function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function withId(packet: Uint8Array, id: number): Uint8Array {
  const out = packet.slice();
  out[0] = id >> 8;
  out[1] = id;
  return out;
}

/** A question for the addresses behind a host name, with recursion desired. */
export function aRecordQuery(name: Name): Uint8Array {
  return encodeMessage({
    id: 0,
    recursionDesired: true,
    questions: [{ name, type: RRType.A, class: 1 }],
    answers: [],
    authority: [],
    additional: [],
  });
}

/** `ip`, `ip:port`, `[ip]:port`, or a bare IPv6 address; undefined for anything else. */
export function parseRecursor(text: string): Endpoint | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = /^([^:]+)(?::(\d{1,5}))?$/.exec(text);
  const [, host = text, port] = bracketed ?? plain ?? [];
  const address = parseAddress(host);
  const number = port === undefined ? DNS_PORT : Number(port);
  if (address === undefined || number < 1 || number > 65_535) return undefined;
  return { host: formatAddress(address), port: number };
}

function sameHost(a: string, b: string): boolean {
  if (a === b) return true;
  const [left, right] = [parseAddress(a), parseAddress(b)];
  return left !== undefined && right !== undefined && formatAddress(left) === formatAddress(right);
}
