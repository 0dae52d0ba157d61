import { type Disk, fromUtf8, readIfThere, utf8 } from '@proconsul/base';
import { DamageError } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import { getU64, setU64 } from './segment.ts';

/** What a server must never forget: its term, and whom it voted for in it. */
export interface VoteState {
  readonly term: number;
  readonly votedFor: string | undefined;
}

const MAGIC = utf8('PCRAFTS1');
const HEADER_BYTES = 22;
const VOTED_FOR_MAX_BYTES = 1024;

/**
 * File: "PCRAFTS1" | u32 CRC-32C of the rest | u64 term | u16 size | id voted for. Little-endian. Replaced as a whole.
 * Undefined when the file is missing. Throws DamageError, DiskError.
 */
export async function readVoteState(disk: Disk, path: string): Promise<VoteState | undefined> {
  const bytes = await readIfThere(disk, path);
  if (bytes === undefined) return undefined;
  if (bytes.length < HEADER_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new DamageError(path, 0, 'not a vote file');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(8, true) !== crc32c(bytes, 0, 12)) throw new DamageError(path, 8, 'checksum mismatch');
  const size = view.getUint16(20, true);
  if (bytes.length !== HEADER_BYTES + size) throw new DamageError(path, 20, 'wrong size');
  const votedFor = size > 0 ? fromUtf8(bytes.subarray(HEADER_BYTES)) : undefined;
  return { term: getU64(view, 12), votedFor };
}

/** Durable when it resolves. */
export async function writeVoteState(disk: Disk, path: string, state: VoteState): Promise<void> {
  const id = utf8(state.votedFor ?? '').subarray(0, VOTED_FOR_MAX_BYTES);
  const bytes = new Uint8Array(HEADER_BYTES + id.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  setU64(view, 12, state.term);
  view.setUint16(20, id.length, true);
  bytes.set(id, HEADER_BYTES);
  view.setUint32(8, crc32c(bytes, 0, 12), true);
  await disk.writeAtomic(path, bytes);
}
