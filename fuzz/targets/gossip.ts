import { concatBytes, fromUtf8, noMetrics, ProtocolError, seededRng, utf8 } from '@proconsul/base';
import { RegexError } from '@proconsul/bexpr';
import { KeyList, MEMBERLIST_DEFAULTS, Memberlist, type MemberlistOptions } from '@proconsul/gossip';
import { nodeAesGcm } from '@proconsul/io-node';
import { CONSUL_SERF_DEFAULTS, Serf } from '@proconsul/serf';
import { decodeCompound, encodeCompound } from '../../packages/gossip/src/wire/compound.ts';
import { crc32 } from '../../packages/gossip/src/wire/crc32.ts';
import { openBody, sealBody } from '../../packages/gossip/src/wire/encryption.ts';
import { lzwCompress, lzwDecompress } from '../../packages/gossip/src/wire/lzw.ts';
import { accusation, ack, alive, err, indirectPing, nack, ping } from '../../packages/gossip/src/wire/messages.ts';
import { encodePushPull, PushPullReader } from '../../packages/gossip/src/wire/push-pull.ts';
import { addCrc, compressMessage, labelHeader, splitLabel, stripCrc } from '../../packages/gossip/src/wire/wrappers.ts';
import { compileFilters } from '../../packages/serf/src/filters.ts';
import {
  decodeKeyRequest,
  decodeKeyResponse,
  encodeKeyRequest,
  encodeKeyResponse,
} from '../../packages/serf/src/key-messages.ts';
import { decodeConflictResponse, encodeConflictResponse } from '../../packages/serf/src/member-codec.ts';
import * as messages from '../../packages/serf/src/messages.ts';
import { decodePushPull, encodePushPull as encodeSerfState } from '../../packages/serf/src/push-pull-state.ts';
import { replaySnapshot, snapshotText } from '../../packages/serf/src/snapshot-state.ts';
import { decodeTags, encodeTags } from '../../packages/serf/src/tags.ts';
import { CountingLog, FedNetwork, FedStream, rest, StillClock } from '../doubles.ts';
import { recordedHex, texts } from '../seeds.ts';
import { check, checkSame, must, START_MS_MAX, type Target } from '../target.ts';

const FROM = { host: '10.0.0.2', port: 8301 };
const KEY = utf8('a key of 16 byte');
const OLD_KEY = utf8('an older key of 32 bytes, unused');

const isPacket = (b: Uint8Array): boolean => b.length > 2 && b.length < 1500;
const captured = (): Uint8Array[] => recordedHex('gossip/src/testdata/gossip-captured.json', isPacket);

/** The checksum of a packet that says it has one. */
function repairCrc(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 12 || bytes.length < 6) return bytes;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(1, crc32(bytes, 5));
  return bytes;
}

interface Pool {
  readonly network: FedNetwork;
  readonly clock: StillClock;
  readonly log: CountingLog;
  readonly serf: Serf;
  members(): number;
  uses: number;
}

/** How many inputs one pool lives through: what they leave behind is met by others, but not for ever. */
const USES_MAX = 64;
const MEMBERS_AT_ONCE_MAX = 4096;

async function startPool(options: Partial<MemberlistOptions>, keys?: KeyList): Promise<Pool> {
  const network = new FedNetwork();
  const clock = new StillClock();
  const log = new CountingLog();
  const rng = seededRng('pool');
  const common = { clock, rng, log, metrics: noMetrics };
  const encryption = keys === undefined ? {} : { aesGcm: nodeAesGcm, keyring: keys };
  const serf = new Serf(
    { ...CONSUL_SERF_DEFAULTS, name: 'us', tags: { role: 'node', dc: 'dc1' } },
    {
      ...common,
      ...(keys === undefined ? {} : { keyring: keys }),
      onEvent: () => undefined,
      pool: (delegate) =>
        new Memberlist(
          { ...MEMBERLIST_DEFAULTS, name: 'us', bind: { host: '10.0.0.1', port: 8301 }, ...options },
          { ...common, network, delegate, ...encryption },
        ),
    },
  );
  await serf.start();
  return { network, clock, log, serf, members: () => serf.members().length, uses: 0 };
}

