import { hex, unhex } from '@proconsul/base';
import { decodeMessage } from '@proconsul/dns-wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { question, world } from './handler.fixture.ts';
import { parseQuery, simpleQuestionEnd } from './query.ts';

function prepared() {
  const w = world();
  w.catalog.register({ Node: 'n', Address: '10.0.0.1', NodeMeta: { a: 'b' }, Service: { Service: 'db', Port: 1 } });
  return w;
}

const A = hex(question('db.service.consul', 'A'));
/** The query with other flags, or with other counts. */
const withFlags = (flags: string) => A.slice(0, 4) + flags + A.slice(8);
const withCounts = (counts: string) => A.slice(0, 8) + counts + A.slice(24);
const OPT = '0000290' + '4d0' + '00000000';

async function reply(bytes: string): Promise<string | undefined> {
  const out = await prepared().askRaw(unhex(bytes));
  return out && hex(out);
}

describe('queries that are not right, as the reference agent treats them', () => {
  test.each([
    ['three bytes', '123401'],
    ['no bytes', ''],
    ['a reply', withFlags('8100')],
    ['a damaged reply', '12348100' + 'ff'.repeat(9)],
  ])('%s: no answer', async (_, bytes) => {
    expect(await reply(bytes)).toBeUndefined();
  });

  test.each([
    ['nothing but zeros', '00'.repeat(12), '0000' + '8001'],
    ['no question', '12340100' + '00'.repeat(8), '1234' + '8101'],
    ['AA and RA set, no question', '12340480' + '00'.repeat(8), '1234' + '8081'],
    ['two questions', withCounts('0002000000000000'), '1234' + '8101'],
    ['two answers', withCounts('0001000200000000'), '1234' + '8101'],
    ['two authority records', withCounts('0001000000020000'), '1234' + '8101'],
    ['three additional records', withCounts('0001000000000003'), '1234' + '8101'],
    ['a question cut short', A.slice(0, -6), '1234' + '8101'],
    ['nothing but a header', A.slice(0, 24), '1234' + '8105'],
    ['a name cut short', A.slice(0, 40), '1234' + '8101'],
    ['a pointer to itself', A.slice(0, 24) + 'c00c' + '00010001', '1234' + '8101'],
    ['an unknown kind of label', A.slice(0, 24) + '8061626300' + '00010001', '1234' + '8101'],
    ['a notification cut short', withFlags('2000').slice(0, 40), '1234' + '8001'],
    ['opcode STATUS', withFlags('1100'), '1234' + '9104'],
    ['opcode 1 with other flags', withFlags('0970'), '1234' + '8934'],
    ['opcode UPDATE', withFlags('2900'), '1234' + 'a904'],
  ])('%s: only a header', async (_, bytes, start) => {
    expect(await reply(bytes)).toBe(start + '00'.repeat(8));
  });

  test('a question that ends behind its name or its type has zeros for the rest', async () => {
    const untyped = decodeMessage(unhex((await reply(A.slice(0, -8))) ?? ''));
    expect(untyped.questions).toEqual([{ name: 'db.service.consul.', type: 0, class: 0 }]);
    const typed = decodeMessage(unhex((await reply(A.slice(0, -4))) ?? ''));
    expect(typed.questions).toEqual([{ name: 'db.service.consul.', type: 1, class: 0 }]);
    expect(typed.answers).toHaveLength(1);
    expect(await reply(A.slice(0, -2))).toBe(await reply(A.slice(0, -4)));
  });

  test.each([
    ['an unknown family', '000918000a0000'],
    ['a subnet cut short', '000118'],
    ['a prefix that is too long', '000140000a0000'],
  ])('%s in the client subnet: FORMERR with the question', async (_, data) => {
    const length = (n: number) => n.toString(16).padStart(4, '0');
    const option = '0008' + length(data.length / 2) + data;
    const bytes = withCounts('0001000000000001') + OPT + length(option.length / 2) + option;
    expect(await reply(bytes)).toBe('12348101' + '0001000000000000' + A.slice(24));
    const available = bytes.slice(0, 4) + '0780' + bytes.slice(8);
    expect(await reply(available)).toBe('12348381' + '0001000000000000' + A.slice(24));
  });

  test.each([
    ['bytes behind the question', A + '7878'],
    ['an answer announced that is not there', withCounts('0001000100000000')],
    ['two additional records announced that are not there', withCounts('0001000000000002')],
  ])('%s: answered', async (_, bytes) => {
    expect((await reply(bytes))?.slice(0, 24)).toBe('12348500' + '0001000100000000');
  });

  test.each([
    ['RD clear', '0000', '8400'],
    ['CD set', '0110', '8510'],
    ['AD set', '0120', '8500'],
    ['AA, TC and RA set', '0780', '8500'],
    ['an rcode', '0103', '8500'],
    ['NOTIFY', '2100', 'a400'],
  ])('flags with %s', async (_, flags, expected) => {
    const w = prepared();
    for (let round = 0; round < 2; round++) {
      const out = await w.askRaw(unhex(withFlags(flags)));
      expect(hex(out!.subarray(2, 4))).toBe(expected);
    }
  });

  test.each([
    ['version 1', '0001' + '0000'],
    ['DNSSEC OK', '0000' + '8000'],
  ])('EDNS with %s is answered with plain EDNS', async (_, bits) => {
    const bytes = withCounts('0001000000000001') + '00002904d0' + bits + '0000';
    expect((await reply(bytes))?.slice(-22)).toBe('00002904d0' + '000000000000');
  });

  test('of two OPT records the last one counts, and unknown options are ignored', async () => {
    const cookie = '00002904d000000000' + '000c' + '000a0008' + '6162636465666768';
    const out = await reply(withCounts('0001000000000002') + cookie + '000029ffff000000000000');
    expect(out?.slice(-22)).toBe('000029ffff' + '000000000000');
  });
});

