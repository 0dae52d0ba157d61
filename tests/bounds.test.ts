import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CountingLog, FedNetwork, FedStream, rest, StillClock } from '../fuzz/doubles.ts';
import { SERVERS_MAX, ServerManager } from '../packages/agent/src/cluster/server-manager.ts';
import {
  concatBytes,
  MemoryDisk,
  noMetrics,
  ProtocolError,
  seededRng,
  silentLog,
  utf8,
} from '../packages/base/src/index.ts';
import { question, world } from '../packages/dns/src/handler.fixture.ts';
import { DnsServer, TCP_CONNECTIONS_MAX, TCP_PIPELINE_MAX, UDP_PENDING_MAX } from '../packages/dns/src/server.ts';
import { frame as dnsFrame } from '../packages/dns/src/tcp-frames.ts';
import {
  NEGATIVE_TEMPLATES_MAX,
  TEMPLATE_BYTES_MAX,
  TEMPLATES_MAX,
  TemplateCache,
  type TemplateEntry,
} from '../packages/dns/src/template-cache.ts';
import { Awareness } from '../packages/gossip/src/awareness.ts';
import {
  BroadcastQueue,
  STREAMS_MAX as GOSSIP_STREAMS_MAX,
  type GossipNode,
  MEMBERLIST_DEFAULTS,
  MEMBERS_MAX,
  Memberlist,
  NAME_CHARS_MAX,
  PACKET_DEPTH_MAX,
  PACKET_PARTS_MAX,
  PACKET_PLAIN_BYTES_MAX,
  PENDING_ACKS_MAX,
  PUSH_PULLS_MAX,
  STREAM_BYTES_MAX,
  STREAM_BYTES_TOTAL_MAX,
  STREAM_VALUE_BYTES_MAX,
} from '../packages/gossip/src/index.ts';
import { Members } from '../packages/gossip/src/members.ts';
import { StateRules } from '../packages/gossip/src/state-rules.ts';
import { QuietDelegate } from '../packages/gossip/src/testing/quiet-delegate.ts';
import { COMPOUND_PARTS_MAX, encodeCompound } from '../packages/gossip/src/wire/compound.ts';
import { alive, indirectPing, ping } from '../packages/gossip/src/wire/messages.ts';
import { encodePushPull } from '../packages/gossip/src/wire/push-pull.ts';
import {
  addCrc,
  compressMessage,
  LABEL_BYTES_MAX,
  labelHeader,
  splitLabel,
} from '../packages/gossip/src/wire/wrappers.ts';
import { AGENT_CACHE_MAX, AgentCache } from '../packages/http-api/src/agent-cache.ts';
import { BODY_BYTES_MAX, JSON_VALUES_MAX } from '../packages/http-api/src/api-exchange.ts';
import { HttpFront } from '../packages/http-api/src/front/http-front.ts';
import { CONNECTIONS_MAX as HTTP_CONNECTIONS_MAX } from '../packages/http-api/src/front/options.ts';
import { REMEMBERED_MAX } from '../packages/http-api/src/http-api.ts';
import { METHODS_KEPT_MAX, RequestReport } from '../packages/http-api/src/request-report.ts';
import { MONITOR_LINES_MAX } from '../packages/http-api/src/routes/agent.ts';
import { TXN_OPS_MAX } from '../packages/http-api/src/routes/txn.ts';
import { FakeExchange, fakeApi } from '../packages/http-api/src/testing/fake-front.ts';
import { cachedHeaders, cacheHeaders, HeaderScan } from '../packages/http1/src/headers.ts';
import {
  CHUNK_EXTENSION_BYTES_MAX,
  CHUNK_SIZE_DIGITS_MAX,
  HEADER_CACHE_ENTRIES_MAX,
  HEADER_CACHE_TEXT_MAX,
  METHOD_BYTES_MAX,
  RequestHeaders,
  RequestParser,
  TRAILER_BYTES_MAX,
} from '../packages/http1/src/index.ts';
import { nodeGzip } from '../packages/io-node/src/index.ts';
import { Writer } from '../packages/msgpack/src/index.ts';
import { CHUNKS_MAX, decodeChunkInfo, encodeChunkInfo } from '../packages/raft/src/chunking.ts';
import {
  MESSAGE_MAX_BYTES,
  RECEIVED_ENTRIES_MAX,
  RECEIVING_MAX_BYTES,
  SERVED_AT_ONCE_MAX,
} from '../packages/raft/src/wire/protocol.ts';
import { decodeRequest, encodeRequest as encodeRaft } from '../packages/raft/src/wire/request-codec.ts';
import { ServedConnection } from '../packages/raft/src/wire/served-connection.ts';
import { ClientCodec } from '../packages/rpc/src/client-codec.ts';
import {
  GRPC_CONNECTIONS_MAX,
  GRPC_CONNECTIONS_PER_ADDRESS_MAX,
  GrpcListener,
} from '../packages/rpc/src/grpc/grpc-listener.ts';
import {
  CALLS_PER_CONNECTION_MAX,
  CALLS_PER_SERVER_MAX,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_ADDRESS_MAX,
  PIPELINED_BYTES_MAX,
  REPLY_BYTES_MAX,
  REPLY_HEADER_BYTES_MAX,
  REQUEST_HEADER_BYTES_MAX,
  RpcListener,
  type RpcPeer,
  RpcPool,
  SNAPSHOT_REQUEST_BYTES_MAX,
  STREAMS_MAX,
} from '../packages/rpc/src/index.ts';
import { ERROR_TEXT_BYTES_MAX, encodeErrorReply, encodeRequest } from '../packages/rpc/src/message.ts';
import { UNKNOWN_KEYS_MAX } from '../packages/schema/src/config-entries/problems.ts';
import type { Coordinate } from '../packages/schema/src/index.ts';
import { DirEntry } from '../packages/schema/src/index.ts';
import { COUNTED_NAMES_MAX, CountedNames } from '../packages/serf/src/counted-names.ts';
import { CONSUL_SERF_DEFAULTS, Serf } from '../packages/serf/src/index.ts';
import { decodeQuery, encodeQuery, FILTERS_MAX } from '../packages/serf/src/messages.ts';
import { ASKED_MAX } from '../packages/serf/src/queries.ts';
import { QUERIES_PER_TIME_MAX, QueryRing } from '../packages/serf/src/query-ring.ts';
import { RECENT_INTENTS_MAX, RecentIntents } from '../packages/serf/src/recent-intents.ts';
import { Snapshot, WAITING_LINES_MAX } from '../packages/serf/src/snapshot.ts';
import { replaySnapshot } from '../packages/serf/src/snapshot-state.ts';
import { type Codec, readArchive, STATE_BYTES_MAX } from '../packages/server/src/archive.ts';
import { COORDINATES_PENDING_MAX, CoordinateBatch } from '../packages/server/src/coordinate-batch.ts';
import { EXPRESSION_DEPTH_MAX, InterpolationError, interpolate } from '../packages/server/src/queries/interpolation.ts';
import { DIRECTORY_SERVERS_MAX, ServerDirectory } from '../packages/server/src/servers/server-directory.ts';
import { WAN_SERVERS_MAX, WanRouter } from '../packages/server/src/servers/wan-router.ts';
import { tarFile } from '../packages/server/src/tar.ts';
import {
  encodeHeader,
  STREAMS_MAX as SESSION_STREAMS_MAX,
  UNACKNOWLEDGED_STREAMS_MAX,
  WAITING_OPENS_MAX,
} from '../packages/yamux/src/index.ts';

