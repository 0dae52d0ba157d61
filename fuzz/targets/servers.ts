import { concatBytes, ProtocolError, seededRng, silentLog, utf8 } from '@proconsul/base';
import { wireMethods } from '@proconsul/endpoints';
import { Reader } from '@proconsul/msgpack';
import {
  ChunkAssembler,
  chunksOf,
  crc32c,
  decodeChunkInfo,
  decodePeersJson,
  type Entry,
  encodeChunkInfo,
  msgpackConfiguration,
  NetworkTransport,
  RaftError,
  type RaftRequest,
  type RaftResponse,
} from '@proconsul/raft';
import { RpcListener } from '@proconsul/rpc';
import { decodeHeader, encodeHeader, YamuxSession } from '@proconsul/yamux';
import {
  decodeSegmentHeader,
  encodeBatch,
  encodeSegmentHeader,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  scanSegment,
} from '../../packages/raft/src/disk/segment.ts';
import { decodeRequest, encodeRequest, KIND_OF } from '../../packages/raft/src/wire/request-codec.ts';
import { decodeResponse, encodeResponse, refusalOf } from '../../packages/raft/src/wire/response-codec.ts';
import { decodeReplyHeader, decodeRequestHeader, encodeRequest as encodeCall } from '../../packages/rpc/src/message.ts';
import { CountingLog, FedStream, rest, StillClock } from '../doubles.ts';
import { recordedHex, texts } from '../seeds.ts';
import { check, checkSame, must, START_MS_MAX, type Target } from '../target.ts';

// yamux

const frame = (type: 0 | 1 | 2 | 3, flags: number, id: number, length: number, payload?: Uint8Array): Uint8Array =>
  concatBytes([encodeHeader(type, flags, id, length), payload ?? new Uint8Array(0)]);

const yamuxSeeds = (): Uint8Array[] => [
  ...recordedHex('yamux/src/testdata/yamux-captured.json'),
  concatBytes([frame(1, 1, 1, 0), frame(0, 0, 1, 5, utf8('hello')), frame(0, 4, 1, 0)]),
  concatBytes([frame(0, 1, 1, 3, utf8('abc')), frame(0, 8, 1, 0), frame(1, 1, 3, 0xffff_ffff), frame(2, 1, 0, 7)]),
  concatBytes([frame(2, 1, 0, 7), frame(2, 2, 0, 7), frame(3, 0, 0, 0)]),
  concatBytes([frame(0, 1, 1, 0), frame(0, 1, 1, 0), frame(1, 2, 5, 1)]),
];

/** What a session answers to bytes, and what it hands on. */
function session(bytes: Uint8Array, inPieces: boolean): { sent: Uint8Array; got: string; isClosed: boolean } {
  const base = new FedStream();
  const clock = new StillClock();
  const yamux = new YamuxSession(base, { role: 'listener' }, { clock, log: silentLog });
  let got = '';
  yamux.onStream((stream) => {
    got += '|open';
    stream.onData((b) => {
      got += Buffer.from(b).toString('latin1');
    });
    stream.onEnd(() => {
      got += '|end';
    });
    stream.onClose(() => undefined);
    stream.onDrain(() => undefined);
  });
  if (inPieces) base.feedInPieces(bytes);
  else base.feed(bytes);
  const isClosed = base.isClosed;
  return { sent: concatBytes(base.written), got, isClosed };
}

const yamux: Target = {
  name: 'yamux',
  reads: 'multiplexed connections, from servers and client agents',
  seeds: yamuxSeeds,
  words: [
    frame(0, 1, 1, 0),
    frame(1, 1, 3, 0),
    frame(0, 8, 1, 0),
    frame(2, 1, 0, 1),
    Uint8Array.of(0, 4, 0, 0),
    Uint8Array.of(255, 255, 255, 255),
  ],
  inputBytesMax: 512,
  taskBytesMax: 64 * 1024,
  runs: 400_000,
  task: (bytes) => void session(bytes, false),
  run(bytes) {
    const whole = session(bytes, false);
    const pieces = session(bytes, true);
    check(whole.got === pieces.got, 'in pieces it carries the same');
    check(whole.isClosed === pieces.isClosed, 'in pieces it ends the same');
    check(whole.got.length <= 8 * bytes.length + 64, 'bounded streams');
    check(whole.sent.length <= 2 * bytes.length + 1024, () => `bounded answers: ${whole.sent.length}`);
    if (bytes.length >= 12) {
      const header = decodeHeader(bytes);
      checkSame(
        encodeHeader(header.type, header.flags, header.streamId, header.length),
        bytes.subarray(0, 12),
        'header',
      );
    }
  },
};

