import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { type AltNames, encodeAltNames } from './alt-names.ts';
import * as der from './der.ts';

/** Source: RFC 5280 and RFC 5480 for the object identifiers and the meaning of the extensions. */
export const OID = {
  ecdsaSha256: '1.2.840.10045.4.3.2',
  rsaSha256: '1.2.840.113549.1.1.11',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
  extendedUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const NAME_OID: Readonly<Record<string, string>> = {
  C: '2.5.4.6',
  ST: '2.5.4.8',
  L: '2.5.4.7',
  street: '2.5.4.9',
  postalCode: '2.5.4.17',
  O: '2.5.4.10',
  CN: '2.5.4.3',
};

/** Bits of the key usage extension, from the left. */
const USAGE_BITS = {
  digitalSignature: 0x80,
  keyEncipherment: 0x20,
  dataEncipherment: 0x10,
  keyAgreement: 0x08,
  certSign: 0x04,
  crlSign: 0x02,
} as const;

/** Random bytes of a serial number, and so at most 128 bits. */
const SERIAL_BYTES = 16;
const DAY_MS = 86_400_000;

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function generateKey(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function keyPem(key: KeyObject): string {
  return key.export({ type: 'sec1', format: 'pem' }).toString();
}

export function randomSerial(): bigint {
  return BigInt(`0x${randomBytes(SERIAL_BYTES).toString('hex')}`) >> 1n;
}

export interface CaOptions {
  readonly commonName: string;
  readonly serial: bigint;
  readonly days: number;
  readonly domain: string;
  readonly clusterId?: string;
  /** Only the common name, as in the roots of a mesh; otherwise with the organisation that agents' certificates name. */
  readonly bareSubject?: boolean;
  /** DNS names that certificates may have; empty means all. */
  readonly permittedNames: readonly string[];
}

const organisation = (commonName: string): [string, string][] => [
  ['C', 'US'],
  ['ST', 'CA'],
  ['L', 'San Francisco'],
  ['street', '101 Second Street'],
  ['postalCode', '94105'],
  ['O', 'HashiCorp Inc.'],
  ['CN', commonName],
];

/** A self-signed certificate of an authority, in PEM. */
export function createCa(options: CaOptions, keys: KeyPair, now: Date): string {
  const { commonName } = options;
  const subject = nameOf(options.bareSubject ? [['CN', commonName]] : organisation(commonName));
  const keyId = keyIdOf(keys.publicKey);
  const extensions = [
    keyUsage('digitalSignature', 'certSign', 'crlSign'),
    extension(OID.basicConstraints, der.sequence(der.boolean(true)), true),
    extension(OID.subjectKeyId, der.octets(keyId)),
    extension(OID.authorityKeyId, der.sequence(der.tagged(0, keyId, false))),
  ];
  if (options.clusterId) {
    const uri = Buffer.from(`spiffe://${options.clusterId}.${options.domain}`);
    extensions.push(extension(OID.altName, der.sequence(der.tagged(6, uri, false))));
  }
  if (options.permittedNames.length > 0) {
    const names = options.permittedNames.map((name) => der.sequence(der.tagged(2, Buffer.from(name), false)));
    extensions.push(extension(OID.nameConstraints, der.sequence(der.tagged(0, Buffer.concat(names), true)), true));
  }
  const { serial, days } = options;
  return signCertificate(
    { serial, ...daysFrom(now, days), issuer: subject, subject, publicKey: keys.publicKey, extensions },
    keys.privateKey,
  );
}

export interface LeafOptions {
  readonly commonName: string;
  readonly days: number;
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  readonly usage: readonly ('serverAuth' | 'clientAuth')[];
}

/** A certificate that an authority signs, in PEM. Throws Error when key and authority do not belong together. */
export function createLeaf(options: LeafOptions, keys: KeyPair, ca: { cert: string; key: string }, now: Date): string {
  const authority = new X509Certificate(ca.cert);
  const caKey = createPrivateKey(ca.key);
  if (!authority.checkPrivateKey(caKey)) throw new Error('the CA key does not belong to the CA certificate');
  const extensions = [keyUsage('digitalSignature', 'keyEncipherment')];
  if (options.usage.length > 0) {
    extensions.push(extension(OID.extendedUsage, der.sequence(...options.usage.map((use) => der.oid(OID[use])))));
  }
  extensions.push(
    extension(OID.basicConstraints, der.sequence(), true),
    extension(OID.subjectKeyId, der.octets(keyIdOf(keys.publicKey))),
    extension(OID.authorityKeyId, der.sequence(der.tagged(0, authorityKeyId(authority), false))),
    extension(OID.altName, encodeAltNames(options)),
  );
  return signCertificate(
    {
      serial: randomSerial(),
      ...daysFrom(now, options.days),
      issuer: subjectDer(authority.raw),
      subject: nameOf([['CN', options.commonName]]),
      publicKey: keys.publicKey,
      extensions,
    },
    caKey,
  );
}

interface Body {
  readonly serial: bigint;
  readonly from: Date;
  readonly until: Date;
  readonly issuer: der.Der;
  readonly subject: der.Der;
  readonly publicKey: KeyObject;
  readonly extensions: readonly der.Der[];
}

const daysFrom = (from: Date, days: number) => ({ from, until: new Date(from.getTime() + days * DAY_MS) });

export interface MeshLeafOptions {
  readonly serial: bigint;
  readonly publicKey: KeyObject;
  readonly names: AltNames;
  readonly from: Date;
  readonly until: Date;
}

/**
 * A certificate of the mesh or of an agent, in PEM: without a subject, for both ends of a connection.
 * Throws Error when key and authority do not belong together. Source: recorded certificates.
 */
export function createMeshLeaf(options: MeshLeafOptions, ca: { cert: string; key: string }): string {
  const authority = new X509Certificate(ca.cert);
  const caKey = createPrivateKey(ca.key);
  if (!authority.checkPrivateKey(caKey)) throw new Error('the CA key does not belong to the CA certificate');
  const { serial, publicKey, names, from, until } = options;
  const extensions = [
    keyUsage('digitalSignature', 'keyEncipherment', 'dataEncipherment', 'keyAgreement'),
    extension(OID.extendedUsage, der.sequence(der.oid(OID.clientAuth), der.oid(OID.serverAuth))),
    extension(OID.basicConstraints, der.sequence(), true),
    extension(OID.subjectKeyId, der.octets(keyIdOf(publicKey))),
    extension(OID.authorityKeyId, der.sequence(der.tagged(0, authorityKeyId(authority), false))),
    extension(OID.altName, encodeAltNames(names), true),
  ];
  const issuer = subjectDer(authority.raw);
  return signCertificate({ serial, from, until, issuer, subject: nameOf([]), publicKey, extensions }, caKey);
}

export interface IntermediateOptions extends Omit<MeshLeafOptions, 'names'> {
  /** `spiffe://TRUST-DOMAIN`. */
  readonly uri: string;
}

/**
 * The certificate of another datacenter's authority, in PEM: it may sign leaves and no further authorities.
 * Throws Error when key and authority do not belong together. Source: recorded certificates.
 */
export function createIntermediate(options: IntermediateOptions, ca: { cert: string; key: string }): string {
  const authority = new X509Certificate(ca.cert);
  const caKey = createPrivateKey(ca.key);
  if (!authority.checkPrivateKey(caKey)) throw new Error('the CA key does not belong to the CA certificate');
  const { serial, publicKey, uri, from, until } = options;
  const extensions = [
    keyUsage('digitalSignature', 'certSign', 'crlSign'),
    extension(OID.basicConstraints, der.sequence(der.boolean(true), der.integer(0n)), true),
    extension(OID.subjectKeyId, der.octets(keyIdOf(publicKey))),
    extension(OID.authorityKeyId, der.sequence(der.tagged(0, authorityKeyId(authority), false))),
    extension(OID.altName, der.sequence(der.tagged(6, Buffer.from(uri), false)), true),
  ];
  const issuer = subjectDer(authority.raw);
  return signCertificate({ serial, from, until, issuer, subject: nameOf([]), publicKey, extensions }, caKey);
}

function signCertificate(body: Body, key: KeyObject): string {
  const isRsa = key.asymmetricKeyType === 'rsa';
  const algorithm = isRsa ? der.sequence(der.oid(OID.rsaSha256), der.nothing) : der.sequence(der.oid(OID.ecdsaSha256));
  const toSign = der.sequence(
    der.tagged(0, der.integer(2n), true),
    der.integer(body.serial),
    algorithm,
    body.issuer,
    der.sequence(der.time(body.from), der.time(body.until)),
    body.subject,
    body.publicKey.export({ type: 'spki', format: 'der' }),
    der.tagged(3, der.sequence(...body.extensions), true),
  );
  const signature = sign('sha256', toSign, key);
  return der.pem('CERTIFICATE', der.sequence(toSign, algorithm, der.bits(signature)));
}

function nameOf(parts: readonly (readonly [string, string])[]): der.Der {
  const text = (value: string) => (/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? der.printableText : der.utf8Text)(value);
  return der.sequence(...parts.map(([type, value]) => der.set(der.sequence(der.oid(NAME_OID[type]!), text(value)))));
}

export function extension(id: string, value: der.Der, critical = false): der.Der {
  return der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));
}

