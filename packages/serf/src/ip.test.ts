import { hex } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostPort, ipFromBytes, ipToBytes, splitHostPort } from './ip.ts';

test.for([
  ['127.0.0.1', '7f000001'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['fe80::1', 'fe800000000000000000000000000001'],
  ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
  ['2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
])('%s', ([text, bytes]) => {
  expect(hex(ipToBytes(text!)!)).toBe(bytes);
  expect(ipFromBytes(ipToBytes(text!)!)).toBe(text);
});

test('mapped addresses and zones', () => {
  expect(hex(ipToBytes('::ffff:10.1.2.3')!)).toBe('0a010203');
  expect(ipFromBytes(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3]))).toBe('10.1.2.3');
  expect(hex(ipToBytes('fe80::1%eth0')!)).toBe('fe800000000000000000000000000001');
});

test.for(['', 'localhost', '1.2.3', '1.2.3.256', '1.2.3.4.5', ':', ':::', '1::2::3', '12345::', '1:2:3:4:5:6:7:8:9'])(
  '%s is no address',
  (text) => expect(ipToBytes(text)).toBeUndefined(),
);

test('other lengths are no address', () => {
  expect(ipFromBytes(new Uint8Array(0))).toBeUndefined();
  expect(ipFromBytes(new Uint8Array(5))).toBeUndefined();
});

test('bytes to text and back', () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(address, (bytes) => {
      const text = ipFromBytes(bytes)!;
      expect(ipFromBytes(ipToBytes(text)!)).toBe(text);
      const { host, port } = splitHostPort(hostPort(text, 8301))!;
      expect([host, port]).toEqual([text, 8301]);
    }),
  );
});

test('what is no host and port', () => {
  for (const text of ['', 'a', 'a:b', '1.2.3.4:70000', '::1:80', ':80']) expect(splitHostPort(text)).toBeUndefined();
});
