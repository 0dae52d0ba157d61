import { hex } from '@proconsul/base';
import type { Outcome } from './pool.ts';
import type { Measured } from './worker.ts';

export interface Row extends Outcome {
  readonly slowest: Measured;
  readonly stretchedSlowest: Measured;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const time = ({ ms, bytes }: Measured): string => `${ms.toFixed(2)} ms, ${bytes.length} B`;
const rate = (o: Outcome): number => Math.round(o.executions / Math.max(1e-3, o.elapsedMs / 1000));

export function summaryLine(o: Outcome): string {
  const found = o.findings.length === 0 ? '' : `  ${o.findings.length} FINDINGS`;
  return `${o.name.padEnd(22)} ${seconds(o.elapsedMs).padStart(8)} ${String(rate(o)).padStart(8)}/s${found}`;
}

/** As Markdown, for the documentation. */
export function tableOf(outcomes: readonly Row[]): string {
  const rows = outcomes.map((o) => [
    o.name,
    o.executions.toLocaleString('en'),
    `${Math.round((100 * o.accepted) / Math.max(1, o.executions))} %`,
    o.branches.toLocaleString('en'),
    o.corpus.toLocaleString('en'),
    seconds(o.elapsedMs),
    time(o.slowest),
    time(o.stretchedSlowest),
    String(o.findings.length),
    o.digest,
  ]);
  const head = [
    'target',
    'executions',
    'taken',
    'branches',
    'corpus',
    'time',
    'slowest',
    'stretched',
    'findings',
    'digest',
  ];
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n');
}

export function bytesAsLiteral(bytes: Uint8Array): string {
  const isText = bytes.every((b) => b === 9 || b === 10 || b === 13 || (b >= 32 && b < 127));
  const shown = bytes.subarray(0, 400);
  const more = bytes.length > shown.length ? ` ... (${bytes.length} bytes)` : '';
  return (isText ? JSON.stringify(String.fromCharCode(...shown)) : hex(shown)) + more;
}
