import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Clock } from '@proconsul/base';
import { seededRng, silentLog } from '@proconsul/base';
import { decodeMessage } from '@proconsul/dns-wire';
import { nodeNetwork } from '@proconsul/io-node';
import { afterEach, expect, test } from 'vitest';
import { type FixtureClock, question, type World, world } from './handler.fixture.ts';
import { DnsServer, TCP_CONNECTIONS_PER_CLIENT_MAX, TCP_IDLE_MS } from './server.ts';
import { FrameReader, frame } from './tcp-frames.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function running(addresses = ['127.0.0.1']) {
  const w = world();
  for (let i = 0; i < 300; i++) {
    w.catalog.register({ Node: `n${i}`, Address: `10.0.${i >> 8}.${i & 255}`, Service: { Service: 'web', Port: i } });
  }
  const clock: Clock = w.clock;
  const server = new DnsServer({
    network: nodeNetwork,
    clock,
    log: silentLog,
    handler: w.handler,
    recursors: w.recursors,
  });
  const bound = await server.start(addresses.map((host) => ({ host, port: 0 })));
  cleanups.push(() => server.stop());
  return { w, server, bound, port: bound[0]!.port, clock: w.clock as FixtureClock };
}

async function askUdp(host: string, port: number, bytes: Uint8Array): Promise<Uint8Array> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  cleanups.push(() => socket.close());
  socket.send(bytes, port, host);
  const [reply] = (await once(socket, 'message')) as [Buffer];
  return reply;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

function readReplies(socket: Socket, count: number): Promise<Uint8Array[]> {
  const frames = new FrameReader();
  const replies: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes) => {
      for (const message of frames.push(bytes)) replies.push(message.slice());
      if (replies.length >= count) resolve(replies);
    });
    socket.on('close', () => reject(new Error(`closed after ${replies.length} replies`)));
  });
}

test('UDP over IPv4 and IPv6', async () => {
  const { bound } = await running(['127.0.0.1', '::1']);
  for (const { host, port } of bound) {
    const reply = decodeMessage(await askUdp(host, port, question('web.service.consul', 'A')));
    expect(reply.answers).toHaveLength(3);
  }
});

test('TCP carries answers that UDP cannot', async () => {
  const { port } = await running();
  const socket = await open(port);
  socket.write(frame(question('web.service.consul', 'SRV')));
  const [reply] = await readReplies(socket, 1);
  expect(reply!.length).toBeGreaterThan(10_000);
  expect(decodeMessage(reply!).answers).toHaveLength(300);
});

test('a thousand questions at once on one connection are all answered', async () => {
  const { port } = await running();
  const socket = await open(port);
  const packets: Uint8Array[] = [];
  for (let id = 0; id < 1000; id++) {
    // Cached, not cached, unknown and damaged questions in turn.
    const name = ['web.service.consul', `n${id % 300}.node.consul`, `x${id}.consul`, 'web.service.consul'][id % 4]!;
    const packet = question(name, 'A');
    packet[0] = id >> 8;
    packet[1] = id;
    if (id % 4 === 3) packet[5] = 2;
    packets.push(frame(packet));
  }
  const replies = readReplies(socket, 1000);
  const all = Buffer.concat(packets);
  for (let at = 0; at < all.length; at += 777) socket.write(all.subarray(at, at + 777));
  const ids = (await replies).map((reply) => decodeMessage(reply).id);
  expect(new Set(ids).size).toBe(1000);
});

test('questions sent before the end of the stream are answered before the connection ends', async () => {
  const { port } = await running();
  const socket = await open(port);
  const replies = readReplies(socket, 2);
  socket.end(Buffer.concat([frame(question('n1.node.consul', 'A')), frame(question('n2.node.consul', 'A'))]));
  expect(await replies).toHaveLength(2);
  await once(socket, 'close');
});

test('an idle connection is closed, a busy one is not', async () => {
  const { port, clock } = await running();
  const [idle, busy] = [await open(port), await open(port)];
  const reply = readReplies(busy, 1);
  clock.advance(TCP_IDLE_MS - 1);
  busy.write(frame(question('n1.node.consul', 'A')));
  await reply;
  const closed = once(idle, 'close');
  idle.resume();
  clock.advance(1);
  await closed;
  const second = readReplies(busy, 1);
  busy.write(frame(question('n2.node.consul', 'A')));
  expect(await second).toHaveLength(1);
});

test('one client cannot take every connection', async () => {
  const { port } = await running();
  const sockets: Socket[] = [];
  for (let i = 0; i < TCP_CONNECTIONS_PER_CLIENT_MAX; i++) sockets.push(await open(port));
  const [last] = sockets;
  const answered = readReplies(last!, 1);
  last!.write(frame(question('n1.node.consul', 'A')));
  await answered;
  const extra = await open(port);
  extra.resume();
  await once(extra, 'close');
});

test('a client that does not read is not read from, and the others are served', async () => {
  const { w, port } = await running();
  const greedy = await open(port);
  greedy.pause();
  const packet = frame(question('web.service.consul', 'SRV'));
  let handled = 0;
  const original = w.handler.handle.bind(w.handler);
  w.handler.handle = (...parts) => {
    handled++;
    return original(...parts);
  };
  // 40,000 questions ask for about 800 MB of replies.
  for (let i = 0; i < 200; i++) greedy.write(Buffer.concat(Array.from({ length: 200 }, () => packet)));
  const polite = await open(port);
  const replies = readReplies(polite, 1);
  polite.write(frame(question('n1.node.consul', 'A')));
  await replies;
  expect(handled).toBeLessThan(5_000);
});

test('a port in use is an error, and nothing stays bound', async () => {
  const { port, w } = await running();
  const parts = { network: nodeNetwork, clock: w.clock, log: silentLog, handler: w.handler, recursors: w.recursors };
  const second = new DnsServer(parts);
  await expect(
    second.start([
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port },
    ]),
  ).rejects.toThrow();
  const third: World = world();
  const fourth = new DnsServer({ ...parts, handler: third.handler });
  const rng = seededRng(1);
  const free = await fourth.start([{ host: '127.0.0.1', port: 30_500 + rng.int(90) }]);
  expect(free).toHaveLength(1);
  await fourth.stop();
});
