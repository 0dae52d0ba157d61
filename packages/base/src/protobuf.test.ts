import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, fromUtf8, hex, unhex } from './bytes.ts';
import { fieldBudget, PROTO_FIELDS_MAX, ProtoWriter, protoFields, protoTexts } from './protobuf.ts';

// Examples of the Protocol Buffers encoding page.
test('documented messages are written so', () => {
  expect(hex(new ProtoWriter().int(1, 150).finish())).toBe('089601');
  expect(hex(new ProtoWriter().text(2, 'testing').finish())).toBe('120774657374696e67');
  expect(hex(new ProtoWriter().message(3, new ProtoWriter().int(1, 150)).finish())).toBe('1a03089601');
  expect(hex(new ProtoWriter().int(1, -2).finish())).toBe('08feffffffffffffffff01');
});

test('values of zero are left out, empty messages are not', () => {
  const w = new ProtoWriter().int(1, 0).bool(2, false).text(3, '').bytes(4, new Uint8Array(0)).message(5, undefined);
  expect(hex(w.message(6, new ProtoWriter()).finish())).toBe('3200');
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          field: fc.integer({ min: 1, max: 2 ** 29 - 1 }),
          value: fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.string({ minLength: 1 })),
        }),
      ),
      (fields) => {
        const w = new ProtoWriter();
        for (const { field, value } of fields) {
          if (typeof value === 'bigint') w.int(field, value);
          else w.text(field, value);
        }
        const wire = w.finish();
        expect(concatBytes([...protoFields(wire)].map(({ raw }) => raw))).toEqual(wire);
        const read = [...protoFields(wire)].map(({ field, value, bytes }) => ({
          field,
          value: value === 0n ? fromUtf8(bytes) : value,
        }));
        expect(read).toEqual(
          fields.map(({ field, value }) => ({
            field,
            value: typeof value === 'string' ? fromUtf8(new TextEncoder().encode(value)) : value,
          })),
        );
      },
    ),
  );
});

test('any bytes are a message or a protocol error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      try {
        protoTexts(bytes);
      } catch (error) {
        expect((error as { code: string }).code).toBe('PROTOBUF');
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 2_000) },
  );
});

test.for([
  '00',
  '0a',
  '0aff',
  '0affffffffffffffffff01',
  '08',
  '0880',
  '09010203',
  '0b',
  '080a0f',
  '08ffffffffffffffffffff01',
])('%s is refused', (wire) => {
  expect(() => [...protoFields(unhex(wire))]).toThrow('proto: cannot parse invalid wire-format data');
});

test('a message of more fields than any request has is not read to its end', () => {
  const many = new Uint8Array(2 * PROTO_FIELDS_MAX + 2).fill(8);
  expect([...protoFields(many.subarray(2))]).toHaveLength(PROTO_FIELDS_MAX);
  expect(() => [...protoFields(many)]).toThrow('more than 4096 fields');
});

test('nested messages share the bound of the message around them', () => {
  const budget = fieldBudget();
  const inner = new Uint8Array(2 * PROTO_FIELDS_MAX).fill(8);
  expect([...protoFields(Uint8Array.of(8, 8), budget)]).toHaveLength(1);
  expect(() => [...protoFields(inner, budget)]).toThrow('more than 4096 fields');
});
