import type { Rng } from '@proconsul/base';
import { encodeMessage, type Message } from '@proconsul/dns-wire';
import { chance, NODES, OUTSIDE, pick, QUERIES, SERVICES, TAGS } from './catalog.ts';

/** One packet, and how it is sent. */
export interface Packet {
  readonly bytes: Uint8Array;
  readonly transport: 'udp' | 'tcp';
  /** For people. */
  readonly what: string;
}

const A = 1;
const TYPES = [A, A, A, 28, 33, 33, 16, 255, 6, 2, 5, 12, 15, 252, 251, 65, 35, 0, 41, 65535];
const CLASSES = [3, 255, 254, 0];
const SIZES = [0, 1, 511, 512, 513, 600, 1232, 1400, 4096, 65535];
const KINDS = ['service', 'node', 'connect', 'ingress', 'virtual', 'query', 'addr'];
const LITERALS = ['0a000001', '0A000001', '20010db8000000000000000000000001', '0a0000', 'zz', '0a00000g', '7f000001'];
const REVERSED = [
  '1.0.0.10.in-addr.arpa',
  '2.0.0.10.IN-ADDR.ARPA',
  '9.9.9.9.in-addr.arpa',
  '1.0.10.in-addr.arpa',
  'x.0.0.10.in-addr.arpa',
  `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`,
  `6.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`,
  '1.0.0.2.ip6.arpa',
  'arpa',
  'in-addr.arpa',
];

const anyCase = (rng: Rng, name: string): string =>
  chance(rng, 0.75) ? name : [...name].map((c) => (chance(rng, 0.5) ? c.toUpperCase() : c.toLowerCase())).join('');

function inDomain(rng: Rng): string {
  // Names beyond ASCII are found by ours alone.
  const isAscii = (name: string) => /^[!-~]+$/.test(name);
  const service = pick(rng, [...SERVICES.filter(isAscii), 'nope', 'consul']);
  const tag = pick(rng, [...TAGS, 'nope']);
  const node = pick(rng, [...NODES.filter(isAscii), 'agent-x', 'nope']);
  const query = pick(rng, [...QUERIES, 'geo-web', 'geo-nope', 'nope']);
  switch (rng.int(15)) {
    case 0:
    case 1:
      return `${node}.node`;
    case 2:
    case 3:
    case 4:
      return `${service}.service`;
    case 5:
      return `${tag}.${service}.service`;
    case 6:
      return `_${service}._${pick(rng, ['tcp', 'TCP', tag])}.service`;
    case 7:
      return `_${service}._${pick(rng, ['tcp', 'udp', tag])}`;
    case 8:
      return `${query}.query`;
    case 9:
      return `_${query}._tcp.query`;
    case 10:
      return `${pick(rng, LITERALS)}.addr`;
    case 11:
      return `${service}.${pick(rng, ['connect', 'virtual', 'ingress'])}`;
    case 12:
      return pick(rng, KINDS);
    case 13:
      return pick(rng, [
        '',
        'ns',
        'ns.dc1',
        'a.b.c',
        'nope',
        '_a._b._c',
        '_web._tcp.node',
        'x.y.addr',
        '_.._',
        'dc1',
        'web',
      ]);
    default:
      return `${pick(rng, [service, node])}.${pick(rng, KINDS)}`;
  }
}

const PLACES = [
  '',
  '',
  '',
  '',
  '.dc1',
  '.DC1',
  '.dc1.dc',
  '.nope',
  '.p.peer',
  '.default.ns',
  '.default.ap',
  '.dc1.dc.x.peer',
  '.a.b',
];

export function anyName(rng: Rng, domains: readonly string[]): string {
  if (chance(rng, 0.08)) return pick(rng, REVERSED);
  if (chance(rng, 0.08)) return pick(rng, [...OUTSIDE, 'consul.example.org', 'xconsul', 'com', '']);
  // Names of proxies at peers are found by the reference alone, among those of this datacenter.
  const domain = pick(rng, chance(rng, 0.05) ? ['nowhere', 'consul.consul', 'consul'] : domains);
  const name = inDomain(rng);
  const place = pick(rng, /\.connect$/.test(name) ? PLACES.filter((one) => !one.includes('peer')) : PLACES);
  return anyCase(rng, `${name}${place}.${domain}`.replace(/^\./, ''));
}

