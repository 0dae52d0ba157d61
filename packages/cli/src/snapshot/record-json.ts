import { type GoTime, goTimeToRfc3339 } from '@proconsul/msgpack';

/** Fields that are bytes even when they happen to be text. The format does not tell the two apart. */
const BYTE_FIELDS = new Set(['Value', 'Hash', 'SignedIntermediate', 'ServiceMetaHash']);

/**
 * The value of a record in the form that JSON shows: bytes in base64, times as RFC 3339, the rest as it is. Members
 * keep the names and the order of the record.
 */
export function recordJson(value: unknown, field = ''): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'string') return BYTE_FIELDS.has(field) ? Buffer.from(value).toString('base64') : value;
  if (Array.isArray(value)) return value.map((item) => recordJson(item));
  if (value === null || typeof value !== 'object') return value;
  if (isTime(value)) return goTimeToRfc3339(value);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, recordJson(member, name)]));
}

/** Objects without a prototype are maps of the record; the others are times. */
const isTime = (value: object): value is GoTime => Object.getPrototypeOf(value) !== null;
