import type { DirEntry } from '@proconsul/schema';
import { type PackedBytes, packedLength, unpack } from './packed-bytes.ts';

/** Bytes of a row beside its key and value, for the accounting: the record, two texts, its place in a leaf. */
export const KV_ROW_OVERHEAD_BYTES = 135;

/**
 * One stored key. Reads as a DirEntry; `Value` is a fresh copy at each access, made from the packed form. It is a getter
 * of the class: spread a row only together with a `Value` of your own.
 */
export class KvRow implements DirEntry {
  readonly Key: string;
  readonly packed: PackedBytes;
  readonly Flags: number | bigint;
  readonly Session: string;
  readonly LockIndex: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;

  constructor(
    Key: string,
    packed: PackedBytes,
    Flags: number | bigint,
    Session: string,
    LockIndex: number,
    CreateIndex: number,
    ModifyIndex: number,
  ) {
    this.Key = Key;
    this.packed = packed;
    this.Flags = Flags;
    this.Session = Session;
    this.LockIndex = LockIndex;
    this.CreateIndex = CreateIndex;
    this.ModifyIndex = ModifyIndex;
  }

  get Value(): Uint8Array | null {
    return unpack(this.packed);
  }

  /** Estimated size in memory. */
  get bytes(): number {
    return KV_ROW_OVERHEAD_BYTES + this.Key.length + packedLength(this.packed);
  }
}

/** A plain record without the value: what writes inside a transaction answer. */
export function withoutValue(row: DirEntry): DirEntry {
  return {
    LockIndex: row.LockIndex,
    Key: row.Key,
    Flags: row.Flags,
    Value: null,
    Session: row.Session,
    CreateIndex: row.CreateIndex,
    ModifyIndex: row.ModifyIndex,
  };
}