// RPC

const listenerLog = new CountingLog();

const rpcConnection: Target = {
  name: 'rpc-connection',
  reads: 'port 8300 from the first byte on, with what is multiplexed on it, from anybody on the network',
  seeds: () => {
    const calls = recordedHex('endpoints/src/testdata/rpc-pairs.json', (b) => b.length < 700).slice(0, 120);
    const probes = recordedHex('rpc/src/testdata/rpc-probes.json');
    const plain = calls.slice(0, 30).map((c) => concatBytes([Uint8Array.of(0), c]));
    const multiplexed = calls.map((c) =>
      concatBytes([Uint8Array.of(4), frame(1, 1, 1, 0), frame(0, 0, 1, c.length, c), frame(0, 4, 1, 0)]),
    );
    const insecure = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 22].map((b) => Uint8Array.of(b, 0, 0, 0));
    const opens = Array.from({ length: 5_000 }, (_, i) => frame(1, 1, 2 * i + 1, 0));
    return [...plain, ...multiplexed, ...probes, ...insecure, concatBytes([Uint8Array.of(4), ...opens])];
  },
  words: [
    frame(0, 0, 1, 40),
    frame(1, 1, 3, 0),
    'ServiceMethod',
    'Seq',
    'KVS.Get',
    Uint8Array.of(0x82),
    Uint8Array.of(0xdb, 0, 1, 0, 0),
  ],
  taskBytesMax: 64 * 1024,
  // Over several turns, each a task of its own.
  taskMsMax: 200,
  runs: 60_000,
  async run(bytes) {
    const clock = new StillClock();
    const before = listenerLog.lines;
    let calls = 0;
    const listener = new RpcListener(
      {},
      {
        network: { listen: () => Promise.reject(new Error('not asked')) },
        clock,
        log: listenerLog,
        handlers: {
          call: async (method, body) => {
            calls++;
            const known = wireMethods.get(method);
            if (known === undefined) throw new Error(`rpc: can't find method ${method}`);
            known.decodeRequest(body);
            return Uint8Array.of(0x80);
          },
          raft: (stream) => stream.destroy(),
          snapshot: (stream) => stream.destroy(),
        },
      },
    );
    const stream = new FedStream();
    listener.accept(stream);
    await rest(clock);
    stream.feedInPieces(bytes);
    await rest(clock);
    await rest(clock);
    check(stream.writtenBytes <= 16 * bytes.length + 4096, () => `bounded answers: ${stream.writtenBytes}`);
    check(calls <= bytes.length / 2 + 1, 'bounded calls');
    check(listenerLog.lines - before <= 8 + bytes.length / 8, 'bounded log');
    await listener.close();
    check(stream.isClosed && listener.connectionCount === 0 && listener.heldBytes === 0, 'nothing is left behind');
  },
};

const rpcHeader: Target = {
  name: 'rpc-header',
  reads: 'heads of RPC requests and replies, from servers and client agents',
  seeds: () => recordedHex('endpoints/src/testdata/rpc-pairs.json').slice(0, 100),
  words: ['Seq', 'ServiceMethod', 'Error', Uint8Array.of(0xcf, 255, 255, 255, 255, 255, 255, 255, 255)],
  inputBytesMax: 256,
  taskBytesMax: 4096,
  run(bytes) {
    decodeReplyHeader(bytes);
    const header = decodeRequestHeader(bytes);
    if (typeof header.seq !== 'number' || !Number.isSafeInteger(header.seq)) return;
    const seq = header.seq;
    const again = must('what was read can be written', () =>
      decodeRequestHeader(encodeCall(seq, header.method, new Uint8Array(0))),
    );
    checkSame(again, header, 'round trip');
  },
};

const methods = [...wireMethods.values()];

/** Requests and replies recorded from real agents, without their heads, behind the number of their method. */
function bodies(): { requests: Uint8Array[]; replies: Uint8Array[] } {
  const requests: Uint8Array[] = [];
  const replies: Uint8Array[] = [];
  for (const bytes of recordedHex('endpoints/src/testdata/rpc-pairs.json')) {
    const reader = new Reader(bytes);
    try {
      const header = decodeReplyHeader(bytes);
      reader.skip();
      const at = methods.findIndex((m) => m.name === header.method);
      const number = Uint8Array.of(Math.max(0, at));
      (at >= 0 ? requests : replies).push(concatBytes([number, bytes.subarray(reader.offset)]));
    } catch {
      // Not a message.
    }
  }
  methods.forEach((_, at) => {
    requests.push(Uint8Array.of(at, 0x80));
    replies.push(Uint8Array.of(at, 0x80));
  });
  return { requests, replies: [...replies, ...requests] };
}

