import { ProtocolError, unhex } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Dialect, decodeAny, encodeAny, MAX_DEPTH, Reader, Writer } from './index.ts';

const dialects = fc.constantFrom<Dialect>('rpc', 'gossip', 'raft', 'event');
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: 'binary', maxLength: 80 });

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    uint64.map((n) => (n <= 9007199254740991n ? Number(n) : n)),
    text,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(text, tie('value'), { maxKeys: 20 }),
  ),
})).value;

/** Runs `read` and lets only ProtocolError pass. */
function tolerate(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

describe('round trips', () => {
  test('any untyped value in any dialect', () => {
    fc.assert(
      fc.property(values, dialects, (value, dialect) => {
        const bytes = encodeAny(value, dialect);
        expect(decodeAny(bytes)).toEqual(value);
        const reader = new Reader(bytes);
        reader.skip();
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  test('any integer, signed or not', () => {
    fc.assert(
      fc.property(int64, uint64, dialects, (signed, unsigned, dialect) => {
        const w = new Writer(dialect);
        w.int(signed);
        w.uint(unsigned);
        const r = new Reader(w.finish());
        expect(r.big()).toBe(signed);
        expect(r.big()).toBe(unsigned);
      }),
    );
  });

  test('integers given as numbers and as bigints look the same', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), dialects, (n, dialect) => {
        const a = new Writer(dialect);
        const b = new Writer(dialect);
        a.int(n);
        b.int(BigInt(n));
        expect(a.finish()).toEqual(b.finish());
      }),
    );
  });

  test('strings and bytes of every size class', () => {
    for (const unit of ['a', 'é', '☃', '😀']) {
      for (const count of [0, 1, 10, 15, 16, 31, 32, 47, 48, 63, 64, 255, 256, 21845, 32768, 65535, 65536]) {
        for (const dialect of ['rpc', 'event'] as const) {
          const w = new Writer(dialect);
          w.str(unit.repeat(count));
          w.key(unit.repeat(count));
          w.bytes(new Uint8Array(count).fill(7));
          const r = new Reader(w.finish());
          expect(r.str()).toBe(unit.repeat(count));
          expect(r.key()).toBe(unit.repeat(count));
          expect(r.bytes()).toEqual(new Uint8Array(count).fill(7));
          expect(r.remaining).toBe(0);
        }
      }
    }
  });

  test('an ASCII head before other characters keeps the size right', () => {
    const mixed = 'x'.repeat(30) + 'é';
    expect(new Reader(encodeAny(mixed)).str()).toBe(mixed);
  });
});

describe('hostile input', () => {
  test('any bytes, and any cut of good ones, give a value or a ProtocolError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          values.map((v) => encodeAny(v)),
        ),
        fc.nat(),
        (bytes, cut) => {
          const end = bytes.length === 0 ? 0 : cut % bytes.length;
          tolerate(() => decodeAny(bytes.subarray(0, end)));
          tolerate(() => new Reader(bytes, 0, end).skip());
          for (const method of [
            'bool',
            'int',
            'big',
            'float',
            'str',
            'key',
            'bytes',
            'arrayHeader',
            'mapHeader',
            'time',
          ] as const) {
            tolerate(() => new Reader(bytes, 0, end)[method]());
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a cut anywhere inside a value is noticed', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encodeAny(value);
        for (let end = 0; end < bytes.length; end++) {
          expect(() => decodeAny(new Reader(bytes, 0, end))).toThrow(ProtocolError);
          expect(() => new Reader(bytes, 0, end).skip()).toThrow(ProtocolError);
        }
      }),
      { numRuns: 40 },
    );
  });

  test.for(['ddffffffff', 'dfffffffff', 'dbffffffff', 'c6ffffffff', 'c9ffffffffff', 'dcffff', 'deffff'])(
    'the length in %s is refused before anything is allocated',
    (wire) => {
      expect(() => decodeAny(unhex(wire))).toThrow(expect.objectContaining({ code: 'MSGPACK_TRUNCATED' }));
      expect(() => new Reader(unhex(wire)).skip()).toThrow(ProtocolError);
    },
  );

  test('nesting is bounded for values and free for skipping', () => {
    const deep = new Uint8Array(100_001).fill(0x91);
    deep[100_000] = 0xc0;
    expect(() => decodeAny(deep)).toThrow(expect.objectContaining({ code: 'MSGPACK_DEPTH' }));
    const reader = new Reader(deep);
    reader.skip();
    expect(reader.remaining).toBe(0);
    let value: unknown = null;
    for (let i = 0; i < MAX_DEPTH; i++) value = [value];
    expect(decodeAny(encodeAny(value))).toEqual(value);
    expect(() => encodeAny([value])).toThrow(ProtocolError);
  });

  test('integers that a double cannot hold are refused by int and kept by intOrBig', () => {
    const wire = unhex('cf0020000000000000');
    expect(() => new Reader(wire).int()).toThrow(expect.objectContaining({ code: 'MSGPACK_RANGE' }));
    expect(new Reader(wire).intOrBig()).toBe(9007199254740992n);
    expect(new Reader(unhex('cf001fffffffffffff')).int()).toBe(Number.MAX_SAFE_INTEGER);
    expect(new Reader(unhex('d3ffe0000000000001')).int()).toBe(Number.MIN_SAFE_INTEGER);
  });
});

