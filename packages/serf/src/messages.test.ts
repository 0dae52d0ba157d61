import { hex, ProtocolError, unhex, utf8 } from '@proconsul/base';
import { Reader } from '@proconsul/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePingPayload } from './coordinate.ts';
import { compileFilters, encodeNodeFilter, encodeTagFilter } from './filters.ts';
import { decodeKeyRequest, decodeKeyResponse, encodeKeyRequest, encodeKeyResponse } from './key-messages.ts';
import { LTIME_MAX } from './lamport-clock.ts';
import { decodeConflictResponse, encodeConflictResponse } from './member-codec.ts';
import * as m from './messages.ts';
import { decodePushPull, encodePushPull } from './push-pull-state.ts';
import { decodeTags, encodeTags } from './tags.ts';
import messages from './testdata/serf-messages.json' with { type: 'json' };
import tagVectors from './testdata/serf-tags.json' with { type: 'json' };

interface Vector {
  readonly name: string;
  readonly hex: string;
  // biome-ignore lint/suspicious/noExplicitAny: recorded trees of every shape
  readonly decoded: any;
}

const vectors = messages.vectors as readonly Vector[];
const plain = vectors.filter((v) => v.decoded.serfType !== undefined);
const streams = vectors.filter((v) => v.decoded.userState !== undefined);

/** Raw values of the recorded trees: text, `{$hex}`, or a nested message that is checked by itself. */
function raw(value: unknown): Uint8Array | null {
  if (value === null) return null;
  if (typeof value === 'string') return utf8(value);
  return unhex((value as { $hex: string }).$hex);
}

function text(value: unknown): string {
  return hex(raw(value) ?? new Uint8Array(0));
}

const roundTrips: Readonly<Record<number, (bytes: Uint8Array) => Uint8Array>> = {
  0: (b) => m.encodeLeave(m.decodeLeave(b)),
  1: (b) => m.encodeJoin(m.decodeJoin(b)),
  3: (b) => m.encodeUserEvent(m.decodeUserEvent(b)),
  4: (b) => m.encodeQuery(m.decodeQuery(b)),
  5: (b) => m.encodeQueryResponse(m.decodeQueryResponse(b)),
  6: (b) => encodeConflictResponse(decodeConflictResponse(b)),
  7: (b) => encodeKeyRequest(decodeKeyRequest(b)),
  8: (b) => encodeKeyResponse(decodeKeyResponse(b)),
  9: (b) => m.encodeRelay(m.decodeRelay(b)),
};

test.for(plain)('$name: read and written again, the bytes are the same', ({ hex: wire, decoded }) => {
  const bytes = unhex(wire);
  expect(hex(roundTrips[decoded.serfType]!(bytes))).toBe(wire);
  const payload = decoded.body.Payload;
  if (payload?.serfType === undefined) return;
  const nested = decoded.serfType === 4 ? m.decodeQuery(bytes).Payload : m.decodeQueryResponse(bytes).Payload;
  expect(hex(roundTrips[payload.serfType]!(nested!))).toBe(hex(nested!));
});

test.for(plain.filter((v) => [0, 1].includes(v.decoded.serfType)))('$name: fields', ({ hex: wire, decoded }) => {
  const read = decoded.serfType === 0 ? m.decodeLeave : m.decodeJoin;
  expect(read(unhex(wire))).toEqual(decoded.body);
});

test.for(plain.filter((v) => v.decoded.serfType === 4))('$name: fields', ({ hex: wire, decoded: { body } }) => {
  const query = m.decodeQuery(unhex(wire));
  expect(query).toMatchObject({ Flags: body.Flags, ID: body.ID, LTime: body.LTime, Name: body.Name, Port: body.Port });
  expect(query).toMatchObject({ RelayFactor: body.RelayFactor, SourceNode: body.SourceNode, Timeout: body.Timeout });
  expect(hex(query.Addr)).toBe(text(body.Addr));
  expect(query.Filters?.map(hex) ?? null).toEqual(body.Filters?.map(text) ?? null);
});

test('the fields of responses, relays, conflicts and keys', () => {
  const body = (name: string) => plain.find((v) => v.name === name)!;
  const ack = body('queryResponse flags=1');
  expect(m.decodeQueryResponse(unhex(ack.hex))).toEqual(ack.decoded.body);
  const relay = m.decodeRelay(unhex(body('relay of queryResponse').hex));
  expect(relay).toMatchObject({ port: 38721, destination: 'a1' });
  expect(hex(relay.address)).toBe('7f000001');
  expect(hex(relay.message)).toBe(body('queryResponse').hex);
  const conflict = m.decodeQueryResponse(unhex(body('queryResponse payload=conflictResponse').hex)).Payload!;
  expect(decodeConflictResponse(conflict)).toEqual({
    name: 'b2',
    address: '127.0.0.1',
    port: 38722,
    tags: { role: 'db' },
    status: 'alive',
    protocol: [1, 5, 2],
    delegate: [2, 5, 5],
  });
  const keys = body('keyring queryResponse payload=keyResponse result=true keys=true');
  expect(decodeKeyResponse(m.decodeQueryResponse(unhex(keys.hex)).Payload!)).toEqual(keys.decoded.body.Payload.body);
});

test.for(streams)('$name: the state in a full exchange', ({ hex: wire, decoded }) => {
  const state = unhex(wire).subarray(-decoded.header.UserStateLen);
  const read = decodePushPull(state);
  expect(read).toEqual({
    ...decoded.userState.body,
    Events: [],
    StatusLTimes: new Map(Object.entries(decoded.userState.body.StatusLTimes)),
  });
  // The ring is mostly nil and read without those; with all its slots the bytes are the same.
  expect(hex(encodePushPull({ ...read, Events: new Array(512).fill(null) }))).toBe(hex(state));
});

