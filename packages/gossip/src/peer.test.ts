import { type Datagrams, type Log, noMetrics, type Stream, seededRng, unhex, utf8 } from '@proconsul/base';
import { EventQueue, PoolNetwork, SimProcess } from '@proconsul/sim';
import { expect, test } from 'vitest';
import { NodeState } from './delegate.ts';
import { HANDOFF_MAX, META_BYTES_MAX } from './limits.ts';
import { Memberlist } from './memberlist.ts';
import { CONSUL_VERSIONS, MEMBERLIST_DEFAULTS, type MemberlistOptions } from './options.ts';
import { QuietDelegate } from './testing/quiet-delegate.ts';
import { vectors } from './testing/vectors.ts';
import { decodeCompound, encodeCompound } from './wire/compound.ts';
import { MessageType } from './wire/message-type.ts';
import { accusation, ack, alive, err, indirectPing, type NodeStateRecord, nack, ping } from './wire/messages.ts';
import { encodePushPull } from './wire/push-pull.ts';
import { addCrc, compressMessage, labelHeader, stripCrc } from './wire/wrappers.ts';

/*
 * One member alone with a peer that is made by hand, message by message, on virtual time: the rules of
 * gossip wire, section 3, one by one.
 */

const US = '10.0.0.1';
const PEER = '10.0.0.2';
const PORT = 8301;
const VSN = Uint8Array.from(CONSUL_VERSIONS);

interface Claim {
  readonly name: string;
  readonly incarnation: number;
  readonly address?: string;
  readonly meta?: Uint8Array;
  readonly vsn?: Uint8Array;
}

/** The messages of a packet that is not compressed. */
function unpack(packet: Uint8Array): Uint8Array[] {
  const bytes = packet[0] === MessageType.hasCrc ? stripCrc(packet) : packet;
  return bytes[0] === MessageType.compound ? decodeCompound(bytes).messages : [bytes];
}

class Bench {
  readonly events = new EventQueue();
  readonly network = new PoolNetwork(this.events, seededRng(1));
  readonly delegate = new QuietDelegate();
  readonly process = new SimProcess(this.events);
  readonly peer = new SimProcess(this.events);
  readonly lines: string[] = [];
  /** Messages that have come to the peer, by type, wrappers taken off. */
  readonly got: { type: number; bytes: Uint8Array }[] = [];
  readonly pool: Memberlist;
  socket!: Datagrams;
  /** Acks every ping when true. */
  answers = true;

  constructor(options: Partial<MemberlistOptions> = {}) {
    const put = (text: string): void => void this.lines.push(text);
    const log: Log = { trace: put, debug: put, info: put, warn: put, error: put, named: () => log };
    const bind = { host: US, port: PORT };
    this.pool = new Memberlist(
      { ...MEMBERLIST_DEFAULTS, compress: false, name: 'us', bind, ...options },
      {
        clock: this.process,
        rng: seededRng(2),
        network: this.network.attach(US, this.process),
        log,
        metrics: noMetrics,
        delegate: this.delegate,
      },
    );
  }

  async start(): Promise<this> {
    await this.pool.start();
    const network = this.network.attach(PEER, this.peer);
    this.socket = await network.bindUdp({ host: PEER, port: PORT }, (bytes) => this.#take(bytes));
    return this;
  }

  #take(packet: Uint8Array): void {
    for (const bytes of unpack(packet)) {
      this.got.push({ type: bytes[0]!, bytes });
      if (bytes[0] !== MessageType.ping || !this.answers) continue;
      this.send(ack.encode(MessageType.ack, { SeqNo: ping.decode(bytes).SeqNo, Payload: Uint8Array.of(9) }));
    }
  }

  send(message: Uint8Array): void {
    this.socket.send(message, { host: US, port: PORT });
  }

