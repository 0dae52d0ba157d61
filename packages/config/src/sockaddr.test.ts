import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contains, parseCidr, parseIp } from './ip.ts';
import { expandTemplate } from './sockaddr.ts';
import { TemplateError } from './template.ts';
import { load, RECORDED_INTERFACES } from './testing/world.ts';

const NETS = [
  ...RECORDED_INTERFACES,
  { name: 'eth1', address: '10.1.2.3', prefixLength: 16, flags: ['up', 'broadcast'], isDefault: false },
  { name: 'wan0', address: '8.8.4.4', prefixLength: 29, flags: ['up'], isDefault: false },
];

test.for([
  ['{{ GetPrivateIP }}', '192.0.2.2'],
  ['{{GetInterfaceIP "eth1"}}', '10.1.2.3'],
  ['{{ GetPrivateIPs }}', '192.0.2.2 10.1.2.3 fd00::2'],
  ['{{ GetPublicIPs }}', '8.8.4.4'],
  [
    '{{ GetAllInterfaces | include "type" "IPv4" | exclude "name" "^lo$" | sort "-address" | join "address" " " }}',
    '192.0.2.2 10.1.2.3 8.8.4.4',
  ],
  ['{{ GetAllInterfaces | include "network" "10.0.0.0/8" | attr "address" }}', '10.1.2.3'],
  ['{{ GetAllInterfaces | include "rfc" "1918" | attr "name" }}', 'eth1'],
  ['{{ GetAllInterfaces | include "flags" "up|loopback" | include "type" "ipv6" | attr "address" }}', '::1'],
  ['{{ GetAllInterfaces | include "type" "IPv4" | sort "name" | offset 1 | limit 1 | attr "address" }}', '10.1.2.3'],
  ['{{ attr "address" (GetAllInterfaces | include "name" "wan0") }}', '8.8.4.4'],
  ['{{ GetAllInterfaces | include "name" "eth1" | math "network" "+2" | attr "address" }}', '10.1.0.2'],
  ['{{ GetInterfaceIP "none" }}', ''],
  ['a {{ "b" }} c {{ `d` }}', 'a b c d'],
] as const)('%s gives %j', ([template, expected]) => {
  expect(expandTemplate(template, NETS)).toBe(expected);
});

test('rubbish is refused with TemplateError', () => {
  const piece = fc.constantFrom(
    '{{',
    '}}',
    'GetAllInterfaces',
    '|',
    '(',
    ')',
    '"x"',
    '`',
    '"',
    '5',
    ' ',
    'include',
    'attr',
    '-',
    '.',
    'sort',
    'math',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (parts) => {
      try {
        expandTemplate(parts.join(' '), NETS);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(TemplateError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('0.0.0.0 announces the one private IPv4 address, and complains about several or none', () => {
  const base = ['-data-dir', 'd', '-bind', '0.0.0.0'];
  expect(load(base).runtime.advertiseAddrLan).toBe('192.0.2.2');
  expect(load([...base, '-advertise', '{{ GetInterfaceIP "eth0" }}']).runtime.taggedAddresses).toEqual({
    lan: '192.0.2.2',
    lan_ipv4: '192.0.2.2',
    wan: '192.0.2.2',
    wan_ipv4: '192.0.2.2',
  });
});

test('addresses have one form', () => {
  expect(
    ['::ffff:1.2.3.4', '0:0:0:0:0:0:0:1', '1:0:0:2:0:0:0:3', 'FE80::1'].map((text) => parseIp(text)?.text),
  ).toEqual(['1.2.3.4', '::1', '1:0:0:2::3', 'fe80::1']);
  for (const text of [
    '',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.256',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    'g::',
    '1.2.3.4:5',
    '::1%lo',
  ]) {
    expect(parseIp(text)).toBeUndefined();
  }
  expect(contains(parseCidr('fc00::/7')!, parseIp('fd00::2')!)).toBe(true);
  expect(parseCidr('1.2.3.4/33')).toBeUndefined();
});

test.for([
  '{{ "" | attr "address" }}',
  '{{ GetAllInterfaces | math "network" "a" }}',
  '{{ GetAllInterfaces | math "address" "1.5" }}',
  '{{ GetAllInterfaces | limit "x" }}',
])('%s is refused with a text', (template) => {
  expect(() => expandTemplate(template, NETS)).toThrow(TemplateError);
});
