/** Parts of an object identifier. */
const OID_PARTS_MAX = 128;

/** One value of ASN.1: its tag, its content, and all of its bytes. Parts alias the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/**
 * Reads the values that fill `bytes` exactly. Throws Error on lengths that pass the end, are not in their shortest form,
 * or are indefinite. Source: ITU-T X.690, distinguished encoding.
 */
export function readDer(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = readAt(bytes, at);
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

function readAt(bytes: Uint8Array, at: number): DerValue {
  const tag = bytes[at]!;
  const first = bytes[at + 1];
  if ((tag & 0x1f) === 0x1f || first === undefined) throw new Error('asn1: syntax error');
  let start = at + 2;
  let size = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4 || start + count > bytes.length) throw new Error('asn1: invalid length');
    size = 0;
    for (let i = 0; i < count; i++) size = size * 256 + bytes[start + i]!;
    start += count;
    if (size < 0x80 || bytes[at + 2] === 0) throw new Error('asn1: length not in its shortest form');
  }
  if (start + size > bytes.length) throw new Error('asn1: data truncated');
  return { tag, content: bytes.subarray(start, start + size), whole: bytes.subarray(at, start + size) };
}

/** The values inside a value with this tag. Throws Error when it has another one. */
export function inside(value: DerValue | undefined, tag: number): DerValue[] {
  return readDer(contentOf(value, tag));
}

/** The content of a value with this tag. Throws Error when it has another one. */
export function contentOf(value: DerValue | undefined, tag: number): Uint8Array {
  if (value?.tag !== tag) throw new Error('asn1: structure error');
  return value.content;
}

/** Dotted form of an object identifier. Throws Error when it does not end. */
export function oidText(content: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  let isOpen = true;
  for (const byte of content) {
    if (value > 2 ** 40) throw new Error('asn1: object identifier too large');
    value = value * 128 + (byte & 0x7f);
    isOpen = byte >= 0x80;
    if (isOpen) continue;
    numbers.push(value);
    value = 0;
  }
  if (isOpen || numbers.length > OID_PARTS_MAX) throw new Error('asn1: invalid object identifier');
  const [head = 0, ...rest] = numbers;
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - 40 * first, ...rest].join('.');
}