  alive(claim: Claim): Uint8Array {
    const { name, incarnation, address = PEER, meta = null, vsn = VSN } = claim;
    const Addr = Uint8Array.from(address.split('.').map(Number));
    return alive.encode(MessageType.alive, {
      Addr,
      Incarnation: incarnation,
      Meta: meta,
      Node: name,
      Port: PORT,
      Vsn: vsn,
    });
  }

  accuse(type: 'suspect' | 'dead', Node: string, Incarnation: number, From = 'peer'): Uint8Array {
    return accusation.encode(MessageType[type], { From, Incarnation, Node });
  }

  /** Sends, and lets the little time pass in which it is handled. */
  async tell(...messages: readonly Uint8Array[]): Promise<void> {
    for (const message of messages) {
      this.send(message);
      await this.run(10);
    }
  }

  async run(ms: number): Promise<void> {
    const until = this.events.now + ms;
    do for (let turn = 0; turn < 16; turn++) await undefined;
    while (this.events.step(until));
  }

  state(name: string): number | undefined {
    return this.pool.node(name)?.state;
  }

  /** What was gossiped of one type since the last call, decoded. */
  heard<T>(type: number, decode: (bytes: Uint8Array) => T): T[] {
    const found = this.got.filter((m) => m.type === type).map((m) => decode(m.bytes));
    this.got.length = 0;
    return found;
  }
}

const bench = (options?: Partial<MemberlistOptions>): Promise<Bench> => new Bench(options).start();

test('an alive message makes a member; only a newer incarnation changes it', async () => {
  const b = await bench();
  await b.tell(b.alive({ name: 'peer', incarnation: 5, meta: utf8('one') }));
  expect(b.pool.node('peer')).toMatchObject({ address: PEER, port: PORT, incarnation: 5, versions: CONSUL_VERSIONS });
  await b.tell(
    b.alive({ name: 'peer', incarnation: 5, meta: utf8('same') }),
    b.alive({ name: 'peer', incarnation: 4 }),
  );
  expect(b.pool.node('peer')!.meta).toEqual(utf8('one'));
  await b.tell(b.alive({ name: 'peer', incarnation: 6, meta: utf8('two') }));
  expect(b.pool.node('peer')!.meta).toEqual(utf8('two'));
  expect(b.delegate.events).toEqual(['join us', 'join peer', 'update peer']);
});

test('a suspect that refutes lives; one that does not dies; both again only by a newer incarnation', async () => {
  const b = await bench();
  await b.tell(b.alive({ name: 'peer', incarnation: 5 }), b.accuse('suspect', 'peer', 4, 'x'));
  expect(b.state('peer')).toBe(NodeState.alive);
  await b.tell(b.accuse('suspect', 'peer', 5, 'x'));
  expect(b.state('peer')).toBe(NodeState.suspect);
  await b.tell(b.alive({ name: 'peer', incarnation: 5 }));
  expect(b.state('peer')).toBe(NodeState.suspect);
  await b.tell(b.alive({ name: 'peer', incarnation: 6 }));
  expect(b.state('peer')).toBe(NodeState.alive);
  await b.run(60_000);
  expect(b.state('peer')).toBe(NodeState.alive);

  await b.tell(b.accuse('suspect', 'peer', 6, 'x'));
  await b.run(3_900);
  expect(b.state('peer')).toBe(NodeState.suspect);
  await b.run(200);
  expect(b.state('peer')).toBe(NodeState.dead);
  expect(b.lines).toContain('memberlist: Marking peer as failed, suspect timeout reached (0 peer confirmations)');
  await b.tell(b.accuse('suspect', 'peer', 9, 'x'), b.alive({ name: 'peer', incarnation: 6 }));
  expect(b.state('peer')).toBe(NodeState.dead);
  await b.tell(b.alive({ name: 'peer', incarnation: 7 }));
  expect(b.delegate.events).toEqual(['join us', 'join peer', 'failed peer', 'join peer']);
});

