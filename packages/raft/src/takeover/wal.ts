import { fromUtf8, ProtocolError, viewOf } from '@proconsul/base';
import { crc32c } from '../disk/crc32c.ts';
import { ENTRY_MAX_BYTES, getU64 } from '../disk/segment.ts';
import { type Entry, isLogType } from '../entry.ts';
import { DamageError } from '../errors.ts';

const MAGIC = 0x58eb6b0d;
const CODEC = 1;
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 8;
const FRAME_ALIGN = 8;
const Frame = { end: 0, entry: 1, index: 2, commit: 3 } as const;

/** One segment, as the store describes it in its meta data. */
export interface WalSegment {
  readonly id: number;
  /** Index of the first entry in the file. */
  readonly baseIndex: number;
  /** First entry that still counts: those before it were given up. */
  readonly minIndex: number;
  /** Last entry that counts; 0 in the segment that is still written. */
  readonly maxIndex: number;
}

/** The segments in order. Throws ProtocolError for meta data of another shape. */
export function decodeWalSegments(json: Uint8Array): WalSegment[] {
  const { Segments } = JSON.parse(fromUtf8(json)) as {
    readonly Segments?: readonly Readonly<Record<string, unknown>>[];
  };
  if (!Array.isArray(Segments)) throw new ProtocolError('WAL_META', 'no list of segments');
  const number = (value: unknown): number => {
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw new ProtocolError('WAL_META', 'an invalid number');
    return value as number;
  };
  return Segments.map((s) => {
    if (s['Codec'] !== CODEC) throw new ProtocolError('WAL_META', `unknown codec ${s['Codec']}`);
    return {
      id: number(s['ID']),
      baseIndex: number(s['BaseIndex']),
      minIndex: number(s['MinIndex']),
      maxIndex: number(s['MaxIndex']),
    };
  }).sort((a, b) => a.baseIndex - b.baseIndex);
}

export const walFileName = ({ baseIndex, id }: WalSegment): string =>
  `${String(baseIndex).padStart(20, '0')}-${id.toString(16).padStart(16, '0')}.wal`;

/**
 * The entries of one segment that count, in order.
 *     header   u32 magic | 4 bytes 0 | u64 first index | u64 id | u64 codec, all little-endian
 *     frame    u8 kind | 3 bytes 0 | u32 size, or CRC-32C | payload, padded to 8 bytes
 * A commit frame carries the checksum of everything since the one before it, the header included. What no commit follows at the end of
 * the segment that is still written was never acknowledged and is passed over; anything else that does not fit throws DamageError.
 * Source: raft wire, section 4; segments that a server of Consul 1.21.0 wrote.
 */
export function* walEntries(path: string, bytes: Uint8Array, segment: WalSegment): Generator<Entry> {
  checkHeader(path, bytes, segment);
  let next = segment.baseIndex;
  for (const frame of committedFrames(path, bytes, segment.maxIndex !== 0)) {
    const entry = decodeWalEntry(path, frame);
    if (entry.index !== next) throw new DamageError(path, frame.at, `entry ${entry.index} instead of ${next}`);
    next++;
    if (segment.maxIndex !== 0 && entry.index > segment.maxIndex) return;
    if (entry.index >= segment.minIndex) yield entry;
  }
  if (next <= segment.maxIndex) throw new DamageError(path, bytes.length, `entry ${next} is missing`);
}

function checkHeader(path: string, bytes: Uint8Array, segment: WalSegment): void {
  if (bytes.length < HEADER_BYTES) throw new DamageError(path, bytes.length, 'the header is cut short');
  const view = viewOf(bytes);
  const isRight =
    view.getUint32(0, true) === MAGIC &&
    view.getUint32(4, true) === 0 &&
    getU64(view, 8) === segment.baseIndex &&
    getU64(view, 16) === segment.id &&
    getU64(view, 24) === CODEC;
  if (!isRight) throw new DamageError(path, 0, 'not the header of this segment');
}

interface EntryFrame {
  readonly at: number;
  readonly payload: Uint8Array;
}

