import { equalBytes, hex, ProtocolError, seededRng } from '@proconsul/base';
import { nodeAesGcm } from '@proconsul/io-node';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MEMBERS_MAX } from '../limits.ts';
import { decodeCompound, encodeCompound } from './compound.ts';
import { openBody, sealBody, sealedBytes } from './encryption.ts';
import { LzwReader, lzwCompress, lzwDecompress } from './lzw.ts';
import { accusation, ack, alive, err, indirectPing, nack, nodeStateRecord, ping, pushPullHeader } from './messages.ts';
import { encodePushPull, PushPullReader } from './push-pull.ts';
import { addCrc, compressMessage, decompressMessage, splitLabel, stripCrc } from './wrappers.ts';

/** Runs of the properties about bad input; FUZZ_RUNS asks for more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1000);

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const u32 = fc.nat({ max: 0xffff_ffff });
const u16 = fc.nat({ max: 0xffff });
const some = fc.uint8Array({ minLength: 1, maxLength: 40 });
const pingFields = {
  Node: fc.string(),
  SeqNo: u32,
  SourceAddr: fc.option(some),
  SourceNode: fc.string(),
  SourcePort: u16,
};
const nodeFields = {
  Addr: fc.option(bytes(16)),
  Incarnation: u32,
  Meta: fc.option(bytes(600)),
  Port: u16,
  Vsn: fc.option(bytes(6)),
};
const record = fc.record({ ...nodeFields, Name: fc.string(), State: fc.nat({ max: 255 }) });

/** Only errors of the protocol come out, whatever goes in. */
function quietly(fn: () => unknown): void {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
  }
}

test('every message is read as it was written', () => {
  fc.assert(
    fc.property(
      fc.record(pingFields),
      fc.record({ ...pingFields, Nack: fc.boolean(), Port: u16, Target: fc.option(bytes(16)) }),
      fc.record({ From: fc.string(), Incarnation: u32, Node: fc.string() }),
      fc.record({ ...nodeFields, Node: fc.string({ unit: 'grapheme', maxLength: 80 }) }),
      fc.record({ Payload: fc.option(bytes(300)), SeqNo: u32 }),
      fc.string(),
      (p, i, s, a, k, e) => {
        expect(ping.decode(ping.encode(0, p))).toEqual(p);
        expect(indirectPing.decode(indirectPing.encode(1, i))).toEqual(i);
        expect(accusation.decode(accusation.encode(3, s))).toEqual(s);
        expect(alive.decode(alive.encode(4, a))).toEqual(a);
        expect(ack.decode(ack.encode(2, k))).toEqual(k);
        expect(nack.decode(nack.encode(11, k))).toEqual({ SeqNo: k.SeqNo });
        expect(err.decode(err.encode(13, { Error: e }))).toEqual({ Error: e });
      },
    ),
  );
});

test('a full exchange is read as it was written, in pieces of any size', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(record, { maxLength: 12 }),
      bytes(400),
      fc.nat(200),
      (join, nodes, userState, n) => {
        const whole = encodePushPull({ join, nodes, userState });
        const reader = new PushPullReader();
        let end = 0;
        let got = reader.step(whole.subarray(0, end));
        while (got === undefined) {
          expect(end).toBeLessThan(whole.length);
          end = Math.min(whole.length, end + 1 + n);
          got = reader.step(whole.subarray(0, end));
        }
        expect(end).toBe(whole.length);
        expect(got).toEqual({ join, nodes, userState });
      },
    ),
  );
});

test('a compound gives back its messages; a cut one the whole messages before the cut', () => {
  fc.assert(
    fc.property(fc.array(bytes(50), { maxLength: 255 }), fc.nat(), (messages, cut) => {
      const packed = encodeCompound(messages);
      expect(decodeCompound(packed)).toEqual({ messages, truncated: 0 });
      const short = packed.subarray(0, cut % packed.length);
      quietly(() => {
        const got = decodeCompound(short);
        expect(got.messages.length + got.truncated).toBe(messages.length);
        expect(got.messages).toEqual(messages.slice(0, got.messages.length));
      });
    }),
  );
});