test('dead from itself is left, from others failed, from the past nothing', async () => {
  const b = await bench();
  await b.tell(b.alive({ name: 'peer', incarnation: 5 }), b.accuse('dead', 'peer', 4), b.accuse('dead', 'nobody', 4));
  expect(b.state('peer')).toBe(NodeState.alive);
  await b.tell(b.accuse('dead', 'peer', 5, 'peer'));
  expect(b.state('peer')).toBe(NodeState.left);
  await b.tell(b.alive({ name: 'peer', incarnation: 6 }), b.accuse('dead', 'peer', 6, 'x'));
  expect(b.state('peer')).toBe(NodeState.suspect); // Nobody has accused it before: it may still deny that.
  await b.tell(b.accuse('dead', 'peer', 6, 'x'));
  expect(b.state('peer')).toBe(NodeState.dead);
  expect(b.pool.aliveCount()).toBe(1);
});

test('somebody who is no member is pinged, without gossip, and there if it answers in the time of a probe', async () => {
  const b = await bench({ gossipIntervalMs: 3_600_000 });
  const peer = { name: 'peer', address: PEER, port: PORT };
  const answers: boolean[] = [];
  const ask = (): void => void b.pool.ping(peer).then((isThere) => answers.push(isThere));
  ask();
  await b.run(10);
  expect(b.pool.queued()).toBe(1); // News of ourselves, which wait for members.
  expect(b.got).toHaveLength(1);
  expect(b.heard(MessageType.ping, (bytes) => ping.decode(bytes))).toMatchObject([{ Node: 'peer', SourceNode: 'us' }]);
  await b.run(10);
  expect(answers).toEqual([true]);
  b.answers = false;
  ask();
  await b.run(MEMBERLIST_DEFAULTS.probeTimeoutMs - 10);
  expect(answers).toEqual([true]);
  await b.run(20);
  expect(answers).toEqual([true, false]);
  ask();
  await b.pool.stop();
  ask();
  await b.run(10);
  expect(answers).toEqual([true, false, false, false]);
  expect(b.state('peer')).toBeUndefined();
});

test('what others say against us is refuted with an incarnation above theirs, and costs health', async () => {
  const b = await bench({ gossipIntervalMs: 50 });
  await b.tell(b.alive({ name: 'peer', incarnation: 1 }));
  for (const [message, line] of [
    [b.accuse('suspect', 'us', 40, 'liar'), 'memberlist: Refuting a suspect message (from: liar)'],
    [b.accuse('dead', 'us', 50, 'liar'), 'memberlist: Refuting a dead message (from: liar)'],
    [
      b.alive({ name: 'us', incarnation: 60, address: US, meta: utf8('x') }),
      /^memberlist: Refuting an alive message for 'us'/,
    ],
  ] as const) {
    await b.tell(message);
    expect(b.lines.at(-1)).toEqual(typeof line === 'string' ? line : expect.stringMatching(line));
    await b.run(200);
  }
  expect(b.pool.self).toMatchObject({ state: NodeState.alive, incarnation: 61 });
  const told = b.heard(MessageType.alive, (m) => alive.decode(m)).filter((m) => m.Node === 'us');
  expect(told.map((m) => m.Incarnation)).toEqual(expect.arrayContaining([41, 51, 61]));
  expect(b.pool.healthScore()).toBeGreaterThan(0);
  await b.tell(b.accuse('suspect', 'us', 60, 'liar'), b.alive({ name: 'us', incarnation: 61, address: US }));
  expect(b.pool.self.incarnation).toBe(61);
});

