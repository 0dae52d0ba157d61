import type { Message } from '@proconsul/dns-wire';
import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AskOptions, CLIENT, lines, question, world } from './handler.fixture.ts';
import { TCP_ANSWERS_MAX, TCP_BYTES_MAX, TCP_SRV_ANSWERS_MAX } from './handler.ts';
import type { DnsSettings } from './settings.ts';

const TRANSPORTS = {
  udp: {},
  'edns 512': { edns: { udpBytes: 512 } },
  'edns 600': { edns: { udpBytes: 600 } },
  'edns 1232': { edns: { udpBytes: 1232 } },
  'edns 4096': { edns: { udpBytes: 4096 } },
  'edns 65535': { edns: { udpBytes: 65_535 } },
  tcp: { tcp: true },
} as const satisfies Record<string, AskOptions>;
type TransportName = keyof typeof TRANSPORTS;

function bytesMax(transport: TransportName): number {
  if (transport === 'tcp') return TCP_BYTES_MAX;
  return transport === 'udp'
    ? 512
    : Math.min(65_467, (TRANSPORTS[transport] as { edns: { udpBytes: number } }).edns.udpBytes);
}

interface Shape {
  readonly count: number;
  readonly v6: 'never' | 'always' | 'mixed';
  readonly ownAddress: boolean;
  readonly metaPairs: number;
  readonly metaBytes: number;
  readonly nodeNameBytes: number;
  readonly settings: Partial<DnsSettings>;
}

