import { concatBytes, type DialOptions, hex, type Stream, unhex, utf8 } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { decodeAny, encodeAny } from '@proconsul/msgpack';
import { recordingLog } from '@proconsul/yamux/testing';
import { beforeEach, expect, test } from 'vitest';
import { DOUBT_MS } from './limits.ts';
import { RpcListener } from './listener.ts';
import type { RpcHandlers, RpcPeer } from './peer.ts';
import { RpcPool, type RpcPoolOptions } from './pool.ts';
import { PipeNetwork } from './testing/pipe-network.ts';

const PEER: RpcPeer = { name: 's1', datacenter: 'dc1', address: { host: '10.0.0.9', port: 8300 }, useTls: false };

let clock: ManualClock;
let network: PipeNetwork;
let log: ReturnType<typeof recordingLog>;

beforeEach(() => {
  clock = new ManualClock();
  network = new PipeNetwork();
  log = recordingLog();
});

const echo: RpcHandlers['call'] = async (method, body) => {
  if (method === 'Test.Fail') throw new Error('that went wrong');
  return body;
};

async function serve(call = echo, handlers: Partial<RpcHandlers> = {}): Promise<RpcListener> {
  const listener = new RpcListener(
    {},
    {
      network,
      clock,
      log: log.log,
      handlers: { call, raft: () => undefined, snapshot: () => undefined, ...handlers },
    },
  );
  await listener.listen(PEER.address);
  return listener;
}

const newPool = (options: Partial<RpcPoolOptions> = {}) => new RpcPool(options, { network, clock, log: log.log });
const call = async (pool: RpcPool, method: string, value: unknown, timeoutMs = 1_000) =>
  decodeAny(await pool.call(PEER, method, encodeAny(value, 'rpc'), { timeoutMs }));

test('calls get the answers of the server, over one connection', async () => {
  const listener = await serve();
  const pool = newPool();
  const results = await Promise.all(Array.from({ length: 50 }, (_, i) => call(pool, 'Test.Echo', { i })));
  expect(results).toEqual(Array.from({ length: 50 }, (_, i) => ({ i })));
  expect(network.dialled).toHaveLength(1);
  expect(listener.connectionCount).toBe(1);
});

test('the first call is written as real clients write it', async () => {
  await serve();
  await newPool().call(PEER, 'Status.RaftStats', unhex('80'), { timeoutMs: 1_000 });
  expect(hex(concatBytes(network.dialled[0]!.written))).toBe(
    '04' +
      '000100010000000100000000' +
      '00000000000000010000002682a353657101ad536572766963654d6574686f64b05374617475732e52616674537461747380',
  );
});

test('an error of the server comes as its bare text, and the stream serves the next call', async () => {
  const listener = await serve();
  const pool = newPool();
  await expect(call(pool, 'Test.Fail', {})).rejects.toMatchObject({
    name: 'RemoteError',
    message: 'that went wrong',
  });
  expect(await call(pool, 'Test.Echo', 'x')).toBe('x');
  expect(listener.streamCount).toBe(1);
});

test('a stream on which a server knew no such method is not used again, for the server closes it', async () => {
  const refusal = "rpc: can't find method Test.None";
  const listener = await serve(async (method, body) => {
    if (method === 'Test.None') throw new Error(refusal);
    return body;
  });
  const pool = newPool();
  await call(pool, 'Test.Echo', 1);
  await expect(call(pool, 'Test.None', {})).rejects.toMatchObject({ name: 'RemoteError', message: refusal });
  await settle();
  expect([listener.streamCount, listener.connectionCount]).toEqual([0, 1]);
  expect(await call(pool, 'Test.Echo', 'x')).toBe('x');
});

test('streams are used again, one call at a time', async () => {
  const listener = await serve();
  const pool = newPool();
  for (let i = 0; i < 5; i++) await call(pool, 'Test.Echo', i);
  expect(listener.streamCount).toBe(1);
  await Promise.all([call(pool, 'Test.Echo', 1), call(pool, 'Test.Echo', 2), call(pool, 'Test.Echo', 3)]);
  expect(listener.streamCount).toBe(3);
});

test('only so many idle streams are kept once the rush is over', async () => {
  const listener = await serve();
  const pool = newPool();
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 100 }, () => call(pool, 'Test.Echo', 1)));
    await clock.advance(500);
    expect(listener.streamCount).toBe(100);
  }
  await clock.advance(4_000);
  expect(listener.streamCount).toBe(32);
  await clock.advance(1_000_000);
  expect([listener.streamCount, clock.waiting]).toEqual([0, 0]);
});

