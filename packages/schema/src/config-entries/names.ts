/** Field names are compared without regard to case and to underscores: `ca_file` is `CAFile`. */
export function plainName(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '') : lower;
}
