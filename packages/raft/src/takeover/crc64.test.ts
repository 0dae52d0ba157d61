import { utf8 } from '@proconsul/base';
import { expect, test } from 'vitest';
import { crc64 } from './crc64.ts';

test('the check value of the catalogue of CRCs', () => {
  expect(Buffer.from(crc64(utf8('123456789'))).toString('hex')).toBe('995dc9bbdf1939fa');
  expect(Buffer.from(crc64(new Uint8Array())).toString('hex')).toBe('0000000000000000');
});
