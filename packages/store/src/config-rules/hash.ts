import { type ConfigEntry, configEntryJson } from '@proconsul/schema';

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = (1n << 64n) - 1n;

const encoder = new TextEncoder();

/**
 * A number that changes when the content of an entry does: FNV-1a over its printed form without indexes.
 * Source: FNV by Fowler, Noll and Vo.
 */
export function entryHash(entry: ConfigEntry): number | bigint {
  const { Hash: _, CreateIndex: __, ModifyIndex: ___, ...content } = entry;
  let hash = OFFSET;
  for (const byte of encoder.encode(configEntryJson(content as ConfigEntry))) {
    hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
  }
  return hash <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(hash) : hash;
}