/** A target over a pool that is made anew from time to time. */
function poolTarget(
  target: Omit<Target, 'run'> & { feed(pool: Pool, bytes: Uint8Array): void | Promise<void> },
  options: Partial<MemberlistOptions> = {},
  keys?: () => KeyList,
): Target {
  let pool: Pool | undefined;
  const run = async (bytes: Uint8Array): Promise<void> => {
    if (pool === undefined || pool.uses++ >= USES_MAX) pool = await startPool(options, keys?.());
    const before = pool.network.sentBytes;
    await target.feed(pool, bytes);
    await rest(pool.clock);
    pool.clock.advance(1);
    await rest(pool.clock);
    check(pool.members() <= MEMBERS_AT_ONCE_MAX, 'bounded members');
    const sent = pool.network.sentBytes - before;
    check(sent <= 256 * 1024, () => `one input is answered with ${sent} bytes`);
    if (pool.clock.timers > 20_000) pool = undefined;
  };
  return { ...target, run };
}

const gossipPacket = poolTarget({
  name: 'gossip-packet',
  reads: 'gossip packets and the Serf messages in them, by a whole member, from anybody on the network',
  seeds: () => [
    ...captured(),
    ...serfSeeds().map((m) => concatBytes([Uint8Array.of(8), m])),
    ...memberSeeds(),
    encodeCompound(memberSeeds().slice(0, 4)),
    addCrc(compressMessage(encodeCompound(memberSeeds()))),
  ],
  words: [
    Uint8Array.of(7, 2),
    Uint8Array.of(12),
    Uint8Array.of(9),
    Uint8Array.of(8, 3),
    Uint8Array.of(8, 4),
    'Node',
    'Incarnation',
    'us',
    'n2',
  ],
  repair: repairCrc,
  inputBytesMax: 1400,
  taskBytesMax: 65_000,
  runs: 120_000,
  feed: (pool, bytes) => pool.network.packet(bytes, FROM),
});

const gossipSealed = poolTarget(
  {
    name: 'gossip-sealed',
    reads: 'encrypted gossip packets, from anybody on the network and from holders of a key',
    seeds: () => [
      ...recordedHex('gossip/src/testdata/gossip-encrypted.json', isPacket).map((b) =>
        concatBytes([Uint8Array.of(0), b]),
      ),
      ...captured()
        .slice(0, 40)
        .map((b) => concatBytes([Uint8Array.of(1), b])),
      ...memberSeeds().map((b) => concatBytes([Uint8Array.of(2), b])),
    ],
    inputBytesMax: 1400,
    taskBytesMax: 65_000,
    runs: 80_000,
    /** First byte: 0 as it is, 1 sealed with a known key, 2 with the old one and padding. */
    feed(pool, bytes) {
      const [mode = 0] = bytes;
      const plain = bytes.subarray(1);
      if (mode % 3 === 0) return pool.network.packet(plain, FROM);
      const version = mode % 3 === 1 ? 1 : 0;
      const key = version === 1 ? KEY : OLD_KEY;
      const options = { version, nonce: new Uint8Array(12).fill(mode), additional: utf8('') } as const;
      const sealed = sealBody(nodeAesGcm, key, plain, options);
      const opened = must('what was sealed is opened', () => openBody(nodeAesGcm, [KEY, OLD_KEY], sealed, utf8('')));
      checkSame(opened, plain, 'round trip');
      pool.network.packet(sealed, FROM);
    },
  },
  {},
  () => new KeyList([KEY, OLD_KEY]),
);

const gossipStream = poolTarget(
  {
    name: 'gossip-stream',
    reads:
      'gossip streams in pieces: full exchanges, pings, user messages, by a whole member, from anybody on the network',
    seeds: () => [
      ...recordedHex('gossip/src/testdata/gossip-captured.json', (b) => b.length < 4096),
      ...memberSeeds(),
      encodePushPull({ join: true, nodes: [], userState: encodeSerfState(serfState) }),
      concatBytes([Uint8Array.of(8, 0x81, 0xaa), utf8('UserMsgLen'), Uint8Array.of(2, 1, 0x80)]),
      err.encode(5, { Error: 'no' }),
    ],
    words: [Uint8Array.of(6), 'Nodes', 'UserStateLen', 'Join', 'UserMsgLen', 'State', 'Vsn', 'us'],
    taskBytesMax: 64 * 1024,
    // In many pieces, each a task of its own.
    taskMsMax: 200,
    runs: 60_000,
    feed(pool, bytes) {
      const stream = new FedStream();
      pool.network.accept(stream);
      stream.feedInPieces(bytes);
      stream.feedEnd();
      check(stream.writtenBytes <= 1024 * 1024, 'bounded answer');
    },
  },
  {},
);

