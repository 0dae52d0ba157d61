import { createSocket, type Socket } from 'node:dgram';
import type { BenchAgent } from './agent.ts';
import { type Answer, Connection } from './connection.ts';

export interface Figure {
  readonly value: number;
  readonly unit: string;
  /** Whether more is better. */
  readonly more: boolean;
}

/** Method, path and body of the `i`th request of worker `w`. */
export type Next = (w: number, i: number) => readonly [method: string, path: string, body: string | null];

/** The sorted sample's value below which `part` of it lies. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

function figures(latencies: number[], elapsedMs: number, errors: number, unit: string): Figure[] {
  if (errors > latencies.length / 100) throw new Error(`${errors} of ${errors + latencies.length} failed`);
  latencies.sort((a, b) => a - b);
  return [
    { value: (latencies.length / elapsedMs) * 1000, unit, more: true },
    { value: quantile(latencies, 0.99), unit: 'ms p99', more: false },
  ];
}

/** One request after another on each of `width` connections, for `forMs`. */
export async function requests(
  agent: { readonly port: number },
  width: number,
  forMs: number,
  next: Next,
): Promise<Figure[]> {
  const connections = await Promise.all(Array.from({ length: width }, () => Connection.open(agent.port)));
  const latencies: number[] = [];
  let errors = 0;
  const from = performance.now();
  const end = from + forMs;
  const worker = (connection: Connection, w: number) =>
    new Promise<void>((resolve) => {
      let i = 0;
      let sent = 0;
      const done = (error: Error | null, answer: Answer | null) => {
        const now = performance.now();
        if (answer?.status === 200) latencies.push(now - sent);
        else errors++;
        if (error !== null || now >= end) resolve();
        else step();
      };
      const step = () => {
        const [method, path, body] = next(w, i++);
        sent = performance.now();
        connection.send(method, path, body, done);
      };
      step();
    });
  await Promise.all(connections.map(worker));
  const elapsed = performance.now() - from;
  for (const connection of connections) connection.close();
  return figures(latencies, elapsed, errors, 'op/s');
}

const DNS_TIMEOUT_MS = 2_000;

/** One question after another from each of `width` UDP sockets, for `forMs`. */
export async function questions(agent: BenchAgent, width: number, forMs: number, query: Buffer): Promise<Figure[]> {
  const latencies: number[] = [];
  let errors = 0;
  const from = performance.now();
  const end = from + forMs;
  const worker = async () => {
    const socket = await connected(agent.dnsPort);
    for (let id = 0; performance.now() < end; id = (id + 1) & 0xffff) {
      const sent = performance.now();
      if (await ask(socket, query, id)) latencies.push(performance.now() - sent);
      else errors++;
    }
    socket.close();
  };
  await Promise.all(Array.from({ length: width }, worker));
  return figures(latencies, performance.now() - from, errors, 'q/s');
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.connect(port, '127.0.0.1', () => resolve(socket));
  });
}

function ask(socket: Socket, query: Buffer, id: number): Promise<boolean> {
  return new Promise((resolve) => {
    const packet = Buffer.from(query);
    packet.writeUInt16BE(id, 0);
    const finish = (good: boolean) => {
      clearTimeout(timer);
      socket.off('message', onMessage);
      resolve(good);
    };
    const onMessage = (message: Buffer) => {
      if (message.readUInt16BE(0) === id) finish(message.readUInt16BE(6) > 0);
    };
    const timer = setTimeout(() => finish(false), DNS_TIMEOUT_MS);
    socket.on('message', onMessage);
    socket.send(packet);
  });
}

/** A question as a packet, without its identifier. Source: RFC 1035 section 4.1. */
export function dnsQuery(name: string, type: number): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, type >> 8, type & 255, 0, 1])]);
}
