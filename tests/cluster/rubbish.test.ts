import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeRequest as encodeRaft } from '../../packages/raft/src/wire/request-codec.ts';
import { encodeHeader } from '../../packages/yamux/src/index.ts';
import { eventually, programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';
import { injure, mulberry32 } from '../e2e/random.ts';
import { inParallel } from '../e2e/raw-http.ts';
import { Cluster } from './cluster.ts';

// Bad bytes on every port of a server of a running cluster, from somebody who is no member of it: memory stays bounded, each
// connection is closed with a reason in the log, and the cluster does not notice.

const seed = Number(process.env['RUBBISH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const COUNT = Number(process.env['RUBBISH_COUNT'] ?? 400);
const GROWTH_BYTES_MAX = 200 * 1024 * 1024;
const KEY = Buffer.from('a key of 16 byte').toString('base64');

/** Everything in a file of vectors that is bytes in hex. */
function recorded(path: string, longest = 4000): Buffer[] {
  const text = readFileSync(new URL(`../../packages/${path}`, import.meta.url), 'utf8');
  return [...text.matchAll(/"((?:[0-9a-f]{2}){4,})"/g)]
    .map((m) => Buffer.from(m[1]!, 'hex'))
    .filter((b) => b.length < longest);
}

/** Sends bytes and waits until the other side has closed, or has had time to. What it answered. */
function send(port: number, bytes: Uint8Array, withinMs = 500): Promise<{ bytes: number; isClosed: boolean }> {
  return new Promise((resolve) => {
    let size = 0;
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    const done = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ bytes: size, isClosed });
    };
    const timer = setTimeout(() => done(false), withinMs);
    socket.on('data', (chunk) => {
      size += chunk.length;
    });
    socket.on('error', () => done(true));
    socket.on('close', () => done(true));
  });
}

