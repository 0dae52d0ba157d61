import { isIPv4 } from 'node:net';
import * as der from './der.ts';
import { inside, readDer } from './der-reader.ts';

/** The names that a certificate is good for. Addresses are IP literals. */
export interface AltNames {
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  readonly uris: readonly string[];
  readonly emails: readonly string[];
}

/** Context tags of RFC 5280 section 4.2.1.6. */
const TAG = { email: 1, dns: 2, uri: 6, address: 7 } as const;
const PRIMITIVE = 0x80;
const SEQUENCE = 0x30;

/** Content of the extension, in the order that the reference's certificates have: DNS, e-mail, addresses, URIs. */
export function encodeAltNames({ dnsNames = [], addresses = [], uris = [], emails = [] }: Partial<AltNames>): der.Der {
  return der.sequence(
    ...dnsNames.map((name) => der.tagged(TAG.dns, Buffer.from(name), false)),
    ...emails.map((name) => der.tagged(TAG.email, Buffer.from(name), false)),
    ...addresses.map((address) => der.tagged(TAG.address, addressBytes(address), false)),
    ...uris.map((uri) => der.tagged(TAG.uri, Buffer.from(uri), false)),
  );
}

/** Names of other kinds are left out. Throws Error on bytes that are none. */
export function decodeAltNames(content: Uint8Array): AltNames {
  const names = inside(readDer(content)[0], SEQUENCE);
  const of = (tag: number) => names.filter((name) => name.tag === (PRIMITIVE | tag)).map((name) => name.content);
  const texts = (tag: number) => of(tag).map(asciiText);
  return {
    dnsNames: texts(TAG.dns),
    emails: texts(TAG.email),
    uris: texts(TAG.uri),
    addresses: of(TAG.address).map(addressText),
  };
}

function asciiText(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) throw new Error('x509: SAN is malformed');
  return Buffer.from(bytes).toString('latin1');
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new Error(`x509: cannot parse IP address of length ${bytes.length}`);
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  return words.join(':');
}

export function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const left = words(head);
  const right = words(tail ?? '');
  const middle = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...new Array<number>(middle).fill(0), ...right];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}
