import { utf8 } from '@proconsul/base';
import { type Entry, isLogType } from '../entry.ts';
import { crc32c, isOneBitDifference } from './crc32c.ts';

/**
 * One file of the log. All numbers are little-endian.
 *     header   "PCRAFTL1" | u64 sequence | 16 random bytes | u32 CRC-32C of these 32
 *     batch    records, then a byte 255
 *     record   u32 CRC-32C | u32 payload size | u32 extensions size | u8 kind | u8 flags | u16 0 | u64 index | u64 term |
 *              f64 time in ms | payload: data, then extensions
 * A record's checksum covers everything after it and starts from the checksum of the header, so a record that strayed in from
 * another file never passes. `kind` is the type of a log entry or one of {@link RecordKind}.
 *
 * A batch is written only after the sync of the one before has succeeded. So a valid record with the flag
 * {@link FLAG_BATCH_START} proves that everything before it was durable, and what fails its checksum there is damage; what fails
 * after the last such record may be a write that a crash tore, which nobody was told about.
 *
 * Zeros up to the end of the file are space that was reserved and never used.
 */
export const SEGMENT_HEADER_BYTES = 36;
export const RECORD_HEADER_BYTES = 40;
const MAGIC = utf8('PCRAFTL1');

/** Largest data plus extensions of one entry. */
export const ENTRY_MAX_BYTES = 64 * 1024 * 1024;

/** Payloads up to this size are copied beside their headers; larger ones are handed to the disk as they are. */
const COPY_MAX_BYTES = 16 * 1024;

export const FLAG_BATCH_START = 1;
const FLAG_EXTENSIONS = 2;
const FLAG_BATCH_END = 4;
/** Stands after the last record of a batch, so that a write that is complete never ends in zeros, as unfinished ones do. */
const END_BYTE = 0xff;

export const RecordKind = {
  /** Everything before it is durable. */
  mark: 240,
  /** Entries from `index` on are void; others follow. */
  truncate: 241,
  /** All entries are void; the log goes on after `index`, `term`, which a snapshot covers. */
  reset: 242,
  /** The file is complete, and another one follows it. */
  seal: 243,
} as const;

export interface SegmentHeader {
  readonly sequence: number;
  /** Where the checksums of this file's records start. */
  readonly seed: number;
}

export function encodeSegmentHeader(sequence: number, random: Uint8Array): { bytes: Uint8Array; seed: number } {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  setU64(view, 8, sequence);
  bytes.set(random.subarray(0, 16), 16);
  const seed = crc32c(bytes, 0, 0, 32);
  view.setUint32(32, seed, true);
  return { bytes, seed };
}

/** Undefined when the header is cut short or does not match its checksum. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC[i]) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seed = crc32c(bytes, 0, 0, 32);
  if (view.getUint32(32, true) !== seed) return undefined;
  return { sequence: getU64(view, 8), seed };
}

/** What stands in a segment apart from entries. */
export interface ControlRecord {
  readonly kind: (typeof RecordKind)[keyof typeof RecordKind];
  readonly index: number;
  readonly term: number;
}

/** Bytes of one batch, in the order in which they must be written. The first record carries the flag. */
export function encodeBatch(records: readonly (Entry | ControlRecord)[], seed: number): Uint8Array[] {
  if (records.length === 0) return [];
  let size = 1;
  for (const r of records) {
    const payload = payloadBytes(r);
    size += RECORD_HEADER_BYTES + (payload <= COPY_MAX_BYTES ? payload : 0);
  }
  const buffer = new Uint8Array(size);
  const view = new DataView(buffer.buffer);
  const chunks: Uint8Array[] = [];
  let at = 0;
  let chunkStart = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    const start = at;
    const isLast = i === records.length - 1;
    putRecordHeader(view, start, record, (i === 0 ? FLAG_BATCH_START : 0) | (isLast ? FLAG_BATCH_END : 0));
    at += RECORD_HEADER_BYTES;
    if (!('data' in record)) {
      view.setUint32(start, crc32c(buffer, seed, start + 4, at), true);
      continue;
    }
    const { data, extensions } = record;
    if (payloadBytes(record) <= COPY_MAX_BYTES) {
      buffer.set(data, at);
      at += data.length;
      if (extensions) {
        buffer.set(extensions, at);
        at += extensions.length;
      }
      view.setUint32(start, crc32c(buffer, seed, start + 4, at), true);
      continue;
    }
    let crc = crc32c(data, crc32c(buffer, seed, start + 4, at));
    if (extensions) crc = crc32c(extensions, crc);
    view.setUint32(start, crc, true);
    chunks.push(buffer.subarray(chunkStart, at), data);
    if (extensions) chunks.push(extensions);
    chunkStart = at;
  }
  buffer[at++] = END_BYTE;
  chunks.push(buffer.subarray(chunkStart, at));
  return chunks;
}

