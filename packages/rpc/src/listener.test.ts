import { readFileSync } from 'node:fs';
import { concatBytes, hex, type Stream, unhex } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { encodeAny } from '@proconsul/msgpack';
import { type PipeEnd, recordingLog } from '@proconsul/yamux/testing';
import { beforeEach, expect, test } from 'vitest';
import { REQUEST_BYTES_MAX } from './limits.ts';
import { RpcListener, type RpcListenerOptions } from './listener.ts';
import type { RpcHandlers } from './peer.ts';
import { OVERLOADED } from './server-codec.ts';
import { PipeNetwork } from './testing/pipe-network.ts';

interface Probe {
  readonly name: string;
  readonly first_hex: string;
  readonly request_hex: string;
  readonly response_hex: string | null;
  readonly response: [{ Error: string; ServiceMethod: string }, unknown] | null;
}

const probes = JSON.parse(readFileSync(new URL('./testdata/rpc-probes.json', import.meta.url), 'utf8'))
  .vectors as Probe[];

let clock: ManualClock;
let recorded: ReturnType<typeof recordingLog>;
let network: PipeNetwork;

beforeEach(() => {
  clock = new ManualClock();
  recorded = recordingLog();
  network = new PipeNetwork();
});

const reasons = () => recorded.lines.filter((l) => l.level === 'warn').map((l) => l.fields['reason'] ?? l.message);

const AT = { host: '10.0.0.9', port: 8300 };

async function serve(handlers: Partial<RpcHandlers>, options: Partial<RpcListenerOptions> = {}): Promise<RpcListener> {
  const listener = new RpcListener(options, {
    network,
    clock,
    log: recorded.log,
    handlers: { call: async () => unhex('80'), raft: () => undefined, snapshot: () => undefined, ...handlers },
  });
  await listener.listen(AT);
  return listener;
}

/** A client that plays bytes. */
async function connect(): Promise<{ end: PipeEnd; received: () => string; isClosed: () => boolean }> {
  const end = await network.dial(AT);
  const chunks: Uint8Array[] = [];
  end.onData((bytes) => chunks.push(bytes));
  return { end, received: () => hex(concatBytes(chunks)), isClosed: () => end.isClosed };
}

const request = (seq: number, method: string, body: unknown): Uint8Array =>
  concatBytes([encodeAny({ Seq: seq, ServiceMethod: method }, 'rpc'), encodeAny(body, 'rpc')]);
const answer = (error: string, seq: number, method: string, body: unknown): string =>
  hex(concatBytes([encodeAny({ Error: error, Seq: seq, ServiceMethod: method }, 'rpc'), encodeAny(body, 'rpc')]));

test.for(probes.filter((p) => p.response_hex))('probe of a real server: $name', async (probe) => {
  const [header] = probe.response!;
  // What follows the header map in the recorded answer.
  const headerHex = hex(encodeAny(header, 'rpc'));
  expect(probe.response_hex!.startsWith(headerHex)).toBe(true);
  const body = unhex(probe.response_hex!.slice(headerHex.length));
  const calls: string[] = [];
  await serve({
    call: async (method, given) => {
      calls.push(`${method} ${hex(given)}`);
      if (header.Error !== '') throw new Error(header.Error);
      return body;
    },
  });
  const { end, received } = await connect();
  end.write(unhex(probe.first_hex + probe.request_hex));
  await settle();
  expect(received()).toBe(probe.response_hex);
  expect(calls).toHaveLength(1);
  expect(calls[0]!.startsWith(`${header.ServiceMethod} `)).toBe(true);
  expect(probe.request_hex.endsWith(calls[0]!.split(' ')[1]!)).toBe(true);
});

test.for([2, 6, 9, 42, 0x16, 0xff])('first byte %i is refused without an answer', async (byte) => {
  const listener = await serve({});
  const { end, received, isClosed } = await connect();
  end.write(Uint8Array.of(byte, 1, 2, 3));
  await settle();
  expect([received(), isClosed(), listener.connectionCount]).toEqual(['', true, 0]);
  expect(reasons()).toEqual([`unrecognized RPC byte: ${byte}`]);
});