function memberSeeds(): Uint8Array[] {
  const address = Uint8Array.of(10, 0, 0, 2);
  const vsn = Uint8Array.of(1, 5, 2, 2, 5, 4);
  const about = { Addr: address, Incarnation: 3, Meta: encodeTags({ role: 'node' }), Node: 'n2', Port: 8301, Vsn: vsn };
  return [
    ping.encode(0, { Node: 'us', SeqNo: 1, SourceAddr: address, SourceNode: 'n2', SourcePort: 8301 }),
    indirectPing.encode(1, {
      ...{ Node: 'n3', SeqNo: 2, Nack: true, Port: 8301, Target: address },
      ...{ SourceAddr: address, SourceNode: 'n2', SourcePort: 8301 },
    }),
    ack.encode(2, { SeqNo: 1, Payload: Uint8Array.of(1) }),
    nack.encode(11, { SeqNo: 1 }),
    alive.encode(4, about),
    accusation.encode(3, { From: 'n3', Incarnation: 3, Node: 'n2' }),
    accusation.encode(5, { From: 'n2', Incarnation: 3, Node: 'n2' }),
    accusation.encode(3, { From: 'n3', Incarnation: 30, Node: 'us' }),
    alive.encode(4, { ...about, Node: 'us', Incarnation: 9 }),
  ];
}

const serfState = {
  ...{ EventLTime: 3, LTime: 4, LeftMembers: ['n4'], QueryLTime: 1, StatusLTimes: new Map([['n2', 1]]) },
  Events: [null, { LTime: 2, Events: [{ Name: 'deploy', Payload: Uint8Array.of(1) }] }],
};

const serfSeeds = (): Uint8Array[] =>
  recordedHex('serf/src/testdata/serf-messages.json', (b) => b[0]! < 10 && b.length < 2000);

const lzw: Target = {
  name: 'gossip-lzw',
  reads: 'compressed gossip, from anybody on the network',
  seeds: () => [
    ...recordedHex('gossip/src/testdata/lzw.json', (b) => b.length < 3000),
    ...[0, 1, 300, 5000].map((n) => lzwCompress(new Uint8Array(n).fill(97))),
    lzwCompress(seededRng(5).bytes(2000)),
  ],
  taskBytesMax: 65_000,
  allocatedBytesMax: 2 * 1024 * 1024,
  task: (bytes) => void lzwDecompress(bytes, 32 * 1024),
  run(bytes) {
    const packed = must('anything is compressed', () => lzwCompress(bytes));
    checkSame(
      must('and undone', () => lzwDecompress(packed, bytes.length)),
      bytes,
      'round trip',
    );
    const plain = lzwDecompress(bytes, 32 * 1024);
    check(plain.length <= 32 * 1024, 'bounded output');
  },
};

const wrappers: Target = {
  name: 'gossip-wrappers',
  reads: 'compound, checksum and label around gossip, and full exchanges as they arrive, from anybody on the network',
  seeds: () => [...captured(), labelHeader('pool'), addCrc(Uint8Array.of(1, 2)), encodeCompound(memberSeeds())],
  repair: repairCrc,
  taskBytesMax: 65_000,
  task(bytes) {
    splitLabel(bytes);
    if (bytes[0] === 6) new PushPullReader().step(bytes);
    else if (bytes[0] === 12) stripCrc(bytes);
    else decodeCompound(bytes);
  },
  run(bytes) {
    const split = splitLabel(bytes);
    if (split !== undefined && split.label !== '' && !split.label.includes('\ufffd')) {
      const header = must('a label', () => labelHeader(split.label));
      checkSame(concatBytes([header, split.rest]), bytes, 'label');
    }
    if (bytes[0] === 6) return wholeOrInPieces(bytes);
    if (bytes[0] === 12) return checkSame(addCrc(stripCrc(bytes)), bytes, 'checksum');
    const { messages: parts, truncated } = decodeCompound(bytes);
    check(parts.reduce((sum, p) => sum + p.length, 0) <= bytes.length, 'parts are pieces of the packet');
    if (truncated > 0) return;
    const again = must('what was read can be written', () => decodeCompound(encodeCompound(parts)));
    checkSame(again.messages, parts, 'round trip');
  },
};