const payloadBytes = (r: Entry | ControlRecord): number =>
  'data' in r ? r.data.length + (r.extensions?.length ?? 0) : 0;

function putRecordHeader(view: DataView, at: number, record: Entry | ControlRecord, flags: number): void {
  view.setUint32(at + 4, payloadBytes(record), true);
  setU64(view, at + 16, record.index);
  setU64(view, at + 24, record.term);
  if ('data' in record) {
    view.setUint32(at + 8, record.extensions?.length ?? 0, true);
    view.setUint8(at + 12, record.type);
    view.setUint8(at + 13, record.extensions ? flags | FLAG_EXTENSIONS : flags);
    view.setFloat64(at + 32, record.appendedAtMs ?? 0, true);
  } else {
    view.setUint8(at + 12, record.kind);
    view.setUint8(at + 13, flags);
  }
}

export interface ScanHandler {
  entry(entry: Entry, offset: number): void;
  control(record: ControlRecord, offset: number): void;
}

export type ScanResult =
  | { readonly outcome: 'whole'; readonly end: number }
  /** What starts at `end` is an unfinished write that no sync ever covered. */
  | { readonly outcome: 'torn'; readonly end: number; readonly why: string }
  | { readonly outcome: 'damaged'; readonly end: number; readonly why: string };

/** Reads the records of a segment whose header has passed. Entries alias `bytes`. */
export function scanSegment(bytes: Uint8Array, seed: number, handler: ScanHandler): ScanResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = SEGMENT_HEADER_BYTES;
  while (at < bytes.length) {
    const size = recordSize(view, at, bytes.length);
    if (size === 0 || crc32c(bytes, seed, at + 4, at + size) !== view.getUint32(at, true)) {
      if (lengthWithoutZeros(bytes, at) === at) break;
      return judgeTail(bytes, view, seed, at);
    }
    if ((bytes[at + 13]! & FLAG_BATCH_END) !== 0 && bytes[at + size] !== END_BYTE) {
      // Not written any more, as all that would follow it; or something else stands there.
      if ((bytes[at + size] ?? 0) === 0) return judgeTail(bytes, view, seed, at);
      return { outcome: 'damaged', end: at, why: 'the end of a batch does not verify' };
    }
    const isBatchEnd = (bytes[at + 13]! & FLAG_BATCH_END) !== 0;
    deliver(bytes, view, at, size, handler);
    at += isBatchEnd ? size + 1 : size;
  }
  return { outcome: 'whole', end: at };
}

/** Where the zeros begin that reach to the end of `bytes`, at least `from`. */
export function lengthWithoutZeros(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}

function deliver(bytes: Uint8Array, view: DataView, at: number, size: number, handler: ScanHandler): void {
  const kind = bytes[at + 12]!;
  const index = getU64(view, at + 16);
  const term = getU64(view, at + 24);
  if (!isLogType(kind)) {
    handler.control({ kind: kind as ControlRecord['kind'], index, term }, at);
    return;
  }
  const end = at + size;
  const dataEnd = end - view.getUint32(at + 8, true);
  const data = bytes.subarray(at + RECORD_HEADER_BYTES, dataEnd);
  const appendedAtMs = view.getFloat64(at + 32, true);
  if ((bytes[at + 13]! & FLAG_EXTENSIONS) !== 0) {
    handler.entry({ index, term, type: kind, data, extensions: bytes.subarray(dataEnd, end), appendedAtMs }, at);
  } else {
    handler.entry({ index, term, type: kind, data, appendedAtMs }, at);
  }
}