test('compression gives back what went in, also in small steps and at the limit', () => {
  const text = fc.array(fc.constantFrom('consul', 'gossip', '\u0000', 'a', 'aaaaaaaa'), { maxLength: 400 });
  const input = fc.oneof(
    bytes(3000),
    text.map((words) => new TextEncoder().encode(words.join(''))),
  );
  fc.assert(
    fc.property(input, fc.integer({ min: 1, max: 500 }), (plain, step) => {
      const packed = lzwCompress(plain);
      expect(equalBytes(lzwDecompress(packed, plain.length), plain)).toBe(true);
      const reader = new LzwReader(packed, plain.length);
      while (!reader.step(step));
      expect(equalBytes(reader.output, plain)).toBe(true);
      if (plain.length > 0) expect(() => lzwDecompress(packed, plain.length - 1)).toThrow('too long');
      expect(equalBytes(decompressMessage(compressMessage(plain), plain.length), plain)).toBe(true);
    }),
  );
  const long = seededRng('lzw').bytes(70_000);
  expect(equalBytes(lzwDecompress(lzwCompress(long), 70_000), long)).toBe(true);
  const same = new Uint8Array(3_000_000);
  expect(equalBytes(lzwDecompress(lzwCompress(same), 3_000_000), same)).toBe(true);
});

test('a bomb is stopped at the limit, having cost no more than it', () => {
  const bomb = compressMessage(new Uint8Array(8_000_000));
  expect(bomb.length).toBeLessThan(20_000);
  const limit = 128 * 1024;
  const reader = new LzwReader(lzwCompress(new Uint8Array(8_000_000)), limit);
  expect(() => reader.step()).toThrow('too long');
  expect(reader.output.buffer.byteLength).toBeLessThanOrEqual(limit);
  expect(() => decompressMessage(bomb, limit)).toThrow('too long');
  // Codes for ever, without an end code: what comes in is the bound.
  quietly(() => lzwDecompress(new Uint8Array(limit), 50 * limit));
});

test('nothing that arrives breaks a decoder', { timeout: 3_600_000 }, () => {
  const structs = [ping, indirectPing, ack, nack, accusation, alive, err, nodeStateRecord, pushPullHeader];
  const message = fc.record({ ...nodeFields, Node: fc.string() }).map((a) => alive.encode(4, a));
  const changed = fc
    .tuple(message, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
    .map(([m, edits, cut]) => {
      for (const [at, value] of edits) m[at % m.length] = value;
      return m.subarray(0, (cut % m.length) + 1);
    });
  fc.assert(
    fc.property(fc.oneof(bytes(600), changed), (input) => {
      for (const struct of structs) quietly(() => struct.decode(input));
      quietly(() => decodeCompound(input));
      quietly(() => lzwDecompress(input, 10_000));
      quietly(() => decompressMessage(input, 10_000));
      quietly(() => stripCrc(input));
      quietly(() => splitLabel(input));
      quietly(() => new PushPullReader().step(input));
      quietly(() => openBody(nodeAesGcm, [new Uint8Array(16)], input, new Uint8Array(0)));
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 3_600_000 },
  );
});

test('lengths that promise too much are refused before anything is made room for', () => {
  const header = pushPullHeader.encode(6, { Join: true, Nodes: MEMBERS_MAX + 1, UserStateLen: 0xffff_ffff });
  expect(() => new PushPullReader().step(header)).toThrow('too many node states');
  const endless = Uint8Array.of(6, 0xdf, 0xff, 0xff, 0xff, 0xff, ...new Uint8Array(20_000).fill(0xa0));
  expect(() => new PushPullReader().step(endless)).toThrow(ProtocolError);
});

test('a checksum and a seal notice every change', () => {
  fc.assert(
    fc.property(bytes(200), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.constantFrom(0, 1), (plain, at, flip, v) => {
      const crc = addCrc(plain);
      expect(hex(stripCrc(crc))).toBe(hex(plain));
      const key = new Uint8Array(32).fill(7);
      const options = { version: v as 0 | 1, nonce: new Uint8Array(12), additional: plain.subarray(0, 3) };
      const sealed = sealBody(nodeAesGcm, key, plain, options);
      expect(sealed.length).toBe(sealedBytes(v as 0 | 1, plain.length));
      expect(hex(openBody(nodeAesGcm, [key], sealed, options.additional))).toBe(hex(plain));
      crc[1 + (at % (crc.length - 1))]! ^= flip;
      expect(() => stripCrc(crc)).toThrow('checksum');
      // The version in front is no part of what is authenticated.
      sealed[1 + (at % (sealed.length - 1))]! ^= flip;
      expect(() => openBody(nodeAesGcm, [key], sealed, options.additional)).toThrow(ProtocolError);
    }),
  );
});