function populate(shape: Shape) {
  const w = world(shape.settings);
  for (let i = 0; i < shape.count; i++) {
    const isV6 = shape.v6 === 'always' || (shape.v6 === 'mixed' && i % 2 === 1);
    const address = isV6 ? `2001:db8::${(i + 1).toString(16)}` : `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    const meta = Array.from({ length: shape.metaPairs }, (_, k) => [`key${k}`, 'v'.repeat(shape.metaBytes)]);
    w.catalog.register({
      Node: `n${i}`.padEnd(shape.nodeNameBytes, 'x'),
      Address: shape.ownAddress ? '192.0.2.1' : address,
      NodeMeta: Object.fromEntries(meta),
      Service: { Service: 'web', Port: 1000 + i, ...(shape.ownAddress ? { Address: address } : {}) },
    });
  }
  return w;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2000 })),
  v6: fc.constantFrom('never', 'always', 'mixed'),
  ownAddress: fc.boolean(),
  metaPairs: fc.nat(3),
  metaBytes: fc.nat(300),
  nodeNameBytes: fc.constantFrom(1, 10, 63),
  settings: fc.record({
    udpAnswerLimit: fc.constantFrom(0, 1, 3, 8, 100),
    aRecordLimit: fc.constantFrom(0, 0, 5),
    enableTruncate: fc.boolean(),
    disableCompression: fc.boolean(),
    nodeMetaTxt: fc.boolean(),
  }),
});

/** The answers that a service has for a type, before any limit. */
function available(shape: Shape, type: string): number {
  if (type === 'SRV' || type === 'ANY' || shape.v6 === (type === 'A' ? 'never' : 'always')) return shape.count;
  if (shape.v6 === 'mixed') return type === 'A' ? Math.ceil(shape.count / 2) : Math.floor(shape.count / 2);
  return 0;
}

function answersMax(shape: Shape, type: string, transport: TransportName): number {
  const { udpAnswerLimit = 3, aRecordLimit = 0 } = shape.settings;
  const byType = type !== 'SRV' && aRecordLimit > 0 ? aRecordLimit : Number.POSITIVE_INFINITY;
  if (transport === 'tcp') return Math.min(byType, type === 'SRV' ? TCP_SRV_ANSWERS_MAX : TCP_ANSWERS_MAX);
  if (transport === 'udp' || transport === 'edns 512') return Math.min(byType, 8, udpAnswerLimit);
  return byType;
}

test('every reply about a service obeys the limits of its transport, and dns-packet reads it', async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      fc.constantFrom('A', 'AAAA', 'SRV', 'ANY'),
      fc.constantFrom(...(Object.keys(TRANSPORTS) as TransportName[])),
      async (shape, type, transport) => {
        const w = populate(shape);
        const query = question('web.service.consul', type, TRANSPORTS[transport]);
        for (let round = 0; round < 3; round++) {
          const bytes = await w.handler.handle(query, CLIENT, transport === 'tcp' ? 'tcp' : 'udp');
          if (bytes === undefined) throw new Error('no reply');
          expect(bytes.length).toBeLessThanOrEqual(bytesMax(transport));
          const read = packet.decode(Buffer.from(bytes));
          const answers = read.answers ?? [];
          const have = available(shape, type);
          const most = Math.min(have, answersMax(shape, type, transport));
          expect(answers.length).toBeLessThanOrEqual(most);
          // As long as one answer is allowed and exists, one comes.
          if (most > 0) expect(answers.length).toBeGreaterThan(0);
          const cap = shape.settings.aRecordLimit || Number.POSITIVE_INFINITY;
          const lost = answers.length < (type === 'SRV' ? have : Math.min(have, cap));
          expect(read.flag_tc).toBe(lost && shape.settings.enableTruncate);
          const keys = answers.map((answer) => JSON.stringify((answer as { data: unknown }).data));
          expect(new Set(keys).size).toBe(keys.length);
          const opt = read.additionals?.filter(({ type: kind }) => kind === 'OPT').length;
          expect(opt).toBe(transport.startsWith('edns') ? 1 : 0);
          if (type === 'SRV') expectGlue(read);
        }
      },
    ),
    { numRuns: 150 },
  );
});

/** Each SRV target has an address beside it, and nothing else does. */
function expectGlue(read: packet.DecodedPacket): void {
  const targets = new Set(read.answers?.map((answer) => (answer as packet.SrvAnswer).data.target));
  const owners = read.additionals?.filter(({ type }) => type === 'A' || type === 'AAAA').map(({ name }) => name);
  expect(new Set(owners)).toEqual(targets);
}

describe('sizes as the reference agent has them', () => {
  const twelve: Shape = {
    count: 12,
    v6: 'never',
    ownAddress: false,
    metaPairs: 1,
    metaBytes: 1,
    nodeNameBytes: 2,
    settings: {},
  };
  const counts = (message: Message) => [message.answers.length, message.additional.length];

  test.each([
    ['A', 'udp', 3, 0],
    ['A', 'edns 600', 12, 0],
    ['A', 'tcp', 12, 0],
    // Cut by count: one address for each target, no metadata.
    ['SRV', 'udp', 3, 3],
    ['SRV', 'edns 512', 3, 3],
    // Everything fits.
    ['SRV', 'edns 1232', 12, 24],
    ['SRV', 'tcp', 12, 24],
    ['ANY', 'udp', 3, 0],
  ] as const)('%s over %s: %d answers, %d additional', async (type, transport, answers, additional) => {
    const w = populate(twelve);
    expect(counts(await w.ask('web.service.consul', type, TRANSPORTS[transport]))).toEqual([answers, additional]);
  });

  test('metadata goes before answers do', async () => {
    const w = populate({ ...twelve, count: 2, metaPairs: 4, metaBytes: 200 });
    expect(counts(await w.ask('web.service.consul', 'SRV'))).toEqual([2, 2]);
    expect(counts(await w.ask('web.service.consul', 'SRV', { tcp: true }))).toEqual([2, 10]);
  });

  test('TXT records of a node that do not fit are left out one by one', async () => {
    const w = populate({ ...twelve, count: 1, metaPairs: 4, metaBytes: 200 });
    expect(counts(await w.ask('n0.node.consul', 'A'))).toEqual([1, 2]);
    expect(counts(await w.ask('n0.node.consul', 'AAAA'))).toEqual([0, 2]);
    expect(counts(await w.ask('n0.node.consul', 'TXT'))).toEqual([2, 0]);
    expect(counts(await w.ask('n0.node.consul', 'A', { tcp: true }))).toEqual([1, 4]);
  });

  test('of as many answers as there may be, more fit than of one more: then sizes are those without pointers', async () => {
    const settings = { udpAnswerLimit: 8, nodeMetaTxt: false };
    const sizes = [7, 8, 9].map(async (count) => {
      const w = populate({ ...twelve, settings, count, metaPairs: 0 });
      return counts(await w.ask('web.service.consul', 'SRV'))[0];
    });
    expect(await Promise.all(sizes)).toEqual([7, 8, 5]);
  });

  test('a text above 255 bytes is cut into strings', async () => {
    const w = populate({ ...twelve, count: 1, metaPairs: 1, metaBytes: 512 });
    const [record] = (await w.ask('n0.node.consul', 'TXT', { tcp: true })).answers;
    expect(record?.kind === 'TXT' && record.texts.map((text) => text.length)).toEqual([255, 255, 7]);
  });

  test('names are written in full when compression is off', async () => {
    const w = populate({ ...twelve, settings: { disableCompression: true } });
    const compressed = populate(twelve);
    const query = question('web.service.consul', 'SRV', { tcp: true });
    const [plain, short] = [await w.askRaw(query, 'tcp'), await compressed.askRaw(query, 'tcp')];
    expect(packet.decode(Buffer.from(plain!)).additionals).toHaveLength(24);
    expect(plain!.length).toBeGreaterThan(short!.length + 24 * 10);
    expect(plain!.includes(0xc0)).toBe(false);
  });
});

describe('order', () => {
  test('every instance comes first about equally often, and all replies hold different ones', async () => {
    const w = world();
    for (let i = 0; i < 10; i++)
      w.catalog.register({ Node: `n${i}`, Address: `10.0.0.${i}`, Service: { Service: 'web' } });
    const first = new Map<string, number>();
    const member = new Map<string, number>();
    for (let round = 0; round < 3000; round++) {
      const { answers } = await w.ask('web.service.consul', 'A');
      const found = answers.map((answer) => (answer.kind === 'A' ? answer.address.join('.') : ''));
      first.set(found[0]!, (first.get(found[0]!) ?? 0) + 1);
      for (const address of found) member.set(address, (member.get(address) ?? 0) + 1);
    }
    expect(first.size).toBe(10);
    for (const count of first.values()) expect(Math.abs(count - 300)).toBeLessThan(100);
    for (const count of member.values()) expect(Math.abs(count - 900)).toBeLessThan(150);
  });

  test('SRV records and their addresses stand in the same order', async () => {
    const w = world();
    for (let i = 0; i < 5; i++)
      w.catalog.register({ Node: `n${i}`, Address: `10.0.0.${i}`, Service: { Service: 'web' } });
    for (let round = 0; round < 20; round++) {
      const { answers, additional } = await w.ask('web.service.consul', 'SRV', { edns: { udpBytes: 1232 } });
      const targets = answers.map((answer) => (answer.kind === 'SRV' ? answer.target : ''));
      expect(additional.map(({ name }) => name)).toEqual(targets);
      expect(lines(additional)).toHaveLength(5);
    }
  });
});
