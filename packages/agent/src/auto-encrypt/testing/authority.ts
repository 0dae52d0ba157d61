import type { Clock } from '@proconsul/base';
import { createCa, generateKey, keyPem } from '@proconsul/io-node/x509';
import { CAConsulProviderState, CARoot } from '@proconsul/schema';
import { MeshAuthority } from '../mesh-authority.ts';

const CLUSTER = '11111111-2222-3333-4444-555555555555';

/** An authority in memory of datacenter dc1 whose certificates are valid for three hours. */
export function testAuthority(clock: Clock) {
  const keys = generateKey();
  const options = { commonName: 'root', serial: 7n, days: 10, domain: 'consul', permittedNames: [], bareSubject: true };
  const root = createCa(options, keys, new Date(clock.wallMs()));
  const roots = [CARoot.make({ ID: 'r1', Active: true, RootCert: root, ExternalTrustDomain: CLUSTER })];
  let serial = 7;
  const authority = new MeshAuthority({
    datacenter: 'dc1',
    domain: 'consul.',
    clock,
    roots: () => roots,
    providerStates: () => [
      CAConsulProviderState.make({ ID: 'x', RootCert: root, PrivateKey: keyPem(keys.privateKey) }),
    ],
    settings: () => ({ LeafCertTTL: '3h' }),
    propose: async ({ Op }) => {
      if (Op !== 'increment-provider-serial') throw new Error(`unexpected ${Op}`);
      return ++serial;
    },
    index: () => serial,
  });
  return { authority, root, roots, trust: `${CLUSTER}.consul`, serials: () => serial - 7 };
}