test('a name at another address is a conflict, until its holder has left or is long dead', async () => {
  const b = await bench({ gossipToTheDeadMs: 1e9 });
  const moved = (incarnation: number): Uint8Array => b.alive({ name: 'peer', incarnation, address: '10.0.0.9' });
  await b.tell(b.alive({ name: 'peer', incarnation: 5 }), moved(9));
  expect(b.pool.node('peer')!.address).toBe(PEER);
  expect(b.lines.at(-1)).toBe(
    'memberlist: Conflicting address for peer. Mine: 10.0.0.2:8301 Theirs: 10.0.0.9:8301 Old state: 0',
  );
  expect(b.delegate.events.at(-1)).toBe('conflict peer 8301 8301');
  await b.tell(b.accuse('suspect', 'peer', 5, 'x'), b.accuse('dead', 'peer', 5, 'x'), moved(9));
  expect(b.state('peer')).toBe(NodeState.dead);
  await b.run(30_000);
  await b.tell(moved(1));
  expect(b.pool.node('peer')).toMatchObject({ address: '10.0.0.9', state: NodeState.alive, incarnation: 1 });
  await b.tell(b.accuse('dead', 'peer', 1, 'peer'), b.alive({ name: 'peer', incarnation: 1 }));
  expect(b.pool.node('peer')).toMatchObject({ address: PEER, state: NodeState.alive });
});

test('alive messages that cannot be right, or are refused, change nothing', async () => {
  const b = await bench({ cidrsAllowed: ['10.0.0.0/24'] });
  b.delegate.refusal = ({ name }) => (name === 'unwanted' ? 'not here' : undefined);
  await b.tell(
    b.alive({ name: 'a', incarnation: 1, vsn: Uint8Array.of(0, 5, 2, 2, 5, 4) }),
    b.alive({ name: 'b', incarnation: 1, vsn: Uint8Array.of(5, 2, 2, 2, 5, 4) }),
    b.alive({ name: 'c', incarnation: 1, vsn: Uint8Array.of(1, 5) }),
    b.alive({ name: 'd', incarnation: 1, meta: new Uint8Array(META_BYTES_MAX + 1) }),
    b.alive({ name: 'e', incarnation: 1, address: '10.0.1.1' }),
    b.alive({ name: '', incarnation: 1 }),
    b.alive({ name: 'unwanted', incarnation: 1 }),
  );
  expect(b.pool.nodes().map((n) => n.name)).toEqual(['us']);
  expect(b.lines).toContain("memberlist: ignoring alive message for 'unwanted': not here");
  expect(b.lines.join('\n')).toMatch(/Rejected node 'e' \(10\.0\.1\.1:8301\)/);
  expect(() => new Bench({ cidrsAllowed: ['10.0.0.0'] })).toThrow('invalid CIDR address: 10.0.0.0');
});

test('a silent member is asked again through others and over a stream, then suspected, then told so with the ping', async () => {
  const b = await bench({ gossipToTheDeadMs: 1e9 });
  const helper = b.network.attach('10.0.0.3', new SimProcess(b.events));
  const asked: ReturnType<typeof indirectPing.decode>[] = [];
  const socket = await helper.bindUdp({ host: '10.0.0.3', port: PORT }, (bytes, from) => {
    for (const m of unpack(bytes)) {
      if (m[0] === MessageType.ping) {
        socket.send(ack.encode(MessageType.ack, { SeqNo: ping.decode(m).SeqNo, Payload: null }), from);
      }
      if (m[0] === MessageType.indirectPing) {
        asked.push(indirectPing.decode(m));
        socket.send(nack.encode(MessageType.nack, { SeqNo: indirectPing.decode(m).SeqNo }), from);
      }
    }
  });
  await b.tell(
    b.alive({ name: 'peer', incarnation: 5 }),
    b.alive({ name: 'helper', incarnation: 1, address: '10.0.0.3' }),
  );
  b.answers = false;
  await b.run(3500);
  expect(asked[0]).toMatchObject({ Nack: true, Node: 'peer', Port: PORT, SourceNode: 'us', SourcePort: PORT });
  expect(b.lines).toContain('memberlist: Failed UDP ping: peer (timeout reached)');
  expect(b.lines).toContain('memberlist: Suspect peer has failed, no acks received');
  expect(b.pool.healthScore()).toBe(0); // The helper's nack says that the fault is not ours.
  await b.run(30_000);
  const told = b.got.findIndex((m, i) => m.type === MessageType.suspect && b.got[i - 1]!.type === MessageType.ping);
  expect(accusation.decode(b.got[told]!.bytes)).toEqual({ From: 'us', Incarnation: 5, Node: 'peer' });
  expect(b.state('peer')).toBe(NodeState.dead);
});

