// npm run bench -- [--rounds 3] [--seconds 4] [--only "kv put, dns A"] [--list]
//
// Starts our agent and, when CONSUL_BIN names one, a reference agent, afresh for every workload and round, one after the
// other, and prints the medians. PROCONSUL_BIN measures another build of ours. Absolute figures depend on the machine.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchAgent } from './agent.ts';
import type { Figure } from './load.ts';
import { chart, type Line, median, ratio, table } from './report.ts';
import { commandOf } from './shared.ts';
import { type Workload, workloads } from './workloads.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    list: { type: 'boolean', default: false },
    out: { type: 'string', default: 'bench/results' },
  },
});

const PORT_FIRST = 28_000;

interface Side {
  readonly name: 'ours' | 'reference';
  readonly command: readonly string[];
}

function sides(): Side[] {
  const ours = process.env['PROCONSUL_BIN'] || 'packages/cli/dist/proconsul.cjs';
  const found: Side[] = [{ name: 'ours', command: commandOf(ours) }];
  const reference = process.env['CONSUL_BIN'];
  if (reference) found.push({ name: 'reference', command: commandOf(reference) });
  return found;
}

/** Runs one workload on a fresh agent; undefined, with the reason printed, when it failed. */
async function measure(side: Side, workload: Workload, dir: string, port: number): Promise<Figure[] | undefined> {
  const agent = new BenchAgent(side.command, dir, port);
  try {
    await agent.start(workload.dev ?? false);
    return await workload.run(agent, Number(options.seconds) * 1000);
  } catch (error) {
    console.error(`  ${workload.name}, ${side.name}: FAILED: ${(error as Error).message}`);
    return undefined;
  } finally {
    await agent.stop();
    agent.remove();
  }
}

async function compare(
  workload: Workload,
  both: readonly Side[],
  folder: string,
  nextPort: () => number,
): Promise<Line[]> {
  const samples = new Map<string, Map<string, number[]>>();
  let shape: readonly Figure[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const side of both) {
      const found = await measure(side, workload, join(folder, `${side.name}-${round}`), nextPort());
      if (found === undefined) continue;
      shape = found;
      for (const figure of found) {
        const bySide = samples.get(figure.unit) ?? new Map<string, number[]>();
        samples.set(figure.unit, bySide);
        bySide.set(side.name, [...(bySide.get(side.name) ?? []), figure.value]);
      }
    }
  }
  return shape.map(({ unit, more }) => {
    const of = (name: string) => samples.get(unit)?.get(name);
    const reference = of('reference');
    return {
      workload: workload.name,
      unit,
      more,
      ours: median(of('ours') ?? []),
      reference: reference === undefined ? undefined : median(reference),
    };
  });
}

function save(lines: readonly Line[]): string {
  mkdirSync(options.out, { recursive: true });
  const at = new Date().toISOString();
  const file = join(options.out, `${at.replaceAll(':', '-').slice(0, 19)}.json`);
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memoryMib: Math.round(totalmem() / 2 ** 20) };
  const figures = lines.map((l) => ({ ...l, betterBy: ratio(l) }));
  const { rounds, seconds } = options;
  const whole = {
    at,
    commit,
    node: process.version,
    machine,
    rounds: Number(rounds),
    seconds: Number(seconds),
    figures,
  };
  writeFileSync(file, `${JSON.stringify(whole, null, 2)}\n`);
  return file;
}

const wanted = options.only.split(',').map((w) => w.trim());
const chosen = workloads.filter((w) => options.only === '' || wanted.some((word) => w.name.startsWith(word)));
if (options.list) {
  for (const w of workloads) console.log(w.name);
} else {
  const both = sides();
  if (both.length === 1) console.log('CONSUL_BIN names no reference agent: ours alone.');
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-bench-'));
  let port = PORT_FIRST;
  const nextPort = () => {
    port = port >= PORT_FIRST + 990 ? PORT_FIRST : port + 10;
    return port;
  };
  const lines: Line[] = [];
  try {
    for (const workload of chosen) {
      const found = await compare(workload, both, folder, nextPort);
      lines.push(...found);
      for (const l of found) console.log(table([l]).split('\n').at(-1));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\n${table(lines)}`);
  if (both.length === 2) console.log(`\nbetter than the reference by (bars to the right):\n\n${chart(lines)}`);
  console.log(`\nwritten to ${save(lines)}`);
}