describe('untyped values', () => {
  test('raw values are text, bytes or whichever fits', () => {
    const wire = unhex('92a161a1ff');
    expect(decodeAny(wire)).toEqual(['a', '\ufffd']);
    expect(decodeAny(wire, { rawAs: 'auto' })).toEqual(['a', unhex('ff')]);
    expect(decodeAny(wire, { rawAs: 'bytes' })).toEqual([unhex('61'), unhex('ff')]);
  });

  test('keys may be anything simple, and none is special', () => {
    const map = decodeAny(unhex('8301a161c3a162a95f5f70726f746f5f5fa163')) as Record<string, unknown>;
    expect(Object.entries(map)).toEqual([
      ['1', 'a'],
      ['true', 'b'],
      ['__proto__', 'c'],
    ]);
    expect(() => decodeAny(unhex('819001'))).toThrow(ProtocolError);
  });

  test('whole numbers can be written as Go holds them after reading JSON', () => {
    expect(encodeAny({ a: 1 }, 'rpc', { wholeNumbersAs: 'float64' })).toEqual(unhex('81a161cb3ff0000000000000'));
    expect(encodeAny({ b: undefined, a: 1 })).toEqual(unhex('81a16101'));
  });

  test('timestamps of the extension are times', () => {
    const expected = { seconds: 1, nanos: 0, offsetMinutes: -1 };
    for (const wire of ['d6ff00000001', 'd7ff0000000000000001', 'c70cff000000000000000000000001']) {
      expect(new Reader(unhex(wire)).time()).toEqual(expected);
      expect(decodeAny(unhex(wire))).toEqual(expected);
    }
    expect(() => decodeAny(unhex('d60100000001'))).toThrow(ProtocolError);
  });
});

test('one writer serves many messages', () => {
  const w = new Writer('rpc', 16);
  for (let i = 0; i < 3; i++) {
    w.reset();
    for (let n = 0; n < 1000; n++) w.str('value-' + n);
    expect(w.length).toBe(w.finish().length);
    expect(new Reader(w.finish()).str()).toBe('value-0');
  }
});

test('numbers that are no integers are a bug of the caller', () => {
  const w = new Writer('raft');
  for (const bad of [0.5, 200.5, 300.5, 70000.5, -1.5, -200.5, 2 ** 60, Number.NaN]) expect(() => w.int(bad)).toThrow();
  expect(() => w.uint(-1)).toThrow();
  expect(() => w.uint(2n ** 64n)).toThrow();
});

test('a writer whose buffer is taken does not write into what the next one makes of it', () => {
  const first = new Writer('rpc');
  first.str('first');
  const taken = first.take();
  const second = new Writer('rpc');
  second.str('second');
  first.str('again');
  expect([taken, first.take(), second.take()].map((b) => decodeAny(b))).toEqual(['first', 'again', 'second']);
});
