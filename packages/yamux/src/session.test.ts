import { concatBytes, fromUtf8, hex, type Stream, unhex, utf8 } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { beforeEach, expect, test } from 'vitest';
import { encodeHeader, Flag, FrameType, GoAway, HEADER_BYTES } from './frame.ts';
import {
  ACCEPT_BACKLOG,
  CONTROL_BACKLOG_BYTES,
  OPENS_AT_ONCE_MAX,
  SESSION_BUFFER_BYTES,
  UNACKNOWLEDGED_STREAMS_MAX,
  WAITING_OPENS_MAX,
  WINDOW_BYTES,
} from './limits.ts';
import { YamuxSession } from './session.ts';
import { type PipeEnd, pipe, recordingLog } from './testing/index.ts';

let clock: ManualClock;
let recorded: ReturnType<typeof recordingLog>;

beforeEach(() => {
  clock = new ManualClock();
  recorded = recordingLog();
});

const warnings = () => recorded.lines.filter((l) => l.level === 'warn').map((l) => l.fields['reason'] ?? l.message);

function session(base: Stream, role: 'dialler' | 'listener', streamsMax?: number): YamuxSession {
  const options = streamsMax === undefined ? { role } : { role, streamsMax };
  return new YamuxSession(base, options, { clock, log: recorded.log });
}

function sessions(): { dialler: YamuxSession; listener: YamuxSession; a: PipeEnd; b: PipeEnd } {
  const [a, b] = pipe();
  return { dialler: session(a, 'dialler'), listener: session(b, 'listener'), a, b };
}

/** A listening session whose other side the test plays byte by byte. */
function listening(streamsMax?: number): { peer: PipeEnd; listener: YamuxSession; received: () => string } {
  const [peer, b] = pipe();
  const listener = session(b, 'listener', streamsMax);
  const chunks: Uint8Array[] = [];
  peer.onData((bytes) => chunks.push(bytes));
  return { peer, listener, received: () => hex(concatBytes(chunks)) };
}

const frame = (type: FrameType, flags: number, id: number, length: number, body = ''): Uint8Array =>
  concatBytes([encodeHeader(type, flags, id, length), utf8(body)]);
const OPEN_1 = frame(FrameType.windowUpdate, Flag.syn, 1, 0);
const GOODBYE = hex(encodeHeader(FrameType.goAway, 0, 0, GoAway.protocolError));

function collect(stream: Stream): { text: () => string; events: string[] } {
  const chunks: Uint8Array[] = [];
  const events: string[] = [];
  stream.onData((bytes) => chunks.push(bytes));
  stream.onEnd(() => events.push('end'));
  stream.onClose((error) => events.push(`close ${error?.message ?? ''}`.trim()));
  return { text: () => fromUtf8(concatBytes(chunks)), events };
}

test('a stream carries bytes both ways and closes when both sides have ended', async () => {
  const { dialler, listener } = sessions();
  const taken: Stream[] = [];
  listener.onStream((s) => taken.push(s));
  const ours = dialler.open();
  const here = collect(ours);
  ours.write(utf8('hello'));
  await settle();
  const there = collect(taken[0]!);
  taken[0]!.write(utf8('world'));
  await settle();
  expect([here.text(), there.text()]).toEqual(['world', 'hello']);
  ours.end();
  await settle();
  expect(there.events).toEqual(['end']);
  taken[0]!.write(utf8('!'));
  taken[0]!.end();
  await settle();
  expect(here.text()).toBe('world!');
  expect([here.events, there.events]).toEqual([
    ['end', 'close'],
    ['end', 'close'],
  ]);
  expect([dialler.streamCount, listener.streamCount]).toEqual([0, 0]);
});

test('the bytes on the wire are those of captured sessions', async () => {
  const { dialler, listener, a, b } = sessions();
  listener.onStream((s) => {
    s.onData((bytes) => s.write(bytes));
  });
  const stream = dialler.open();
  collect(stream);
  stream.write(unhex('82a353657101ad536572766963654d6574686f64b05374617475732e52616674537461747380'));
  await settle();
  stream.end();
  await settle();
  expect(hex(concatBytes(a.written))).toBe(
    '000100010000000100000000' +
      '00000000000000010000002682a353657101ad536572766963654d6574686f64b05374617475732e52616674537461747380' +
      '000100040000000100000000',
  );
  expect(hex(concatBytes(b.written))).toBe(
    '000100020000000100000000' +
      '00000000000000010000002682a353657101ad536572766963654d6574686f64b05374617475732e52616674537461747380' +
      '000100040000000100000000',
  );
});