/** A name as it is written in packets, whatever it holds; at most 63 bytes of each label. */
export function wireName(name: string): Uint8Array {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => {
      const bytes = Buffer.from(label).subarray(0, 63);
      return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    }),
    Buffer.from([0]),
  ]);
}

const option = (code: number, data: readonly number[]): Buffer =>
  Buffer.from([code >> 8, code & 255, data.length >> 8, data.length & 255, ...data]);
const OPTIONS = [
  option(8, [0, 1, 24, 0, 10, 0, 0]),
  option(8, [0, 1, 32, 0, 127, 0, 0, 1]),
  option(8, [0, 2, 56, 0, 32, 1, 13, 184, 0, 0, 0]),
  option(8, [0, 1, 0, 0]),
  option(8, [0, 9, 8, 0, 1]),
  option(10, [1, 2, 3, 4, 5, 6, 7, 8]),
  option(3, []),
  option(65001, [1]),
];

function edns(rng: Rng): Buffer {
  const options = chance(rng, 0.25) ? pick(rng, OPTIONS) : Buffer.alloc(0);
  const size = pick(rng, SIZES);
  const flags = [0, chance(rng, 0.03) ? 1 : 0, chance(rng, 0.1) ? 0x80 : 0, 0];
  const head = Buffer.from([0, 0, 41, size >> 8, size & 255, ...flags, options.length >> 8, options.length & 255]);
  return Buffer.concat([head, options]);
}

/** A whole question, or something that is nearly one. */
export function anyPacket(rng: Rng, domains: readonly string[]): Packet {
  const name = anyName(rng, domains);
  const type = pick(rng, TYPES);
  const cls = chance(rng, 0.03) ? pick(rng, CLASSES) : 1;
  const opcode = chance(rng, 0.02) ? 1 + rng.int(15) : 0;
  const flags =
    (opcode << 11) |
    (chance(rng, 0.8) ? 0x100 : 0) |
    (chance(rng, 0.03) ? pick(rng, [0x10, 0x20, 0x40, 0x200, 0x400, 0x80]) : 0);
  const question = Buffer.concat([wireName(name), Buffer.from([type >> 8, type & 255, cls >> 8, cls & 255])]);
  const extra = chance(rng, 0.35) ? [edns(rng)] : [];
  if (extra[0]?.length === 11 && chance(rng, 0.03)) extra.push(Buffer.from([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]));
  const questions = chance(rng, 0.02) ? pick(rng, [0, 2]) : 1;
  const head = Buffer.from([0x12, 0x34, flags >> 8, flags & 255, 0, questions, 0, 0, 0, 0, 0, extra.length]);
  let bytes: Uint8Array = Buffer.concat([head, ...Array<Buffer>(questions).fill(question), ...extra]);
  let what = `${name || '.'} ${type} class ${cls} opcode ${opcode}${extra.length > 0 ? ` edns ${extra.map((e) => e.readUInt16BE(3))}` : ''}`;
  if (chance(rng, 0.06)) {
    bytes = broken(rng, bytes);
    what += ` broken ${Buffer.from(bytes).toString('hex')}`;
  }
  return { bytes, transport: chance(rng, 0.2) ? 'tcp' : 'udp', what };
}

function broken(rng: Rng, bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  switch (rng.int(4)) {
    case 0:
      return copy.subarray(0, rng.int(copy.length));
    case 1:
      return Buffer.concat([copy, Buffer.from([1, 2, 3, 4].slice(rng.int(4)))]);
    case 2:
      copy[2 + rng.int(10)] = rng.int(256);
      return copy;
    default:
      copy[12 + rng.int(copy.length - 12)] = rng.int(256);
      return copy;
  }
}

export const encode = (message: Message): Uint8Array => encodeMessage(message, { maxBytes: 65_535 });
