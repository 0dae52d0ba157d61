/** Writes ASN.1 in DER, as much as certificates need. Source: ITU-T X.690. */
export type Der = Uint8Array;

function tlv(tag: number, content: Uint8Array): Der {
  const size = content.length;
  const length: number[] = [];
  if (size < 0x80) length.push(size);
  else {
    for (let left = size; left > 0; left = Math.floor(left / 256)) length.unshift(left & 0xff);
    length.unshift(0x80 | length.length);
  }
  return Buffer.concat([Uint8Array.of(tag, ...length), content]);
}

export const sequence = (...items: readonly Der[]): Der => tlv(0x30, Buffer.concat(items));
export const nothing: Der = Uint8Array.of(0x05, 0);
export const set = (...items: readonly Der[]): Der => tlv(0x31, Buffer.concat(items));
export const octets = (bytes: Uint8Array): Der => tlv(0x04, bytes);
export const utf8Text = (text: string): Der => tlv(0x0c, Buffer.from(text));
export const printableText = (text: string): Der => tlv(0x13, Buffer.from(text, 'latin1'));
export const boolean = (value: boolean): Der => tlv(0x01, Uint8Array.of(value ? 0xff : 0));
/** A value inside another by a context tag; `constructed` when it holds whole values. */
export const tagged = (tag: number, content: Uint8Array, constructed: boolean): Der =>
  tlv((constructed ? 0xa0 : 0x80) | tag, content);

export function integer(value: bigint): Der {
  let hex = value.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const bytes = Buffer.from(hex, 'hex');
  return tlv(0x02, bytes[0]! >= 0x80 ? Buffer.concat([Uint8Array.of(0), bytes]) : bytes);
}

export function bits(bytes: Uint8Array, unused = 0): Der {
  return tlv(0x03, Buffer.concat([Uint8Array.of(unused), bytes]));
}

export function oid(text: string): Der {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left & 0x7f));
    bytes.push(...groups);
  }
  return tlv(0x06, Uint8Array.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime from then on. Source: RFC 5280 section 4.1.2.5. */
export function time(date: Date): Der {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  const late = date.getUTCFullYear() >= 2050;
  return tlv(late ? 0x18 : 0x17, Buffer.from(late ? digits : digits.slice(2)));
}

/** The text form of a PEM file, lines of 64 characters. */
export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
