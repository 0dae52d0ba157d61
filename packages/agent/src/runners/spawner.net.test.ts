import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { RunContext } from './runner.ts';
import { runCommand } from './script.ts';
import { BUSY_RUNS_DEFAULT, HELPER_GRACE_MS, Spawner } from './spawner.ts';
import { realClock } from './testing/real-clock.ts';

let dir: string;
let entry: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spawner-'));
  entry = join(dir, 'helper.mjs');
  await build({
    stdin: {
      contents:
        "import { runCommandHere } from './script.ts'; import { runSpawner } from './spawner.ts';" +
        "import { realClock } from './testing/real-clock.ts'; runSpawner(realClock, runCommandHere);",
      resolveDir: import.meta.dirname,
      loader: 'ts',
    },
    outfile: entry,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
  });
});
afterAll(() => rmSync(dir, { recursive: true }));

let spawner: Spawner;
afterEach(() => spawner.stop());

function contextOf(timeoutMs = 5_000, signal = new AbortController().signal): RunContext {
  return { clock: realClock, signal, timeoutMs, outputMaxSize: 4096, tls: {}, dockerHost: '', spawner };
}
const sh = (script: string, context: RunContext) => runCommand('/bin/sh', ['-c', script], context);
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('few runs are started by the process itself, many by the helper, with the same results', async () => {
  spawner = new Spawner({ entry: [entry], busyRuns: 3 }, { clock: realClock });
  const parents: number[] = [];
  for (let n = 0; n < 4; n++) {
    const { status, output } = await sh('echo $PPID; exit 1', contextOf());
    expect(status).toBe('warning');
    parents.push(Number(output));
  }
  expect(parents.slice(0, 2)).toEqual([process.pid, process.pid]);
  expect(parents.slice(2)).toEqual([spawner.pid, spawner.pid]);
});

test('time limits and output limits hold in the helper', async () => {
  spawner = new Spawner({ entry: [entry], busyRuns: 0 }, { clock: realClock });
  const late = await sh('echo $$; sleep 60', contextOf(300));
  expect(late.status).toBe('critical');
  const pid = Number(/\d+\n*$/.exec(late.output.trimEnd())![0]);
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000 });
  const long = await sh('head -c 5000 /dev/zero | tr "\\0" x', contextOf());
  expect(long.output).toBe(`Captured 4096 of 5000 bytes\n...\n${'x'.repeat(4096)}`);
});

test('a run that is given up is killed', async () => {
  spawner = new Spawner({ entry: [entry], busyRuns: 0 }, { clock: realClock });
  const stop = new AbortController();
  const mark = join(dir, 'given-up');
  const run = sh(`sleep 0.4; touch ${mark}`, contextOf(60_000, stop.signal));
  setTimeout(() => stop.abort(), 150);
  expect((await run).status).toBe('critical');
  await new Promise((done) => setTimeout(done, 500));
  expect((await import('node:fs')).existsSync(mark)).toBe(false);
});

test('when the helper dies, what it was doing is done again here, and so is the next', async () => {
  spawner = new Spawner({ entry: [entry], busyRuns: 0 }, { clock: realClock });
  await sh('true', contextOf());
  const helper = spawner.pid!;
  const run = sh('sleep 0.2; echo $PPID', contextOf());
  await new Promise((done) => setTimeout(done, 50));
  process.kill(helper, 'SIGKILL');
  expect(await run).toEqual({ status: 'passing', output: `${process.pid}\n` });
  expect((await sh('echo $PPID', contextOf())).output).toBe(`${process.pid}\n`);
});

test('a helper that cannot be started is no problem', async () => {
  spawner = new Spawner({ entry: [join(dir, 'nosuch.mjs')], busyRuns: 0 }, { clock: realClock });
  expect((await sh('echo $PPID', contextOf())).output).toBe(`${process.pid}\n`);
});

test('the helper ends with the agent, not by signals that are meant for it', async () => {
  spawner = new Spawner({ entry: [entry], busyRuns: 0 }, { clock: realClock });
  await sh('true', contextOf());
  const helper = spawner.pid!;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(helper, signal);
  expect((await sh('echo $PPID', contextOf())).output).toBe(`${helper}\n`);
  spawner.stop();
  await vi.waitFor(() => expect(isAlive(helper)).toBe(false), { timeout: HELPER_GRACE_MS });
});

test('runs are counted in windows of time', () => {
  let now = 0;
  const clock = { now: () => now, wallMs: () => now, after: () => ({ cancel() {} }) };
  spawner = new Spawner({ entry: [] }, { clock });
  const runs = (count: number) => Array.from({ length: count }, () => spawner.isBusy()).filter(Boolean).length;
  expect(runs(BUSY_RUNS_DEFAULT - 1)).toBe(0);
  expect(runs(10)).toBe(10);
  now = 12_000;
  expect(runs(5)).toBe(5);
  now = 24_000;
  expect(runs(5)).toBe(0);
});