test('a member that answers over a stream only is not suspected, but mentioned', async () => {
  const b = await bench();
  b.answers = false;
  const network = b.network.attach(PEER, b.peer);
  await network.listen({ host: PEER, port: PORT }, (stream) => {
    stream.onData((bytes) => {
      stream.write(ack.encode(MessageType.ack, { SeqNo: ping.decode(bytes).SeqNo, Payload: null }));
    });
  });
  b.socket = await network.bindUdp({ host: PEER, port: PORT }, () => undefined);
  await b.tell(b.alive({ name: 'peer', incarnation: 5 }));
  await b.run(5000);
  expect(b.state('peer')).toBe(NodeState.alive);
  expect(b.lines).toContain(
    'memberlist: Was able to connect to peer over TCP but UDP probes failed, network may be misconfigured',
  );
});

test('a probe for somebody else is answered with its ack, or with a nack when that is wanted', async () => {
  const b = await bench();
  const base = { Node: 'third', Port: PORT, SourceAddr: null, SourceNode: '', SourcePort: 0 };
  const third = b.network.attach('10.0.0.3', new SimProcess(b.events));
  const socket = await third.bindUdp({ host: '10.0.0.3', port: PORT }, (bytes, from) => {
    const request = unpack(bytes).find((m) => m[0] === MessageType.ping)!;
    socket.send(ack.encode(MessageType.ack, { SeqNo: ping.decode(request).SeqNo, Payload: Uint8Array.of(1) }), from);
  });
  const there = Uint8Array.of(10, 0, 0, 3);
  const gone = Uint8Array.of(10, 0, 0, 4);
  await b.tell(indirectPing.encode(MessageType.indirectPing, { ...base, Nack: true, SeqNo: 77, Target: there }));
  await b.run(600);
  expect(b.heard(MessageType.ack, (m) => ack.decode(m))).toEqual([{ Payload: null, SeqNo: 77 }]);
  await b.tell(indirectPing.encode(MessageType.indirectPing, { ...base, Nack: true, SeqNo: 78, Target: gone }));
  await b.tell(indirectPing.encode(MessageType.indirectPing, { ...base, Nack: false, SeqNo: 79, Target: gone }));
  await b.run(600);
  expect(b.heard(MessageType.nack, (m) => nack.decode(m))).toEqual([{ SeqNo: 78 }]);
});

test('a ping is answered where it asks to be, and not when it is meant for another name', async () => {
  const b = await bench();
  const base = { SeqNo: 3, SourceAddr: null, SourceNode: '', SourcePort: 0 };
  await b.tell(ping.encode(MessageType.ping, { ...base, Node: 'us' }));
  expect(b.heard(MessageType.ack, (m) => ack.decode(m))).toEqual([{ Payload: Uint8Array.of(1, 2, 3), SeqNo: 3 }]);
  await b.tell(ping.encode(MessageType.ping, { ...base, Node: 'them' }));
  expect(b.lines.at(-1)).toBe("memberlist: Got ping for unexpected node 'them' from=10.0.0.2:8301");
  await b.tell(
    ping.encode(MessageType.ping, { ...base, Node: 'us', SourceAddr: Uint8Array.of(10, 0, 0, 7), SourcePort: 1 }),
  );
  expect(b.got).toEqual([]);
});

