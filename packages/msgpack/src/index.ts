export { type DecodeAnyOptions, decodeAny, type EncodeAnyOptions, encodeAny } from './any.ts';
export { type Dialect, MAX_DEPTH } from './dialect.ts';
export { type MsgpackKind, Reader } from './reader.ts';
export { goTimeFromRfc3339 } from './rfc3339.ts';
export { decodeGoTime, encodeGoTime, type GoTime, goTimeToRfc3339, isZeroTime, ZERO_TIME } from './time.ts';
export { Writer } from './writer.ts';
