import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCa, createLeaf, generateKey, keyPem, randomSerial } from './certificate.ts';

const NOW = new Date('2026-01-02T03:04:05Z');

function authority(permittedNames: readonly string[] = []) {
  const keys = generateKey();
  const options = {
    commonName: 'Test CA',
    serial: randomSerial(),
    days: 10,
    domain: 'consul',
    clusterId: 'abc',
    permittedNames,
  };
  return { cert: createCa(options, keys, NOW), key: keyPem(keys.privateKey) };
}

test('an authority signs itself, may sign others, and is valid for its days', () => {
  const ca = new X509Certificate(authority(['consul']).cert);
  expect(ca.ca).toBe(true);
  expect(ca.verify(ca.publicKey)).toBe(true);
  expect(ca.subject).toContain('CN=Test CA');
  expect(ca.subject).toContain('O=HashiCorp Inc.');
  expect(ca.subjectAltName).toBe('URI:spiffe://abc.consul');
  expect(new Date(ca.validFrom)).toEqual(NOW);
  expect(new Date(ca.validTo)).toEqual(new Date('2026-01-12T03:04:05Z'));
});

test('a certificate is signed by the authority, for its names, addresses and uses', () => {
  const ca = authority();
  const keys = generateKey();
  const options = {
    commonName: 'server.dc1.consul',
    days: 365,
    dnsNames: ['server.dc1.consul', 'localhost'],
    addresses: ['127.0.0.1', '::1', '2001:db8::5:6'],
    usage: ['serverAuth', 'clientAuth'] as const,
  };
  const leaf = new X509Certificate(createLeaf(options, keys, ca, NOW));
  const parent = new X509Certificate(ca.cert);
  expect(leaf.checkIssued(parent)).toBe(true);
  expect(leaf.verify(parent.publicKey)).toBe(true);
  expect(leaf.checkPrivateKey(createPrivateKey(keyPem(keys.privateKey)))).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.subject).toBe('CN=server.dc1.consul');
  expect(leaf.checkHost('server.dc1.consul')).toBeDefined();
  for (const address of options.addresses) expect(leaf.checkIP(address)).toBeDefined();
  expect(leaf.checkIP('10.0.0.1')).toBeUndefined();
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
});

test("a key that is not the authority's is refused", () => {
  const options = { commonName: 'x', days: 1, dnsNames: ['x'], addresses: [], usage: [] };
  const mixed = { cert: authority().cert, key: authority().key };
  expect(() => createLeaf(options, generateKey(), mixed, NOW)).toThrow('does not belong');
});

test('serial numbers are positive and differ', () => {
  const serials = new Set(Array.from({ length: 50 }, randomSerial));
  expect(serials.size).toBe(50);
  for (const serial of serials) expect(serial > 0n && serial < 1n << 127n).toBe(true);
});
