/** Keys of the certificate authority's settings whose API names are not made of their parts. */
const CA_KEYS: Readonly<Record<string, string>> = {
  private_key: 'PrivateKey',
  root_cert: 'RootCert',
  intermediate_cert_ttl: 'IntermediateCertTTL',
  leaf_cert_ttl: 'LeafCertTTL',
  csr_max_per_second: 'CSRMaxPerSecond',
  csr_max_concurrent: 'CSRMaxConcurrent',
  private_key_type: 'PrivateKeyType',
  private_key_bits: 'PrivateKeyBits',
  root_cert_ttl: 'RootCertTTL',
  address: 'Address',
  token: 'Token',
  root_pki_path: 'RootPKIPath',
  root_pki_namespace: 'RootPKINamespace',
  intermediate_pki_path: 'IntermediatePKIPath',
  intermediate_pki_namespace: 'IntermediatePKINamespace',
  ca_file: 'CAFile',
  ca_path: 'CAPath',
  cert_file: 'CertFile',
  key_file: 'KeyFile',
  tls_server_name: 'TLSServerName',
  tls_skip_verify: 'TLSSkipVerify',
  existing_arn: 'ExistingARN',
  delete_on_exit: 'DeleteOnExit',
};

/** `connect.ca_config` with the API's names; names that are not known stay. */
export function caConfigKeys(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [CA_KEYS[key] ?? key, value]));
}

const WORDS: Readonly<Record<string, string>> = {
  acl: 'ACL',
  ca: 'CA',
  dns: 'DNS',
  grpc: 'GRPC',
  http: 'HTTP',
  http2: 'HTTP2',
  id: 'ID',
  ip: 'IP',
  json: 'JSON',
  jwt: 'JWT',
  jwks: 'JWKS',
  sds: 'SDS',
  sni: 'SNI',
  tcp: 'TCP',
  tls: 'TLS',
  ttl: 'TTL',
  uri: 'URI',
  url: 'URL',
};
/** Maps whose keys belong to the user. */
const FREE_FORM: ReadonlySet<string> = new Set(['config', 'meta', 'subsets', 'failover', 'add', 'set', 'arguments']);

/** A config entry with the API's CamelCase names. Keys of free-form maps stay. Deep values at most as deep as files nest. */
export function entryKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(entryKeys);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, inner]) => {
    const isFree = FREE_FORM.has(key.toLowerCase()) && inner !== null && typeof inner === 'object';
    const kept = isFree && !Array.isArray(inner) ? freeForm(key, inner as object) : entryKeys(inner);
    return [camelCase(key), kept];
  });
  return Object.fromEntries(entries);
}

/** `subsets` and `failover` have the user's names on the first level only. */
function freeForm(key: string, value: object): unknown {
  if (key !== 'subsets' && key !== 'failover') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, entryKeys(inner)]));
}

function camelCase(key: string): string {
  if (/^[A-Z]/.test(key)) return key;
  return key
    .split('_')
    .map((word) => WORDS[word] ?? word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}