test('the dead are told of their death for a while, then forgotten', async () => {
  const b = await bench({ gossipToTheDeadMs: 5000 });
  await b.tell(
    b.alive({ name: 'peer', incarnation: 5 }),
    b.alive({ name: 'other', incarnation: 1, address: '10.0.0.3' }),
  );
  b.got.length = 0;
  await b.tell(b.accuse('suspect', 'peer', 5, 'x'), b.accuse('dead', 'peer', 5, 'x'));
  await b.run(1000);
  expect(b.heard(MessageType.dead, (m) => accusation.decode(m)).map((m) => m.Node)).toContain('peer');
  expect(b.state('peer')).toBe(NodeState.dead);
  await b.run(20_000);
  expect(b.state('peer')).toBeUndefined();
  b.pool.forget('us');
  expect(b.state('us')).toBe(NodeState.alive);
});

test('who leaves tells it, and does not deny it afterwards', async () => {
  const b = await bench();
  await b.tell(b.alive({ name: 'peer', incarnation: 5 }));
  b.got.length = 0;
  const leaving = b.pool.leave(5000);
  await b.run(2000);
  await leaving;
  expect(b.heard(MessageType.dead, (m) => accusation.decode(m))[0]).toMatchObject({ From: 'us', Node: 'us' });
  await b.tell(b.accuse('dead', 'us', 99), b.alive({ name: 'us', incarnation: 99, address: US }));
  expect(b.pool.self.state).toBe(NodeState.left);
  expect(b.lines.join('\n')).not.toContain('Refuting');
});

test('a leave that is not heard is over after its time, one from an empty pool at once', async () => {
  const b = await bench({ gossipIntervalMs: 1e7, probeIntervalMs: 1e7 });
  await b.tell(b.alive({ name: 'peer', incarnation: 5 }));
  let isOver = false;
  void b.pool.leave(5000).then(() => {
    isOver = true;
  });
  await b.run(4990);
  expect(isOver).toBe(false);
  await b.run(20);
  await b.run(10);
  expect(isOver).toBe(true);
  expect(b.lines).toContain('memberlist: timeout waiting for leave broadcast');
  const alone = await bench();
  await alone.pool.leave(5000);
  expect(alone.pool.self.state).toBe(NodeState.left);
});

test('checksums, compression and compounds are undone in any order', async () => {
  const b = await bench();
  const one = b.alive({ name: 'one', incarnation: 1 });
  const two = b.alive({ name: 'two', incarnation: 1 });
  await b.tell(addCrc(compressMessage(encodeCompound([one, compressMessage(two)]))));
  expect([b.state('one'), b.state('two')]).toEqual([0, 0]);
  const broken = addCrc(b.alive({ name: 'three', incarnation: 1 }));
  broken[9]! ^= 1;
  await b.tell(broken, new Uint8Array(0), Uint8Array.of(200), labelHeader('other'));
  expect(b.state('three')).toBeUndefined();
  expect(b.lines.slice(-4).join('\n')).toMatch(
    /invalid checksum.*too short.*msg type \(200\).*unacceptable label "other"/s,
  );
});

test('nesting and splitting without end is cut off', async () => {
  const b = await bench();
  let nest = b.alive({ name: 'deep', incarnation: 1 });
  for (let i = 0; i < 20; i++) nest = encodeCompound([nest]);
  await b.tell(nest);
  expect(b.state('deep')).toBeUndefined();
  let wide: Uint8Array = Uint8Array.of(MessageType.user);
  for (let i = 0; i < 2; i++) wide = encodeCompound(new Array<Uint8Array>(200).fill(wide));
  await b.tell(compressMessage(wide));
  expect(b.lines.filter((l) => /nested too deep|too many messages/.test(l)).length).toBeGreaterThan(1);
});

