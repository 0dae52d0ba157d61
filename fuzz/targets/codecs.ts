import { ProtocolError } from '@proconsul/base';
import { decodeMessage, encodeMessage, type Message, type Name, type ResourceRecord } from '@proconsul/dns-wire';
import { DateText, encodeFault, RequestParser } from '@proconsul/http1';
import { decodeAny, encodeAny, Reader } from '@proconsul/msgpack';
import { protoFields, protoTexts } from '../../packages/base/src/protobuf.ts';
import { hardCases } from '../../packages/http1/src/hard-cases.ts';
import { MessageScanner } from '../../packages/raft/src/wire/message-scanner.ts';
import { encodeGrpcMessage, grpcTimeoutMs } from '../../packages/rpc/src/grpc/status.ts';
import { ValueScanner } from '../../packages/rpc/src/value-scanner.ts';
import { recordedHex, texts } from '../seeds.ts';
import { check, checkSame, must, type Target } from '../target.ts';

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** What a connection's bytes mean, whatever pieces they come in. */
function eventsOf(bytes: Uint8Array, pieces: (bytes: Uint8Array) => Iterable<Uint8Array>): string {
  const parser = new RequestParser();
  let out = '';
  for (const piece of pieces(bytes)) {
    parser.push(piece);
    for (let event = parser.next(); event !== 'more'; event = parser.next()) {
      if (event === 'data') {
        out += `${parser.data.toString('latin1')}`;
        continue;
      }
      if (event === 'fault') return `${out}|fault ${parser.fault!.code}`;
      out += `|${event}`;
      if (event === 'head') {
        out += ` ${parser.method} ${parser.target} ${parser.http10} ${parser.keepAlive} ${parser.hasBody}`;
        out += ` ${parser.headers.get('host')} ${parser.headers.get('x-a')}`;
      }
    }
  }
  return out;
}

function* whole(bytes: Uint8Array): Iterable<Uint8Array> {
  yield bytes;
}

/** Sizes that follow from the bytes, so that a run is always the same. */
function* cut(bytes: Uint8Array): Iterable<Uint8Array> {
  let step = 1 + ((bytes[bytes.length >> 1] ?? 0) % 13);
  for (let at = 0; at < bytes.length; at += step, step = 1 + ((step * 5) % 17)) yield bytes.subarray(at, at + step);
}

const http1: Target = {
  name: 'http1',
  reads: 'HTTP/1 requests: heads, bodies, chunks, pipelines, from HTTP clients',
  seeds: () => [
    ...hardCases.map((c) => latin1(c.bytes)),
    ...texts(
      'GET /v1/kv/a?index=3 HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n',
      'PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n',
    ),
  ],
  wordsOf: ['http1'],
  words: [
    '\r\n',
    '\r\n\r\n',
    'HTTP/1.1',
    'HTTP/1.0',
    'Content-Length: ',
    'Transfer-Encoding: chunked\r\n',
    'Host: a\r\n',
    '0\r\n\r\n',
    'Expect: 100-continue\r\n',
    'Connection: close\r\n',
    'X-A: ',
  ],
  taskBytesMax: 64 * 1024,
  task(bytes) {
    eventsOf(bytes, whole);
  },
  run(bytes) {
    const events = eventsOf(bytes, whole);
    const again = eventsOf(bytes, cut);
    check(
      events === again,
      () => `in pieces it means something else: ${events.slice(0, 200)} and ${again.slice(0, 200)}`,
    );
    check(events.length <= 4 * bytes.length + 256, 'bounded output');
    const parser = new RequestParser();
    parser.push(bytes);
    while (!['more', 'fault'].includes(parser.next()));
    if (parser.fault !== undefined) {
      must('a fault has its answer', () => encodeFault(parser.fault!));
      throw new ProtocolError('HTTP', 'refused');
    }
    check(new DateText().update(0) !== undefined, 'a date');
  },
};

const name = (text: string): Name => text as Name;