/** Size of the record at `at` by its own header, or 0 when the header makes no sense. Trusts nothing. */
function recordSize(view: DataView, at: number, end: number): number {
  if (end - at < RECORD_HEADER_BYTES) return 0;
  const payload = view.getUint32(at + 4, true);
  if (payload > ENTRY_MAX_BYTES || payload > end - at - RECORD_HEADER_BYTES) return 0;
  if (view.getUint32(at + 8, true) > payload) return 0;
  const kind = view.getUint8(at + 12);
  if (!isLogType(kind) && (kind < RecordKind.mark || kind > RecordKind.seal || payload !== 0)) return 0;
  return RECORD_HEADER_BYTES + payload;
}

/** Decides whether the bytes from `at` on are a torn write or damage to something that was durable. */
function judgeTail(bytes: Uint8Array, view: DataView, seed: number, at: number): ScanResult {
  if (isOneFlippedBit(bytes, view, seed, at)) {
    return { outcome: 'damaged', end: at, why: 'a bit of a complete record is flipped' };
  }
  for (let i = at + 1; i + RECORD_HEADER_BYTES <= bytes.length; i++) {
    if ((bytes[i + 13]! & FLAG_BATCH_START) === 0 || bytes[i + 14] !== 0 || bytes[i + 15] !== 0) continue;
    const size = recordSize(view, i, bytes.length);
    if (size === 0 || crc32c(bytes, seed, i + 4, i + size) !== view.getUint32(i, true)) continue;
    return { outcome: 'damaged', end: at, why: `checksum mismatch before the sound record at byte ${i}` };
  }
  return { outcome: 'torn', end: at, why: 'unfinished write' };
}

/** What a disk writes in one piece. */
const SECTOR_BYTES = 512;

/** Whether the last sector of a record holds nothing of it: a torn write into reserved space, not a flipped bit. */
function endsInZeroSector(bytes: Uint8Array, at: number, end: number): boolean {
  const from = Math.max(at, end - 1 - ((end - 1) % SECTOR_BYTES));
  for (let i = from; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Whether the record at `at` is whole but for one bit: no torn write looks like that. */
function isOneFlippedBit(bytes: Uint8Array, view: DataView, seed: number, at: number): boolean {
  const left = bytes.length - at;
  if (left < RECORD_HEADER_BYTES) return false;
  const written = lengthWithoutZeros(bytes, at);
  const stored = view.getUint32(at, true);
  const declared = view.getUint32(at + 4, true);
  if (declared <= left - RECORD_HEADER_BYTES && declared <= ENTRY_MAX_BYTES) {
    const end = at + RECORD_HEADER_BYTES + declared;
    const difference = (stored ^ crc32c(bytes, seed, at + 4, end)) >>> 0;
    // A bit of the stored checksum itself, or of what it covers.
    const isOneBit = (difference & (difference - 1)) === 0 || isOneBitDifference(difference, end - at - 4);
    // What is complete has something after it: another record, or the end of its batch.
    if (written > end && difference !== 0 && isOneBit && !endsInZeroSector(bytes, at, end)) return true;
  }
  for (let bit = 0; bit < 32; bit++) {
    const payload = (declared ^ (1 << bit)) >>> 0;
    if (payload > ENTRY_MAX_BYTES || payload > left - RECORD_HEADER_BYTES) continue;
    if (written <= at + RECORD_HEADER_BYTES + payload) continue;
    const head = bytes.slice(at + 4, at + RECORD_HEADER_BYTES);
    new DataView(head.buffer).setUint32(0, payload, true);
    const from = at + RECORD_HEADER_BYTES;
    if (crc32c(bytes, crc32c(head, seed), from, from + payload) === stored) return true;
  }
  return false;
}

export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** May pass 2^53 on bad input; callers compare with what they expect. */
export function getU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
