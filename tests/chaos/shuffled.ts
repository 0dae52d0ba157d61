/** The same in another order. */
export function shuffled<T>(random: () => number, of: readonly T[]): T[] {
  const out = [...of];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}
