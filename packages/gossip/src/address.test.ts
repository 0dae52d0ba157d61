import { isIP } from 'node:net';
import { hex } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressBytes, addressText, hostPort, isWithin, parseCidr } from './address.ts';

test('addresses of both families go to bytes and back', () => {
  const forth = (text: string): string | undefined => addressText(addressBytes(text) ?? null);
  for (const text of ['10.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', '2001:db8::1:0:0:1', '1:2:3:4:5:6:7:8']) {
    expect(forth(text)).toBe(text);
  }
  expect(forth('2001:DB8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1');
  expect(forth('1:0:2:3:4:5:6:7')).toBe('1:0:2:3:4:5:6:7');
  expect(forth('::ffff:10.1.2.3')).toBe('10.1.2.3');
  expect(forth('fe80::1%eth0')).toBe('fe80::1');
  expect(hex(addressBytes('fe80::1')!)).toBe('fe800000000000000000000000000001');
  expect(hostPort('fe80::1', 1)).toBe('[fe80::1]:1');
  for (const bytes of [null, new Uint8Array(0), new Uint8Array(5)]) expect(addressText(bytes)).toBeUndefined();
});

test('the same texts are addresses as for the platform', () => {
  const piece = fc.constantFrom('1', '0', '255', '256', '.', ':', '::', 'f', 'ffff', 'g', '12345', '', '010');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 15 }), fc.ipV4(), fc.ipV6(), (pieces, v4, v6) => {
      for (const text of [pieces.join(''), v4, v6]) {
        // Numbers with zeros in front are taken here and nowhere else looked at: `010` is ten.
        if (!/(^|\.)0\d/.test(text)) expect(addressBytes(text) !== undefined, text).toBe(isIP(text) !== 0);
      }
      expect(addressText(addressBytes(v4)!)).toBe(v4);
      expect(addressBytes(addressText(addressBytes(v6)!)!)).toEqual(addressBytes(v6));
    }),
    { numRuns: 500 },
  );
});

test('a network holds its addresses and no others', () => {
  const holds = (cidr: string, address: string): boolean => isWithin(addressBytes(address)!, parseCidr(cidr)!);
  expect(holds('10.0.0.0/8', '10.255.1.1')).toBe(true);
  expect(holds('10.0.0.0/8', '11.0.0.1')).toBe(false);
  expect(holds('10.128.0.0/9', '10.127.0.1')).toBe(false);
  expect(holds('0.0.0.0/0', '1.2.3.4')).toBe(true);
  expect(holds('0.0.0.0/0', '::1')).toBe(false);
  expect(holds('fe80::/10', 'febf::1')).toBe(true);
  for (const text of ['10.0.0.0', '10.0.0.0/33', 'x/8', '10.0.0.0/-1', '10.0.0.0/'])
    expect(parseCidr(text)).toBeUndefined();
});