test('a sender stops at the window and goes on when half of it was consumed', async () => {
  const { dialler, listener } = sessions();
  const taken: Stream[] = [];
  listener.onStream((s) => taken.push(s));
  const stream = dialler.open();
  let drained = 0;
  stream.onDrain(() => drained++);
  expect(stream.write(new Uint8Array(WINDOW_BYTES + 100_000))).toBe(false);
  await settle();
  expect(listener.heldBytes).toBe(WINDOW_BYTES);
  expect(drained).toBe(0);
  const { text } = collect(taken[0]!);
  await settle();
  expect(text().length).toBe(WINDOW_BYTES + 100_000);
  expect(listener.heldBytes).toBe(0);
  expect(drained).toBe(1);
});

test('a paused stream holds its bytes and does not stop the others', async () => {
  const { dialler, listener } = sessions();
  const texts: (() => string)[] = [];
  const taken: Stream[] = [];
  listener.onStream((s) => {
    taken.push(s);
    texts.push(collect(s).text);
  });
  const [one, two] = [dialler.open(), dialler.open()];
  await settle();
  taken[0]!.pause();
  one.write(new Uint8Array(2 * WINDOW_BYTES));
  two.write(utf8('through'));
  await settle();
  expect(texts.map((t) => t().length)).toEqual([0, 7]);
  taken[0]!.resume();
  await settle();
  expect(texts[0]!().length).toBe(2 * WINDOW_BYTES);
});

test('streams take turns when the connection is slow', async () => {
  const [a, b] = pipe({ highWaterBytes: 1_000 });
  const dialler = session(a, 'dialler');
  const listener = session(b, 'listener');
  const sizes: number[] = [0, 0];
  let count = 0;
  const order: number[] = [];
  listener.onStream((s) => {
    const index = count++;
    s.onData((bytes) => {
      sizes[index]! += bytes.length;
      if (order.at(-1) !== index) order.push(index);
    });
  });
  const streams = [dialler.open(), dialler.open()];
  for (const s of streams) s.write(new Uint8Array(3 * WINDOW_BYTES));
  await settle();
  for (let i = 0; i < 50; i++) await settle();
  expect(sizes).toEqual([3 * WINDOW_BYTES, 3 * WINDOW_BYTES]);
  expect(order.length).toBeGreaterThan(4);
});

test('destroying a stream resets it on the other side', async () => {
  const { dialler, listener } = sessions();
  const taken: ReturnType<typeof collect>[] = [];
  listener.onStream((s) => taken.push(collect(s)));
  const stream = dialler.open();
  const here = collect(stream);
  await settle();
  stream.destroy();
  await settle();
  expect(here.events).toEqual(['close']);
  expect(taken[0]!.events).toEqual(['close stream reset']);
  expect([dialler.streamCount, listener.streamCount]).toEqual([0, 0]);
});

test('a stream that was given up before its acknowledgement does not end the session later', async () => {
  const { dialler, listener } = sessions();
  listener.onStream((s) => collect(s));
  dialler.open().destroy();
  await clock.advance(76_000);
  expect(dialler.isOpen).toBe(true);
});

test('closing a session closes its streams and tells the other side', async () => {
  const { dialler, listener, a, b } = sessions();
  const taken: ReturnType<typeof collect>[] = [];
  listener.onStream((s) => taken.push(collect(s)));
  const here = collect(dialler.open());
  const closed: unknown[] = [];
  dialler.onClose((error) => closed.push(error));
  await settle();
  dialler.close();
  await clock.advance(2_000);
  expect(here.events).toEqual(['close session shutdown']);
  expect(taken[0]!.events).toEqual(['close EOF']);
  expect(closed).toEqual([undefined]);
  expect([a.isClosed, b.isClosed]).toEqual([true, true]);
  expect(() => dialler.open()).toThrow('session shutdown');
});

