import type { Reader } from './reader.ts';
import type { RuntimeConfig, TlsProtocol, TlsVersion } from './runtime.ts';

const VERSIONS: readonly TlsVersion[] = ['TLS_AUTO', 'TLSv1_0', 'TLSv1_1', 'TLSv1_2', 'TLSv1_3'];

/** Cipher suites up to TLS 1.2 that can be chosen. Source: configuration reference, `tls_cipher_suites`. */
const CIPHER_SUITES: ReadonlySet<string> = new Set([
  'TLS_RSA_WITH_AES_128_CBC_SHA',
  'TLS_RSA_WITH_AES_256_CBC_SHA',
  'TLS_RSA_WITH_AES_128_CBC_SHA256',
  'TLS_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
]);

type Part = 'defaults' | 'internal_rpc' | 'https' | 'grpc';

/** Resolves the `tls` stanza. Throws ConfigError for settings in the wrong part; unknown words become problems. */
export function buildTls(reader: Reader): RuntimeConfig['tls'] {
  const misplaced = (key: Parameters<Reader['has']>[0], text: string) => {
    if (reader.raw(key) === true) throw reader.error(key, text);
  };
  misplaced('tls.grpc.verify_outgoing', 'verify_outgoing is not valid in the tls.grpc stanza');
  const hostnameText = 'verify_server_hostname is only valid in the tls.defaults and tls.internal_rpc stanzas';
  misplaced('tls.https.verify_server_hostname', hostnameText);
  misplaced('tls.grpc.verify_server_hostname', hostnameText);
  const certText = 'use_auto_cert is only valid in the tls.grpc stanza';
  for (const part of ['defaults', 'https', 'internal_rpc'] as const) misplaced(`tls.${part}.use_auto_cert`, certText);
  return {
    internalRpc: protocol(reader, 'internal_rpc'),
    https: protocol(reader, 'https'),
    grpc: protocol(reader, 'grpc'),
    serverName: reader.text('server_name'),
    autoTls: reader.bool('auto_encrypt.tls') || reader.bool('auto_config.enabled'),
  };
}

/** Reports unknown versions and cipher suites, `defaults` first. */
export function checkTlsWords(reader: Reader): void {
  for (const part of ['defaults', 'internal_rpc', 'https', 'grpc'] as const) {
    const version = reader.text(`tls.${part}.tls_min_version`);
    if (version !== '' && !VERSIONS.includes(version as TlsVersion)) {
      const choice = `please specify one of [${VERSIONS.join(', ')}]`;
      const text = `invalid TLS version: no matching TLS version found for ${version}, ${choice}`;
      reader.problem(`tls.${part}.tls_min_version`, `tls.${part}.tls_min_version: ${text}`);
    }
    checkSuites(reader, part);
  }
}

function checkSuites(reader: Reader, part: Part): void {
  const key = `tls.${part}.tls_cipher_suites` as const;
  const suites = splitSuites(reader.text(key));
  if (suites.length === 0) return;
  const version = reader.text(`tls.${part}.tls_min_version`) || reader.text('tls.defaults.tls_min_version');
  if (version === 'TLSv1_3') return reader.problem(key, `${key}: TLS 1.3 cipher suites are not configurable`);
  const unknown = suites.find((suite) => !CIPHER_SUITES.has(suite));
  if (unknown === undefined) return;
  const text = `invalid TLS cipher suites: no matching Consul Agent TLS cipher suite found for ${unknown}`;
  reader.problem(key, `${key}: ${text}`);
}

function splitSuites(text: string): string[] {
  return text
    .split(',')
    .map((suite) => suite.trim())
    .filter((suite) => suite !== '');
}

function protocol(reader: Reader, part: Exclude<Part, 'defaults'>): TlsProtocol {
  const text = (name: 'ca_file' | 'ca_path' | 'cert_file' | 'key_file' | 'tls_min_version' | 'tls_cipher_suites') =>
    reader.text(`tls.${part}.${name}`) || reader.text(`tls.defaults.${name}`);
  const bool = (name: 'verify_incoming' | 'verify_outgoing' | 'verify_server_hostname') =>
    reader.bool(`tls.${part}.${name}`, reader.bool(`tls.defaults.${name}`));
  const isGrpc = part === 'grpc';
  const verifyServerHostname = part === 'internal_rpc' && bool('verify_server_hostname');
  return {
    caFile: text('ca_file'),
    caPath: text('ca_path'),
    certFile: text('cert_file'),
    keyFile: text('key_file'),
    minVersion: (text('tls_min_version') || 'TLSv1_2') as TlsVersion,
    cipherSuites: splitSuites(text('tls_cipher_suites')),
    verifyIncoming: bool('verify_incoming'),
    verifyOutgoing: !isGrpc && (bool('verify_outgoing') || verifyServerHostname),
    verifyServerHostname,
    useAutoCert: isGrpc && reader.bool('tls.grpc.use_auto_cert'),
  };
}
