import { fromUtf8, hex, ProtocolError, unhex } from '@proconsul/base';
import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress, parseIpv4, parseIpv6 } from './address.ts';
import { decodeClientSubnet, encodeClientSubnet } from './client-subnet.ts';
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import type { Message, ResourceRecord } from './message.ts';
import { decodeLabels, escapeLabel, labelsName, nameLabels } from './name.ts';
import { RRType } from './numbers.ts';

/** An answer of the reference agent, as captured: SRV with a glue A and TXT, and EDNS. */
const CAPTURED = unhex(
  '123485000001000200000006026462077365727669636506636f6e73756c0000210001c00c002100010000000a001b00010001153803646e31046e6f' +
    '64650364633106636f6e73756c00c00c002100010000000a002000010007153908306130363039303204616464720364633106636f6e73756c00' +
    'c035000100010000000a00040a060001c035001000010000000a000403726177c035001000010000000a00151460207765603d697264606060203d' +
    '783d7960607ac035001000010000000a0004036b3d76c05c000100010000000a00040a06090200002904d0000000000000',
);

describe('a captured answer', () => {
  test('decodes to its records', () => {
    const message = decodeMessage(CAPTURED);
    expect(message).toMatchObject({
      id: 0x1234,
      response: true,
      authoritative: true,
      recursionDesired: true,
      rcode: 0,
    });
    expect(message.questions).toEqual([{ name: 'db.service.consul.', type: RRType.SRV, class: 1 }]);
    expect(message.answers[1]).toMatchObject({
      kind: 'SRV',
      weight: 7,
      port: 5433,
      target: '0a060902.addr.dc1.consul.',
    });
    expect(message.additional).toHaveLength(5);
    expect(message.edns).toMatchObject({ udpBytes: 1232, options: [] });
  });

  test('of several OPT records the last one counts', () => {
    const opt = (udpBytes: number) => Uint8Array.of(0, 0, 41, udpBytes >> 8, udpBytes & 255, 0, 0, 0, 0, 0, 0);
    const head = Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
    expect(decodeMessage(Uint8Array.of(...head, ...opt(600), ...opt(1400))).edns?.udpBytes).toBe(1400);
  });

  test('is encoded to the same bytes again, compression included', () => {
    expect(hex(encodeMessage(decodeMessage(CAPTURED)))).toBe(hex(CAPTURED));
  });
});