test('after the other side said goodbye no stream is opened, and open ones go on', async () => {
  const { peer, listener } = listening();
  const texts: (() => string)[] = [];
  listener.onStream((s) => texts.push(collect(s).text));
  peer.write(concatBytes([OPEN_1, frame(FrameType.goAway, 0, 0, GoAway.normal), frame(0, 0, 1, 2, 'ok')]));
  await settle();
  expect(texts[0]!()).toBe('ok');
  expect(() => listener.open()).toThrow('remote end is not accepting connections');
});

test('pings are answered, and sent every 30 seconds', async () => {
  const { peer, listener, received } = listening();
  peer.write(frame(FrameType.ping, Flag.syn, 0, 77));
  await settle();
  expect(received()).toBe('00020002000000000000004d');
  await clock.advance(30_000);
  expect(received().slice(24)).toBe('000200010000000000000001');
  peer.write(frame(FrameType.ping, Flag.ack, 0, 1));
  await clock.advance(29_000);
  expect(listener.isOpen).toBe(true);
  await clock.advance(12_000);
  expect(listener.isOpen).toBe(false);
  expect(warnings()).toEqual(['yamux: keepalive failed: i/o deadline reached']);
});

test('a session that is probed ends when nobody answers in time, and goes on when somebody does', async () => {
  const [peer, b] = pipe();
  const deserted = new YamuxSession(b, { role: 'dialler' }, { clock, log: recorded.log });
  peer.onData(() => undefined);
  deserted.probe(3_000);
  await clock.advance(2_900);
  expect(deserted.isOpen).toBe(true);
  await clock.advance(200);
  expect(deserted.isOpen).toBe(false);
  deserted.probe(3_000);
  const { dialler, listener } = sessions();
  dialler.probe(3_000);
  await clock.advance(10_000);
  expect([dialler.isOpen, listener.isOpen]).toEqual([true, true]);
});

test('two sessions keep each other alive', async () => {
  const { dialler, listener } = sessions();
  await clock.advance(600_000);
  expect([dialler.isOpen, listener.isOpen]).toEqual([true, true]);
});

test('a stream that nobody acknowledges within 75 seconds ends the session', async () => {
  const [peer, b] = pipe();
  const ours = new YamuxSession(b, { role: 'dialler', times: { keepAliveMs: 1e9 } }, { clock, log: recorded.log });
  peer.onData(() => undefined);
  const { events } = collect(ours.open());
  await clock.advance(74_000);
  expect(events).toEqual([]);
  await clock.advance(2_000);
  expect(events).toEqual(['close stream open timeout']);
});

test('a half-closed stream is reset after five minutes', async () => {
  const { dialler, listener } = sessions();
  const taken: ReturnType<typeof collect>[] = [];
  listener.onStream((s) => taken.push(collect(s)));
  const stream = dialler.open();
  const here = collect(stream);
  stream.end();
  await clock.advance(299_000);
  expect(here.events).toEqual([]);
  await clock.advance(2_000);
  expect(here.events).toEqual(['close stream close timeout']);
  expect(taken[0]!.events).toEqual(['end', 'close stream reset']);
});

test('streams beyond the backlog are reset while nobody listens, the others wait', async () => {
  const { peer, listener, received } = listening();
  for (let i = 0; i <= ACCEPT_BACKLOG; i++) peer.write(frame(FrameType.windowUpdate, Flag.syn, 2 * i + 1, 0));
  await clock.advance(0);
  for (let i = 0; i < 100; i++) await settle();
  expect(received().endsWith(hex(encodeHeader(FrameType.windowUpdate, Flag.rst, 2 * ACCEPT_BACKLOG + 1, 0)))).toBe(
    true,
  );
  let taken = 0;
  listener.onStream(() => taken++);
  expect(taken).toBe(ACCEPT_BACKLOG);
});