test('a connection without calls is closed after its time, and dialled again when it is needed', async () => {
  const listener = await serve();
  const pool = newPool();
  await call(pool, 'Test.Echo', 1);
  await clock.advance(126_000);
  expect(listener.connectionCount).toBe(1);
  await clock.advance(3_000);
  expect([listener.connectionCount, pool.serverCount]).toEqual([0, 0]);
  expect(await call(pool, 'Test.Echo', 2)).toBe(2);
  expect(network.dialled).toHaveLength(2);
});

test('who loses a connection is told, on both sides, but not who closes it', async () => {
  const lost: string[] = [];
  await serve(echo, { lost: ({ host }) => lost.push(`from ${host}`) });
  const pool = new RpcPool({}, { network, clock, log: log.log, lost: (peer) => lost.push(`to ${peer.address.host}`) });
  await call(pool, 'Test.Echo', 1);
  const { host } = network.dialled[0]!.local;
  pool.forget(PEER);
  await settle();
  expect(lost).toEqual([`from ${host}`]);
  await call(pool, 'Test.Echo', 2);
  network.dialled[1]!.destroy();
  await settle();
  expect(lost.slice(1).sort()).toEqual([`from ${host}`, 'to 10.0.0.9']);
  // A port scan is no agent that has gone.
  const scan = await network.dial(PEER.address);
  scan.write(Uint8Array.of(99));
  await settle();
  scan.destroy();
  await settle();
  expect(lost).toHaveLength(3);
});

test('a dial to a server that is said to have failed is given up at once', async () => {
  const canceled = new Error('dial tcp 10.0.0.9:8300: operation was canceled');
  const silent = {
    dial: ({ signal }: DialOptions) =>
      new Promise<Stream>((_, reject) => signal?.addEventListener('abort', () => reject(canceled), { once: true })),
  };
  const pool = new RpcPool({}, { network: silent, clock, log: log.log });
  const calls = Promise.allSettled([call(pool, 'Test.Echo', 1, 60_000), call(pool, 'Test.Echo', 2, 60_000)]);
  await settle();
  pool.doubt(PEER);
  const fault = { status: 'rejected', reason: expect.objectContaining({ code: 'RPC_DIAL' }) };
  expect(await calls).toEqual([fault, fault]);
  expect([pool.serverCount, clock.waiting]).toEqual([0, 0]);
});

test('a connection to a server that is said to have failed stays if it answers, and is lost if it does not', async () => {
  const lost: string[] = [];
  await serve();
  const pool = new RpcPool({}, { network, clock, log: log.log, lost: (peer) => lost.push(peer.name) });
  pool.doubt(PEER);
  await call(pool, 'Test.Echo', 1);
  pool.doubt(PEER);
  await clock.advance(DOUBT_MS + 1);
  expect([await call(pool, 'Test.Echo', 2), network.dialled.length, lost]).toEqual([2, 1, []]);
  network.dialled[0]!.pause();
  const pending = call(pool, 'Test.Echo', 3, 60_000);
  const fault = expect(pending).rejects.toMatchObject({ name: expect.any(String) });
  pool.doubt(PEER);
  await clock.advance(DOUBT_MS + 1);
  await fault;
  expect([lost, pool.serverCount]).toEqual([['s1'], 0]);
});

test('an unreachable server is told with the text of the dial', async () => {
  const pool = newPool();
  await expect(call(pool, 'Test.Echo', 1)).rejects.toMatchObject({
    code: 'RPC_DIAL',
    isSent: false,
    message: 'rpc error getting client: failed to get conn: dial tcp 10.0.0.9:8300: connect: connection refused',
  });
  expect(pool.serverCount).toBe(0);
});

test.for([
  ['10.0.0.2', '10.0.0.2:0->'],
  ['fd00::2', ''],
] as const)('connections go out from %s where the server can be reached from there', async ([localHost, from]) => {
  const pool = newPool({ localHost });
  await expect(call(pool, 'Test.Echo', 1)).rejects.toThrow(
    `dial tcp ${from}10.0.0.9:8300: connect: connection refused`,
  );
});

