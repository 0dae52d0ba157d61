import { X509Certificate } from 'node:crypto';
import type * as tls from 'node:tls';
import { NetworkError } from '@proconsul/base';
import { nodeTls } from './node-tls.ts';

/** Keys, certificates and what both sides must at least speak: what every use of TLS here has in common. */
export interface TlsMaterial {
  readonly key?: string;
  readonly cert?: string;
  /** Trusted authorities; left out, those that Node brings. */
  readonly ca?: string | readonly string[];
  readonly minVersion?: tls.SecureVersion;
  /** OpenSSL names, separated by colons. */
  readonly ciphers?: string;
}

export function contextOptions({ key, cert, ca, minVersion, ciphers }: TlsMaterial): tls.SecureContextOptions {
  return {
    ...(key === undefined ? {} : { key }),
    ...(cert === undefined ? {} : { cert }),
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** OpenSSL passes over an authority that it cannot read, and then trusts fewer than it was told. */
function checkAuthorities(ca: string | readonly string[]): void {
  for (const text of typeof ca === 'string' ? [ca] : ca) {
    const certificates = text.match(CERTIFICATE) ?? [];
    if (certificates.length === 0) throw new Error('an authority holds no certificate');
    for (const certificate of certificates) new X509Certificate(certificate);
  }
}

const KEY_OF_ANOTHER = 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';

/** Throws NetworkError `EINVAL` when key, certificate and authorities cannot be read or do not fit together. */
export function secureContext(material: TlsMaterial): tls.SecureContext {
  try {
    if (material.ca !== undefined) checkAuthorities(material.ca);
    return nodeTls().createSecureContext(contextOptions(material));
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    const reason = code === KEY_OF_ANOTHER ? 'private key does not match public key' : message;
    throw new NetworkError('EINVAL', `tls: ${reason}`);
  }
}