const rpcRequest: Target = {
  name: 'rpc-requests',
  reads: 'the requests of every RPC method, from servers and client agents',
  seeds: () => bodies().requests,
  wordsOf: ['schema'],
  words: [
    Uint8Array.of(0xc0),
    Uint8Array.of(0x80),
    Uint8Array.of(0x90),
    Uint8Array.of(0xdc, 255, 255),
    Uint8Array.of(0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0),
  ],
  taskBytesMax: 128 * 1024,
  runs: 400_000,
  task(bytes) {
    methods[(bytes[0] ?? 0) % methods.length]!.decodeRequest(bytes.subarray(1));
  },
  run(bytes) {
    const method = methods[(bytes[0] ?? 0) % methods.length]!;
    const { args, options } = method.decodeRequest(bytes.subarray(1));
    const written = must(`${method.name}: what was read can be written`, () => method.encodeRequest(args, options));
    const again = must(`${method.name}: what was written can be read`, () => method.decodeRequest(written));
    const twice = must(`${method.name}: again`, () => method.encodeRequest(again.args, again.options));
    checkSame(twice, written, `${method.name}: round trip`);
  },
};

const rpcReply: Target = {
  name: 'rpc-replies',
  reads: 'the replies of every RPC method, from servers',
  seeds: () => bodies().replies,
  wordsOf: ['schema'],
  words: [Uint8Array.of(0xc0), Uint8Array.of(0x80), Uint8Array.of(0x90), Uint8Array.of(0xdc, 255, 255)],
  taskBytesMax: 128 * 1024,
  runs: 400_000,
  task(bytes) {
    const method = methods[(bytes[0] ?? 0) % methods.length]!;
    method.decodeReply(bytes.subarray(1), method.decodeRequest(Uint8Array.of(0x80)).args);
  },
  run(bytes) {
    const method = methods[(bytes[0] ?? 0) % methods.length]!;
    const { args } = method.decodeRequest(Uint8Array.of(0x80));
    const { value, meta } = method.decodeReply(bytes.subarray(1), args);
    // What it can be written as depends on what was asked.
    if (method.name === 'ConfigEntry.List') return;
    const written = must(`${method.name}: what was read can be written`, () => method.encodeReply(value, meta, args));
    const again = must(`${method.name}: what was written can be read`, () => method.decodeReply(written, args));
    const twice = must(`${method.name}: again`, () => method.encodeReply(again.value, again.meta, args));
    checkSame(twice, written, `${method.name}: round trip`);
  },
};

// Raft

const raftSeeds = (): Uint8Array[] => recordedHex('raft/src/testdata/raft-rpc.json', (b) => b.length < 2000);
const isRaft = (e: unknown): boolean => e instanceof ProtocolError || e instanceof RaftError;

const raftMessage: Target = {
  name: 'raft-messages',
  reads: 'Raft requests and answers, and configurations, from servers',
  seeds: raftSeeds,
  words: [
    'Entries',
    'Term',
    'PrevLogEntry',
    'Leader',
    'Data',
    'Extensions',
    'AppendedAt',
    'Servers',
    'Suffrage',
    Uint8Array.of(0xdd, 0, 1, 0, 0),
    Uint8Array.of(0xaf, 1, 0, 0, 0),
  ],
  taskBytesMax: 128 * 1024,
  isRefusal: isRaft,
  task(bytes) {
    const kind = KIND_OF[bytes[0] ?? -1];
    if (kind === undefined) msgpackConfiguration.decode(bytes);
    else decodeRequest(kind, bytes.subarray(1));
  },
  run(bytes) {
    const kind = KIND_OF[bytes[0] ?? -1];
    if (kind === undefined) {
      const configuration = msgpackConfiguration.decode(bytes);
      const again = must('a configuration', () =>
        msgpackConfiguration.decode(msgpackConfiguration.encode(configuration)),
      );
      return checkSame(again, configuration, 'configuration');
    }
    const body = bytes.subarray(1);
    answer(kind, body);
    const { request } = decodeRequest(kind, body);
    const again = must('what was read can be written', () => decodeRequest(kind, encodeRequest(request).subarray(1)));
    if (request.kind !== 'append-entries') checkSame(again.request, request, 'round trip');
    else check((again.request as typeof request).entries?.length === request.entries?.length, 'round trip');
  },
};