test('a call that takes too long fails, frees its stream on the server, and leaves the others alone', async () => {
  const signals: AbortSignal[] = [];
  const listener = await serve((method, body, _from, signal) => {
    if (method !== 'Test.Hang') return Promise.resolve(body);
    signals.push(signal);
    return new Promise(() => undefined);
  });
  const pool = newPool();
  const hanging = call(pool, 'Test.Hang', {}, 500);
  const failed = expect(hanging).rejects.toMatchObject({
    code: 'RPC_TIMEOUT',
    isSent: true,
    message: 'rpc error making call: i/o deadline reached',
  });
  await settle();
  await clock.advance(501);
  await failed;
  expect(await call(pool, 'Test.Echo', 1)).toBe(1);
  expect(signals[0]!.aborted).toBe(true);
  expect([network.dialled.length, listener.streamCount]).toEqual([1, 1]);
});

test('each call has its own time, whatever the one before it on the stream had', async () => {
  await serve((method, body) => (method === 'Test.Hang' ? new Promise(() => undefined) : Promise.resolve(body)));
  const pool = newPool();
  let failures = 0;
  const hang = (timeoutMs: number) => void call(pool, 'Test.Hang', {}, timeoutMs).catch(() => failures++);
  await call(pool, 'Test.Echo', 1, 300);
  hang(500);
  await clock.advance(499);
  expect(failures).toBe(0);
  await clock.advance(1);
  expect(failures).toBe(1);
  await call(pool, 'Test.Echo', 1, 60_000);
  hang(200);
  await clock.advance(199);
  expect(failures).toBe(1);
  await clock.advance(1);
  expect(failures).toBe(2);
});

test('giving up a call tells the server', async () => {
  const signals: AbortSignal[] = [];
  await serve((_method, _body, _from, signal) => {
    signals.push(signal);
    return new Promise(() => undefined);
  });
  const pool = newPool();
  const abort = new AbortController();
  const hanging = pool.call(PEER, 'Test.Hang', unhex('80'), { timeoutMs: 1_000, signal: abort.signal });
  const failed = expect(hanging).rejects.toMatchObject({ code: 'RPC_CANCELED' });
  await settle();
  abort.abort();
  await failed;
  await settle();
  expect(signals[0]!.aborted).toBe(true);
});

test('when the connection breaks every call fails, and the next one dials', async () => {
  let isHanging = true;
  await serve((_method, body) => (isHanging ? new Promise(() => undefined) : Promise.resolve(body)));
  const pool = newPool();
  const failed = Promise.all(
    [call(pool, 'Test.A', 1), call(pool, 'Test.B', 2)].map((c) =>
      expect(c).rejects.toMatchObject({ code: 'RPC_CLOSED', isSent: true, message: 'rpc error making call: EOF' }),
    ),
  );
  await settle();
  network.dialled[0]!.destroy();
  await failed;
  isHanging = false;
  expect(await call(pool, 'Test.Echo', 3)).toBe(3);
  expect(network.dialled).toHaveLength(2);
});

test('an answer that makes no sense fails its call only', async () => {
  await network.listen(PEER.address, (stream: Stream) => {
    stream.onEnd(() => stream.end());
    // Acknowledges stream 1 and answers rubbish on it.
    const answers = ['', '000100020000000100000000000000000000000100000001c1'];
    stream.onData(() => stream.write(unhex(answers.shift() ?? '')));
  });
  const pool = newPool();
  const failed = expect(call(pool, 'Test.Echo', 1)).rejects.toMatchObject({ code: 'RPC_PROTOCOL' });
  await failed;
});

test('raft and snapshot connections are their own, past the first byte', async () => {
  const taken: string[] = [];
  await serve(echo, {
    raft: (stream) => stream.onData((bytes) => taken.push(`raft ${hex(bytes)}`)),
    snapshot: (stream) => stream.onData((bytes) => taken.push(`snapshot ${hex(bytes)}`)),
  });
  const pool = newPool();
  for (const kind of ['raft', 'snapshot'] as const) {
    const stream = await pool.dial(PEER, kind, { timeoutMs: 1_000 });
    stream.write(utf8('hi'));
  }
  await settle();
  expect(taken).toEqual(['raft 6869', 'snapshot 6869']);
});

test('after close no call is made', async () => {
  const listener = await serve();
  const pool = newPool();
  await call(pool, 'Test.Echo', 1);
  pool.close();
  await clock.advance(2_000);
  expect(listener.connectionCount).toBe(0);
  await expect(call(pool, 'Test.Echo', 1)).rejects.toMatchObject({ code: 'RPC_DIAL' });
});
