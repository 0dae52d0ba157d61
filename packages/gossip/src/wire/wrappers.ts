import { EMPTY_BYTES, fromUtf8, ProtocolError, utf8 } from '@proconsul/base';
import { crc32 } from './crc32.ts';
import { lzwCompress, lzwDecompress } from './lzw.ts';
import { MessageType } from './message-type.ts';
import { compressed } from './messages.ts';

/** The only algorithm there is. */
const LZW = 0;
/** `u8 12 | u32be CRC-32 of the rest | message`. */
export const CRC_HEADER_BYTES = 5;
export const LABEL_BYTES_MAX = 255;

export function addCrc(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(CRC_HEADER_BYTES + message.length);
  out[0] = MessageType.hasCrc;
  new DataView(out.buffer).setUint32(1, crc32(message));
  out.set(message, CRC_HEADER_BYTES);
  return out;
}

/** The message behind a checksum, as a view. Throws ProtocolError CRC. */
export function stripCrc(bytes: Uint8Array): Uint8Array {
  if (bytes.length < CRC_HEADER_BYTES) throw new ProtocolError('CRC', 'truncated checksum');
  const wanted = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  const got = crc32(bytes, CRC_HEADER_BYTES);
  if (got !== wanted) throw new ProtocolError('CRC', 'invalid checksum', { wanted, got });
  return bytes.subarray(CRC_HEADER_BYTES);
}

/** A compress message, longer or shorter than what it holds. */
export function compressMessage(message: Uint8Array): Uint8Array {
  return compressed.encode(MessageType.compress, { Algo: LZW, Buf: lzwCompress(message) });
}

/** The packed bytes of a compress message. Throws ProtocolError COMPRESS_ALGORITHM for another algorithm than LZW. */
export function packedOf(message: Uint8Array): Uint8Array {
  const { Algo, Buf } = compressed.decode(message);
  if (Algo !== LZW) {
    throw new ProtocolError('COMPRESS_ALGORITHM', `cannot decompress unknown algorithm ${Algo}`, { algo: Algo });
  }
  return Buf ?? EMPTY_BYTES;
}

/** Throws ProtocolError also when more than `limitBytes` would come out. */
export function decompressMessage(message: Uint8Array, limitBytes: number): Uint8Array {
  return lzwDecompress(packedOf(message), limitBytes);
}

/** `u8 244 | u8 length | label`, or nothing for the empty label. Throws RangeError for a label that is too long. */
export function labelHeader(label: string): Uint8Array {
  if (label === '') return EMPTY_BYTES;
  const text = utf8(label);
  if (text.length > LABEL_BYTES_MAX) throw new RangeError(`label is too long: ${text.length} bytes`);
  return Uint8Array.of(MessageType.hasLabel, text.length, ...text);
}

/**
 * Takes the label off. Undefined when more bytes are needed (possible on a stream only).
 * Throws ProtocolError LABEL for an empty label.
 */
export function splitLabel(bytes: Uint8Array): { readonly label: string; readonly rest: Uint8Array } | undefined {
  if (bytes.length === 0 || bytes[0] !== MessageType.hasLabel) return { label: '', rest: bytes };
  const size = bytes[1];
  if (size === 0) throw new ProtocolError('LABEL', 'label header cannot be empty when present');
  if (size === undefined || bytes.length < 2 + size) return undefined;
  return { label: fromUtf8(bytes.subarray(2, 2 + size)), rest: bytes.subarray(2 + size) };
}