function answer(kind: RaftRequest['kind'], body: Uint8Array): void {
  const request = { kind } as RaftRequest;
  let response: ReturnType<typeof decodeResponse>;
  try {
    response = decodeResponse(request, body);
  } catch (error) {
    if (isRaft(error)) return;
    throw error;
  }
  if (response.error !== undefined) return;
  const got: RaftResponse = response.response;
  const written = must('an answer', () => encodeResponse(got, { id: 'a', address: 'b' }));
  checkSame(
    must('an answer', () => decodeResponse(request, written)),
    { response: got },
    'answer',
  );
}

/** All of it in one piece, as far as it is read in one turn. */
function serve(bytes: Uint8Array): void {
  const clock = new StillClock();
  const dial = () => Promise.reject(new Error('no'));
  const transport = new NetworkTransport({ id: 'us', address: '10.0.0.9:8300' }, { clock, log: listenerLog, dial });
  transport.onRequest((request, respond) => respond(refusalOf(request.kind)));
  const stream = new FedStream();
  transport.serve(stream);
  stream.feed(bytes);
  transport.close();
}

const raftConnection: Target = {
  name: 'raft-connection',
  reads: 'a Raft connection in pieces, pipelined requests and snapshots on it, from anybody on the network',
  // The last one once was all answered in one turn of the event loop.
  seeds: () => [...raftSeeds(), concatBytes(Array.from({ length: 30_000 }, () => Uint8Array.of(0, 0x80)))],
  words: [
    'Size',
    'Entries',
    'Term',
    'ProtocolVersion',
    Uint8Array.of(0),
    Uint8Array.of(1),
    Uint8Array.of(2),
    Uint8Array.of(3),
    Uint8Array.of(4),
  ],
  taskBytesMax: 128 * 1024,
  runs: 200_000,
  task: (bytes) => void serve(bytes),
  async run(bytes) {
    const clock = new StillClock();
    const transport = new NetworkTransport(
      { id: 'us', address: '10.0.0.9:8300' },
      { clock, log: listenerLog, dial: () => Promise.reject(new Error('no')) },
    );
    transport.onRequest((request, respond) => respond(refusalOf(request.kind)));
    const stream = new FedStream();
    transport.serve(stream);
    stream.feedInPieces(bytes);
    await rest(clock);
    check(stream.writtenBytes <= 128 * bytes.length + 1024, () => `bounded answers: ${stream.writtenBytes}`);
    transport.close();
    check(stream.isClosed && clock.timers === 0, 'nothing is left behind');
  },
};

/** The record of a snapshot on pieces that wait for others. */
function piecesHeld(): Uint8Array {
  const assembler = new ChunkAssembler();
  for (const [opNum, sequence] of [
    [1n, 0],
    [1n, 2],
    [2n, 1],
  ] as const) {
    const extensions = encodeChunkInfo({ opNum, sequence, count: 4 });
    assembler.take({ index: 1, term: 2, type: 0, data: Uint8Array.of(sequence), extensions });
  }
  return assembler.encodeState();
}

const chunk: Target = {
  name: 'raft-chunks',
  reads: 'pieces of large commands in the log, from the leader',
  seeds: () => [
    encodeChunkInfo({ opNum: 7n, sequence: 0, count: 2 }),
    encodeChunkInfo({ opNum: 2n ** 64n - 1n, sequence: 4095, count: 4096 }),
    ...chunksOf(new Uint8Array(600_000), 9n).map((c) => c.extensions!),
    piecesHeld(),
  ],
  words: [
    'Data',
    'SequenceNum',
    'Term',
    Uint8Array.of(0x08),
    Uint8Array.of(0x10),
    Uint8Array.of(0x18),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f),
  ],
  inputBytesMax: 128,
  taskBytesMax: 4096,
  allocatedBytesMax: 64 * 1024,
  task(bytes) {
    if (bytes[0] === 0x81) new ChunkAssembler().restoreState(bytes);
    else decodeChunkInfo(bytes);
  },
  run(bytes) {
    // Several pieces: one byte for the size of each.
    const assembler = new ChunkAssembler();
    let at = 0;
    for (let index = 1; at < bytes.length && index < 40; index++) {
      const size = bytes[at]! % 32;
      const extensions = bytes.subarray(at + 1, at + 1 + size);
      const entry: Entry = { index, term: 1, type: 0, data: bytes.subarray(at, at + 1), extensions };
      must('a piece is never too much', () => assembler.take(entry));
      at += 1 + size;
    }
    const record = must('what is kept can be written', () => assembler.encodeState());
    const again = new ChunkAssembler();
    must('what was kept is restored', () => again.restoreState(record));
    check(again.size === assembler.size, 'the same commands');
    if ((bytes[0] ?? 0) === 0x81) return void new ChunkAssembler().restoreState(bytes);
    const info = decodeChunkInfo(bytes);
    checkSame(
      must('again', () => decodeChunkInfo(encodeChunkInfo(info))),
      info,
      'round trip',
    );
  },
};

