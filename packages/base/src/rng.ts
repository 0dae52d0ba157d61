/** Randomness as a dependency: seeded in simulation, cryptographic in production. */
export interface Rng {
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform integer in [0, bound). `bound` is an integer in [1, 2^32]. */
  int(bound: number): number;
  /** `size` random bytes, freshly allocated. */
  bytes(size: number): Uint8Array;
}

/** A random version-4 UUID in lower case. Source: RFC 9562 section 5.4. */
export function uuid(rng: Rng): string {
  const b = rng.bytes(16);
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  let s = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) s += '-';
    s += (b[i]! + 0x100).toString(16).slice(1);
  }
  return s;
}

/** Puts `items` into a random order, in place. Fisher-Yates. */
export function shuffle<T>(rng: Rng, items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = rng.int(i + 1);
    const t = items[i]!;
    items[i] = items[j]!;
    items[j] = t;
  }
  return items;
}

/** A small, fast, seeded generator for tests and simulation: not for secrets. Source: Blackman and Vigna, xoshiro128**. */
export function seededRng(seed: number | string): Rng {
  // SplitMix32 spreads the seed over the state, so that near seeds give unrelated streams.
  let h = 0x9e3779b9;
  for (const c of String(seed)) h = Math.imul(h ^ c.charCodeAt(0), 0x85ebca6b) >>> 0;
  const mix = () => {
    h = (h + 0x9e3779b9) >>> 0;
    let z = h;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = mix();
  let b = mix();
  let c = mix();
  let d = mix();
  const rotl = (x: number, k: number) => ((x << k) | (x >>> (32 - k))) >>> 0;
  const u32 = () => {
    const result = Math.imul(rotl(Math.imul(b, 5) >>> 0, 7), 9) >>> 0;
    const t = (b << 9) >>> 0;
    c = (c ^ a) >>> 0;
    d = (d ^ b) >>> 0;
    b = (b ^ c) >>> 0;
    a = (a ^ d) >>> 0;
    c = (c ^ t) >>> 0;
    d = rotl(d, 11);
    return result;
  };
  return {
    float: () => u32() / 2 ** 32,
    int: (bound) => Math.floor((u32() / 2 ** 32) * bound),
    bytes: (size) => {
      const out = new Uint8Array(size);
      for (let i = 0; i < size; i++) out[i] = u32() & 0xff;
      return out;
    },
  };
}
