import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeConfig, TlsProtocol } from '@proconsul/config';
import type { TlsOptions } from '@proconsul/io-node';

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as { code?: string }).code;
    throw new Error(
      `Error loading from ${path}: open ${path}: ${code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : String(error)}`,
    );
  }
}

/** Versions that `tls_min_version` may name, as Node names them. */
const VERSIONS = {
  TLS_AUTO: 'TLSv1.2',
  TLSv1_0: 'TLSv1',
  TLSv1_1: 'TLSv1.1',
  TLSv1_2: 'TLSv1.2',
  TLSv1_3: 'TLSv1.3',
} as const;

/** Whoever demands certificates must know whom to trust, and have one to show. Throws with Consul's texts. */
export function checkIncoming({ autoTls, https, grpc, internalRpc }: RuntimeConfig['tls']): void {
  for (const t of [internalRpc, grpc, https]) {
    if (!t.verifyIncoming) continue;
    if (t.caFile === '' && t.caPath === '') throw new Error(NO_AUTHORITIES);
    if (autoTls || (t.certFile !== '' && t.keyFile !== '')) continue;
    throw new Error(
      'VerifyIncoming requires either a Cert and Key pair in the configuration file, or auto_encrypt/auto_config be enabled',
    );
  }
}

const NO_AUTHORITIES = 'VerifyIncoming set but no CA certificates were provided';

/** The TLS material of one protocol, read from its files. Throws with Consul's texts. */
export function tlsOptions(t: TlsProtocol): TlsOptions {
  const ca: string[] = [];
  if (t.caFile !== '') ca.push(readPem(t.caFile));
  else if (t.caPath !== '') for (const name of readdirSync(t.caPath).sort()) ca.push(readPem(join(t.caPath, name)));
  if (t.verifyIncoming && ca.length === 0) throw new Error(NO_AUTHORITIES);
  return {
    ...(ca.length === 0 ? {} : { ca }),
    ...(t.certFile === '' ? {} : { cert: readPem(t.certFile) }),
    ...(t.keyFile === '' ? {} : { key: readPem(t.keyFile) }),
    verifyIncoming: t.verifyIncoming,
    verifyOutgoing: t.verifyOutgoing,
    verifyServerName: t.verifyServerHostname,
    minVersion: VERSIONS[t.minVersion],
    ...(t.cipherSuites.length === 0 ? {} : { ciphers: t.cipherSuites.map(opensslName).join(':') }),
  };
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256` there. Source: RFC 5289; OpenSSL documentation. */
export function opensslName(suite: string): string {
  return suite
    .replace(/^TLS_/, '')
    .replace('_WITH_', '_')
    .replace(/AES_(128|256)/, 'AES$1')
    .replace(/_CBC_SHA/, '_SHA')
    .replace(/CHACHA20_POLY1305_SHA256/, 'CHACHA20_POLY1305')
    .replace(/^RSA_/, '')
    .replaceAll('_', '-');
}