test('a request may come in any pieces, and several in one', async () => {
  await serve({ call: async (_method, body) => body });
  const bytes = concatBytes([Uint8Array.of(0), request(1, 'A.B', { x: 'y' }), request(2, 'A.C', ['z'])]);
  const wanted = answer('', 1, 'A.B', { x: 'y' }) + answer('', 2, 'A.C', ['z']);
  for (const size of [1, 3, 7, 1_000]) {
    const { end, received } = await connect();
    for (let at = 0; at < bytes.length; at += size) end.write(bytes.subarray(at, at + size));
    for (let i = 0; i < 20; i++) await settle();
    expect(received()).toBe(wanted);
  }
});

test('a sequence number of 64 bits comes back as it was', async () => {
  await serve({});
  const { end, received } = await connect();
  end.write(unhex('0082a3536571cfffffffffffffffffad536572766963654d6574686f64a3412e42c0'));
  await settle();
  expect(received()).toBe('83a54572726f72a0a3536571cfffffffffffffffffad536572766963654d6574686f64a3412e4280');
});

test('requests of one connection are worked on one after the other', async () => {
  const running: string[] = [];
  const finish: (() => void)[] = [];
  await serve({
    call: (method) => {
      running.push(method);
      return new Promise((resolve) => finish.push(() => resolve(unhex('c0'))));
    },
  });
  const { end } = await connect();
  end.write(concatBytes([Uint8Array.of(0), request(1, 'A.One', {}), request(2, 'A.Two', {})]));
  await settle();
  expect(running).toEqual(['A.One']);
  finish[0]!();
  await settle();
  expect(running).toEqual(['A.One', 'A.Two']);
});

test.for<[string, string, string]>([
  ['a header that is no map', '93010203', 'header is not a map'],
  ['a byte that begins no value', 'c1', 'byte c1 begins no value'],
  ['a header without end', 'deffff', 'value of more than 4096 bytes'],
  ['a method of 4 GiB', '81ad536572766963654d6574686f64dbffffffff', 'value of more than 4096 bytes'],
  ['a negative sequence number', '81a3536571ff', 'negative sequence number'],
  ['a method that is a number', '81ad536572766963654d6574686f6401', ''],
  [
    'a body of 4 GiB',
    `${hex(encodeAny({ Seq: 1, ServiceMethod: 'A.B' }, 'rpc'))}dbffffffff`,
    `value of more than ${REQUEST_BYTES_MAX} bytes`,
  ],
])('%s closes the connection with a reason, and the next one is served', async ([, bytes, reason]) => {
  const listener = await serve({});
  const { end, isClosed } = await connect();
  end.write(unhex(`00${bytes}`));
  await settle();
  expect(isClosed()).toBe(true);
  expect(reasons()).toHaveLength(1);
  expect(reasons()[0]).toContain(reason);
  expect(listener.heldBytes).toBe(0);
  const next = await connect();
  next.end.write(concatBytes([Uint8Array.of(0), request(1, 'A.B', {})]));
  await settle();
  expect(next.received()).toBe(answer('', 1, 'A.B', {}));
});

test('a client that says nothing is dropped after the handshake time', async () => {
  const listener = await serve({}, { handshakeTimeoutMs: 5_000 });
  const { isClosed } = await connect();
  await clock.advance(4_900);
  expect(isClosed()).toBe(false);
  await clock.advance(200);
  expect(isClosed()).toBe(true);
  expect(reasons()).toEqual(['no first byte in time']);
  expect(listener.connectionCount).toBe(0);
});