/** One message of each sort. */
export function dnsMessages(): Uint8Array[] {
  const service = name('web.service.consul.');
  const address = Uint8Array.of(10, 0, 0, 1);
  const records: ResourceRecord[] = [
    { name: service, ttl: 0, kind: 'A', address },
    { name: service, ttl: 1, kind: 'AAAA', address: new Uint8Array(16).fill(7) },
    { name: service, ttl: 2, kind: 'CNAME', target: name('n1.node.dc1.consul.') },
    { name: service, ttl: 3, kind: 'SRV', priority: 1, weight: 1, port: 80, target: name('n1.node.dc1.consul.') },
    { name: service, ttl: 4, kind: 'MX', preference: 1, target: name('mail.consul.') },
    { name: service, ttl: 5, kind: 'TXT', texts: [Uint8Array.of(97, 98), new Uint8Array(0)] },
    { name: service, ttl: 6, kind: 'OTHER', type: 99, data: address },
    {
      ...{ name: service, ttl: 7, kind: 'SOA' as const, mname: name('ns.consul.'), rname: name('a.consul.') },
      ...{ serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
    },
  ];
  const empty = { id: 1, questions: [], answers: [], authority: [], additional: [] };
  const names = ['web.service.consul.', '_web._tcp.service.consul.', '1.0.0.10.in-addr.arpa.', 'n1.node.consul.'];
  names.push('v1.web.service.dc1.consul.', 'q.query.consul.', '0a000001.addr.consul.', 'consul.', '.');
  const edns = { udpBytes: 1232, options: [{ code: 8, data: Uint8Array.of(0, 1, 24, 0, 10, 0, 0) }] };
  const queries: Message[] = names.flatMap((n) =>
    [1, 28, 33, 255, 6, 16].map((type) => ({
      ...empty,
      recursionDesired: true,
      questions: [{ name: name(n), type, class: 1 }],
    })),
  );
  const answers: Message[] = records.map((r) => ({ ...empty, response: true, answers: [r], authority: records }));
  return [...queries, ...queries.slice(0, 6).map((q) => ({ ...q, edns })), ...answers].map((m) => encodeMessage(m));
}

const dns: Target = {
  name: 'dns-message',
  reads: 'DNS messages, from DNS clients and recursors',
  seeds: dnsMessages,
  words: [
    Uint8Array.of(0xc0, 12),
    Uint8Array.of(0, 0, 41, 16, 0),
    Uint8Array.of(0, 8, 0, 7, 0, 1, 24, 0),
    Uint8Array.of(0, 33, 0, 1),
    Uint8Array.of(0, 255, 0, 1),
    '\x07service\x06consul\0',
    '\x03_tcp',
  ],
  taskBytesMax: 65_535,
  task: (bytes) => void decodeMessage(bytes),
  run(bytes) {
    const message = decodeMessage(bytes);
    let written: Uint8Array;
    try {
      written = encodeMessage(message);
    } catch (error) {
      // Names that were compressed by others than we may not fit any more.
      if (error instanceof ProtocolError && error.code === 'DNS_TOO_LONG') return;
      throw must('what was read can be written', () => {
        throw error;
      });
    }
    const again = must('what was written can be read', () => decodeMessage(written));
    if (!again.truncated || message.truncated) checkSame(again, message, 'round trip');
  },
};

const msgpack: Target = {
  name: 'msgpack',
  reads: 'MessagePack values of unknown kind, and where they end, from servers and agents',
  seeds: () => [
    ...recordedHex('msgpack/src/testdata/dialects.json'),
    ...recordedHex('endpoints/src/testdata/rpc-pairs.json').slice(0, 60),
  ],
  words: [
    Uint8Array.of(0xdd, 255, 255, 255, 255),
    Uint8Array.of(0xdb, 127, 255, 255, 255),
    Uint8Array.of(0xdf, 0, 1, 0, 0),
    Uint8Array.of(0xc7, 0, 1),
    Uint8Array.of(0xd6, 255),
    Uint8Array.of(0x91),
    Uint8Array.of(0x81, 0xa1, 0x61),
    '__proto__',
  ],
  inputBytesMax: 512,
  taskBytesMax: 128 * 1024,
  task: (bytes) => void decodeAny(bytes),
  run(bytes) {
    const skipped = endOf(() => {
      const r = new Reader(bytes);
      r.skip();
      return r.offset;
    });
    const scanned = endOf(() => {
      const scanner = new ValueScanner();
      scanner.start(bytes.length);
      return scanner.scan(bytes, 0);
    });
    const found = endOf(() => new MessageScanner().scan(bytes, 0));
    if (skipped >= 0)
      check(scanned === skipped && found === skipped, () => `ends differ: ${skipped} ${scanned} ${found}`);
    else
      check(
        (scanned < 0 && found < 0) || skipped === DEPTH,
        () => `an end where there is none: ${skipped} ${scanned} ${found}`,
      );
    const reader = new Reader(bytes);
    const value = decodeAny(reader, { rawAs: 'bytes' });
    check(
      skipped === reader.offset || skipped === DEPTH,
      () => `skip ends at ${skipped}, the value at ${reader.offset}`,
    );
    const written = must('what was read can be written', () => encodeAny(value, 'rpc'));
    const again = must('what was written can be read', () => decodeAny(written, { rawAs: 'bytes' }));
    checkSame(again, value, 'round trip');
    must('as text', () => decodeAny(bytes));
    must('either', () => decodeAny(bytes, { rawAs: 'auto' }));
  },
};

const DEPTH = -2;

/** The end of a value; -1 when it has none, -2 when it is nested too deep to tell. */
function endOf(find: () => number): number {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code === 'MSGPACK_DEPTH' ? DEPTH : -1;
  }
}

const protobuf: Target = {
  name: 'protobuf',
  reads: 'gRPC messages, deadlines and error texts, from gRPC clients and agents',
  seeds: () => recordedHex('rpc/src/testdata/subscribe.json'),
  words: [
    '10S',
    '99999999H',
    '1u',
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
    Uint8Array.of(0x0a),
    Uint8Array.of(0x12),
  ],
  taskBytesMax: 64 * 1024,
  task(bytes) {
    for (const _ of protoFields(bytes));
  },
  run(bytes) {
    const text = Buffer.from(bytes).toString('latin1');
    const timeout = grpcTimeoutMs(text);
    check(timeout === undefined || timeout >= 0, 'a timeout is not negative');
    check(encodeGrpcMessage(text).length <= 9 * bytes.length, 'bounded text');
    let size = 0;
    for (const field of protoFields(bytes)) size += field.bytes.length;
    check(size <= bytes.length, 'fields are pieces of the message');
    must('texts', () => protoTexts(bytes));
  },
};

export const codecTargets: readonly Target[] = [http1, dns, msgpack, protobuf];
