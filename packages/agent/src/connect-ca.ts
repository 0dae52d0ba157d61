import { createHash, X509Certificate } from 'node:crypto';
import { type Clock, type Rng, uuid } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { createCa, generateKey, keyIdOf, keyPem } from '@proconsul/io-node/x509';
import { goTimeFromRfc3339 } from '@proconsul/msgpack';
import { CAConfiguration, CAConsulProviderState, CARequest, CARoot } from '@proconsul/schema';

/** Lifetime of a root. Source: recorded configuration of a new cluster (`RootCertTTL` 87600h). */
const ROOT_DAYS = 3650;

/** Settings of the built-in provider that a new cluster starts with. Source: recorded answer of connect/ca/configuration. */
const PROVIDER_DEFAULTS = { IntermediateCertTTL: '8760h', LeafCertTTL: '72h', RootCertTTL: '87600h' };

/**
 * Under this name servers of the reference look for the state of a built-in provider whose key the cluster made itself:
 * the same in every cluster. A leader that does not find it makes another root. Source: recorded logs of two clusters.
 */
export const OWN_PROVIDER_ID =
  'fb:50:9b:45:1a:65:15:c1:68:57:73:5f:da:cd:b8:0d:0f:e2:26:eb:68:66:43:11:85:9d:67:a9:7a:56:9c:b9';

const colons = (hexText: string): string => (hexText.match(/../g) ?? []).join(':');

/**
 * The commands by which the first leader makes the mesh's root of trust with the built-in provider: its settings, its
 * key and certificate, and the root that everybody is told of.
 */
export function firstAuthority(config: RuntimeConfig, { clock, rng }: { clock: Clock; rng: Rng }): CARequest[] {
  // A cluster may be told the name of its trust domain, so that it stays the same when it is built anew.
  const given = config.connect.caConfig['cluster_id'];
  const clusterId = typeof given === 'string' && given !== '' ? given : uuid(rng);
  const keys = generateKey();
  const serial = 7n;
  const domain = config.dns.domain.replace(/\.$/, '');
  const shortName = [...rng.bytes(8)].map((b) => 'abcdefghijklmnopqrstuvwxyz234567'[b & 31]).join('');
  const pem = createCa(
    {
      commonName: `pri-${shortName}.${domain}.ca.${clusterId.slice(0, 8)}.${domain}`,
      serial,
      days: ROOT_DAYS,
      domain,
      clusterId,
      bareSubject: true,
      permittedNames: [],
    },
    keys,
    new Date(clock.wallMs()),
  );
  const certificate = new X509Certificate(pem);
  const moment = (text: string) => goTimeFromRfc3339(new Date(text).toISOString().replace('.000Z', 'Z'));
  const root = CARoot.make({
    ID: colons(createHash('sha1').update(certificate.raw).digest('hex')),
    Name: 'Consul CA Primary Cert',
    SerialNumber: Number(serial),
    SigningKeyID: colons(keyIdOf(keys.publicKey).toString('hex')),
    ExternalTrustDomain: clusterId,
    NotBefore: moment(certificate.validFrom),
    NotAfter: moment(certificate.validTo),
    RootCert: pem,
    Active: true,
    PrivateKeyType: 'ec',
    PrivateKeyBits: 256,
  });
  const Config = CAConfiguration.make({
    ClusterID: clusterId,
    Provider: 'consul',
    Config: { ...PROVIDER_DEFAULTS, ...config.connect.caConfig },
  });
  const ProviderState = CAConsulProviderState.make({
    ID: OWN_PROVIDER_ID,
    PrivateKey: keyPem(keys.privateKey),
    RootCert: pem,
  });
  const common = { Datacenter: config.datacenter };
  return [
    CARequest.make({ ...common, Op: 'set-config', Config }),
    CARequest.make({ ...common, Op: 'set-provider-state', ProviderState }),
    CARequest.make({ ...common, Op: 'set-roots', Roots: [root] }),
  ];
}