test('events in a full exchange', () => {
  const state = {
    EventLTime: 8,
    Events: [null, { LTime: 7, Events: [{ Name: 'deploy', Payload: utf8('v1') }] }],
    LTime: 5,
    LeftMembers: ['gone'],
    QueryLTime: 3,
    StatusLTimes: new Map([['gone', 4]]),
  };
  expect(decodePushPull(encodePushPull(state))).toEqual({ ...state, Events: [state.Events[1]] });
});

test.for(tagVectors.vectors)('$name', ({ hex: wire, decoded }) => {
  const tags = 'tags' in decoded ? (decoded.tags as Record<string, string>) : { role: 'web' };
  expect({ ...decodeTags(unhex(wire)) }).toEqual(tags);
  if ('magic' in decoded) expect(hex(encodeTags(tags))).toBe(wire);
});

test('filters are written as recorded', () => {
  const query = plain.find((v) => v.name === 'query uptime flags=1')!.decoded.body;
  expect(hex(encodeNodeFilter(['b2', 'c3']))).toBe(text(query.Filters[0]));
  expect(hex(encodeTagFilter('role', 'db|w'))).toMatch(/^0182a445787072a464627c77a3546167a4726f6c65$/);
});

test('all filters must mean a member; an unknown kind means nobody', () => {
  const isFor = (filters: Uint8Array[]) => compileFilters(filters)({ name: 'b', tags: { role: 'web-1' } });
  expect(isFor([])).toBe(true);
  expect(isFor([encodeNodeFilter(['a', 'b'])])).toBe(true);
  expect(isFor([encodeNodeFilter(['a'])])).toBe(false);
  expect(isFor([encodeTagFilter('role', 'eb')])).toBe(true);
  expect(isFor([encodeTagFilter('role', '^eb')])).toBe(false);
  expect(isFor([encodeTagFilter('none', '^$')])).toBe(true);
  expect(isFor([encodeNodeFilter(['b']), encodeTagFilter('role', 'db')])).toBe(false);
  expect(isFor([Uint8Array.of(9, 0x90)])).toBe(false);
});

test('a pattern that would take a backtracking matcher years is matched at once', () => {
  const isFor = compileFilters([encodeTagFilter('t', '^(a+)+$')]);
  expect(isFor({ name: 'x', tags: { t: `${'a'.repeat(400)}!` } })).toBe(false);
});

test('times beyond the range of the clock are refused', () => {
  const message = m.encodeJoin({ LTime: LTIME_MAX, Node: 'a' });
  expect(m.decodeJoin(message).LTime).toBe(LTIME_MAX);
  expect(() => m.decodeJoin(m.encodeJoin({ LTime: LTIME_MAX + 2, Node: 'a' }))).toThrow(ProtocolError);
  expect(() => m.decodeJoin(unhex('0182a54c54696d65cfffffffffffffffffa44e6f6465a161'))).toThrow(ProtocolError);
});

const decoders: readonly ((bytes: Uint8Array) => unknown)[] = [
  m.decodeLeave,
  m.decodeJoin,
  m.decodeUserEvent,
  m.decodeQuery,
  m.decodeQueryResponse,
  m.decodeRelay,
  decodePushPull,
  decodeConflictResponse,
  decodeKeyRequest,
  decodeKeyResponse,
  decodeTags,
  decodePingPayload,
  (bytes) => compileFilters([bytes]),
];

function throwsOnlyExpected(bytes: Uint8Array): void {
  for (const decode of decoders) {
    try {
      decode(bytes);
    } catch (error) {
      if (!['ProtocolError', 'RegexError'].includes((error as Error).name)) throw error;
    }
  }
}

test('rubbish is refused in an orderly way', () => {
  fc.assert(
    fc.property(fc.nat(9), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
      throwsOnlyExpected(Uint8Array.of(type, ...bytes));
    }),
    { numRuns: 1000 },
  );
});

test('a message that is cut or bent anywhere is refused or read, nothing else', () => {
  const whole = [...plain.map((v) => unhex(v.hex)), ...tagVectors.vectors.map((v) => unhex(v.hex))];
  fc.assert(
    fc.property(fc.constantFrom(...whole), fc.nat(), fc.nat(), fc.nat(255), (message, cut, at, byte) => {
      throwsOnlyExpected(message.subarray(0, cut % (message.length + 1)));
      const bent = message.slice();
      bent[at % bent.length] = byte;
      throwsOnlyExpected(bent);
    }),
    { numRuns: 1000 },
  );
});

test('what is written is read again', () => {
  const payload = fc.option(fc.uint8Array({ maxLength: 50 }), { nil: null });
  const name = fc.string({ unit: 'grapheme', maxLength: 40 });
  const time = fc.maxSafeNat().map((n) => n % LTIME_MAX);
  const event = fc.record({ CC: fc.boolean(), LTime: time, Name: name, Payload: payload });
  fc.assert(fc.property(event, (e) => void expect(m.decodeUserEvent(m.encodeUserEvent(e))).toEqual(e)));
  const tags = fc.dictionary(name, name, { maxKeys: 12, noNullPrototype: true });
  fc.assert(fc.property(tags, (t) => void expect({ ...decodeTags(encodeTags(t)) }).toEqual(t)));
});

test('a nested value as deep as the message is passed over without recursion', () => {
  const deep = new Uint8Array(100_000).fill(0x91);
  expect(() => new Reader(deep).skip()).toThrow(ProtocolError);
  expect(() => m.decodeJoin(Uint8Array.of(1, 0x81, 0xa1, 0x78, ...deep))).toThrow(ProtocolError);
});
