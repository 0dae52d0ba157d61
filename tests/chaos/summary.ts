import { median } from '../../bench/report.ts';
import type { ChaosResult } from './chaos-run.ts';

const HEAD = ['kind', 'runs', 'violations', 'gap p50', 'gap max', 'stale max', 'noticed p50', 'whole max'];

/** A line for each kind: what was run and found, and times in milliseconds. */
export function summary(results: readonly ChaosResult[]): string {
  const rows = [...new Set(results.map((r) => r.kind))].map((kind) => {
    const runs = results.filter((r) => r.kind === kind);
    const gaps = runs.map((r) => r.gapMs);
    const noticed = runs.flatMap((r) => r.noticedMs);
    return [
      kind,
      String(runs.length),
      String(runs.reduce((sum, r) => sum + r.wrong.length, 0)),
      ms(median(gaps)),
      ms(Math.max(...gaps)),
      ms(Math.max(...runs.map((r) => r.staleGapMs))),
      noticed.length === 0 ? '' : ms(median(noticed)),
      ms(Math.max(...runs.map((r) => r.wholeMs))),
    ];
  });
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, n) => Math.max(...all.map((row) => (row[n] as string).length)));
  const line = (row: readonly string[]) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] as number) : cell.padStart(widths[n] as number))).join('  ');
  return all.map(line).join('\n');
}

const ms = (value: number): string => String(Math.round(value));