/** Node states that come one by one are those that come at once. */
function wholeOrInPieces(bytes: Uint8Array): void {
  const whole = new PushPullReader().step(bytes);
  const reader = new PushPullReader();
  let inPieces: typeof whole;
  for (let end = 1; end <= bytes.length && inPieces === undefined; end += 1 + (bytes.length >> 5))
    inPieces = reader.step(bytes.subarray(0, end));
  inPieces ??= reader.step(bytes);
  checkSame(inPieces, whole, 'in pieces');
  if (whole === undefined) throw new ProtocolError('EOF', 'cut');
  const again = must('what was read can be written', () => new PushPullReader().step(encodePushPull(whole)));
  checkSame(again, whole, 'round trip');
}

const serfMessage: Target = {
  name: 'serf-messages',
  reads: 'every Serf message, and tags, filters and key requests, from members of the pool',
  seeds: () => [...serfSeeds(), encodeTags({ role: 'node', dc: 'dc1' })],
  words: [
    'LTime',
    'Node',
    'Filters',
    'Payload',
    'Timeout',
    'RelayFactor',
    'StatusLTimes',
    'LeftMembers',
    'Events',
    'Tags',
    'Expr',
    Uint8Array.of(0xcf, 0, 0x1f, 255, 255, 255, 255, 255, 255),
  ],
  taskBytesMax: 65_000,
  isRefusal: (e) => e instanceof ProtocolError || e instanceof RegexError,
  task(bytes) {
    (SERF_CODECS[bytes[0] ?? -1]?.[0] ?? decodeTags)(bytes);
  },
  run(bytes) {
    const codec = SERF_CODECS[bytes[0] ?? -1];
    if (codec === undefined) {
      const tags = decodeTags(bytes);
      const written = must('tags', () => encodeTags(tags));
      return checkSame(decodeTags(written), tags, 'tags');
    }
    const [decode, encode] = codec;
    const value = decode(bytes);
    const again = must('what was read can be written', () => decode(encode(value as never)));
    checkSame(again, value, 'round trip');
    if (bytes[0] === messages.MessageType.query) {
      const isFor = compileFilters((value as messages.QueryMessage).Filters ?? []);
      must('a filter', () => isFor({ name: 'us', tags: { role: 'node' } }));
    }
  },
};

// biome-ignore lint/suspicious/noExplicitAny: a table of codecs for different values
const SERF_CODECS: Readonly<Record<number, readonly [(b: Uint8Array) => unknown, (v: any) => Uint8Array]>> = {
  0: [messages.decodeLeave, messages.encodeLeave],
  1: [messages.decodeJoin, messages.encodeJoin],
  2: [decodePushPull, encodeSerfState],
  3: [messages.decodeUserEvent, messages.encodeUserEvent],
  4: [messages.decodeQuery, messages.encodeQuery],
  5: [messages.decodeQueryResponse, messages.encodeQueryResponse],
  6: [decodeConflictResponse, encodeConflictResponse],
  7: [decodeKeyRequest, encodeKeyRequest],
  8: [decodeKeyResponse, encodeKeyResponse],
  9: [messages.decodeRelay, messages.encodeRelay],
};

const serfSnapshot: Target = {
  name: 'serf-snapshot',
  taskMsMax: START_MS_MAX,
  reads: 'the file from which a member joins its pool again, from the disk',
  seeds: () =>
    texts(
      'alive: n2 10.0.0.2:8301\nclock: 3\nevent-clock: 2\nquery-clock: 1\nnot-alive: n3\nleave\nalive: a b c:1\n',
      '# c\ncoordinate: {}\n',
    ),
  words: ['alive: ', 'not-alive: ', 'clock: ', 'event-clock: ', 'leave\n', '\n', ' ', '9007199254740993'],
  taskBytesMax: 128 * 1024,
  task: (bytes) => void replaySnapshot(bytes, true),
  run(bytes) {
    const state = must('no file is refused', () => replaySnapshot(bytes, true));
    must('nor one that was left', () => replaySnapshot(bytes, false));
    const again = replaySnapshot(utf8(snapshotText(state)), true);
    checkSame(again, state, 'round trip');
    check(fromUtf8(bytes).length >= state.alive.size, 'bounded output');
  },
};

export const gossipTargets: readonly Target[] = [
  gossipPacket,
  gossipSealed,
  gossipStream,
  lzw,
  wrappers,
  serfMessage,
  serfSnapshot,
];
