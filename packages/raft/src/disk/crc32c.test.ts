import { utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, isOneBitDifference } from './crc32c.ts';

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

// Source: RFC 3720 appendix B.4, and the check value of the CRC catalogue.
test.for([
  ['123456789', utf8('123456789'), 0xe3069283],
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['ascending', ascending, 0x46dd794e],
  ['descending', ascending.slice().reverse(), 0x113fdb5c],
] as const)('the checksum of %s is that of the standard', ([, bytes, expected]) => {
  expect(crc32c(bytes)).toBe(expected);
});

test('a checksum goes on from that of the bytes before, wherever they are cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      const cut = Math.min(at, bytes.length);
      expect(crc32c(bytes, crc32c(bytes, 0, 0, cut), cut)).toBe(crc32c(bytes));
    }),
  );
});

test('every single flipped bit is recognised by the difference it makes', () => {
  const bytes = utf8('a record of the log, of some length');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    expect(isOneBitDifference((crc32c(bytes) ^ crc32c(flipped)) >>> 0, bytes.length)).toBe(true);
  }
});

test('two flipped bits are not taken for one', () => {
  const bytes = utf8('a record of the log, of some length');
  let mistaken = 0;
  for (let first = 0; first < 64; first++) {
    for (let second = first + 1; second < bytes.length * 8; second++) {
      const flipped = bytes.slice();
      flipped[first >>> 3]! ^= 1 << (first & 7);
      flipped[second >>> 3]! ^= 1 << (second & 7);
      if (isOneBitDifference((crc32c(bytes) ^ crc32c(flipped)) >>> 0, bytes.length)) mistaken++;
    }
  }
  expect(mistaken).toBe(0);
});
