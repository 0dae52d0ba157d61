import type { ConfigEntry } from '@proconsul/schema';
import { type Fault, type Fields, firstFault, recordOf, textOf, textsOf } from '@proconsul/store';

const VERSIONS = ['TLS_AUTO', 'TLSv1_0', 'TLSv1_1', 'TLSv1_2', 'TLSv1_3'];

/** Suites that Envoy knows. Source: mesh configuration entry documentation. */
const CIPHER_SUITES: ReadonlySet<string> = new Set([
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
  'TLS_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_RSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
  'TLS_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_RSA_WITH_AES_256_CBC_SHA',
]);

export function tlsFault(tls: Fields): Fault {
  const min = textOf(tls['TLSMinVersion']);
  const max = textOf(tls['TLSMaxVersion']);
  for (const version of [min, max]) {
    if (version === '' || VERSIONS.includes(version)) continue;
    return `no matching TLS version found for ${version}, please specify one of [${VERSIONS.join(', ')}]`;
  }
  const ordered = VERSIONS.indexOf(min) > 0 && VERSIONS.indexOf(max) > 0;
  if (ordered && VERSIONS.indexOf(max) < VERSIONS.indexOf(min)) {
    return `configuring max version ${max} less than the configured min version ${min} is invalid`;
  }
  const unknown = textsOf(tls['CipherSuites']).find((suite) => !CIPHER_SUITES.has(suite));
  return unknown === undefined ? null : `no matching Envoy TLS cipher suite found for ${unknown}`;
}

const ESCAPED_SLASHES = [
  'IMPLEMENTATION_SPECIFIC_DEFAULT',
  'KEEP_UNCHANGED',
  'REJECT_REQUEST',
  'UNESCAPE_AND_REDIRECT',
  'UNESCAPE_AND_FORWARD',
];
const UNDERSCORES = ['ALLOW', 'REJECT_REQUEST', 'DROP_HEADER'];

function choiceFault(record: Fields, field: string, choices: readonly string[]): Fault {
  const value = textOf(record[field]);
  if (value === '' || choices.includes(value)) return null;
  return `no matching ${field} value found for ${value}, please specify one of [${choices.join(', ')}]`;
}

export function meshFault(entry: ConfigEntry): Fault {
  const tls = recordOf(entry['TLS']);
  const http = recordOf(recordOf(recordOf(entry['HTTP'])['Incoming'])['RequestNormalization']);
  const within = (what: string, fault: Fault): Fault => (fault === null ? null : `error in ${what}: ${fault}`);
  return firstFault(
    () => within('incoming TLS configuration', tlsFault(recordOf(tls['Incoming']))),
    () => within('outgoing TLS configuration', tlsFault(recordOf(tls['Outgoing']))),
    () =>
      within(
        'HTTP incoming request normalization configuration',
        choiceFault(http, 'PathWithEscapedSlashesAction', ESCAPED_SLASHES) ??
          choiceFault(http, 'HeadersWithUnderscoresAction', UNDERSCORES),
      ),
  );
}
