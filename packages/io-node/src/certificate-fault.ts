import { isIP } from 'node:net';

/** What Node tells of a certificate that it does not take. */
export interface CertificateError extends Error {
  readonly code?: string;
  /** For a certificate of somebody else: who was wanted, and who is named. */
  readonly host?: string;
  readonly cert?: { readonly subjectaltname?: string };
}

/**
 * Why a certificate was not taken, in the words that Go programs use and people search for; undefined where the certificate is not the
 * reason. Source: recorded output.
 */
export function certificateFault(error: CertificateError): string | undefined {
  const reason = error.code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? wrongName(error) : chainFault(error.code ?? '');
  return reason && `failed to verify certificate: x509: ${reason}`;
}

function wrongName({ host = '', cert }: CertificateError): string {
  const name = host.replace(/\.$/, '');
  const names = (cert?.subjectaltname ?? '').split(', ');
  const kind = isIP(name) === 0 ? 'DNS:' : 'IP Address:';
  const own = names.filter((n) => n.startsWith(kind)).map((n) => n.slice(kind.length));
  if (own.length > 0) return `certificate is valid for ${own.join(', ')}, not ${name}`;
  if (kind === 'DNS:') return `certificate is not valid for any names, but wanted to match ${name}`;
  return `cannot validate certificate for ${name} because it doesn't contain any IP SANs`;
}

function chainFault(code: string): string | undefined {
  switch (code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'certificate signed by unknown authority';
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'certificate has expired or is not yet valid';
    default:
      return undefined;
  }
}
