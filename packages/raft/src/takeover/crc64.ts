/** Polynomial of ECMA-182, bits in reverse, as its upper and lower half. */
const POLYNOMIAL_HIGH = 0xc96c5795;
const POLYNOMIAL_LOW = 0xd7870f42;

interface Tables {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

function buildTables(): Tables {
  const tables = { high: new Uint32Array(256), low: new Uint32Array(256) };
  for (let byte = 0; byte < 256; byte++) {
    let high = 0;
    let low = byte;
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = (low & 1) === 1;
      low = ((low >>> 1) | (high << 31)) ^ (isOdd ? POLYNOMIAL_LOW : 0);
      high = (high >>> 1) ^ (isOdd ? POLYNOMIAL_HIGH : 0);
    }
    tables.high[byte] = high;
    tables.low[byte] = low;
  }
  return tables;
}

/** Built when they are needed: hardly any agent does. */
let tables: Tables | undefined;

/** CRC-64 of ECMA-182 with reversed bits: eight bytes, big-endian. Source: ECMA-182, annex B; CRC-64/XZ in the catalogue of CRCs. */
export function crc64(bytes: Uint8Array): Uint8Array {
  tables ??= buildTables();
  let high = ~0;
  let low = ~0;
  for (let i = 0; i < bytes.length; i++) {
    const at = (low ^ bytes[i]!) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ tables.low[at]!;
    high = (high >>> 8) ^ tables.high[at]!;
  }
  const out = new Uint8Array(8);
  const view = new DataView(out.buffer);
  view.setUint32(0, ~high);
  view.setUint32(4, ~low);
  return out;
}
