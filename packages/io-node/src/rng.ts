import { randomBytes, randomFillSync } from 'node:crypto';
import { invariant, type Rng } from '@proconsul/base';

/** Random words are drawn from the system in batches of this size. */
const POOL_WORDS = 1024;
const pool = new Uint32Array(POOL_WORDS);
let used = POOL_WORDS;

function u32(): number {
  if (used === POOL_WORDS) {
    randomFillSync(pool);
    used = 0;
  }
  return pool[used++]!;
}

/** Randomness of cryptographic quality from the operating system. */
export const systemRng: Rng = {
  float: () => (u32() * 2 ** 21 + (u32() >>> 11)) / 2 ** 53,
  int(bound) {
    invariant(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, 'bound of a random integer');
    // Words above the last whole multiple of `bound` would favour small results: draw again.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const word = u32();
      if (word < limit) return word % bound;
    }
  },
  bytes: (size) => new Uint8Array(randomBytes(size)),
};
