import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type AltNames, decodeAltNames, encodeAltNames } from './alt-names.ts';
import { extension, type KeyPair, OID } from './certificate.ts';
import * as der from './der.ts';
import { contentOf, type DerValue, inside, oidText, readDer } from './der-reader.ts';

/** Requests beyond this are refused unread. */
export const CERTIFICATE_REQUEST_BYTES_MAX = 64 * 1024;

export interface CertificateRequest extends AltNames {
  readonly publicKey: KeyObject;
}

/** Object identifiers of signatures, and the digest that they are over; null: the algorithm has its own. */
const SIGNATURES: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
};

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

const TAG = { bits: 0x03, octets: 0x04, oid: 0x06, sequence: 0x30, set: 0x31, attributes: 0xa0 } as const;

/** A request for a certificate of these names, in PEM, signed with an EC key. Source: RFC 2986; the subject is empty. */
export function createCertificateRequest(names: Partial<AltNames>, keys: KeyPair): string {
  const extensions = der.sequence(extension(OID.altName, encodeAltNames(names), true));
  const toSign = der.sequence(
    der.integer(0n),
    der.sequence(),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der.tagged(0, der.sequence(der.oid(EXTENSION_REQUEST), der.set(extensions)), true),
  );
  const signature = sign('sha256', toSign, keys.privateKey);
  return der.pem(
    'CERTIFICATE REQUEST',
    der.sequence(toSign, der.sequence(der.oid(OID.ecdsaSha256)), der.bits(signature)),
  );
}

/**
 * What a request in PEM asks for, once its signature is found to be that of the key it is about. Throws Error whatever
 * else it is given. Source: RFC 2986, RFC 2985 section 5.4.2, RFC 5280 section 4.2.1.6.
 */
export function parseCertificateRequest(pem: string): CertificateRequest {
  const [request] = readDer(pemBytes(pem));
  const [toSign, algorithm, signature] = inside(request, TAG.sequence);
  const [, , key, ...attributes] = inside(toSign, TAG.sequence);
  const publicKey = createPublicKey({ key: Buffer.from(wholeOf(key)), format: 'der', type: 'spki' });
  const name = oidText(contentOf(inside(algorithm, TAG.sequence)[0], TAG.oid));
  const digest = SIGNATURES[name];
  if (digest === undefined) throw new Error('x509: cannot verify signature: algorithm unimplemented');
  const bits = contentOf(signature, TAG.bits).subarray(1);
  if (!verify(digest, wholeOf(toSign), publicKey, bits)) throw new Error('x509: signature of the request is not valid');
  return { publicKey, ...requestedNames(attributes) };
}

function pemBytes(pem: string): Uint8Array {
  if (pem.length > CERTIFICATE_REQUEST_BYTES_MAX) throw new Error('certificate request is too large');
  const match = /-----BEGIN ([^-\n]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/.exec(pem);
  if (match === null) throw new Error('no PEM-encoded data found');
  if (match[1] !== 'CERTIFICATE REQUEST') throw new Error('first PEM-block should be CERTIFICATE REQUEST type');
  return Buffer.from(match[2] as string, 'base64');
}

function wholeOf(value: DerValue | undefined): Uint8Array {
  if (value === undefined) throw new Error('asn1: structure error');
  return value.whole;
}

function requestedNames(attributes: readonly DerValue[]): AltNames {
  for (const attribute of attributes.flatMap((value) => (value.tag === TAG.attributes ? readDer(value.content) : []))) {
    const [type, values] = inside(attribute, TAG.sequence);
    if (oidText(contentOf(type, TAG.oid)) !== EXTENSION_REQUEST) continue;
    for (const one of inside(inside(values, TAG.set)[0], TAG.sequence)) {
      const parts = inside(one, TAG.sequence);
      if (oidText(contentOf(parts[0], TAG.oid)) === OID.altName)
        return decodeAltNames(contentOf(parts.at(-1), TAG.octets));
    }
  }
  return { dnsNames: [], addresses: [], uris: [], emails: [] };
}