// Whatever the network can make grow is filled here until its bound holds. Those with a test beside their own code are not repeated.

const FROM = { host: '10.0.0.2', port: 8301 };
const VSN = Uint8Array.of(1, 5, 2, 2, 5, 4);

async function pool() {
  const network = new FedNetwork();
  const clock = new StillClock();
  const log = new CountingLog();
  const options = { ...MEMBERLIST_DEFAULTS, compress: false, name: 'us', bind: { host: '10.0.0.1', port: 8301 } };
  const delegate = new QuietDelegate();
  const common = { clock, rng: seededRng(1), network, log, metrics: noMetrics };
  const memberlist = new Memberlist(options, { ...common, delegate });
  await memberlist.start();
  const stream = () => {
    const one = new FedStream();
    network.accept(one);
    return one;
  };
  return { network, clock, log, delegate, memberlist, stream, packet: (b: Uint8Array) => network.packet(b, FROM) };
}

const pingUs = (SeqNo: number) =>
  ping.encode(0, { Node: 'us', SeqNo, SourceAddr: null, SourceNode: '', SourcePort: 0 });
const aliveOf = (Node: string, i = 0) =>
  alive.encode(4, {
    Addr: Uint8Array.of(10, 1 + (i >> 16), i >> 8, i),
    Incarnation: 1,
    Meta: null,
    Node,
    Port: 1,
    Vsn: VSN,
  });
const userStream = (size: number) => {
  const w = new Writer('gossip', 32);
  w.byte(8);
  w.mapHeader(1);
  w.key('UserMsgLen');
  w.uint(size);
  return w.finish();
};

describe('gossip', () => {
  test('PACKET_DEPTH_MAX: what is wrapped deeper is not looked at', async () => {
    const { network, packet } = await pool();
    let message = pingUs(1);
    for (let depth = 0; depth < PACKET_DEPTH_MAX; depth++) message = addCrc(message);
    packet(message);
    expect(network.sent).toBe(1);
    packet(addCrc(message));
    expect(network.sent).toBe(1);
  });

  test('PACKET_PARTS_MAX: messages of one packet beyond it are dropped', async () => {
    const { network, packet } = await pool();
    const full = encodeCompound(Array.from({ length: COMPOUND_PARTS_MAX }, (_, i) => pingUs(i)));
    const outer = Math.ceil(PACKET_PARTS_MAX / COMPOUND_PARTS_MAX) + 1;
    packet(encodeCompound(Array.from({ length: outer }, () => full)));
    expect(network.sent).toBeGreaterThan(PACKET_PARTS_MAX - 2 * outer);
    expect(network.sent).toBeLessThanOrEqual(PACKET_PARTS_MAX);
  });

  test('PACKET_PLAIN_BYTES_MAX: a packet that grows beyond it is dropped', async () => {
    const { network, packet, log } = await pool();
    const padded = (size: number) => concatBytes([pingUs(1), new Uint8Array(size - pingUs(1).length)]);
    packet(compressMessage(padded(PACKET_PLAIN_BYTES_MAX)));
    expect([network.sent, log.errors]).toEqual([1, 0]);
    packet(compressMessage(padded(PACKET_PLAIN_BYTES_MAX + 1)));
    expect([network.sent, log.errors]).toEqual([1, 1]);
  });

  test('PENDING_ACKS_MAX: probes for others beyond it are not made', async () => {
    const { network, packet } = await pool();
    for (let SeqNo = 0; SeqNo < PENDING_ACKS_MAX + 100; SeqNo++) {
      const Target = Uint8Array.of(10, 9, SeqNo >> 8, SeqNo);
      packet(
        indirectPing.encode(1, {
          Nack: false,
          Node: 'n',
          Port: 7,
          SeqNo,
          SourceAddr: null,
          SourceNode: '',
          SourcePort: 0,
          Target,
        }),
      );
    }
    expect(network.sent).toBe(PENDING_ACKS_MAX);
  });

  test('NAME_CHARS_MAX: members with longer names are ignored', async () => {
    const { memberlist, packet, clock } = await pool();
    packet(aliveOf('a'.repeat(NAME_CHARS_MAX), 1));
    packet(aliveOf('b'.repeat(NAME_CHARS_MAX + 1), 2));
    await rest(clock);
    expect(memberlist.nodes().map((m) => m.name.length)).toContain(NAME_CHARS_MAX);
    expect(memberlist.nodes()).toHaveLength(2);
  });

  test('MEMBERS_MAX: further members are ignored', () => {
    const log = new CountingLog();
    const members = new Members(seededRng(1));
    const dead = {
      address: '10.0.0.3',
      port: 1,
      meta: new Uint8Array(0),
      state: 2,
      incarnation: 1,
      versions: [1, 5, 2, 2, 5, 4],
    };
    const known = { node: { ...dead, name: 'known' } as unknown as GossipNode, changedAt: 0, suspicion: undefined };
    while (members.size < MEMBERS_MAX - 1) members.add(known);
    const rules = new StateRules(
      { ...MEMBERLIST_DEFAULTS, name: 'us', bind: FROM },
      {
        ...{ clock: new StillClock(), log, metrics: noMetrics, delegate: new QuietDelegate(), members },
        ...{
          queue: new BroadcastQueue(() => 3),
          awareness: new Awareness(8, noMetrics, {}),
          cidrs: undefined,
          onAccused: () => undefined,
        },
      },
    );
    for (const name of ['last', 'surplus']) rules.alive(alive.decode(aliveOf(name, 1)));
    expect([members.size, members.get('last')?.node.name, members.get('surplus')]).toEqual([
      MEMBERS_MAX,
      'last',
      undefined,
    ]);
    expect(log.errors).toBe(1);
  });

  test('LABEL_BYTES_MAX: no label is longer', () => {
    expect(splitLabel(labelHeader('a'.repeat(LABEL_BYTES_MAX)))?.label).toHaveLength(LABEL_BYTES_MAX);
    expect(() => labelHeader('a'.repeat(LABEL_BYTES_MAX + 1))).toThrow(RangeError);
  });

  test('STREAMS_MAX: a stream too many is closed at once, and one that is late makes room', async () => {
    const { stream, clock } = await pool();
    const open = Array.from({ length: GOSSIP_STREAMS_MAX }, stream);
    expect(open.filter((s) => s.isClosed)).toEqual([]);
    expect(stream().isClosed).toBe(true);
    clock.advance(MEMBERLIST_DEFAULTS.tcpTimeoutMs);
    await rest(clock);
    clock.advance(MEMBERLIST_DEFAULTS.tcpTimeoutMs);
    expect(open.filter((s) => !s.isClosed)).toEqual([]);
    expect(stream().isClosed).toBe(false);
  });

  test('STREAM_BYTES_MAX and STREAM_BYTES_TOTAL_MAX: of one message, and of all that have not arrived', async () => {
    const { stream, log } = await pool();
    const chunk = new Uint8Array(1024 * 1024);
    const fill = async (size: number) => {
      const one = stream();
      one.feed(userStream(STREAM_BYTES_MAX));
      for (let fed = 0; fed < size; fed += chunk.length) one.feed(chunk);
      await rest();
      return one;
    };
    stream().feed(userStream(STREAM_BYTES_MAX + 1));
    await rest();
    expect(log.errors).toBe(1);
    const each = STREAM_BYTES_MAX - chunk.length;
    for (let held = 0; held + each <= STREAM_BYTES_TOTAL_MAX; held += each) await fill(each);
    expect(log.errors).toBe(1);
    await fill(each);
    expect(log.errors).toBe(2);
  });

  test('STREAM_VALUE_BYTES_MAX: a node state that is longer ends the stream', async () => {
    const { stream, log, clock } = await pool();
    const state = (size: number) => {
      const node = {
        Addr: Uint8Array.of(10, 0, 0, 3),
        Incarnation: 1,
        Meta: new Uint8Array(size),
        Name: 'n',
        Port: 1,
        State: 0,
        Vsn: VSN,
      };
      return encodePushPull({ join: false, nodes: [node], userState: new Uint8Array(0) });
    };
    stream().feed(state(STREAM_VALUE_BYTES_MAX / 2));
    await rest(clock);
    const before = log.errors;
    stream().feed(state(STREAM_VALUE_BYTES_MAX));
    await rest(clock);
    expect(log.errors).toBe(before + 1);
  });

  test('PUSH_PULLS_MAX: further full exchanges get no answer', async () => {
    const { stream, log } = await pool();
    // More than are merged in one turn, so that each is under way until time passes.
    const nodes = Array.from({ length: 600 }, (_, i) => ({
      ...{
        Addr: Uint8Array.of(10, 0, i >> 8, i),
        Incarnation: 1,
        Meta: null,
        Name: `n${i}`,
        Port: 1,
        State: 0,
        Vsn: VSN,
      },
    }));
    const bytes = encodePushPull({ join: false, nodes, userState: new Uint8Array(0) });
    const answers: number[] = [];
    for (let i = 0; i <= PUSH_PULLS_MAX; i++) {
      const one = stream();
      one.feed(bytes);
      await rest();
      answers.push(one.writtenBytes);
    }
    expect(answers.indexOf(0)).toBe(PUSH_PULLS_MAX);
    expect(log.errors).toBe(1);
  });
});