function* committedFrames(path: string, bytes: Uint8Array, isSealed: boolean): Generator<EntryFrame> {
  let waiting: EntryFrame[] = [];
  let from = 0;
  for (const frame of frames(bytes)) {
    if (frame.kind === Frame.entry) waiting.push(frame);
    if (frame.kind !== Frame.commit) continue;
    if (crc32c(bytes, 0, from, frame.at) !== frame.size) break;
    yield* waiting;
    waiting = [];
    from = frame.at + FRAME_HEADER_BYTES;
  }
  if (!isSealed && hasSoundBatchAfter(bytes, from)) throw new DamageError(path, from, 'damage before a sound write');
}

/** Whether a whole write stands somewhere behind: then everything before it was durable, and what does not fit is no torn one. */
function hasSoundBatchAfter(bytes: Uint8Array, from: number): boolean {
  const first = Math.ceil(from / FRAME_ALIGN) * FRAME_ALIGN;
  for (let at = first; at + FRAME_HEADER_BYTES <= bytes.length; at += FRAME_ALIGN) {
    if (bytes[at] === Frame.entry && isSoundBatch(bytes, at)) return true;
  }
  return false;
}

function isSoundBatch(bytes: Uint8Array, from: number): boolean {
  for (const { kind, at, size } of frames(bytes, from)) {
    if (kind === Frame.commit) return crc32c(bytes, 0, from, at) === size;
    if (kind !== Frame.entry) return false;
  }
  return false;
}

interface AnyFrame extends EntryFrame {
  readonly kind: number;
  /** Of the payload; of a commit frame the checksum. */
  readonly size: number;
}

/** As far as they can be followed. */
function* frames(bytes: Uint8Array, from = HEADER_BYTES): Generator<AnyFrame> {
  const view = viewOf(bytes);
  for (let at = from; at + FRAME_HEADER_BYTES <= bytes.length; ) {
    const kind = bytes[at]!;
    const size = view.getUint32(at + 4, true);
    if (kind === Frame.end || kind > Frame.commit) return;
    const payloadAt = at + FRAME_HEADER_BYTES;
    const end = kind === Frame.commit ? payloadAt : payloadAt + size;
    if (end > bytes.length) return;
    yield { at, kind, size, payload: bytes.subarray(payloadAt, end) };
    at = end + ((FRAME_ALIGN - (end % FRAME_ALIGN)) % FRAME_ALIGN);
  }
}

const TIME_BYTES = 15;
const UNIX_OF_YEAR_ONE = -62_135_596_800;

/** uvarint index, term and type | uvarint size and data | uvarint size and extensions | time, as Go writes it in 15 bytes. */
function decodeWalEntry(path: string, { at, payload }: EntryFrame): Entry {
  let i = 0;
  const uvarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = payload[i++];
      if (byte === undefined || scale > 2 ** 49) throw new DamageError(path, at, 'an entry that is cut short');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const piece = (): Uint8Array => {
    const size = uvarint();
    if (size > payload.length - i || size > ENTRY_MAX_BYTES)
      throw new DamageError(path, at, 'an entry that is cut short');
    i += size;
    return payload.subarray(i - size, i);
  };
  const [index, term, type] = [uvarint(), uvarint(), uvarint()];
  const data = piece();
  const extensions = piece();
  if (payload.length - i !== TIME_BYTES) throw new DamageError(path, at, 'an entry of another size');
  if (!isLogType(type)) throw new DamageError(path, at, `entry ${index} has the unsupported type ${type}`);
  const entry = { index, term, type, data, appendedAtMs: goTimeMs(payload.subarray(i)) };
  return extensions.length === 0 ? entry : { ...entry, extensions };
}

/** Version 1 | i64 seconds since year 1 | i32 nanoseconds | i16 minutes of the zone, all big-endian. 0 for Go's zero time. */
function goTimeMs(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const ms = (Number(view.getBigInt64(1)) + UNIX_OF_YEAR_ONE) * 1000 + view.getInt32(9) / 1e6;
  return Math.max(0, ms);
}
