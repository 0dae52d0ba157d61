import { ProtocolError } from '@proconsul/base';

export const HEADER_BYTES = 12;

export const FrameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Bits of the flags field. */
export const Flag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;
const ALL_FLAGS = 15;

/** What `length` of a go-away frame says. */
export const GoAway = { normal: 0, protocolError: 1, internalError: 2 } as const;

export interface FrameHeader {
  readonly type: FrameType;
  readonly flags: number;
  readonly streamId: number;
  /** Data: bytes that follow. Window update: the credit. Ping: an opaque number. Go away: the code. */
  readonly length: number;
}

/**
 * The head of every frame.
 *     u8 version 0 | u8 type | u16be flags | u32be stream id | u32be length
 * Source: rpc connections of the reference agent; vectors in testdata/yamux-captured.json.
 */
export function encodeHeader(type: FrameType, flags: number, streamId: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, type, flags, streamId, length);
  return bytes;
}

/** As {@link encodeHeader}, into the front of `bytes`. */
export function writeHeader(bytes: Uint8Array, type: FrameType, flags: number, streamId: number, length: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  bytes[0] = 0;
  bytes[1] = type;
  view.setUint16(2, flags);
  view.setUint32(4, streamId);
  view.setUint32(8, length);
}

/**
 * Reads twelve bytes at `offset`. Throws ProtocolError YAMUX_VERSION, YAMUX_TYPE, YAMUX_FLAGS, or YAMUX_STREAM (a frame
 * of a stream without a stream, a frame of the session with one).
 */
export function decodeHeader(bytes: Uint8Array, offset = 0): FrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, HEADER_BYTES);
  const version = view.getUint8(0);
  if (version !== 0) throw new ProtocolError('YAMUX_VERSION', 'unknown version', { version });
  const type = view.getUint8(1);
  if (type > FrameType.goAway) throw new ProtocolError('YAMUX_TYPE', 'unknown frame type', { type });
  const flags = view.getUint16(2);
  if (flags > ALL_FLAGS) throw new ProtocolError('YAMUX_FLAGS', 'unknown flags', { flags });
  const streamId = view.getUint32(4);
  if (type <= FrameType.windowUpdate !== streamId > 0) {
    throw new ProtocolError('YAMUX_STREAM', 'wrong stream id for the frame type', { type, streamId });
  }
  return { type: type as FrameType, flags, streamId, length: view.getUint32(8) };
}