describe('serf', () => {
  test('RECENT_INTENTS_MAX: the oldest intent about an unknown member goes', () => {
    const intents = new RecentIntents(new StillClock(), 1000);
    for (let i = 0; i <= RECENT_INTENTS_MAX; i++) intents.add(`n${i}`, 'join', 1);
    expect(intents.size).toBe(RECENT_INTENTS_MAX);
    expect([intents.take('n0'), intents.take('n1')?.time]).toEqual([undefined, 1]);
  });

  test('QUERIES_PER_TIME_MAX: further queries of one time are dropped', () => {
    const ring = new QueryRing();
    const taken = Array.from({ length: QUERIES_PER_TIME_MAX + 5 }, (_, id) => ring.add(7, id)).filter(Boolean);
    expect(taken).toHaveLength(QUERIES_PER_TIME_MAX);
    expect(ring.add(8, 1)).toBe(true);
  });

  test('COUNTED_NAMES_MAX: further names have no counter of their own', () => {
    const series = new Set<string>();
    const names = new CountedNames({ ...noMetrics, count: (name) => void series.add(name) }, 'serf.events', {});
    for (let i = 0; i < COUNTED_NAMES_MAX + 100; i++) names.count(`e${i}`);
    expect(series.size).toBe(COUNTED_NAMES_MAX + 1);
  });

  test('FILTERS_MAX: a query with more filters is refused', () => {
    const query = {
      ...{ Addr: Uint8Array.of(10, 0, 0, 1), Flags: 0, ID: 1, LTime: 1, Name: 'q', Payload: null, Port: 1 },
      ...{ RelayFactor: 0, SourceNode: 'n', Timeout: 1 },
    };
    const of = (count: number) =>
      decodeQuery(encodeQuery({ ...query, Filters: Array.from({ length: count }, () => Uint8Array.of(0, 0x90)) }));
    expect(of(FILTERS_MAX).Filters).toHaveLength(FILTERS_MAX);
    expect(() => of(FILTERS_MAX + 1)).toThrow('513 filters');
  });

  test('WAITING_LINES_MAX: lines that wait for the file are not kept beyond it; the file is then written once more', async () => {
    let writes = 0;
    let release: () => void = () => undefined;
    class SlowDisk extends MemoryDisk {
      override async writeAtomic(path: string, bytes: Uint8Array): Promise<void> {
        if (++writes === 1) {
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        }
        await super.writeAtomic(path, bytes);
      }
    }
    const disk = new SlowDisk();
    const d = { clock: new StillClock(), disk, log: silentLog, metrics: noMetrics };
    const snapshot = new Snapshot({ path: 's', rejoinAfterLeave: true, metricLabels: {} }, d);
    await snapshot.open();
    for (let i = 0; i < 20_000 && writes === 0; i++) {
      snapshot.alive(`n${i % 10}`, `10.0.0.${i % 250}:${i % 1000}`);
      if (i % 100 === 0) await rest();
    }
    expect(writes).toBe(1);
    for (let i = 0; i < WAITING_LINES_MAX + 10; i++) snapshot.seen('clock', 1000 + i);
    release();
    await snapshot.close();
    expect(writes).toBe(2);
    expect(replaySnapshot(await disk.read('s'), true).clocks.clock).toBe(1000 + WAITING_LINES_MAX + 9);
  });

  test('ASKED_MAX: a query too many is refused', async () => {
    const network = new FedNetwork();
    const clock = new StillClock();
    const common = { clock, rng: seededRng(1), log: silentLog, metrics: noMetrics };
    const serf = new Serf(
      { ...CONSUL_SERF_DEFAULTS, name: 'us', tags: {} },
      {
        ...common,
        onEvent: () => undefined,
        pool: (delegate) =>
          new Memberlist({ ...MEMBERLIST_DEFAULTS, name: 'us', bind: FROM }, { ...common, network, delegate }),
      },
    );
    await serf.start();
    const asked: Promise<void>[] = [];
    for (let i = 0; i < ASKED_MAX; i++)
      asked.push(serf.query('q', new Uint8Array(0), { timeoutMs: 5000, nodes: ['nobody'] }));
    await expect(async () => serf.query('q', new Uint8Array(0), { timeoutMs: 5000 })).rejects.toThrow(
      'too many queries',
    );
    clock.advance(5000);
    await Promise.all(asked);
  });
});