test('a flood of gossip is dropped beyond the bound, and pings are answered before it', async () => {
  const b = await bench();
  const flood = encodeCompound(new Array<Uint8Array>(255).fill(Uint8Array.of(MessageType.user, 65)));
  for (let i = 0; i < 5; i++) b.send(flood);
  b.send(ping.encode(MessageType.ping, { Node: 'us', SeqNo: 5, SourceAddr: null, SourceNode: '', SourcePort: 0 }));
  b.network.weather = { ...b.network.weather, delayMinMs: 1, delayMaxMs: 1 };
  for (let i = 0; i < 5; i++) b.send(flood);
  await b.run(50);
  expect(b.got.some((m) => m.type === MessageType.ack)).toBe(true);
  expect(b.delegate.messages.length).toBeGreaterThanOrEqual(HANDOFF_MAX);
  expect(b.delegate.messages.length).toBeLessThan(10 * 255);
  expect(b.lines.some((l) => l === 'memberlist: handler queue full, dropping message (8) from=10.0.0.2:8301')).toBe(
    true,
  );
});

const RECORD: NodeStateRecord = {
  Addr: Uint8Array.of(10, 0, 0, 2),
  Incarnation: 4,
  Meta: null,
  Name: 'peer',
  Port: PORT,
  State: NodeState.alive,
  Vsn: VSN,
};

/** Sends bytes over a stream, in pieces, and gives back what comes. */
async function overStream(b: Bench, pieces: readonly Uint8Array[], waitMs = 200): Promise<Uint8Array> {
  const network = b.network.attach('10.0.0.8', new SimProcess(b.events));
  const chunks: number[] = [];
  const dialling = network.dial({ host: US, port: PORT, timeoutMs: 1000 });
  await b.run(50);
  const stream: Stream = await dialling;
  stream.onData((bytes) => chunks.push(...bytes));
  for (const piece of pieces) {
    stream.write(piece);
    await b.run(20);
  }
  await b.run(waitMs);
  return Uint8Array.from(chunks);
}

test('a full exchange is answered and merged: alive, suspect, dead and left', async () => {
  const b = await bench();
  await b.tell(b.alive({ name: 'old', incarnation: 3, address: '10.0.0.4' }));
  const nodes = [
    RECORD,
    { ...RECORD, Name: 'gone', State: NodeState.left },
    { ...RECORD, Name: 'old', Addr: Uint8Array.of(10, 0, 0, 4), State: NodeState.dead },
  ];
  const bytes = encodePushPull({ join: true, nodes, userState: utf8('theirs') });
  const answer = await overStream(b, [bytes.subarray(0, 1), bytes.subarray(1, 90), bytes.subarray(90)]);
  expect(answer[0]).toBe(MessageType.pushPull);
  expect(b.state('peer')).toBe(NodeState.alive);
  expect(b.state('gone')).toBeUndefined();
  expect(b.state('old')).toBe(NodeState.suspect); // Another's word is only an accusation.
  expect(b.delegate.events).toContain('state theirs true');
});

test('a full exchange between versions that do not fit, or that the delegate refuses, is answered but not merged', async () => {
  const b = await bench();
  const old = { ...RECORD, Vsn: Uint8Array.of(1, 1, 1, 2, 5, 4) };
  const answer = await overStream(b, [encodePushPull({ join: false, nodes: [old], userState: new Uint8Array(0) })]);
  expect(answer[0]).toBe(MessageType.pushPull);
  expect(b.lines.at(-1)).toMatch(
    /Failed push\/pull merge: Node 'us' protocol version \(2\) is incompatible: \[1, 1\] from=/,
  );
  b.delegate.refusal = ({ name }) => (name === 'peer' ? 'no peers' : undefined);
  await overStream(b, [encodePushPull({ join: true, nodes: [RECORD], userState: new Uint8Array(0) })]);
  expect(b.lines.at(-1)).toMatch(/Failed push\/pull merge: no peers from=/);
  expect(b.state('peer')).toBeUndefined();
});

