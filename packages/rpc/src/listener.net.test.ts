import * as net from 'node:net';
import { concatBytes } from '@proconsul/base';
import { nodeNetwork, systemClock } from '@proconsul/io-node';
import { decodeAny, encodeAny } from '@proconsul/msgpack';
import { encodeHeader, Flag, FrameType, WINDOW_BYTES } from '@proconsul/yamux';
import { recordingLog } from '@proconsul/yamux/testing';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { RpcListener } from './listener.ts';
import type { RpcPeer } from './peer.ts';
import { RpcPool } from './pool.ts';

// Whatever strangers send over real sockets: the listener lives, keeps within its memory, and serves the next caller.

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150);
const { log, lines } = recordingLog();
let listener: RpcListener;
let peer: RpcPeer;
let pool: RpcPool;
const sockets: net.Socket[] = [];

beforeAll(async () => {
  listener = new RpcListener(
    { connectionsPerAddressMax: 1_000, handshakeTimeoutMs: 300 },
    {
      network: nodeNetwork,
      clock: systemClock,
      log,
      handlers: {
        call: async (method, body) => {
          if (method === 'Test.Large') return encodeAny('x'.repeat(4 * 1024 * 1024), 'rpc');
          return body;
        },
        raft: (stream) => stream.destroy(),
        snapshot: (stream) => stream.destroy(),
      },
    },
  );
  const { local } = await listener.listen({ host: '127.0.0.1', port: 0 });
  peer = { name: 's1', datacenter: 'dc1', address: local, useTls: false };
  pool = new RpcPool({}, { network: nodeNetwork, clock: systemClock, log });
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

afterAll(async () => {
  pool.close();
  await listener.close();
});

const echo = async () =>
  decodeAny(await pool.call(peer, 'Test.Echo', encodeAny('alive', 'rpc'), { timeoutMs: 10_000 }));

function open(): net.Socket {
  const socket = net.connect(peer.address.port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

const closed = (socket: net.Socket) =>
  new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.on('close', () => resolve()).resume()));

async function until(fact: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !fact(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(fact()).toBe(true);
}

const request = (method: string, body: unknown = {}) =>
  concatBytes([encodeAny({ Seq: 1, ServiceMethod: method }, 'rpc'), encodeAny(body, 'rpc')]);
const syn = (id: number) => encodeHeader(FrameType.windowUpdate, Flag.syn, id, 0);
const data = (id: number, bytes: Uint8Array) => concatBytes([encodeHeader(FrameType.data, 0, id, bytes.length), bytes]);

/** Bytes that are right for a while. */
const opening = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc
    .record({ body: fc.uint8Array({ maxLength: 200 }) })
    .map(({ body }) => concatBytes([Uint8Array.of(0), request('A.B'), body])),
  fc
    .record({ body: fc.uint8Array({ maxLength: 200 }) })
    .map(({ body }) => concatBytes([Uint8Array.of(4), syn(1), data(1, body)])),
  fc
    .record({ body: fc.uint8Array({ maxLength: 50 }), id: fc.nat(5) })
    .map(({ body, id }) => concatBytes([Uint8Array.of(4), syn(1), data(1, request('A.B')), syn(id), body])),
);

test('no opening of a connection brings the listener down or leaves anything behind', async () => {
  await fc.assert(
    fc.asyncProperty(opening, fc.constantFrom('end', 'destroy', 'wait'), async (bytes, how) => {
      const socket = open();
      socket.write(bytes);
      if (how === 'end') socket.end();
      // Those that wait are cut, or go when the test ends.
      if (how === 'destroy') setTimeout(() => socket.destroy(), 1);
      if (how === 'end') await Promise.race([closed(socket), new Promise((resolve) => setTimeout(resolve, 50))]);
    }),
    { numRuns: RUNS },
  );
  expect(await echo()).toBe('alive');
  for (const socket of sockets.splice(0)) socket.destroy();
  await until(() => listener.connectionCount === 1);
  expect(listener.streamCount).toBe(1);
  expect(listener.heldBytes).toBe(0);
});

test('those that say nothing are gone after the handshake time', async () => {
  const silent = Array.from({ length: 50 }, open);
  await Promise.all(silent.map(closed));
  await until(() => lines.filter((l) => l.fields['reason'] === 'no first byte in time').length >= 50);
  expect(await echo()).toBe('alive');
});

test('what is promised costs nothing until it comes', async () => {
  const heads = Array.from({ length: 200 }, () => {
    const socket = open();
    // A string of 31 MiB, of which little comes.
    socket.write(
      concatBytes([
        Uint8Array.of(0),
        encodeAny({ Seq: 1, ServiceMethod: 'A.B' }, 'rpc'),
        Uint8Array.of(0xdb, 1, 0xf0, 0, 0, 1, 2),
      ]),
    );
    return socket;
  });
  await until(() => listener.heldBytes === 200 * 7);
  expect(await echo()).toBe('alive');
  for (const socket of heads) socket.destroy();
  await until(() => listener.heldBytes === 0);
});

test('a peer that opens streams and never takes the answers is held to its window', async () => {
  const socket = open();
  socket.pause();
  socket.write(Uint8Array.of(4));
  for (let i = 0; i < 20; i++) socket.write(concatBytes([syn(2 * i + 1), data(2 * i + 1, request('Test.Large'))]));
  await until(() => listener.heldBytes >= 20 * 4 * 1024 * 1024);
  expect(await echo()).toBe('alive');
  socket.destroy();
  await until(() => listener.heldBytes === 0);
});

test('a peer that overruns a window is cut with a reason', async () => {
  const socket = open();
  socket.write(concatBytes([Uint8Array.of(4), syn(1), encodeHeader(FrameType.data, 0, 1, WINDOW_BYTES + 1)]));
  await closed(socket);
  expect(lines.some((l) => l.fields['reason'] === 'receive window exceeded')).toBe(true);
  expect(await echo()).toBe('alive');
});

test('streams that are opened and reset in a row leave nothing behind', async () => {
  const socket = open().resume();
  socket.write(Uint8Array.of(4));
  const cycle: Uint8Array[] = [];
  for (let i = 0; i < 5_000; i++) {
    const id = 2 * i + 1;
    cycle.push(syn(id), data(id, request('Test.Echo')), encodeHeader(FrameType.windowUpdate, Flag.rst, id, 0));
  }
  socket.write(concatBytes(cycle));
  socket.write(encodeHeader(FrameType.ping, Flag.syn, 0, 9));
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (bytes) => {
      if (bytes.subarray(-12).equals(encodeHeader(FrameType.ping, Flag.ack, 0, 9))) resolve();
    });
  });
  await Promise.race([answered, closed(socket)]);
  expect(await echo()).toBe('alive');
  socket.destroy();
  await until(() => listener.connectionCount === 1);
  expect([listener.streamCount, listener.heldBytes]).toEqual([1, 0]);
});
