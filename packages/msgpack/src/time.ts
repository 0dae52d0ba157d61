import { invariant, ProtocolError } from '@proconsul/base';

/** A moment as Go's time.Time keeps it. */
export interface GoTime {
  /** Whole seconds since 1970-01-01T00:00:00Z, possibly negative. */
  readonly seconds: number;
  /** 0 to 999999999, counted forward from `seconds`. */
  readonly nanos: number;
  /** East of Greenwich; -1 stands for UTC itself. */
  readonly offsetMinutes: number;
}

/** Seconds from 0001-01-01T00:00:00Z to the Unix epoch. */
const EPOCH_SECONDS = 62_135_596_800;
const DAY_SECONDS = 86_400;
export const GO_TIME_BYTES = 15;
const UTC = -1;

/** 0001-01-01T00:00:00Z, Go's zero time. */
export const ZERO_TIME: GoTime = Object.freeze({ seconds: -EPOCH_SECONDS, nanos: 0, offsetMinutes: UTC });

/** Go's zero time is a moment, whatever zone it is shown in. */
export function isZeroTime(time: GoTime): boolean {
  return time.seconds === -EPOCH_SECONDS && time.nanos === 0;
}

/**
 * Go's binary form of a time.
 *     u8 1 | i64be seconds since year 1 | i32be nanoseconds | i16be zone offset in minutes, ffff = UTC
 * Source: recorded vectors (src/testdata/dialects.json, "time ...").
 */
export function encodeGoTime(time: GoTime): Uint8Array {
  const bytes = new Uint8Array(GO_TIME_BYTES);
  putGoTime(new DataView(bytes.buffer), 0, time);
  return bytes;
}

/** The same at a place where there is room for {@link GO_TIME_BYTES}. */
export function putGoTime(view: DataView, at: number, time: GoTime): void {
  const seconds = time.seconds + EPOCH_SECONDS;
  invariant(Number.isSafeInteger(seconds), 'a time in whole seconds');
  const high = Math.floor(seconds / 2 ** 32);
  view.setUint8(at, 1);
  view.setInt32(at + 1, high);
  view.setUint32(at + 5, seconds - high * 2 ** 32);
  view.setInt32(at + 9, time.nanos);
  view.setInt16(at + 13, time.offsetMinutes);
}

/** Also reads version 2, whose sixteenth byte holds odd seconds of the zone (dropped here). Throws ProtocolError. */
export function decodeGoTime(bytes: Uint8Array): GoTime {
  const expected = bytes[0] === 1 ? GO_TIME_BYTES : bytes[0] === 2 ? GO_TIME_BYTES + 1 : -1;
  if (bytes.length !== expected) throw new ProtocolError('MSGPACK_TIME', 'not a time', { size: bytes.length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seconds = view.getInt32(1) * 2 ** 32 + view.getUint32(5) - EPOCH_SECONDS;
  const nanos = view.getInt32(9);
  if (!Number.isSafeInteger(seconds + EPOCH_SECONDS) || nanos < 0 || nanos > 999_999_999) {
    throw new ProtocolError('MSGPACK_TIME', 'time out of range', { seconds, nanos });
  }
  return { seconds, nanos, offsetMinutes: view.getInt16(13) };
}

/**
 * RFC 3339 as Go's JSON encoder prints times: nanoseconds without trailing zeros, `Z` for offset zero.
 * Throws ProtocolError for years that have no four digits.
 */
export function goTimeToRfc3339(time: GoTime): string {
  const offset = time.offsetMinutes === UTC ? 0 : time.offsetMinutes;
  const local = time.seconds + offset * 60;
  const days = Math.floor(local / DAY_SECONDS);
  const second = local - days * DAY_SECONDS;
  const { year, month, day } = civilFromDays(days);
  if (year < 0 || year > 9999) throw new ProtocolError('TIME_YEAR', 'year outside of range [0,9999]', { year });
  const clock = `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${clock}${fraction(time.nanos)}${zone(offset)}`;
}

const two = (n: number): string => (n < 10 ? '0' + n : String(n));

function fraction(nanos: number): string {
  return nanos === 0 ? '' : '.' + String(nanos).padStart(9, '0').replace(/0+$/, '');
}

function zone(offset: number): string {
  if (offset === 0) return 'Z';
  const minutes = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Date in the proleptic Gregorian calendar. Months run from March so that a leap day ends its year. */
function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468; // Days since 0000-03-01.
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Days since the Unix epoch of a date in the proleptic Gregorian calendar. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const monthFromMarch = month > 2 ? month - 3 : month + 9;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