const SEGMENT = encodeSegmentHeader(3, seededRng(4).bytes(16));

/** Puts the checksums of records right, as far as their lengths make sense. */
function repairSegment(bytes: Uint8Array): Uint8Array {
  const out = concatBytes([SEGMENT.bytes, bytes.subarray(Math.min(bytes.length, SEGMENT_HEADER_BYTES))]);
  const view = new DataView(out.buffer);
  for (let at = SEGMENT_HEADER_BYTES; at + RECORD_HEADER_BYTES <= out.length; ) {
    const end = at + RECORD_HEADER_BYTES + view.getUint32(at + 4, true);
    if (end > out.length) break;
    view.setUint32(at, crc32c(out, SEGMENT.seed, at + 4, end), true);
    at = (out[at + 13]! & 4) !== 0 ? end + 1 : end;
  }
  return out;
}

const entriesOf = (bytes: Uint8Array, seed: number): { entries: Entry[]; outcome: string } => {
  const entries: Entry[] = [];
  const result = scanSegment(bytes, seed, { entry: (e) => entries.push(e), control: () => undefined });
  check(result.end <= bytes.length + 1, 'ends inside');
  return { entries, outcome: result.outcome };
};

const segment: Target = {
  name: 'raft-segment',
  taskMsMax: START_MS_MAX,
  reads: 'segments of the log, torn or damaged, from the disk',
  seeds: () => {
    const entry = (index: number, size: number): Entry => ({
      index,
      term: 2,
      type: 0,
      data: new Uint8Array(size).fill(index),
      appendedAtMs: 1,
    });
    const batches = [
      [entry(1, 3)],
      [entry(2, 0), { ...entry(3, 40), extensions: Uint8Array.of(1, 2) }],
      [{ kind: 241 as const, index: 2, term: 1 }],
    ];
    const bytes = concatBytes([SEGMENT.bytes, ...batches.flatMap((b) => encodeBatch(b, SEGMENT.seed))]);
    return [bytes, bytes.subarray(0, bytes.length - 9), concatBytes([bytes, new Uint8Array(100)])];
  },
  repair: repairSegment,
  inputBytesMax: 512,
  taskBytesMax: 64 * 1024,
  runs: 400_000,
  run(bytes) {
    const header = decodeSegmentHeader(bytes);
    if (header === undefined) throw new ProtocolError('SEGMENT', 'no header');
    const { entries, outcome } = entriesOf(bytes, header.seed);
    // Whatever is cut off the end, what is read is the beginning of the same.
    const cut = entriesOf(
      bytes.subarray(0, Math.max(SEGMENT_HEADER_BYTES, bytes.length - 1 - (bytes[40] ?? 0))),
      header.seed,
    );
    check(cut.entries.length <= entries.length, 'no entry comes from a cut');
    cut.entries.forEach((e, i) => {
      checkSame(e, entries[i], 'the same entries');
    });
    if (outcome === 'damaged') throw new ProtocolError('SEGMENT', 'damaged');
  },
};

const peers: Target = {
  name: 'peers-json',
  taskMsMax: START_MS_MAX,
  reads: 'the list of servers for a recovery, from an operator',
  seeds: () =>
    texts(
      '[{"id":"adf4238a-882b-9ddc-4a9d-5b6758e4159e","address":"10.1.0.1:8300","non_voter":false}]',
      '[]',
      '[null, 1]',
      '[{"id":"a","address":"b"},{"id":"a","address":"c"}]',
    ),
  words: ['"id":', '"address":', '"non_voter":true', '{}', '__proto__', 'null'],
  taskBytesMax: 64 * 1024,
  isRefusal: isRaft,
  run(bytes) {
    const configuration = decodePeersJson(Buffer.from(bytes).toString());
    must('it can be written', () => msgpackConfiguration.decode(msgpackConfiguration.encode(configuration)));
  },
};

export const serverTargets: readonly Target[] = [
  yamux,
  rpcConnection,
  rpcHeader,
  rpcRequest,
  rpcReply,
  raftMessage,
  raftConnection,
  chunk,
  segment,
  peers,
];