const label = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => escapeLabel(String.fromCharCode(...bytes)));
const name = fc.array(label, { maxLength: 6 }).map((labels) => (labels.length === 0 ? '.' : labels.join('.') + '.'));
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const sized = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const data = fc.oneof(
  fc.record({ kind: fc.constant('A' as const), address: sized(4) }),
  fc.record({ kind: fc.constant('AAAA' as const), address: sized(16) }),
  fc.record({ kind: fc.constantFrom('NS' as const, 'CNAME' as const, 'PTR' as const), target: name }),
  fc.record({ kind: fc.constant('MX' as const), preference: u16, target: name }),
  fc.record({ kind: fc.constant('SRV' as const), priority: u16, weight: u16, port: u16, target: name }),
  fc.record({
    kind: fc.constant('TXT' as const),
    texts: fc.array(fc.uint8Array({ maxLength: 255 }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('SOA' as const),
    mname: name,
    rname: name,
    serial: u32,
    refresh: u32,
    retry: u32,
    expire: u32,
    minimum: u32,
  }),
  fc.record({ kind: fc.constant('OTHER' as const), type: fc.constantFrom(13, 65, 257), data: fc.uint8Array() }),
);
const record = fc
  .tuple(fc.record({ name, class: fc.constantFrom(1, 3, 255), ttl: u32 }), data)
  .map(([head, rest]) => ({ ...head, ...rest }) as ResourceRecord);
const edns = fc.record({
  udpBytes: u16,
  version: fc.nat(255),
  extendedRcode: fc.nat(255),
  dnssecOk: fc.boolean(),
  options: fc.array(fc.record({ code: u16, data: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 3 }),
});
const message: fc.Arbitrary<Message> = fc
  .record({
    id: u16,
    response: fc.boolean(),
    opcode: fc.nat(15),
    authoritative: fc.boolean(),
    truncated: fc.boolean(),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    authenticData: fc.boolean(),
    checkingDisabled: fc.boolean(),
    rcode: fc.nat(15),
    questions: fc.array(fc.record({ name, type: u16, class: u16 }), { maxLength: 2 }),
    answers: fc.array(record, { maxLength: 5 }),
    authority: fc.array(record, { maxLength: 3 }),
    additional: fc.array(record, { maxLength: 5 }),
    edns: fc.option(edns, { nil: undefined }),
  })
  .map(({ edns, ...rest }) => (edns === undefined ? rest : { ...rest, edns }));

describe('properties', () => {
  test('a message survives encoding and decoding, compressed or not', () => {
    fc.assert(
      fc.property(message, fc.boolean(), (value, compress) => {
        expect(decodeMessage(encodeMessage(value, { compress }))).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test('any bytes decode or raise a ProtocolError', () => {
    const attempt = (bytes: Uint8Array) => {
      try {
        const value = decodeMessage(bytes);
        expect(value.answers.length * 11).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), attempt), { numRuns: 2000 });
    // Damaged captures get deeper into the decoder than noise does.
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(CAPTURED.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(400),
        (hits, cut) => {
          const bytes = CAPTURED.slice(0, cut);
          for (const [at, value] of hits) if (at < bytes.length) bytes[at] = value;
          attempt(bytes);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('a message cut to a size keeps whole records and fits', () => {
    fc.assert(
      fc.property(message, fc.integer({ min: 300, max: 900 }), (value, maxBytes) => {
        let bytes: Uint8Array;
        try {
          bytes = encodeMessage(value, { maxBytes });
        } catch (error) {
          expect((error as ProtocolError).code).toBe('DNS_TOO_LONG');
          return;
        }
        expect(bytes.length).toBeLessThanOrEqual(maxBytes);
        const back = decodeMessage(bytes);
        expect(back.answers).toEqual(value.answers.slice(0, back.answers.length));
        const lost = back.answers.length < value.answers.length || back.authority.length < value.authority.length;
        expect(back.truncated).toBe(lost || value.truncated);
      }),
    );
  });

  test('dns-packet reads what we write', () => {
    const plain = fc.stringMatching(/^[a-z0-9-]{1,10}$/);
    const host = fc.array(plain, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.') + '.');
    fc.assert(
      fc.property(host, fc.array(fc.tuple(host, u16, u16), { maxLength: 20 }), (asked, targets) => {
        const bytes = encodeMessage({
          id: 7,
          response: true,
          questions: [{ name: asked, type: RRType.SRV, class: 1 }],
          answers: targets.map(([target, weight, port]) => ({
            name: asked,
            ttl: 5,
            kind: 'SRV',
            priority: 1,
            weight,
            port,
            target,
          })),
          authority: [],
          additional: targets.map(([target]) => ({
            name: target,
            ttl: 5,
            kind: 'A',
            address: new Uint8Array([1, 2, 3, 4]),
          })),
          edns: { udpBytes: 1232 },
        });
        const read = packet.decode(Buffer.from(bytes));
        const dotless = (text: string) => text.slice(0, -1);
        expect(read.answers?.map((a) => [a.name, (a as packet.SrvAnswer).data])).toEqual(
          targets.map(([target, weight, port]) => [
            dotless(asked),
            { priority: 1, weight, port, target: dotless(target) },
          ]),
        );
        expect(read.additionals?.slice(0, -1).map((a) => [a.name, (a as { data: string }).data])).toEqual(
          targets.map(([target]) => [dotless(target), '1.2.3.4']),
        );
      }),
    );
  });

  test('we read what dns-packet writes', () => {
    const bytes = packet.encode({
      type: 'response',
      id: 9,
      flags: packet.AUTHORITATIVE_ANSWER,
      questions: [{ type: 'A', name: 'a.example.com' }],
      answers: [
        { type: 'SOA', name: 'example.com', data: { mname: 'ns.example.com', rname: 'h.example.com', serial: 1 } },
        { type: 'MX', name: 'a.example.com', data: { preference: 3, exchange: 'mx.example.com' } },
        { type: 'TXT', name: 'a.example.com', data: ['x', 'y'] },
        { type: 'AAAA', name: 'a.example.com', data: '2001:db8::1' },
      ],
    });
    const [soa, mx, txt, aaaa] = decodeMessage(bytes).answers;
    expect(soa).toMatchObject({ kind: 'SOA', mname: 'ns.example.com.', serial: 1 });
    expect(mx).toMatchObject({ kind: 'MX', preference: 3, target: 'mx.example.com.' });
    expect(txt?.kind === 'TXT' && txt.texts.map(fromUtf8)).toEqual(['x', 'y']);
    expect(aaaa?.kind === 'AAAA' && formatAddress(aaaa.address)).toBe('2001:db8::1');
  });
});

describe('names', () => {
  test('labels with dots, backslashes and other bytes survive as text', () => {
    const labels = ['a.b', 'c\\d', 'e f', '\xff\0', 'plain'];
    expect(labelsName(labels)).toBe('a\\.b.c\\\\d.e\\032f.\\255\\000.plain.');
    expect(nameLabels(labelsName(labels))).toEqual(labels);
  });

  test.each([
    ['a..b.', 'an empty label'],
    [`${'a'.repeat(64)}.`, 'a label of 64 bytes'],
    ['abcdefg.'.repeat(32), 'more than 255 bytes'],
    ['a\\', 'an open escape'],
    ['a\\999', 'an escape above 255'],
  ])('%s is refused: %s', (text) => {
    expect(() => nameLabels(text)).toThrow(ProtocolError);
  });

  test.each(['c000', '03616263', 'c0', '80', '0161c000c001'])('the bytes %s are no name', (bytes) => {
    expect(() => decodeLabels(unhex(bytes), 0)).toThrow(ProtocolError);
  });

  test('a pointer may lead to a pointer as long as it goes back', () => {
    expect(decodeLabels(unhex('016100c000c003'), 5)).toEqual({ labels: ['a'], end: 7 });
  });
});

describe('addresses', () => {
  test.each([
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::6', '20010db8000000000000000000000006'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['64:ff9b::1.2.3.4', '0064ff9b000000000000000001020304'],
  ])('%s', (text, bytes) => {
    expect(hex(parseIpv6(text)!)).toBe(bytes);
  });

  test.each(['1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', 'a.b.c.d', ''])('%s is no IPv4 address', (text) => {
    expect(parseIpv4(text)).toBeUndefined();
  });

  test.each([':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '::1%eth0', '1.2.3.4::', 'fe80'])(
    '%s is no IPv6 address',
    (text) => {
      expect(parseIpv6(text)).toBeUndefined();
    },
  );

  test('text and bytes agree for every address', () => {
    fc.assert(fc.property(fc.ipV6(), (text) => parseIpv6(text) !== undefined));
    fc.assert(fc.property(sized(16), (bytes) => hex(parseIpv6(formatAddress(bytes))!) === hex(bytes)));
    fc.assert(fc.property(sized(4), (bytes) => hex(parseAddress(formatAddress(bytes))!) === hex(bytes)));
  });

  test('an IPv4 address mapped into IPv6 counts as IPv4', () => {
    expect(hex(parseAddress('::ffff:1.2.3.4')!)).toBe('01020304');
  });
});

describe('the client subnet option', () => {
  test('keeps only the bits of the prefix', () => {
    const subnet = decodeClientSubnet(unhex('0001' + '14' + '00' + '0a0fff'));
    expect(subnet).toEqual({ address: unhex('0a0fff00'), sourceBits: 20, scopeBits: 0 });
    expect(hex(encodeClientSubnet(subnet))).toBe('000114000a0ff0');
  });

  test.each(['000918000a0000', '000118', '000140000a0000', '00011800' + '0102030405', '000218ff'])(
    '%s is refused',
    (bytes) => {
      expect(() => decodeClientSubnet(unhex(bytes))).toThrow(ProtocolError);
    },
  );
});