describe('raft', () => {
  const vote = (address: string) =>
    encodeRaft({
      ...{ kind: 'request-vote', from: 'a', address, term: 1, lastLogIndex: 1, lastLogTerm: 1 },
      leadershipTransfer: false,
    });
  const served = (receiving: { bytes: number }, clock = new StillClock()) => {
    const stream = new FedStream();
    let asked = 0;
    new ServedConnection(stream, {
      ...{ clock, log: silentLog, receiveTimeoutMs: 1000, responder: { id: 'us', address: 'us:1' }, receiving },
      handler: () => () => void asked++,
      onClosed: () => undefined,
    });
    return { stream, asked: () => asked };
  };

  test('RECEIVED_ENTRIES_MAX: a message of more entries is refused', () => {
    const entry = { index: 1, term: 1, type: 0 as const, data: new Uint8Array(0), appendedAtMs: 1 };
    const of = (count: number) =>
      encodeRaft({
        ...{
          kind: 'append-entries',
          from: 'a',
          address: 'a',
          term: 1,
          prevLogIndex: 0,
          prevLogTerm: 0,
          leaderCommit: 0,
        },
        entries: Array.from({ length: count }, (_, i) => ({ ...entry, index: i + 1 })),
      }).subarray(1);
    expect(decodeRequest('append-entries', of(RECEIVED_ENTRIES_MAX)).request.kind).toBe('append-entries');
    expect(() => decodeRequest('append-entries', of(RECEIVED_ENTRIES_MAX + 1))).toThrow(ProtocolError);
  });

  test('SERVED_AT_ONCE_MAX: of a thousand small requests in one piece only so many are read at a time', async () => {
    const clock = new StillClock();
    const { stream, asked } = served({ bytes: 0 }, clock);
    stream.feed(concatBytes(Array.from({ length: 1000 }, () => Uint8Array.of(1, 0x80))));
    const refused = () => stream.written.length;
    expect([asked(), refused(), stream.isPaused]).toEqual([0, SERVED_AT_ONCE_MAX, true]);
    await rest(clock);
    expect([refused(), stream.isPaused, clock.timers]).toEqual([1000, false, 0]);
  });

  test('CHUNKS_MAX: a command of more pieces is refused', () => {
    const of = (count: number) => decodeChunkInfo(encodeChunkInfo({ opNum: 1n, sequence: 0, count })).count;
    expect(of(CHUNKS_MAX)).toBe(CHUNKS_MAX);
    expect(() => of(CHUNKS_MAX + 1)).toThrow(ProtocolError);
  });

  test('MESSAGE_MAX_BYTES: a longer request ends the connection before it is whole', () => {
    const { stream, asked } = served({ bytes: 0 });
    stream.feed(vote('a'.repeat(1000)));
    expect([asked(), stream.isClosed]).toEqual([1, false]);
    const long = vote('a'.repeat(MESSAGE_MAX_BYTES));
    for (let at = 0; at < MESSAGE_MAX_BYTES + 4096; at += 4096) stream.feed(long.subarray(at, at + 4096));
    expect([asked(), stream.isClosed]).toEqual([1, true]);
  });

  test('RECEIVING_MAX_BYTES: half requests of all connections', () => {
    const receiving = { bytes: RECEIVING_MAX_BYTES - 100 };
    const { stream } = served(receiving);
    stream.feed(vote('a'.repeat(1000)).subarray(0, 90));
    expect(stream.isClosed).toBe(false);
    stream.feed(vote('a'.repeat(1000)).subarray(90, 300));
    expect([stream.isClosed, receiving.bytes]).toEqual([true, RECEIVING_MAX_BYTES - 100]);
  });
});

