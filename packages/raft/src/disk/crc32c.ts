/**
 * CRC-32C (Castagnoli), the checksum of the log and of snapshots. Eight tables of 256 entries, eight bytes a step.
 * Source: RFC 3720 section 12.1 and appendix B.4; Kounavis and Berry 2005 (slicing-by-8).
 */
const POLYNOMIAL = 0x82f63b78;

const TABLE = buildTables();
const T0 = TABLE.subarray(0, 256);
const T1 = TABLE.subarray(256, 512);
const T2 = TABLE.subarray(512, 768);
const T3 = TABLE.subarray(768, 1024);
const T4 = TABLE.subarray(1024, 1280);
const T5 = TABLE.subarray(1280, 1536);
const T6 = TABLE.subarray(1536, 1792);
const T7 = TABLE.subarray(1792, 2048);

/** Checksum of `bytes[from, to)`. `seed` is the checksum of what came before (0 at the start). Unsigned 32 bits. */
export function crc32c(bytes: Uint8Array, seed = 0, from = 0, to: number = bytes.length): number {
  let crc = ~seed;
  let i = from;
  const aligned = to - 7;
  for (; i < aligned; i += 8) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc =
      T7[crc & 255]! ^
      T6[(crc >>> 8) & 255]! ^
      T5[(crc >>> 16) & 255]! ^
      T4[crc >>> 24]! ^
      T3[bytes[i + 4]!]! ^
      T2[bytes[i + 5]!]! ^
      T1[bytes[i + 6]!]! ^
      T0[bytes[i + 7]!]!;
  }
  for (; i < to; i++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}

/**
 * Whether turning one bit of `bytes[from, to)` would change its checksum by exactly `difference` (stored xor computed).
 * A checksum is linear, so the answer needs no second pass over the data. Tells a flipped bit from a torn write.
 */
export function isOneBitDifference(difference: number, sizeBytes: number): boolean {
  const wanted = difference >>> 0;
  const d = new Uint32Array(8);
  for (let bit = 0; bit < 8; bit++) d[bit] = T0[1 << bit]!;
  for (let left = sizeBytes; left > 0; left--) {
    for (let bit = 0; bit < 8; bit++) {
      const v = d[bit]!;
      if (v === wanted) return true;
      d[bit] = (v >>> 8) ^ T0[v & 255]!;
    }
  }
  return false;
}

function buildTables(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    table[n] = c;
  }
  for (let n = 0; n < 256; n++) {
    let c = table[n]!;
    for (let t = 1; t < 8; t++) {
      c = (c >>> 8) ^ table[c & 255]!;
      table[t * 256 + n] = c;
    }
  }
  return table;
}