function keyUsage(...uses: readonly (keyof typeof USAGE_BITS)[]): der.Der {
  const byte = uses.reduce((sum, use) => sum | USAGE_BITS[use], 0);
  let unused = 0;
  while (((byte >> unused) & 1) === 0) unused++;
  return extension(OID.keyUsage, der.bits(Uint8Array.of(byte), unused), true);
}

/** Identifies a public key: SHA-256 of its DER form. */
export function keyIdOf(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

/** The authority's own key identifier; by our rule when its certificate has none. */
function authorityKeyId(authority: X509Certificate): Buffer {
  const marker = Buffer.from(der.oid(OID.subjectKeyId));
  const at = authority.raw.indexOf(marker);
  if (at < 0) return keyIdOf(createPublicKey(authority.publicKey.export({ type: 'spki', format: 'pem' })));
  // OID, then an octet string that holds an octet string.
  const start = at + marker.length + 4;
  return authority.raw.subarray(start, start + authority.raw[start - 1]!);
}

/** The subject of a certificate as it stands in it. */
function subjectDer(raw: Buffer): Buffer {
  const outer = read(raw, 0);
  let at = read(raw, outer.start).start;
  // Version, serial, algorithm, issuer and validity come before the subject.
  for (let i = 0; i < 5; i++) at = read(raw, at).end;
  return raw.subarray(at, read(raw, at).end);
}

/** Where the content of the value at `at` begins and ends. */
function read(raw: Buffer, at: number): { start: number; end: number } {
  const first = raw[at + 1]!;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  const size = raw.readUIntBE(at + 2, count);
  return { start: at + 2 + count, end: at + 2 + count + size };
}
