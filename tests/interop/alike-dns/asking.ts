import { createSocket, type Socket } from 'node:dgram';
import { connect, createServer, type Server } from 'node:net';
import { decodeMessage, encodeMessage, type Message, type ResourceRecord } from '@proconsul/dns-wire';
import { OUTSIDE } from './catalog.ts';
import type { Packet } from './questions.ts';

/** Long for a machine that is busy: most packets are answered within a millisecond. */
const WITHIN_MS = 700;

/** The answer's bytes; null when there is none. */
export function ask(host: string, port: number, packet: Packet): Promise<Uint8Array | null> {
  return packet.transport === 'udp' ? askUdp(host, port, packet.bytes) : askTcp(host, port, packet.bytes);
}

function askUdp(host: string, port: number, bytes: Uint8Array): Promise<Uint8Array | null> {
  const socket = createSocket('udp4');
  return new Promise<Uint8Array | null>((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), WITHIN_MS);
    socket.on('error', reject);
    socket.on('message', (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.send(bytes, port, host);
  }).finally(() => socket.close());
}

function askTcp(host: string, port: number, bytes: Uint8Array): Promise<Uint8Array | null> {
  const socket = connect(port, host);
  return new Promise<Uint8Array | null>((resolve) => {
    const timer = setTimeout(() => resolve(null), WITHIN_MS);
    const end = (answer: Uint8Array | null) => {
      clearTimeout(timer);
      resolve(answer);
    };
    let got = Buffer.alloc(0);
    socket.on('error', () => end(null));
    socket.on('close', () => end(null));
    socket.on('data', (part) => {
      got = Buffer.concat([got, part]);
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) end(got.subarray(2, 2 + got.readUInt16BE(0)));
    });
    socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]));
  }).finally(() => socket.destroy());
}

const address = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const ALIAS_TARGET = 'two.example.org.';

/** What the stand-in for the world outside knows: a name with an address, one with many, an alias. */
function outside(name: string, type: number): { readonly rcode: number; readonly answers: readonly ResourceRecord[] } {
  const known = name.toLowerCase().replace(/\.$/, '');
  const head = { name, ttl: 30 };
  const two = Array.from({ length: 30 }, (_, n) => ({
    name: ALIAS_TARGET,
    ttl: 20,
    kind: 'A' as const,
    address: address(192, 0, 2, n),
  }));
  if (!OUTSIDE.includes(known) || known.startsWith('nope')) return { rcode: 3, answers: [] };
  if (type !== 1 && type !== 255) return { rcode: 0, answers: [] };
  if (known.startsWith('one')) return { rcode: 0, answers: [{ ...head, kind: 'A', address: address(192, 0, 2, 77) }] };
  if (known.startsWith('alias'))
    return { rcode: 0, answers: [{ ...head, kind: 'CNAME', target: ALIAS_TARGET }, ...two.slice(0, 3)] };
  return { rcode: 0, answers: two.map((row) => ({ ...row, name })) };
}

/** Undefined for what it cannot read. */
function reply(bytes: Uint8Array, maxBytes: number): Uint8Array | undefined {
  try {
    return replyTo(bytes, maxBytes);
  } catch {
    return undefined;
  }
}

function replyTo(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { id, questions, recursionDesired = false } = decodeMessage(bytes);
  const { name = '.', type = 1 } = questions[0] ?? {};
  const message: Message = {
    ...{ id, response: true, recursionDesired, recursionAvailable: true, questions },
    ...{ ...outside(name, type), authority: [], additional: [] },
  };
  return encodeMessage(message, { maxBytes });
}

/** A recursor of a small world. */
export class Outside {
  readonly #udp: Socket = createSocket('udp4');
  readonly #tcp: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (part: Buffer) => {
      if (part.length < 2) return;
      const answer = reply(part.subarray(2), 65_535);
      if (answer === undefined) return;
      socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
    });
  });

  async start(host: string, port: number): Promise<void> {
    this.#udp.on('message', (bytes, { address, port }) => {
      const answer = reply(bytes, 512);
      if (answer !== undefined) this.#udp.send(answer, port, address);
    });
    await new Promise<void>((resolve) => this.#udp.bind(port, host, resolve));
    await new Promise<void>((resolve) => this.#tcp.listen(port, host, resolve));
  }

  stop(): void {
    this.#udp.close();
    this.#tcp.close();
  }
}
