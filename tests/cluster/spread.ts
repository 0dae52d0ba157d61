/** How times in milliseconds are spread, in seconds, for people. */
export function spread(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): string =>
    ((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) / 1000).toFixed(2);
  return `p50 ${at(0.5)} s, least ${at(0)} s, p90 ${at(0.9)} s, most ${at(1)} s`;
}