test('streams that say nothing sensible are told so and closed, and silent ones are closed in time', async () => {
  const b = await bench({ tcpTimeoutMs: 3000 });
  const text = async (bytes: Uint8Array): Promise<string> => err.decode(await overStream(b, [bytes])).Error;
  expect(await text(Uint8Array.of(77))).toBe('Received invalid msgType (77)');
  expect(await text(Uint8Array.of(MessageType.encrypt, 0, 0, 0, 9))).toBe(
    'Remote state is encrypted and encryption is not configured',
  );
  expect(await text(compressMessage(new Uint8Array(21 << 20)))).toBe('decompressed message is too long');
  expect(await overStream(b, [labelHeader('blue')])).toEqual(new Uint8Array(0));
  expect(b.lines.at(-1)).toMatch(/discarding stream with unacceptable label "blue" from=/);
  await overStream(b, [Uint8Array.of(MessageType.pushPull)], 4000);
  expect(b.lines.at(-1)).toMatch(/failed to receive: read tcp 10\.0\.0\.1:8301->10\.0\.0\.8:\d+: i\/o timeout from=/);
});

test('a packet holds no more than its size, whatever there is to say', async () => {
  const b = await bench({ packetBytes: 500, label: 'a-label', gossipNodes: 50 });
  const sizes: number[] = [];
  const network = b.network.attach('10.9.0.1', new SimProcess(b.events));
  await network.bindUdp({ host: '10.9.0.1', port: PORT }, (bytes) => void sizes.push(bytes.length));
  const label = labelHeader('a-label');
  const send = (m: Uint8Array): Promise<void> => b.tell(Uint8Array.of(...label, ...m));
  for (let i = 0; i < 40; i++) {
    await send(b.alive({ name: `n${i}`, incarnation: 1, address: '10.9.0.1', meta: new Uint8Array(i * 5) }));
    b.delegate.toSpread.push(new Uint8Array(7 * i));
  }
  await b.run(20_000);
  expect(sizes.length).toBeGreaterThan(20);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(500 + 5); // And the checksum, which memberlist does not plan for either.
  expect(Math.max(...sizes)).toBeGreaterThan(400);
});

interface Captured {
  readonly name: string;
  readonly hex: string;
}

/** Real packets and streams with some bytes changed, cut, or cut out. */
function damaged(all: readonly Uint8Array[], count: number, seed: number): Uint8Array[] {
  const rng = seededRng(seed);
  return Array.from({ length: count }, () => {
    const copy = all[rng.int(all.length)]!.slice();
    for (let edits = rng.int(4); edits > 0; edits--) copy[rng.int(copy.length)] = rng.int(256);
    return rng.float() < 0.3 ? copy.slice(0, rng.int(copy.length)) : copy;
  });
}

test('damaged packets and streams of real agents, and noise, leave a member as it was', async () => {
  const b = await bench({ tcpTimeoutMs: 500 });
  b.delegate.refusal = () => 'nobody comes in';
  const captured = vectors<Captured[]>('gossip-captured');
  const raw = (kind: string): Uint8Array[] => captured.filter((v) => v.name.startsWith(kind)).map((v) => unhex(v.hex));
  const rng = seededRng('noise');
  const packets = [...damaged(raw('udp'), 2000, 1), ...Array.from({ length: 500 }, () => rng.bytes(rng.int(200)))];
  for (const packet of packets) {
    b.send(packet);
    await b.run(3);
  }
  for (const stream of [...damaged(raw('tcp'), 60, 2), ...Array.from({ length: 20 }, () => rng.bytes(rng.int(200)))]) {
    await overStream(b, [stream], 0);
  }
  await b.run(2000);
  expect(b.pool.nodes().map((n) => n.name)).toEqual(['us']);
  b.got.length = 0;
  await b.tell(
    ping.encode(MessageType.ping, { Node: 'us', SeqNo: 5, SourceAddr: null, SourceNode: '', SourcePort: 0 }),
  );
  expect(b.got.map((m) => m.type)).toContain(MessageType.ack);
});
