// npm run fuzz -- [--target NAME[,NAME]] [--seed N] [--runs N] [--scale F] [--workers N] [--list] [--keep]
//
// Attacks every parser, each in a worker thread, and prints a table. Exit code 1 when anything was found.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { addRegression } from './corpus.ts';
import type { Finding } from './engine.ts';
import { attack, measure, type Outcome } from './pool.ts';
import { bytesAsLiteral, type Row, summaryLine, tableOf } from './report.ts';
import { RUNS, TASK_MS_MAX } from './target.ts';
import { targets } from './targets/index.ts';
import { work } from './worker.ts';

/** A finding is only what takes so many times the goal: on a busy machine everything takes longer. The table shows all figures. */
const LATE_FACTOR = 2;

const { values: options } = parseArgs({
  options: {
    target: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '' },
    scale: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    list: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const names = options.target === '' ? [] : options.target.split(',');
  const unknown = names.filter((n) => !targets.some((t) => t.name === n));
  if (unknown.length > 0) {
    console.error(`no target ${unknown.join(', ')}; there are: ${targets.map((t) => t.name).join(', ')}`);
    return 2;
  }
  const chosen = targets.filter((t) => names.length === 0 || names.includes(t.name));
  if (options.list) {
    for (const t of chosen) console.log(`${t.name.padEnd(22)} ${t.reads}`);
    return 0;
  }
  const seed = Number(options.seed);
  const runsOf = (runs: number): number =>
    options.runs === '' ? Math.ceil(runs * Number(options.scale)) : Number(options.runs);
  const tasks = chosen.map((t) => ({ name: t.name, seed, runs: runsOf(t.runs ?? RUNS) }));
  const startedAt = performance.now();
  const outcomes = await attack(tasks, Number(options.workers), (outcome) => console.log(summaryLine(outcome)));
  outcomes.sort((a, b) => a.name.localeCompare(b.name));
  const rows = await measured(outcomes);
  console.log(`\n${tableOf(rows)}`);
  for (const row of rows) report(row, seed);
  const failed = rows.filter((o) => o.findings.length > 0).length;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`\n${seconds} s, seed ${seed}\n${outcomes.length - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

/** With the time that the slowest inputs take when nothing is counted (R20). */
async function measured(outcomes: readonly Outcome[]): Promise<Row[]> {
  const plain = process.env['FUZZ_PLAIN_BUNDLE'] ?? '';
  const lists = outcomes.flatMap((o) => [
    { name: o.name, inputs: o.slow },
    { name: o.name, inputs: o.stretched },
  ]);
  const times = await measure(plain, lists);
  return outcomes.map((o, i) => {
    const slowest = times[2 * i]!;
    const stretched = times[2 * i + 1]!;
    const limitMs = targets.find((t) => t.name === o.name)?.taskMsMax ?? LATE_FACTOR * TASK_MS_MAX;
    const late: Finding[] = [slowest, stretched]
      .filter((m) => m.ms > limitMs)
      .map(({ ms, bytes }) => ({
        key: 'slow',
        message: `${bytes.length} bytes take ${ms.toFixed(1)} ms`,
        stack: '',
        bytes,
      }));
    return { ...o, slowest, stretchedSlowest: stretched, findings: [...o.findings, ...late] };
  });
}

function report(outcome: Outcome, seed: number): void {
  for (const finding of outcome.findings) {
    console.log(`\n${outcome.name}: ${finding.message}\n${finding.stack}\ninput: ${bytesAsLiteral(finding.bytes)}`);
    console.log(`again: npm run fuzz -- --target ${outcome.name} --seed ${seed} --runs ${outcome.runs}`);
    if (options.keep) addRegression(join('fuzz', 'corpus'), outcome.name, finding.bytes, finding.key);
  }
}

if (isMainThread) process.exitCode = await main();
else await work();
