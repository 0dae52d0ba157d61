import { ProtocolError } from '@proconsul/base';
import type { Reader } from '@proconsul/msgpack';
import { LTIME_MAX } from './lamport-clock.ts';

/**
 * Reads a struct as a map: calls the reader of each known field, passes over the others. A nil field keeps its zero
 * value, as does a nil struct. Throws ProtocolError.
 */
export function readFields(reader: Reader, fields: Readonly<Record<string, () => void>>): void {
  for (let pairs = reader.mapHeader(); pairs > 0; pairs--) {
    const name = reader.key();
    if (reader.isNil()) continue;
    if (Object.hasOwn(fields, name)) (fields[name] as () => void)();
    else reader.skip();
  }
}

/** A logical time. Throws ProtocolError SERF_LTIME beyond {@link LTIME_MAX}. */
export function readLTime(reader: Reader): number {
  const time = reader.intOrBig();
  if (typeof time === 'bigint' || time > LTIME_MAX || time < 0) {
    throw new ProtocolError('SERF_LTIME', `serf: time ${time} is out of range`);
  }
  return time;
}

/** An unsigned integer of at most `max`. Throws ProtocolError SERF_RANGE. */
export function readUint(reader: Reader, max: number): number {
  const value = reader.int();
  if (value < 0 || value > max) throw new ProtocolError('SERF_RANGE', `serf: ${value} is out of range`);
  return value;
}