test('a request that trickles in is dropped after its time, and its bytes are given back', async () => {
  const listener = await serve({});
  const { end, isClosed } = await connect();
  end.write(concatBytes([Uint8Array.of(0), encodeAny({ Seq: 1, ServiceMethod: 'A.B' }, 'rpc'), unhex('c600100000')]));
  for (let i = 0; i < 59; i++) {
    end.write(new Uint8Array(100));
    await clock.advance(1_000);
  }
  expect(isClosed()).toBe(false);
  expect(listener.heldBytes).toBe(5_905);
  await clock.advance(2_000);
  expect(isClosed()).toBe(true);
  expect(reasons()).toEqual(['request did not arrive in time']);
  expect(listener.heldBytes).toBe(0);
});

test('an address has only so many connections', async () => {
  const listener = await serve({}, { connectionsPerAddressMax: 3 });
  const ends = [await connect(), await connect(), await connect(), await connect()];
  await settle();
  expect(ends.map((e) => e.isClosed())).toEqual([false, false, false, true]);
  network.from = '10.0.0.2';
  const other = await connect();
  await settle();
  expect(other.isClosed()).toBe(false);
  ends[0]!.end.destroy();
  await settle();
  network.from = '10.0.0.1';
  const again = await connect();
  await settle();
  expect(again.isClosed()).toBe(false);
  expect(listener.connectionCount).toBe(4);
  expect(reasons()).toEqual(['connection refused, too many are open']);
});

test('large unfinished requests of one address stop at its share', async () => {
  const listener = await serve({});
  const head = concatBytes([Uint8Array.of(0), encodeAny({ Seq: 1, ServiceMethod: 'A.B' }, 'rpc'), unhex('c601f00000')]);
  const body = new Uint8Array(30 * 1024 * 1024);
  const clients = [await connect(), await connect(), await connect()];
  for (const { end } of clients) {
    end.write(head);
    end.write(body);
  }
  await settle();
  expect(clients.map((c) => c.isClosed())).toEqual([false, false, true]);
  expect(reasons()).toEqual(['too many bytes of unfinished requests']);
  for (const { end } of clients) end.destroy();
  await settle();
  expect(listener.heldBytes).toBe(0);
});

test('the caller being gone aborts its call', async () => {
  const signals: AbortSignal[] = [];
  await serve({
    call: (_method, _body, _from, signal) => {
      signals.push(signal);
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('gone'))));
    },
  });
  const [one, two] = [await connect(), await connect()];
  for (const { end } of [one, two]) end.write(concatBytes([Uint8Array.of(0), request(1, 'A.B', {})]));
  await settle();
  one.end.destroy();
  two.end.end();
  await settle();
  expect(signals.map((s) => s.aborted)).toEqual([true, false]);
  await clock.advance(5_001);
  expect(signals.map((s) => s.aborted)).toEqual([true, true]);
});

test('a caller that has finished sending still gets its answer', async () => {
  await serve({});
  const { end, received } = await connect();
  end.write(concatBytes([Uint8Array.of(0), request(1, 'A.B', {})]));
  end.end();
  await settle();
  expect(received()).toBe(answer('', 1, 'A.B', {}));
  expect(end.isClosed).toBe(true);
});

test('a caller that does not take its answer is dropped', async () => {
  network = new PipeNetwork({ highWaterBytes: 100 });
  const listener = await serve({ call: async () => encodeAny('x'.repeat(1_000), 'rpc') });
  const { end, isClosed } = await connect();
  end.pause();
  end.write(concatBytes([Uint8Array.of(0), request(1, 'A.B', {})]));
  await settle();
  expect(listener.heldBytes).toBeGreaterThan(1_000);
  await clock.advance(60_001);
  expect(isClosed()).toBe(true);
  expect(reasons()).toEqual(['answer was not taken in time']);
  expect(listener.heldBytes).toBe(0);
});

test('answers that nobody takes use up their room; further callers are sent elsewhere', async () => {
  network = new PipeNetwork({ highWaterBytes: 100 });
  const large = encodeAny('x'.repeat(100 * 1024 * 1024), 'rpc');
  await serve({ call: async () => large });
  const clients = [await connect(), await connect(), await connect()];
  for (const { end } of clients) {
    end.pause();
    end.write(concatBytes([Uint8Array.of(0), request(1, 'A.B', {})]));
    await settle();
  }
  clients[2]!.end.resume();
  await settle();
  expect(clients[2]!.received()).toBe(answer(OVERLOADED, 1, 'A.B', {}));
});

