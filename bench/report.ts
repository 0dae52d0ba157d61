/** One line of the table: the medians of a figure on both sides. */
export interface Line {
  readonly workload: string;
  readonly unit: string;
  readonly more: boolean;
  readonly ours: number;
  /** Undefined when there was nothing to compare with. */
  readonly reference: number | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** How many times better ours is; undefined without both figures. */
export function ratio({ ours, reference, more }: Line): number | undefined {
  if (reference === undefined || ours <= 0 || reference <= 0) return undefined;
  return more ? ours / reference : reference / ours;
}

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);

export function table(lines: readonly Line[]): string {
  const compared = lines.some((l) => l.reference !== undefined);
  const rows = lines.map((l) => {
    const better = ratio(l);
    const row = [l.workload, l.unit, number(l.ours)];
    if (compared) row.push(l.reference === undefined ? '' : number(l.reference), better ? `${better.toFixed(2)}x` : '');
    return row;
  });
  const head = ['workload', 'figure', 'ours', ...(compared ? ['reference', 'better by'] : [])];
  const widths = head.map((h, n) => Math.max(h.length, ...rows.map((r) => r[n]?.length ?? 0)));
  const text = (row: readonly string[]) =>
    row
      .map((cell, n) => (n < 2 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)))
      .join('  ')
      .trimEnd();
  return [text(head), widths.map((w) => '-'.repeat(w)).join('  '), ...rows.map(text)].join('\n');
}

const LEFT = 12;
const RIGHT = 44;
const CELLS_PER_DOUBLING = 8;

/** Bars from the line where both are equal: to the right better, to the left worse, eight cells for each doubling. */
export function chart(lines: readonly Line[]): string {
  const shown = lines.filter((l) => ratio(l) !== undefined);
  const name = (l: Line) => `${l.workload}: ${l.unit}`;
  const width = Math.max(0, ...shown.map((l) => name(l).length));
  return shown
    .map((l) => {
      const better = ratio(l) as number;
      const cells = Math.round(Math.log2(better) * CELLS_PER_DOUBLING);
      const left = '▒'.repeat(Math.min(LEFT, Math.max(0, -cells))).padStart(LEFT);
      const right = '█'.repeat(Math.min(RIGHT, Math.max(0, cells)));
      return `${name(l).padEnd(width)} ${left}│${right} ${better.toFixed(2)}x`;
    })
    .join('\n');
}