describe('port 8300', () => {
  const listener = (call: () => Promise<Uint8Array> = () => new Promise(() => undefined)) => {
    const clock = new StillClock();
    const one = new RpcListener(
      { connectionsPerAddressMax: 0 },
      {
        ...{ network: { listen: () => Promise.reject(new Error('not asked')) }, clock, log: silentLog },
        handlers: { call, raft: () => undefined, snapshot: () => undefined },
      },
    );
    const connect = (host = '10.0.0.2') => {
      const stream = new FedStream();
      Object.assign(stream, { remote: { host, port: 1 } });
      one.accept(stream);
      return stream;
    };
    return { one, clock, connect };
  };
  const request = (size: number) => encodeRequest(1, 'A'.repeat(size), Uint8Array.of(0x80));

  test('REQUEST_HEADER_BYTES_MAX: a longer head ends the connection', async () => {
    const { connect, clock, one } = listener();
    const [fits, long] = [connect(), connect()];
    fits.feed(concatBytes([Uint8Array.of(0), request(REQUEST_HEADER_BYTES_MAX - 100)]));
    long.feed(concatBytes([Uint8Array.of(0), request(REQUEST_HEADER_BYTES_MAX)]));
    await rest(clock);
    expect([fits.isClosed, long.isClosed]).toEqual([false, true]);
    await one.close();
  });

  test('PIPELINED_BYTES_MAX: more is not read while a call runs', async () => {
    const { connect, clock, one } = listener();
    const stream = connect();
    stream.feed(concatBytes([Uint8Array.of(0), request(10)]));
    await rest(clock);
    stream.feed(new Uint8Array(PIPELINED_BYTES_MAX));
    expect(stream.isPaused).toBe(false);
    stream.feed(new Uint8Array(1));
    expect(stream.isPaused).toBe(true);
    await one.close();
  });

  test('SNAPSHOT_REQUEST_BYTES_MAX: a longer request for a snapshot ends the connection', async () => {
    const { connect, clock, one } = listener();
    const stream = connect();
    stream.feed(Uint8Array.of(5, 0xdb, 0, 2, 0, 0));
    stream.feed(new Uint8Array(SNAPSHOT_REQUEST_BYTES_MAX));
    await rest(clock);
    expect(stream.isClosed).toBe(true);
    await one.close();
  });

  test('CONNECTIONS_MAX: a connection too many is closed, whoever makes it', async () => {
    const { connect, one } = listener();
    for (let i = 0; i < CONNECTIONS_MAX; i++) connect(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(one.connectionCount).toBe(CONNECTIONS_MAX);
    expect(connect('192.0.2.1').isClosed).toBe(true);
    await one.close();
    expect(one.connectionCount).toBe(0);
  });

  test('CONNECTIONS_PER_ADDRESS_MAX: nor can one client have all of them', async () => {
    const { connect, one } = listener();
    one.reload({});
    const open = Array.from({ length: CONNECTIONS_PER_ADDRESS_MAX }, () => connect());
    expect([open.some((s) => s.isClosed), connect().isClosed, connect('10.0.0.3').isClosed]).toEqual([
      false,
      true,
      false,
    ]);
    await one.close();
  });

  const syn = (id: number) => encodeHeader(1, 1, id, 0);
  const resets = (stream: FedStream) =>
    stream.written.reduce((sum, frame) => {
      let found = 0;
      for (let at = 0; at + 12 <= frame.length; at += 12) if (frame[at + 3] === 8) found++;
      return sum + found;
    }, 0);

  test('STREAMS_MAX: streams of all connections together; SESSION_STREAMS_MAX: of one', async () => {
    const { connect, clock, one } = listener();
    const opened: FedStream[] = [];
    for (let n = 0; n * SESSION_STREAMS_MAX <= STREAMS_MAX; n++) {
      const stream = connect();
      opened.push(stream);
      stream.feed(Uint8Array.of(4));
      await rest(clock);
      for (let i = 0; i < SESSION_STREAMS_MAX; i += 256) {
        stream.feed(concatBytes(Array.from({ length: 256 }, (_, j) => syn(2 * (i + j) + 1))));
        await undefined;
      }
    }
    await rest(clock);
    expect(one.streamCount).toBe(STREAMS_MAX);
    expect(opened.slice(0, -1).map(resets)).toEqual(opened.slice(1).map(() => 0));
    opened[0]!.feed(syn(2 * SESSION_STREAMS_MAX + 1));
    await rest(clock);
    expect([one.streamCount, resets(opened[0]!)]).toEqual([STREAMS_MAX, 1]);
    await one.close();
  });

  test('CALLS_PER_CONNECTION_MAX: a client cannot make more calls at once', async () => {
    let calls = 0;
    const { connect, clock, one } = listener(() => {
      calls++;
      return new Promise(() => undefined);
    });
    const stream = connect();
    stream.feed(Uint8Array.of(4));
    await rest(clock);
    const body = request(3);
    for (let i = 0; i < CALLS_PER_CONNECTION_MAX + 64; i++) {
      const id = 2 * i + 1;
      stream.feed(concatBytes([syn(id), encodeHeader(0, 0, id, body.length), body]));
      if (i % 512 === 0) await rest(clock);
    }
    await rest(clock);
    expect(calls).toBe(CALLS_PER_CONNECTION_MAX);
    await one.close();
  });

  test('ERROR_TEXT_BYTES_MAX: a longer text of an error is cut', () => {
    const of = (size: number) => encodeErrorReply({ seq: 1, method: 'A.B' }, '\u4e2d'.repeat(size / 3)).length;
    expect(of(ERROR_TEXT_BYTES_MAX)).toBeGreaterThan(ERROR_TEXT_BYTES_MAX - 3);
    expect(of(4 * ERROR_TEXT_BYTES_MAX)).toBeLessThan(ERROR_TEXT_BYTES_MAX + 200);
  });

  test.for([
    ['REPLY_HEADER_BYTES_MAX', REPLY_HEADER_BYTES_MAX, Uint8Array.of()],
    ['REPLY_BYTES_MAX', REPLY_BYTES_MAX, Uint8Array.of(0x81, 0xa3, 0x53, 0x65, 0x71, 1)],
  ] as const)('%s: a longer answer of a server fails the call as soon as it says so', async ([, bound, head]) => {
    const stream = new FedStream();
    const codec = new ClientCodec(stream, new StillClock());
    const call = codec.call(1, 'A.B', Uint8Array.of(0x80), { timeoutMs: 1000 });
    const size = bound + 1;
    stream.feed(concatBytes([head, Uint8Array.of(0xdb, size >>> 24, size >>> 16, size >>> 8, size)]));
    await expect(call).rejects.toThrow();
    expect(codec.isOpen).toBe(false);
  });

  test('CALLS_PER_SERVER_MAX: calls to a server that takes none up fail at once long before', async () => {
    const dial = async () => new FedStream();
    const pool = new RpcPool({}, { network: { dial }, clock: new StillClock(), log: silentLog });
    const peer: RpcPeer = { name: 's1', datacenter: 'dc1', address: { host: '10.0.0.1', port: 8300 }, useTls: false };
    let failed = 0;
    const call = () => pool.call(peer, 'A.B', Uint8Array.of(0x80), { timeoutMs: 1000 }).catch(() => void failed++);
    void call();
    await rest();
    for (let i = 1; i < 6000; i++) void call();
    await rest();
    const open = 6000 - failed;
    expect(open).toBe(UNACKNOWLEDGED_STREAMS_MAX + WAITING_OPENS_MAX);
    expect(open).toBeLessThanOrEqual(CALLS_PER_SERVER_MAX);
  });

  test('GRPC_CONNECTIONS_PER_ADDRESS_MAX and GRPC_CONNECTIONS_MAX', async () => {
    const network = new FedNetwork();
    const grpc = new GrpcListener({
      ...{ network, clock: new StillClock(), log: silentLog, services: new Map() },
      http2: { serve: () => undefined } as never,
    } as unknown as ConstructorParameters<typeof GrpcListener>[0]);
    await grpc.listen({ host: '10.0.0.1', port: 8502 });
    const connect = (host: string) => {
      const stream = new FedStream();
      Object.assign(stream, { remote: { host, port: 1 } });
      network.accept(stream);
      return stream.isClosed;
    };
    const first = Array.from({ length: GRPC_CONNECTIONS_PER_ADDRESS_MAX }, () => connect('10.0.0.2'));
    expect([first.some(Boolean), connect('10.0.0.2')]).toEqual([false, true]);
    while (grpc.connectionCount < GRPC_CONNECTIONS_MAX)
      connect(`10.1.${grpc.connectionCount >> 8}.${grpc.connectionCount & 255}`);
    expect([connect('192.0.2.1'), grpc.connectionCount]).toEqual([true, GRPC_CONNECTIONS_MAX]);
    await grpc.close();
  });
});

describe('HTTP', () => {
  const verdict = (bytes: string): string => {
    const parser = new RequestParser();
    parser.push(Buffer.from(bytes, 'latin1'));
    let event = parser.next();
    while (event !== 'more' && event !== 'fault') event = parser.next();
    return event;
  };
  const chunked = 'PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
  const kept = 8;

  test.for([
    ['METHOD_BYTES_MAX', METHOD_BYTES_MAX, (n: number) => `${'M'.repeat(n)} / HTTP/1.1\r\nHost: h\r\n\r\n`],
    ['CHUNK_SIZE_DIGITS_MAX', CHUNK_SIZE_DIGITS_MAX, (n: number) => `${chunked}${'0'.repeat(n - 1)}1\r\na\r\n`],
    [
      'CHUNK_EXTENSION_BYTES_MAX',
      CHUNK_EXTENSION_BYTES_MAX,
      (n: number) => `${chunked}1;${'x'.repeat(n - kept)}\r\na\r\n`,
    ],
    ['TRAILER_BYTES_MAX', TRAILER_BYTES_MAX, (n: number) => `${chunked}0\r\nX: ${'x'.repeat(n - kept)}\r\n\r\n`],
  ] as const)('%s: what is longer is refused', ([, bound, make]) => {
    expect([verdict(make(bound)), verdict(make(bound + 2 * kept))]).toEqual(['more', 'fault']);
  });

  test('HEADER_CACHE_ENTRIES_MAX and HEADER_CACHE_TEXT_MAX: sections of fields that are forgotten, and not kept', () => {
    const section = (text: string) => new RequestHeaders(text, new HeaderScan().facts);
    for (let i = 0; i <= 2 * HEADER_CACHE_ENTRIES_MAX; i++) cacheHeaders(section(`X: ${i}\r\n`));
    expect([cachedHeaders('X: 0\r\n'), cachedHeaders(`X: ${2 * HEADER_CACHE_ENTRIES_MAX}\r\n`) === undefined]).toEqual([
      undefined,
      false,
    ]);
    const long = `X: ${'a'.repeat(HEADER_CACHE_TEXT_MAX)}\r\n`;
    cacheHeaders(section(long));
    expect(cachedHeaders(long)).toBeUndefined();
  });

  test('REMEMBERED_MAX: of further finished answers the oldest is forgotten', async () => {
    const { ask, caller } = fakeApi();
    caller.values.set('KVS.Get', { value: DirEntry.make({ Key: 'k' }), index: 3 });
    for (let i = 0; i <= REMEMBERED_MAX; i++) await ask('GET', `/v1/kv/k?x=${i}`);
    const asked = caller.asked.length;
    await ask('GET', '/v1/kv/k?x=1');
    expect(caller.asked.length).toBe(asked);
    await ask('GET', '/v1/kv/k?x=0');
    expect(caller.asked.length).toBe(asked + 1);
  });

  test('MONITOR_LINES_MAX: lines that a slow reader of the log has not taken', () => {
    let sink: (line: string) => void = () => undefined;
    const { api } = fakeApi(
      {},
      {
        monitor: (_options, fn) => {
          sink = fn;
          return () => undefined;
        },
      },
    );
    const taken: string[] = [];
    let drain: () => void = () => undefined;
    let isBlocked = true;
    const exchange = Object.assign(new FakeExchange('GET', '/v1/agent/monitor'), {
      startStream: () => ({
        write: (bytes: Uint8Array) => taken.push(Buffer.from(bytes).toString()) > 0 && !isBlocked,
        onDrain: (fn: () => void) => (drain = fn),
        onClose: () => undefined,
        end: () => undefined,
      }),
    });
    api.handle(exchange, exchange);
    for (let i = 0; i < MONITOR_LINES_MAX + 100; i++) sink(`line ${i}`);
    expect(taken).toEqual(['line 0\n']);
    isBlocked = false;
    drain();
    expect([taken.length, taken.at(-1)]).toEqual([1 + MONITOR_LINES_MAX, `line ${MONITOR_LINES_MAX + 99}\n`]);
  });

  test('TXN_OPS_MAX: a transaction of more operations is refused', async () => {
    const { ask, caller } = fakeApi();
    caller.results.set('Txn.Apply', { Results: [], Errors: null });
    const of = async (count: number) => {
      const ops = Array.from({ length: count }, () => ({ KV: { Verb: 'set', Key: 'a', Value: '' } }));
      return (await ask('PUT', '/v1/txn', { body: JSON.stringify(ops) })).status;
    };
    expect([await of(TXN_OPS_MAX), await of(TXN_OPS_MAX + 1)]).toEqual([200, 413]);
  });

  test('CONNECTIONS_MAX: a connection too many is closed, whoever makes it', async () => {
    const network = new FedNetwork();
    const front = new HttpFront({}, { clock: new StillClock(), log: silentLog, gzip: nodeGzip }, () => undefined);
    await front.listen(network, { host: '10.0.0.1', port: 8500 });
    const connect = (i: number) => {
      const stream = new FedStream();
      Object.assign(stream, { remote: { host: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 1 } });
      network.accept(stream);
      return stream.isClosed;
    };
    let refused = 0;
    for (let i = 0; i < HTTP_CONNECTIONS_MAX + 10; i++) if (connect(i)) refused++;
    expect([refused, front.connections]).toEqual([10, HTTP_CONNECTIONS_MAX]);
  });

  test('BODY_BYTES_MAX: a longer body is refused with 413', async () => {
    const { ask } = fakeApi();
    const of = async (size: number) =>
      (await ask('PUT', '/v1/catalog/deregister', { body: `{"Node":"${'a'.repeat(size - 11)}"}` })).status;
    expect([await of(BODY_BYTES_MAX), await of(BODY_BYTES_MAX + 1)]).toEqual([200, 413]);
  });

  test('JSON_VALUES_MAX: a body of more values is refused with 413', async () => {
    const { ask } = fakeApi();
    // The object and what stands before its list, the list, what is in it.
    const of = async (path: string, head: string, before: number, values: number) => {
      const body = `{${head}:[${'"",'.repeat(values - before - 1)}""]}`;
      return (await ask('PUT', path, { body })).status;
    };
    for (const values of [JSON_VALUES_MAX, JSON_VALUES_MAX + 1]) {
      const status = values > JSON_VALUES_MAX ? 413 : 400;
      expect(await of('/v1/catalog/deregister', '"Node":"n","Other"', 3, values)).toBe(status);
      expect(await of('/v1/config', '"Kind":"service-splitter","Name":"n","Splits"', 4, values)).toBe(status);
    }
  });

  test('UNKNOWN_KEYS_MAX: the refusal of a config entry tells of so many names', async () => {
    const { ask } = fakeApi();
    const names = Array.from({ length: UNKNOWN_KEYS_MAX + 5 }, (_, i) => `"k${i}":1`).join(',');
    const { body } = await ask('PUT', '/v1/config', { body: `{"Kind":"service-splitter","Name":"n",${names}}` });
    expect(body.match(/invalid config key/g)).toHaveLength(UNKNOWN_KEYS_MAX);
  });

  test('AGENT_CACHE_MAX: of further cached answers the oldest are forgotten', () => {
    const cache = new AgentCache(new StillClock());
    const control = { maxAgeSeconds: null, mustRevalidate: false };
    const state = (key: string) => cache.lookup(key, control)[0]![1];
    for (let i = 0; i <= AGENT_CACHE_MAX; i++) state(`k${i}`);
    expect([state(`k${AGENT_CACHE_MAX}`), state('k1'), state('k0')]).toEqual(['HIT', 'HIT', 'MISS']);
  });

  test('METHODS_KEPT_MAX: methods that clients invent are not kept', () => {
    const report = new RequestReport({
      ...{ clock: new StillClock(), log: silentLog, metrics: noMetrics },
      agent: { nodeName: 'n' },
    });
    const route = { path: '/v1/kv/' } as Parameters<RequestReport['labels']>[0];
    for (let i = 0; i < METHODS_KEPT_MAX; i++) report.labels(route, `M${i}`);
    expect(report.labels(route, 'M1')).toBe(report.labels(route, 'M1'));
    expect(report.labels(route, 'NEW')).not.toBe(report.labels(route, 'NEW'));
  });
});

describe('DNS', () => {
  async function server() {
    const w = world();
    const network = new FedNetwork();
    // Never answers, so that everything that is asked stays under way.
    let asked = 0;
    const never = () => {
      asked++;
      return new Promise(() => undefined);
    };
    const handler = { handle: never, reload: () => undefined } as never;
    const dns = new DnsServer({ network, clock: w.clock, log: silentLog, handler, recursors: w.recursors });
    await dns.start([{ host: '10.0.0.1', port: 8600 }]);
    const connect = (host: string) => {
      const stream = new FedStream();
      Object.assign(stream, { remote: { host, port: 1 } });
      network.accept(stream);
      return stream;
    };
    return { network, dns, connect, asked: () => asked };
  }

  test('TCP_CONNECTIONS_MAX: a connection too many is closed', async () => {
    const { connect } = await server();
    for (let i = 0; i < TCP_CONNECTIONS_MAX; i++) expect(connect(`10.1.${i >> 4}.1`).isClosed).toBe(false);
    expect(connect('10.2.0.1').isClosed).toBe(true);
  });

  test('TCP_PIPELINE_MAX: a connection is not read from while so many questions are under way', async () => {
    const { connect, asked } = await server();
    const stream = connect('10.1.0.1');
    const one = dnsFrame(question('web.service.consul', 'A'));
    for (let i = 0; i < TCP_PIPELINE_MAX; i++) stream.feed(one);
    stream.feed(one);
    await rest();
    expect([asked(), stream.isPaused]).toEqual([TCP_PIPELINE_MAX, true]);
  });

  test('UDP_PENDING_MAX: further questions are dropped', async () => {
    const { network, asked } = await server();
    for (let i = 0; i < UDP_PENDING_MAX + 100; i++) network.packet(question('web.service.consul', 'A'), FROM);
    expect(asked()).toBe(UDP_PENDING_MAX);
  });

  test('TEMPLATES_MAX, NEGATIVE_TEMPLATES_MAX, TEMPLATE_BYTES_MAX: everything is forgotten beyond them', () => {
    const cache = new TemplateCache();
    const bytes = (i: number) => concatBytes([new Uint8Array(12), utf8(`question ${i}`)]);
    const put = (i: number, isNegative: boolean, sizeBytes = 100) =>
      cache.set(
        {
          ...{ freshUntil: Number.POSITIVE_INFINITY, limitKey: 0, metric: '' },
          question: bytes(i).subarray(12),
          template: { sizeBytes },
          reads: { valid: true },
        } as unknown as TemplateEntry,
        isNegative,
      );
    const kept = (count: number) =>
      Array.from({ length: count }, (_, i) => cache.get(bytes(i), bytes(i).length, 0, 0)).filter(Boolean).length;
    for (let i = 0; i <= 2 * TEMPLATES_MAX; i++) put(i, false);
    expect(kept(2 * TEMPLATES_MAX + 1)).toBeLessThanOrEqual(TEMPLATES_MAX);
    cache.clear();
    for (let i = 0; i <= 2 * NEGATIVE_TEMPLATES_MAX; i++) put(i, true);
    expect(kept(2 * NEGATIVE_TEMPLATES_MAX + 1)).toBeLessThanOrEqual(NEGATIVE_TEMPLATES_MAX);
    cache.clear();
    const size = TEMPLATE_BYTES_MAX / 8;
    for (let i = 0; i < 20; i++) put(i, false, size);
    expect(kept(20)).toBeLessThanOrEqual(8);
    expect(kept(20)).toBeGreaterThan(0);
  });
});

describe('servers and agents', () => {
  const member = (i: number, dc: string) => ({
    ...{
      name: `s${i}.${dc}`,
      address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
      port: 8301,
      status: 'alive' as const,
    },
    tags: { role: 'consul', dc, id: `id-${i}`, port: '8300', vsn: '2', build: '1.21.0', raft_vsn: '3' },
  });

  test('DIRECTORY_SERVERS_MAX: further servers are not looked at', () => {
    const directory = new ServerDirectory('dc1');
    for (let i = 0; i < DIRECTORY_SERVERS_MAX + 10; i++) directory.update(member(i, 'dc1') as never);
    expect(directory.byId(`id-${DIRECTORY_SERVERS_MAX - 1}`)).toBeDefined();
    expect(directory.byId(`id-${DIRECTORY_SERVERS_MAX}`)).toBeUndefined();
  });

  test('WAN_SERVERS_MAX: nor those of all datacenters', () => {
    const router = new WanRouter('dc1', {
      ...{ clock: new StillClock(), rng: seededRng(1), coordinate: () => undefined, coordinateOf: () => undefined },
    });
    for (let i = 0; i < WAN_SERVERS_MAX + 10; i++) router.update(member(i, `dc${i}`) as never);
    expect(router.datacenters().length).toBeLessThanOrEqual(WAN_SERVERS_MAX + 1);
    expect(router.datacenters()).not.toContain(`dc${WAN_SERVERS_MAX + 5}`);
  });

  test('COORDINATES_PENDING_MAX: coordinates of further nodes are dropped until the next period', () => {
    const clock = new StillClock();
    const written: string[] = [];
    const batch = new CoordinateBatch(clock, seededRng(1), (all) => written.push(...all.map((c) => c.Node)));
    const add = (i: number) => batch.add({ Node: `n${i}`, Segment: '' } as Coordinate);
    for (let i = 0; i < COORDINATES_PENDING_MAX + 50; i++) add(i);
    add(0);
    clock.advance(5000);
    expect([written.length, written[0], written.at(-1)]).toEqual([
      COORDINATES_PENDING_MAX,
      'n0',
      `n${COORDINATES_PENDING_MAX - 1}`,
    ]);
  });

  test('EXPRESSION_DEPTH_MAX: an expression of a query template that is nested deeper is refused', () => {
    const of = (depth: number) =>
      interpolate(`$${'{'}${'('.repeat(depth)}1${')'.repeat(depth)}}`, { variables: {}, functions: {} });
    expect(of(EXPRESSION_DEPTH_MAX / 2)).toBe('1');
    expect(() => of(EXPRESSION_DEPTH_MAX + 1)).toThrow(InterpolationError);
  });

  test('STATE_BYTES_MAX: an archive that promises a longer state is refused before it comes', async () => {
    const codec = {
      sha256: () => ({ update: () => undefined, hex: () => '' }),
      gunzip: (c: AsyncIterable<Uint8Array>) => c,
    } as unknown as Codec;
    const read = async (size: number) => {
      const [head] = tarFile('state.bin', [new Uint8Array(0)], 0);
      const bytes = head!.slice();
      bytes.set(utf8(size.toString(8).padStart(11, '0')), 124);
      let sum = 0;
      for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 0x20 : bytes[i]!;
      bytes.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
      const chunks = async function* () {
        yield bytes;
      };
      return await readArchive(chunks(), codec).catch((error: Error) => error.message);
    };
    expect(await read(STATE_BYTES_MAX)).toContain('unexpected EOF');
    expect(await read(STATE_BYTES_MAX + 1)).toContain('is too large');
  });

  test('SERVERS_MAX: a client agent keeps so many in mind', () => {
    const manager = new ServerManager({
      ...{ clock: new StillClock(), rng: seededRng(1), log: silentLog, clusterSize: () => 3, ping: async () => true },
    });
    for (let i = 0; i < SERVERS_MAX + 10; i++) manager.put({ name: `s${i}` } as never);
    expect(manager.count).toBe(SERVERS_MAX);
  });
});

// The rule itself.

/** Bounds that nothing on the network fills, each with what it is instead. */
const OTHERWISE: Readonly<Record<string, string>> = {
  FIRST_BYTE_MAX: 'a number of the protocol',
  SESSION_TTL_NS_MAX: 'a range of values',
  LOCK_DELAY_NS_MAX: 'a range of values',
  VIRTUAL_IP_OFFSET_MAX: 'a range of addresses',
  RELAY_FACTOR_MAX: 'a range of values',
  CHASE_DEPTH_MAX: 'steps of one answer, over the own catalog',
  CHASED_MAX: 'records of one answer, from the own catalog',
  NAME_SERVERS_MAX: 'records of one answer, from the own servers',
  UDP_ANSWERS_MAX: 'records of one answer, from the own catalog',
  JOINED_BODY_BYTES_MAX: 'how own answers are written',
  JOINED_WRITE_BYTES_MAX: 'how own answers are written',
  GZIP_SYNC_BYTES_MAX: 'how own answers are compressed',
  FRAME_BYTES_MAX: 'what this side sends',
  SEND_BYTES_MAX: 'what this side sends',
  APPEND_ENTRIES_MAX: 'what this side sends',
  IN_FLIGHT_MAX: 'what this side sends',
  KEPT_ENTRIES_BYTES_MAX: 'what this side sends',
  PEER_ATTEMPTS_MAX: 'what this side asks',
  VERIFY_MAX: 'what this side asks',
  LOOKS_MAX: 'what this side asks',
  GRPC_REPLY_BYTES_MAX: 'handed to the layer of HTTP/2, which cuts longer answers off',
  DRAIN_BYTES_MAX: 'bytes that are thrown away, none of them kept',
  UDP_BYTES_MAX: 'the size of own answers',
  BACKGROUND_BATCHES_MAX: 'how the own disk is written',
  WAITED_BYTES_MAX: 'how the own disk is written',
  CHAIN_DEPTH_MAX: 'steps over the own configuration entries',
  WAITING_INPUTS_MAX: 'requests of other servers while a vote is being written; no test holds a disk up for so long',
};

const PACKAGES = [
  'gossip',
  'serf',
  'rpc',
  'yamux',
  'http1',
  'http-api',
  'dns',
  'raft',
  'server',
  'store',
  'gojson',
  'bexpr',
];

test('every exported bound of what faces the network is named by a test', () => {
  const isTest = (path: string) => /\.test\.ts$|-suite\.ts$|hard-cases\.ts$/.test(path);
  const files = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((e) => {
      const path = join(folder, e.name);
      return e.isDirectory() ? (e.name === 'node_modules' ? [] : files(path)) : path.endsWith('.ts') ? [path] : [];
    });
  const sources = PACKAGES.flatMap((p) => files(join('packages', p, 'src')));
  const tests = [...sources.filter(isTest), ...files('tests').filter(isTest)]
    .map((p) => readFileSync(p, 'utf8'))
    .join('\n');
  const missing = sources
    .filter((p) => !isTest(p) && !/\/testing\//.test(p))
    .flatMap((p) =>
      [...readFileSync(p, 'utf8').matchAll(/^export const ([A-Z0-9_]+_MAX)\b/gm)].map((m) => `${p}: ${m[1]}`),
    )
    .filter(
      (line) =>
        !new RegExp(`\\b${line.split(': ')[1]}\\b`).test(tests) && OTHERWISE[line.split(': ')[1]!] === undefined,
    );
  expect(missing, 'fill each in a test that names it, or say above what it is').toEqual([]);
});