test('a snapshot connection is handed over as a whole when its request is there', async () => {
  const taken: string[] = [];
  await serve({ snapshot: (stream) => stream.onData((bytes) => taken.push(hex(bytes))) });
  const { end } = await connect();
  const bytes = concatBytes([encodeAny({ Op: 1, Datacenter: 'dc1' }, 'rpc'), unhex('1f8b08')]);
  end.write(Uint8Array.of(5));
  for (const byte of bytes.subarray(0, -4)) end.write(Uint8Array.of(byte));
  await settle();
  await settle();
  expect(taken).toEqual([]);
  end.write(bytes.subarray(-4));
  for (let i = 0; i < 10; i++) await settle();
  expect(taken.join('')).toBe(hex(bytes));
});

test.for<[string, string, string]>([
  ['rubbish', '05c1', 'byte c1 begins no value'],
  ['a request of 4 GiB', '05dbffffffff', 'value of more than 65536 bytes'],
])('a snapshot connection with %s is closed with a reason', async ([, bytes, reason]) => {
  await serve({});
  const { end, isClosed } = await connect();
  end.write(unhex(bytes));
  await settle();
  expect([isClosed(), ...reasons()]).toEqual([true, reason]);
});

test('a snapshot connection whose request does not come is closed', async () => {
  await serve({});
  const { end, isClosed } = await connect();
  end.write(unhex('0584'));
  await clock.advance(60_001);
  expect([isClosed(), ...reasons()]).toEqual([true, 'request did not arrive in time']);
});

test('raft, snapshot and gRPC connections are handed over with every byte after the first', async () => {
  const taken: [string, () => string][] = [];
  const take = (kind: string) => (stream: Stream) => {
    const chunks: Uint8Array[] = [];
    stream.onData((bytes) => chunks.push(bytes));
    taken.push([kind, () => hex(concatBytes(chunks))]);
  };
  await serve({ raft: take('raft'), snapshot: take('snapshot'), grpc: take('grpc') });
  for (const byte of [1, 5, 8]) {
    const { end } = await connect();
    end.write(Uint8Array.of(byte, 0x2a));
    end.write(Uint8Array.of(0xbb));
  }
  await settle();
  // Which of them comes first depends on how much has to be there.
  taken.sort();
  expect(taken.map(([kind, bytes]) => [kind, bytes()])).toEqual([
    ['grpc', '2abb'],
    ['raft', '2abb'],
    ['snapshot', '2abb'],
  ]);
});

test('what is not offered is refused: gRPC without a handler, TLS without certificates', async () => {
  await serve({});
  for (const byte of [8, 3, 7]) {
    const { end } = await connect();
    end.write(Uint8Array.of(byte));
  }
  await settle();
  expect(reasons()).toEqual([
    'gRPC is not served',
    'TLS connection attempted, server not configured for TLS',
    'TLS connection attempted, server not configured for TLS',
  ]);
});

test('with verifyIncoming nothing is spoken in the clear', async () => {
  const listener = await serve({ grpc: () => undefined }, { verifyIncoming: true });
  for (const byte of [0, 1, 4, 5, 8]) (await connect()).end.write(Uint8Array.of(byte));
  await settle();
  expect(reasons()).toEqual(Array(5).fill('non-TLS connection attempted with VerifyIncoming set'));
  expect(listener.connectionCount).toBe(0);
});

test('closing the listener drops every connection and takes no more', async () => {
  const listener = await serve({});
  const { isClosed, end } = await connect();
  end.write(Uint8Array.of(4));
  await settle();
  await listener.close();
  await clock.advance(2_000);
  expect(isClosed()).toBe(true);
  expect(listener.connectionCount).toBe(0);
  await expect(network.dial(AT)).rejects.toThrow('connection refused');
});
