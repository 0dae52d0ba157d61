import { ProtocolError } from '@proconsul/base';
import { MessageType } from './message-type.ts';

/** What a compound costs in front of its parts, and for each part. */
export const COMPOUND_HEADER_BYTES = 2;
export const COMPOUND_PART_BYTES = 2;
/** The count is one byte. */
export const COMPOUND_PARTS_MAX = 255;

/**
 * Several messages packed into one.
 *     u8 7 | u8 count | count x u16be length | the messages, back to back
 * At most {@link COMPOUND_PARTS_MAX} messages of at most 65535 bytes. Source: gossip wire, section 2.
 */
export function encodeCompound(messages: readonly Uint8Array[]): Uint8Array {
  if (messages.length > COMPOUND_PARTS_MAX) throw new RangeError('too many messages for one compound');
  let size = COMPOUND_HEADER_BYTES;
  for (const m of messages) {
    if (m.length > 0xffff) throw new RangeError('message too long for a compound');
    size += COMPOUND_PART_BYTES + m.length;
  }
  const out = new Uint8Array(size);
  out[0] = MessageType.compound;
  out[1] = messages.length;
  let at = COMPOUND_HEADER_BYTES;
  for (const m of messages) {
    out[at++] = m.length >>> 8;
    out[at++] = m.length & 0xff;
  }
  for (const m of messages) {
    out.set(m, at);
    at += m.length;
  }
  return out;
}

/**
 * The messages of a compound, as views of `bytes`. One that was cut short yields the whole messages before the cut and
 * the count of those lost. Throws ProtocolError COMPOUND_HEADER when even the lengths are cut.
 */
export function decodeCompound(bytes: Uint8Array): { messages: Uint8Array[]; truncated: number } {
  const count = bytes[1] ?? 0;
  let at = COMPOUND_HEADER_BYTES + COMPOUND_PART_BYTES * count;
  if (bytes.length < COMPOUND_HEADER_BYTES || bytes.length < at) {
    throw new ProtocolError('COMPOUND_HEADER', 'truncated compound header', { got: bytes.length });
  }
  const messages: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const lengthAt = COMPOUND_HEADER_BYTES + COMPOUND_PART_BYTES * i;
    const end = at + ((bytes[lengthAt]! << 8) | bytes[lengthAt + 1]!);
    if (end > bytes.length) return { messages, truncated: count - i };
    messages.push(bytes.subarray(at, end));
    at = end;
  }
  return { messages, truncated: 0 };
}