describe('any bytes', () => {
  test('are answered or dropped, with a message that decodes', async () => {
    const w = prepared();
    const attempt = async (bytes: Uint8Array) => {
      for (const transport of ['udp', 'tcp'] as const) {
        const out = await w.askRaw(bytes, transport);
        if (out !== undefined) expect(decodeMessage(out).id).toBe((bytes[0]! << 8) | bytes[1]!);
      }
    };
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), attempt), { numRuns: 1000 });
    const seeds = [
      question('db.service.consul', 'SRV', { edns: { udpBytes: 1232 } }),
      question('1.0.0.10.in-addr.arpa', 'PTR'),
      question('n.node.consul', 'ANY', {
        edns: { udpBytes: 4096, options: [{ code: 8, data: unhex('000118000a0000') }] },
      }),
      question('0a000001.addr.consul', 'A'),
    ];
    const hits = fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...seeds), hits, fc.nat(3), async (seed, changes, cut) => {
        const bytes = seed.slice(0, seed.length - cut);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        await attempt(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  test('any name in our domain is answered', async () => {
    const w = prepared();
    const label = fc.oneof(
      fc.constantFrom(
        'service',
        'node',
        'addr',
        'query',
        'virtual',
        'connect',
        'dc',
        'peer',
        'dc1',
        '_db',
        '_tcp',
        'db',
      ),
      fc.constantFrom('0a000001', '\\000', 'a\\.b', '\\255', 'x'.repeat(30)),
    );
    const types = fc.constantFrom('A', 'AAAA', 'SRV', 'ANY', 'TXT', 'SOA', 'NS', 'MX', 'PTR', 'AXFR');
    await fc.assert(
      fc.asyncProperty(
        fc.array(label, { maxLength: 3 }),
        fc.array(label, { maxLength: 3 }),
        types,
        async (a, b, type) => {
          const message = await w.ask([...a, ...b, 'consul'].join('.'), type);
          expect([0, 3, 4]).toContain(message.rcode);
          expect(message.authoritative).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('the quick path sees the same question as the whole parser', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), fc.boolean(), (noise, withOpt, damaged) => {
        const whole = question('db.service.consul', 'A', withOpt ? { edns: { udpBytes: 700 } } : {});
        const bytes = damaged ? new Uint8Array([...whole.subarray(0, 12), ...noise]) : whole;
        const end = simpleQuestionEnd(bytes);
        const parsed = parseQuery(bytes);
        if (!damaged) expect(end).toBeGreaterThan(0);
        if (end < 0) return;
        if (parsed === 'drop' || !('query' in parsed)) {
          // Names above 255 bytes are the one thing that the quick path leaves to the cache, which has none.
          expect(end).toBeGreaterThan(255);
          return;
        }
        expect(parsed.query.question.length).toBe(end - 12);
      }),
    );
  });
});
