/** Attempts to make one input smaller. */
const ATTEMPTS_MAX = 3000;

/** A smaller input for which `stillFails` holds: pieces taken out, then bytes made plain. Source: delta debugging (Zeller 2002). */
export async function minimise(
  bytes: Uint8Array,
  stillFails: (bytes: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let attempts = 0;
  let best = bytes;
  const tryOut = async (candidate: Uint8Array): Promise<boolean> => {
    if (attempts++ >= ATTEMPTS_MAX || !(await stillFails(candidate))) return false;
    best = candidate;
    return true;
  };
  if (!(await stillFails(bytes))) return bytes;
  for (let width = best.length >> 1; width >= 1; width >>= 1) {
    for (let at = 0; at < best.length && attempts < ATTEMPTS_MAX; ) {
      const without = Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + width)]);
      if (!(await tryOut(without))) at += width;
    }
  }
  for (let at = 0; at < best.length && attempts < ATTEMPTS_MAX; at++) {
    for (const plain of [0, 0x30, 0x61]) {
      if (best[at] === plain) break;
      const candidate = best.slice();
      candidate[at] = plain;
      if (await tryOut(candidate)) break;
    }
  }
  return best;
}