test('a peer has only so many streams; closed ones make room', async () => {
  const { peer, listener, received } = listening(2);
  listener.onStream((s) => collect(s));
  for (const id of [1, 3, 5]) peer.write(frame(FrameType.windowUpdate, Flag.syn, id, 0));
  peer.write(frame(FrameType.windowUpdate, Flag.rst, 1, 0));
  peer.write(frame(FrameType.windowUpdate, Flag.syn, 7, 0));
  await settle();
  const answers = [
    [Flag.ack, 1],
    [Flag.ack, 3],
    [Flag.rst, 5],
    [Flag.ack, 7],
  ].map(([flag, id]) => hex(encodeHeader(FrameType.windowUpdate, flag!, id!, 0)));
  expect(received()).toBe(answers.join(''));
});

test('our own streams are announced at most 256 ahead of their acknowledgement', async () => {
  const [peer, b] = pipe();
  const ours = session(b, 'dialler');
  let opens = 0;
  peer.onData((bytes) => {
    opens += bytes.length / HEADER_BYTES;
  });
  for (let i = 0; i < UNACKNOWLEDGED_STREAMS_MAX + 3; i++) ours.open();
  for (let i = 0; i < 100; i++) await settle();
  expect(opens).toBe(UNACKNOWLEDGED_STREAMS_MAX);
  peer.write(frame(FrameType.windowUpdate, Flag.ack, 1, 0));
  peer.write(frame(FrameType.windowUpdate, Flag.rst, 3, 0));
  await settle();
  expect(opens).toBe(UNACKNOWLEDGED_STREAMS_MAX + 2);
  for (let i = 1; i < WAITING_OPENS_MAX; i++) ours.open();
  expect(() => ours.open()).toThrow('streams exhausted');
});

test.for<[string, Uint8Array[], string]>([
  ['an unknown version', [unhex('ff00000000000000')], 'unknown version'],
  ['an id of our side', [frame(FrameType.windowUpdate, Flag.syn, 2, 0)], 'stream opened with an id of our side'],
  ['an id twice', [OPEN_1, OPEN_1], 'stream opened twice'],
  ['a frame larger than the window', [OPEN_1, frame(0, 0, 1, WINDOW_BYTES + 1)], 'receive window exceeded'],
  ['a frame of 4 GiB', [OPEN_1, frame(0, 0, 1, 0xffff_ffff)], 'receive window exceeded'],
  [
    'more frames than the window allows',
    [OPEN_1, frame(0, 0, 1, WINDOW_BYTES, 'x'.repeat(WINDOW_BYTES)), frame(0, 0, 1, 1)],
    'receive window exceeded',
  ],
  [
    'data after its end',
    [OPEN_1, frame(FrameType.windowUpdate, Flag.fin, 1, 0), frame(0, 0, 1, 1)],
    'receive window exceeded',
  ],
  ['credit without end', [OPEN_1, frame(1, 0, 1, 0xffff_ffff), frame(1, 0, 1, 0xffff_ffff)], 'send window overflow'],
])('%s ends the session with a reason', async ([, bytes, reason]) => {
  const { peer, listener, received } = listening();
  const events: string[][] = [];
  listener.onStream((s) => {
    const c = collect(s);
    s.pause();
    events.push(c.events);
  });
  for (const b of bytes) peer.write(b);
  if (reason === 'unknown version') peer.write(unhex('00000000'));
  await settle();
  expect(warnings()).toEqual([reason]);
  expect(received().endsWith(GOODBYE)).toBe(true);
  for (const e of events) expect(e.at(-1)).toContain('protocol error');
  await clock.advance(1_001);
  expect(listener.isOpen).toBe(false);
  expect(listener.heldBytes).toBe(0);
  expect(clock.waiting).toBe(0);
});

test('frames of streams that nobody knows are dropped', async () => {
  const { peer, listener } = listening();
  peer.write(frame(0, 0, 99, 5, 'bytes'));
  peer.write(frame(1, Flag.fin, 99, 5));
  peer.write(frame(FrameType.ping, Flag.syn, 0, 1));
  await settle();
  expect(listener.isOpen).toBe(true);
  expect(warnings()).toEqual([]);
});

