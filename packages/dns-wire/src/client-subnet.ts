import { ProtocolError } from '@proconsul/base';

/** Number of the EDNS option. Source: RFC 7871 section 6. */
export const OPTION_CLIENT_SUBNET = 8;

/** The network that the question comes from. */
export interface ClientSubnet {
  /** Four or sixteen bytes (none for family 0), the bits behind the prefix being zero. */
  readonly address: Uint8Array;
  readonly sourceBits: number;
  readonly scopeBits: number;
}

const ADDRESS_BYTES = [0, 4, 16] as const;

/** `u16 family | u8 source bits | u8 scope bits | as many bytes of the address as the source bits need`. Throws ProtocolError. */
export function decodeClientSubnet(data: Uint8Array): ClientSubnet {
  const family = ((data[0] ?? 0) << 8) | (data[1] ?? 0);
  const size = ADDRESS_BYTES[family];
  const sourceBits = data[2] ?? 0;
  const scopeBits = data[3] ?? 0;
  if (data.length < 4 || size === undefined) throw subnetError('no known family');
  if (sourceBits > size * 8 || scopeBits > size * 8) throw subnetError('a prefix longer than the address');
  if (data.length - 4 > size) throw subnetError('too many bytes of address');
  const address = new Uint8Array(size);
  address.set(data.subarray(4));
  return { address, sourceBits, scopeBits };
}

export function encodeClientSubnet(subnet: ClientSubnet): Uint8Array {
  const bytes = Math.ceil(subnet.sourceBits / 8);
  const out = new Uint8Array(4 + bytes);
  out[1] = ADDRESS_BYTES.indexOf(subnet.address.length as 0 | 4 | 16);
  out[2] = subnet.sourceBits;
  out[3] = subnet.scopeBits;
  out.set(subnet.address.subarray(0, bytes), 4);
  const spare = bytes * 8 - subnet.sourceBits;
  if (spare > 0) out[3 + bytes] = out[3 + bytes]! & (0xff << spare);
  return out;
}

function subnetError(what: string): ProtocolError {
  return new ProtocolError('DNS_CLIENT_SUBNET', `client subnet is not valid: ${what}`);
}
