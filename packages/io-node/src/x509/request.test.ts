import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCa, createMeshLeaf, generateKey, keyPem } from './certificate.ts';
import * as der from './der.ts';
import { CERTIFICATE_REQUEST_BYTES_MAX, createCertificateRequest, parseCertificateRequest } from './request.ts';

const NAMES = {
  uris: ['spiffe://td.consul/agent/client/dc/dc1/id/n1'],
  dnsNames: ['localhost', 'foo.bar'],
  addresses: ['127.0.0.1', '0:0:0:0:0:0:0:1'],
  emails: [],
};

/** Captured on the way to a server of the reference. */
const RECORDED = `-----BEGIN CERTIFICATE REQUEST-----
MIIBbDCCARICAQAwADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBqO5TKB/kIS
VJWfNLnTgsR5HYQ8OQ1uuRxgGzjfQKZCADtqs166WCIZTxheEnbBXBAaRMyUKIXk
o+e1UsZUci+gga8wgawGCSqGSIb3DQEJDjGBnjCBmzCBmAYDVR0RAQH/BIGNMIGK
gj5zZXJ2ZXIuZGMxLnBlZXJpbmcuZjg4ZTA5NzAtYjE2ZC1jMmRiLTViYTgtMmM2
MDlhZGY1Y2VlLmNvbnN1bIZIc3BpZmZlOi8vZjg4ZTA5NzAtYjE2ZC1jMmRiLTVi
YTgtMmM2MDlhZGY1Y2VlLmNvbnN1bC9hZ2VudC9zZXJ2ZXIvZGMvZGMxMAoGCCqG
SM49BAMCA0gAMEUCIB1FZG5uzPLj1LqTN74q1/BrF/PqVhgMsCaglAsJs6TxAiEA
1kEThTO1FRN74QIoS+2aE3n34fq1NvYrkni629nn3wc=
-----END CERTIFICATE REQUEST-----
`;

const bytesOf = (pem: string) => Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64');
const pemOf = (bytes: Uint8Array) => der.pem('CERTIFICATE REQUEST', bytes);

test('what is asked for is read again, from a request of ours and from a recorded one', () => {
  const keys = generateKey();
  const ours = parseCertificateRequest(createCertificateRequest(NAMES, keys));
  expect(ours).toMatchObject(NAMES);
  expect(ours.publicKey.equals(keys.publicKey)).toBe(true);
  const recorded = parseCertificateRequest(RECORDED);
  expect(recorded.uris).toEqual(['spiffe://f88e0970-b16d-c2db-5ba8-2c609adf5cee.consul/agent/server/dc/dc1']);
  expect(recorded.dnsNames).toEqual(['server.dc1.peering.f88e0970-b16d-c2db-5ba8-2c609adf5cee.consul']);
});

test('a request that somebody else signed is refused', () => {
  const bytes = bytesOf(createCertificateRequest(NAMES, generateKey()));
  const at = bytes.indexOf('foo.bar');
  bytes.write('bar', at);
  expect(() => parseCertificateRequest(pemOf(bytes))).toThrow('signature');
});

test('texts that are no request are refused with words that tell why', () => {
  expect(() => parseCertificateRequest('garbage')).toThrow('no PEM-encoded data found');
  expect(() => parseCertificateRequest(der.pem('CERTIFICATE', Buffer.from('x')))).toThrow(
    'first PEM-block should be CERTIFICATE REQUEST type',
  );
  expect(() => parseCertificateRequest(pemOf(new Uint8Array(4)))).toThrow('asn1: structure error');
  expect(() => parseCertificateRequest('x'.repeat(CERTIFICATE_REQUEST_BYTES_MAX + 1))).toThrow('too large');
});

test('nothing but an Error comes of bytes that are cut, changed or made up', () => {
  const good = bytesOf(RECORDED);
  const isRefused = (bytes: Uint8Array) => {
    try {
      parseCertificateRequest(pemOf(bytes));
      return false;
    } catch (error) {
      return error instanceof Error;
    }
  };
  for (let size = 0; size < good.length; size++) expect(isRefused(good.subarray(0, size))).toBe(true);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), isRefused));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = Uint8Array.from(good);
      changed[at] = (changed[at] as number) ^ by;
      // A change that is not noticed is none of what was signed: then nothing else may have come of it.
      expect(isRefused(changed) || parseCertificateRequest(pemOf(changed)).uris.length === 1).toBe(true);
    }),
  );
});

test('a leaf of the mesh is for the names and the key of a request', () => {
  const caKeys = generateKey();
  const now = new Date('2026-01-02T03:04:05Z');
  const options = { commonName: 'root', serial: 7n, days: 10, domain: 'consul', bareSubject: true, permittedNames: [] };
  const ca = { cert: createCa(options, caKeys, now), key: keyPem(caKeys.privateKey) };
  const keys = generateKey();
  const { publicKey, ...names } = parseCertificateRequest(createCertificateRequest(NAMES, keys));
  const until = new Date('2026-01-05T03:04:05Z');
  const leaf = new X509Certificate(createMeshLeaf({ serial: 258n, publicKey, names, from: now, until }, ca));
  expect(leaf.checkIssued(new X509Certificate(ca.cert))).toBe(true);
  expect(leaf.verify(caKeys.publicKey)).toBe(true);
  expect(leaf.checkPrivateKey(keys.privateKey)).toBe(true);
  expect(leaf.serialNumber).toBe('0102');
  expect(leaf.subjectAltName).toContain('URI:spiffe://td.consul/agent/client/dc/dc1/id/n1');
  expect([leaf.ca, new Date(leaf.validFrom), new Date(leaf.validTo)]).toEqual([false, now, until]);
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
});