describe.skipIf(skipBecause(programMissing()))(`rubbish for a cluster, seed ${seed}`, () => {
  let cluster: Cluster;
  let target: TestAgent;
  let before: number;
  let state: { leader: string; term: string };
  const random = mulberry32(seed);
  const noise = (size: number) => Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)));

  const raft = async (agent: TestAgent) => {
    const stats = (await agent.get('/v1/agent/self')).json().Stats.raft as Record<string, string>;
    return { leader: (await agent.get('/v1/status/leader')).text, term: stats['term']! };
  };

  beforeAll(async () => {
    cluster = await Cluster.start({ servers: 3, clients: 0, config: { encrypt: KEY, log_level: 'warn' } });
    target = await cluster.leader(cluster.servers[1]);
    state = await raft(cluster.servers[0]!);
    before = target.rssBytes();
  }, 60_000);
  afterAll(() => cluster?.stop());

  afterEach(async () => {
    for (const agent of cluster.servers) {
      // A machine that is too busy for heartbeats may make another leader; a stranger never does.
      await eventually(async () => (await raft(agent)).leader.length > 2, { what: 'a leader' });
      expect(Number((await raft(agent)).term)).toBeLessThan(Number(state.term) + 20);
      expect(await cluster.members(agent)).toEqual({ s1: 'alive', s2: 'alive', s3: 'alive' });
    }
    expect((await cluster.servers[2]!.put('/v1/kv/after', 'x')).text).toBe('true');
    expect(target.rssBytes() - before).toBeLessThan(GROWTH_BYTES_MAX);
  });

  const logged = (pattern: RegExp) => eventually(() => pattern.test(target.log), { what: `${pattern} in the log` });

  test(`${COUNT} packets of gossip: noise, plain ones of others, injured ones`, async () => {
    const socket = createSocket('udp4');
    const sound = [
      ...recorded('gossip/src/testdata/gossip-captured.json', 1400),
      ...recorded('gossip/src/testdata/gossip-encrypted.json', 1400),
    ];
    for (let n = 0; n < COUNT; n++) {
      const packet =
        n % 4 === 0
          ? noise(1 + (n % 1400))
          : n % 4 === 1
            ? sound[n % sound.length]!
            : injure(sound[n % sound.length]!, random);
      const port = n % 2 === 0 ? target.ports.serf_lan : target.ports.serf_wan;
      await new Promise((resolve) => socket.send(packet, port, '127.0.0.1', resolve));
    }
    socket.close();
    await logged(/memberlist: Decrypt packet failed/);
  });

  test('streams of gossip: noise, lengths without end, plain exchanges of others', async () => {
    const sound = recorded('gossip/src/testdata/gossip-captured.json');
    const promises = [
      Buffer.from([10, 255, 255, 255, 255]),
      Buffer.from([10, 1, 0, 0, 0]),
      Buffer.from([6, 0xdf, 255, 255, 255, 255]),
      Buffer.from([244, 0]),
    ];
    const jobs = Array.from({ length: COUNT / 4 }, (_, n) =>
      n % 3 === 0
        ? noise(1 + (n % 3000))
        : n % 3 === 1
          ? injure(sound[n % sound.length]!, random)
          : promises[n % promises.length]!,
    );
    await inParallel(16, jobs, async (bytes) => void (await send(target.ports.serf_lan, bytes)));
    await logged(/memberlist: failed to receive: .* from=127\.0\.0\.1/);
  });

  test('the port of servers: every first byte, each closed with a reason', async () => {
    for (let byte = 9; byte < 256; byte += 13)
      expect((await send(target.ports.server, Buffer.from([byte, 0, 0, 0]))).isClosed).toBe(true);
    await logged(/unrecognized RPC byte/);
    await logged(/TLS connection attempted, server not configured for TLS|unrecognized RPC byte: 22/);
    const heads = recorded('endpoints/src/testdata/rpc-pairs.json').slice(0, 60);
    const jobs = Array.from({ length: COUNT }, (_, n) => {
      const kind = [0, 4, 5, 8][n % 4]!;
      return Buffer.concat([
        Buffer.from([kind]),
        n % 3 === 0 ? noise(1 + (n % 500)) : injure(heads[n % heads.length]!, random),
      ]);
    });
    await inParallel(16, jobs, async (bytes) => void (await send(target.ports.server, bytes)));
  });

  test('multiplexed connections: windows that run over, streams without end, frames that are none', async () => {
    const open = (id: number) => encodeHeader(1, 1, id, 0);
    const session = (...frames: Uint8Array[]) => Buffer.concat([Buffer.from([4]), ...frames]);
    const sessions = [
      session(open(1), encodeHeader(1, 0, 1, 0xffff_ffff), encodeHeader(1, 0, 1, 0xffff_ffff)),
      session(open(1), encodeHeader(0, 0, 1, 0xffff_ffff), noise(4096)),
      // More than its window, to a stream whose request never ends.
      session(
        open(1),
        encodeHeader(0, 0, 1, 64),
        Buffer.alloc(64, 0xdf),
        encodeHeader(0, 0, 1, 400_000),
        Buffer.alloc(400_000, 1),
      ),
      session(...Array.from({ length: 20_000 }, (_, i) => open(2 * i + 1))),
      session(...Array.from({ length: 20_000 }, (_, i) => encodeHeader(2, 1, 0, i))),
      session(Buffer.from([9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9])),
      session(open(1), open(1)),
      session(open(2)),
      session(encodeHeader(0, 0, 77, 12), noise(12)),
    ];
    for (const bytes of sessions) await send(target.ports.server, bytes);
    await logged(/yamux|multiplex|window|unknown version|protocol/i);
  });

  test('MessagePack lengths that nobody can hold', async () => {
    const huge = [
      [0xdd, 255, 255, 255, 255],
      [0xdf, 255, 255, 255, 255],
      [0xdb, 255, 255, 255, 255],
      [0xc9, 255, 255, 255, 255, 0],
    ];
    for (const kind of [0, 1, 5]) {
      for (const length of huge) {
        for (const type of kind === 1 ? [0, 1, 2, 3, 4] : [-1]) {
          const bytes = Buffer.from([kind, ...(type < 0 ? [] : [type]), ...length]);
          expect((await send(target.ports.server, Buffer.concat([bytes, noise(2000)]))).isClosed).toBe(true);
        }
      }
    }
  });

  test('Raft messages of strangers: votes, entries, orders and snapshots of a term far ahead', async () => {
    const from = { from: '99999999-0000-0000-0000-000000000000', address: '127.0.0.1:1', term: 1_000_000 };
    const strange = [
      { kind: 'request-vote', ...from, lastLogIndex: 1e9, lastLogTerm: 1e6, leadershipTransfer: true },
      { kind: 'request-pre-vote', ...from, lastLogIndex: 1e9, lastLogTerm: 1e6 },
      { kind: 'append-entries', ...from, prevLogIndex: 0, prevLogTerm: 0, entries: null, leaderCommit: 0 },
      { kind: 'append-entries', ...from, prevLogIndex: 1e9, prevLogTerm: 1e6, entries: [], leaderCommit: 1e9 },
      { kind: 'timeout-now', ...from },
    ] as const;
    const { term, leader } = await raft(target);
    for (const agent of cluster.servers) {
      for (const message of strange) {
        await send(agent.ports.server, Buffer.concat([Buffer.from([1]), encodeRaft(message)]));
      }
    }
    expect(await raft(target)).toEqual({ term, leader });
    const sound = recorded('raft/src/testdata/raft-rpc.json', 1500);
    const jobs = Array.from({ length: COUNT / 2 }, (_, n) =>
      Buffer.concat([Buffer.from([1]), n % 3 === 0 ? noise(200) : injure(sound[n % sound.length]!, random)]),
    );
    await inParallel(16, jobs, async (bytes) => void (await send(target.ports.server, bytes)));
    await logged(/failed to decode incoming command/);
    await logged(/passing over messages of a server that is no member/);
  });

  test('gRPC and DNS: noise, half frames, injured questions', async () => {
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const h2 = [
      Buffer.concat([preface, Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
      Buffer.concat([preface, Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])]),
      Buffer.concat([preface, noise(500)]),
      Buffer.concat([
        preface,
        ...Array.from({ length: 500 }, (_, i) => Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 2 * i + 1, 0, 0, 0, 8])),
      ]),
    ];
    for (const bytes of h2) await send(target.ports.server, Buffer.concat([Buffer.from([8]), bytes]));
    const question = Buffer.from('123401000001000000000000036e6f6e65046e6f646506636f6e73756c0000010001', 'hex');
    const socket = createSocket('udp4');
    for (let n = 0; n < COUNT; n++) {
      await new Promise((resolve) => socket.send(injure(question, random), target.ports.dns, '127.0.0.1', resolve));
    }
    socket.close();
    const framed = (b: Buffer) => Buffer.concat([Buffer.from([b.length >> 8, b.length]), b]);
    const jobs = Array.from({ length: COUNT / 8 }, (_, n) =>
      n % 2 === 0 ? framed(Buffer.from(injure(question, random))) : noise(100),
    );
    await inParallel(16, jobs, async (bytes) => void (await send(target.ports.dns, bytes)));
  });
});
