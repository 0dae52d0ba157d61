import { createHash, X509Certificate } from 'node:crypto';
import { type Clock, type Rng, uuid } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { createCa, generateKey, type KeyPair, keyIdOf, keyPem } from '@proconsul/io-node/x509';
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
 * The commands by which the first leader makes the mesh's root of trust with the built-in provider, in the recorded order:
 * its settings, a state without a key, a serial number, its key and certificate, and the root that everybody is told of.
 * A cluster whose first leader did not get that far keeps its name (`known`).
 */
export function* firstAuthority(
  config: RuntimeConfig,
  { clock, rng, known }: { clock: Clock; rng: Rng; known: CAConfiguration | null },
): Generator<CARequest, void, unknown> {
  // A cluster may be told the name of its trust domain, so that it stays the same when it is built anew.
  const given = config.connect.caConfig['cluster_id'];
  const clusterId = typeof given === 'string' && given !== '' ? given : known?.ClusterID || uuid(rng);
  const common = { Datacenter: config.datacenter };
  const Config = CAConfiguration.make({
    ClusterID: clusterId,
    Provider: 'consul',
    Config: { ...PROVIDER_DEFAULTS, ...config.connect.caConfig },
  });
  yield CARequest.make({ ...common, Op: 'set-config', Config });
  const state = CAConsulProviderState.make({ ID: OWN_PROVIDER_ID });
  yield CARequest.make({ ...common, Op: 'set-provider-state', ProviderState: state });
  const serial = yield CARequest.make({ ...common, Op: 'increment-provider-serial' });
  if (typeof serial !== 'number') throw new Error('no serial number for the root certificate');
  const keys = generateKey();
  const pem = rootCertificate(config, keys, { clusterId, serial, clock, rng });
  const ProviderState = { ...state, PrivateKey: keyPem(keys.privateKey), RootCert: pem };
  yield CARequest.make({ ...common, Op: 'set-provider-state', ProviderState });
  yield CARequest.make({ ...common, Op: 'set-roots-config', Config, Roots: [rootOf(pem, keys, clusterId, serial)] });
}

interface RootFacts {
  readonly clusterId: string;
  readonly serial: number;
  readonly clock: Clock;
  readonly rng: Rng;
}

function rootCertificate(config: RuntimeConfig, keys: KeyPair, { clusterId, serial, clock, rng }: RootFacts): string {
  const domain = config.dns.domain.replace(/\.$/, '');
  const shortName = [...rng.bytes(8)].map((b) => 'abcdefghijklmnopqrstuvwxyz234567'[b & 31]).join('');
  return createCa(
    {
      commonName: `pri-${shortName}.${domain}.ca.${clusterId.slice(0, 8)}.${domain}`,
      serial: BigInt(serial),
      days: ROOT_DAYS,
      domain,
      clusterId,
      bareSubject: true,
      permittedNames: [],
    },
    keys,
    new Date(clock.wallMs()),
  );
}

function rootOf(pem: string, keys: KeyPair, clusterId: string, serial: number): CARoot {
  const certificate = new X509Certificate(pem);
  const moment = (text: string) => goTimeFromRfc3339(new Date(text).toISOString().replace('.000Z', 'Z'));
  return CARoot.make({
    ID: colons(createHash('sha1').update(certificate.raw).digest('hex')),
    Name: 'Consul CA Primary Cert',
    SerialNumber: serial,
    SigningKeyID: colons(keyIdOf(keys.publicKey).toString('hex')),
    ExternalTrustDomain: clusterId,
    NotBefore: moment(certificate.validFrom),
    NotAfter: moment(certificate.validTo),
    RootCert: pem,
    Active: true,
    PrivateKeyType: 'ec',
    PrivateKeyBits: 256,
  });
}
