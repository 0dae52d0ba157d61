import { X509Certificate } from 'node:crypto';
import { ManualClock } from '@proconsul/base/testing';
import { createCertificateRequest, generateKey } from '@proconsul/io-node/x509';
import { expect, test } from 'vitest';
import { SIGN_BURST } from './mesh-authority.ts';
import { agentUri } from './spiffe.ts';
import { testAuthority } from './testing/authority.ts';

const ask = (names: Parameters<typeof createCertificateRequest>[0]) => createCertificateRequest(names, generateKey());
const uris = [agentUri('unknown', 'dc1', 'n1')];

test('an agent gets a certificate in the trust domain, with the next serial number', async () => {
  const { authority, root, trust } = testAuthority(new ManualClock());
  const first = await authority.sign(ask({ uris, dnsNames: ['localhost'], addresses: ['127.0.0.1'] }), true);
  const second = await authority.sign(ask({ uris }), true);
  const uri = `spiffe://${trust}/agent/client/dc/dc1/id/n1`;
  expect(first).toMatchObject({ SerialNumber: '08', Agent: 'n1', AgentURI: uri, Service: '', CreateIndex: 8 });
  expect(second.SerialNumber).toBe('09');
  const leaf = new X509Certificate(first.CertPEM);
  expect(leaf.verify(new X509Certificate(root).publicKey)).toBe(true);
  expect(leaf.subjectAltName).toBe(`DNS:localhost, IP Address:127.0.0.1, URI:${uri}`);
  // From a minute ago, for as long as the authority is set to.
  const from = Date.UTC(2026, 10, 21, 1, 59);
  expect([leaf.validFrom, leaf.validTo].map((t) => Date.parse(t))).toEqual([from, from + 3 * 3_600_000]);
  expect(first.ValidBefore.seconds - first.ValidAfter.seconds).toBe(3 * 3_600);
});

test('services get theirs only in the trust domain, and not where only agents may come', async () => {
  const { authority, trust } = testAuthority(new ManualClock());
  const csr = ask({ uris: [`spiffe://${trust}/ns/default/dc/dc1/svc/web`] });
  expect(await authority.sign(csr)).toMatchObject({ Service: 'web', Agent: '' });
  await expect(authority.sign(csr, true)).rejects.toThrow('must be an agent ID');
  const foreign = ask({ uris: ['spiffe://other.consul/ns/default/dc/dc1/svc/web'] });
  await expect(authority.sign(foreign)).rejects.toThrow('from a different trust domain: other.consul');
});

test('names that are not for the asking are refused, and cost no serial number', async () => {
  const { authority, serials } = testAuthority(new ManualClock());
  const refused: [Parameters<typeof createCertificateRequest>[0], string][] = [
    [{ dnsNames: ['x'] }, 'CSR SAN contains an invalid number of URIs: 0'],
    [{ uris: [...uris, ...uris] }, 'CSR SAN contains an invalid number of URIs: 2'],
    [{ uris, emails: ['a@b'] }, 'CSR SAN does not allow specifying email addresses'],
    [{ uris: [agentUri('x', 'dc2', 'n1')] }, 'SPIFFE ID in CSR from a different datacenter: dc2, we are dc1'],
    ...['server.dc1.consul', 'SERVER.dc2.Consul.', '*.dc1.consul'].map(
      (name): [{ uris: string[]; dnsNames: string[] }, string] => [
        { uris, dnsNames: [name] },
        'CSR SAN does not allow the name of a server',
      ],
    ),
  ];
  for (const [names, text] of refused) await expect(authority.sign(ask(names))).rejects.toThrow(text);
  expect(serials()).toBe(0);
});

test('too many at once are refused until later', async () => {
  const clock = new ManualClock();
  const { authority, serials } = testAuthority(clock);
  const csr = ask({ uris });
  for (let i = 0; i < SIGN_BURST; i++) await authority.sign(csr);
  await expect(authority.sign(csr)).rejects.toThrow('too many requests for certificates');
  expect(serials()).toBe(SIGN_BURST);
  await clock.advance(1_000);
  await authority.sign(csr);
});

test('the authority of another datacenter gets a certificate below the root, for leaves alone', async () => {
  const { authority, root, trust } = testAuthority(new ManualClock());
  const pem = await authority.signIntermediate(ask({ uris: [`spiffe://${trust}`] }));
  const intermediate = new X509Certificate(pem);
  expect(intermediate.checkIssued(new X509Certificate(root))).toBe(true);
  expect(intermediate.verify(new X509Certificate(root).publicKey)).toBe(true);
  expect([intermediate.ca, intermediate.serialNumber]).toEqual([true, '08']);
  expect(intermediate.subjectAltName).toBe(`URI:spiffe://${trust}`);
  // A year, unless the configuration tells otherwise.
  expect(Date.parse(intermediate.validTo) - Date.parse(intermediate.validFrom)).toBe(8760 * 3_600_000);
  // Basic constraints: an authority, with none below it.
  expect(intermediate.raw.toString('hex')).toContain('0603551d130101ff040830060101ff020100');
});

test('nobody but an authority of the trust domain gets such a certificate', async () => {
  const { authority, trust, serials } = testAuthority(new ManualClock());
  const uri = `spiffe://${trust}`;
  const refused: [Parameters<typeof createCertificateRequest>[0], string][] = [
    [{ dnsNames: ['x'] }, 'incoming CSR has unexpected number of URIs: 0'],
    [{ uris: [uri, uri] }, 'incoming CSR has unexpected number of URIs: 2'],
    [{ uris: ['http://x'] }, "SPIFFE ID must have 'spiffe' scheme"],
    [{ uris: ['spiffe://x.consul'] }, `incoming CSR domain "spiffe://x.consul" is not valid for our domain "${uri}"`],
    [{ uris: [`${uri}/ns/default/dc/dc1/svc/web`] }, 'is not valid for our domain'],
    [{ uris: [uri], dnsNames: ['server.dc1.consul'] }, 'an authority has no other names'],
  ];
  for (const [names, text] of refused) await expect(authority.signIntermediate(ask(names))).rejects.toThrow(text);
  expect(serials()).toBe(0);
});
