/**
 * A table without borders: cells padded to the widest of their column, `gap` between columns, the last cell of a row as
 * it is. No newline at the end.
 */
export function columns(rows: readonly (readonly string[])[], gap = '  '): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
    });
  }
  return rows
    .map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i]!))).join(gap))
    .join('\n');
}

/** Characters, not UTF-16 units. */
const displayWidth = (text: string): number => [...text].length;

const pad = (text: string, width: number): string => text + ' '.repeat(width - displayWidth(text));
