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
  return [...all.map(line), ...deaths(results)].join('\n');
}

/** A death in which nobody waited longer for a processor tells of the program, not of the machine. */
const STARVED_MS_MAX = 100;

/** How often leaders died or all lost their power, and how long nobody wrote after the death of a leader. */
function deaths(results: readonly ChaosResult[]): string[] {
  const all = results.flatMap((r) => r.deaths);
  const calm = all.filter((d) => d.starvedMs <= STARVED_MS_MAX);
  const cuts = results.reduce((sum, r) => sum + r.powerCuts, 0);
  return [
    ...(cuts === 0 ? [] : [`${cuts} power cuts of all servers`]),
    ...(all.length === 0 ? [] : [`${all.length} leaders killed, the first write after ${times(all)}`]),
    ...(calm.length === 0 ? [] : [`${calm.length} of them while no server waited for a processor: ${times(calm)}`]),
  ];
}

function times(of: ChaosResult['deaths']): string {
  const sorted = of.map((d) => d.leaderlessMs).sort((a, b) => a - b);
  const at = (q: number) => ms(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] as number);
  return `p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, max ${at(1)} ms`;
}

const ms = (value: number): string => String(Math.round(value));