test('a session holds only so many bytes that nobody reads', async () => {
  const { peer, listener } = listening();
  listener.onStream((s) => {
    s.onData(() => undefined);
    s.pause();
  });
  const body = 'x'.repeat(WINDOW_BYTES);
  const streams = SESSION_BUFFER_BYTES / WINDOW_BYTES;
  for (let i = 0; i < streams; i++) {
    peer.write(frame(1, Flag.syn, 2 * i + 1, 0));
    peer.write(frame(0, 0, 2 * i + 1, WINDOW_BYTES, body));
  }
  for (let i = 0; i < 50; i++) await settle();
  expect(listener.isOpen).toBe(true);
  expect(listener.heldBytes).toBe(SESSION_BUFFER_BYTES);
  peer.write(frame(1, Flag.syn, 9_999, 0));
  peer.write(frame(0, 0, 9_999, 1, 'x'));
  await settle();
  expect(warnings()).toEqual(['too many bytes wait for their readers']);
  expect(listener.heldBytes).toBe(0);
});

test('a peer that asks and does not read the answers is cut', async () => {
  const [peer, b] = pipe({ highWaterBytes: 100 });
  const listener = session(b, 'listener');
  peer.onData(() => undefined);
  peer.pause();
  const pings = concatBytes(Array.from({ length: 1_000 }, () => frame(FrameType.ping, Flag.syn, 0, 1)));
  for (let i = 0; i * pings.length < CONTROL_BACKLOG_BYTES; i++) peer.write(pings);
  peer.write(pings);
  for (let i = 0; i < 50; i++) await settle();
  expect(listener.isOpen).toBe(false);
  expect(warnings()).toEqual(['the peer sends but does not read']);
});

test('nobody is asked for a stream that the owner refuses', async () => {
  const [peer, b] = pipe();
  const listener = new YamuxSession(b, { role: 'listener' }, { clock, log: recorded.log, admit: () => false });
  let taken = 0;
  listener.onStream(() => taken++);
  peer.write(OPEN_1);
  await settle();
  expect(taken).toBe(0);
  expect(listener.streamCount).toBe(0);
});

test('what many streams write in one turn of the clock leaves in one piece', async () => {
  const [peer, base] = pipe();
  const pieces: number[] = [];
  peer.onData((bytes) => pieces.push(bytes.length));
  const turn: (() => void)[] = [];
  const patient = Object.assign(clock, { soon: (fn: () => void) => turn.push(fn) });
  const dialler = new YamuxSession(base, { role: 'dialler' }, { clock: patient, log: recorded.log });
  const streams = [dialler.open(), dialler.open(), dialler.open()];
  for (const stream of streams) {
    stream.write(utf8('hello'));
    await settle();
  }
  expect(pieces).toEqual([]);
  for (const fn of turn.splice(0)) fn();
  await settle();
  expect(pieces).toEqual([3 * (2 * HEADER_BYTES + 5)]);
});

test('thousands of streams in one piece are opened over several turns, and nothing after them is lost', async () => {
  const { peer, listener } = listening();
  const texts: string[] = [];
  let opened = 0;
  listener.onStream((stream) => {
    opened++;
    stream.onData((bytes) => texts.push(fromUtf8(bytes)));
  });
  const count = 2 * OPENS_AT_ONCE_MAX + 10;
  const opens = Array.from({ length: count }, (_, i) => frame(FrameType.windowUpdate, Flag.syn, 2 * i + 1, 0));
  peer.write(concatBytes([...opens, frame(FrameType.data, 0, 1, 3, 'one')]));
  peer.write(frame(FrameType.data, 0, 3, 5, 'three'));
  await settle();
  expect([opened, texts]).toEqual([OPENS_AT_ONCE_MAX, []]);
  await clock.advance(0);
  expect([opened, texts]).toEqual([count, ['one', 'three']]);
  expect(warnings()).toEqual([]);
});

test('a session that ends while streams wait to be opened opens no more of them', async () => {
  const { peer, listener } = listening();
  let opened = 0;
  listener.onStream(() => opened++);
  const opens = Array.from({ length: 3000 }, (_, i) => frame(FrameType.windowUpdate, Flag.syn, 2 * i + 1, 0));
  peer.write(concatBytes(opens));
  await settle();
  listener.close();
  await clock.advance(1000);
  expect(opened).toBe(OPENS_AT_ONCE_MAX);
});
