import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PACKED_STRING_BYTES_MAX, pack, samePacked, unpack } from './packed-bytes.ts';

test('bytes come back as they were, whatever their size and content', () => {
  const sizes = fc.oneof(fc.constant(200), fc.constant(PACKED_STRING_BYTES_MAX + 100));
  fc.assert(
    fc.property(
      sizes.chain((maxLength) => fc.uint8Array({ maxLength })),
      fc.boolean(),
      (bytes, ascii) => {
        const given = ascii ? bytes.map((b) => b & 0x7f) : bytes;
        const packed = pack(given);
        expect(unpack(packed)).toEqual(given.length === 0 ? null : given);
        expect(samePacked(packed, pack(given.slice()))).toBe(true);
        if (given.length > 0) expect(samePacked(packed, pack(given.map((b, i) => (i === 0 ? b ^ 1 : b))))).toBe(false);
      },
    ),
  );
});

test('packed bytes share nothing with what they were made from', () => {
  const large = new Uint8Array(PACKED_STRING_BYTES_MAX + 1).fill(1);
  const packed = pack(large);
  large.fill(2);
  expect(unpack(packed)?.[0]).toBe(1);
});
