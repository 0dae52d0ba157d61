// npm run chaos -- [--kinds a,b] [--seeds N] [--seed N] [--servers 3|5] [--seconds S] [--minutes M] [--keep] [--plant FAULT] [--list]
import { createWriteStream, mkdtempSync, rmSync, type WriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { programMissing } from '../e2e/harness.ts';
import { type ChaosResult, runChaos } from './chaos-run.ts';
import { must } from './commands.ts';
import { Disks } from './disks.ts';
import { enter, freezer, WISHES_FD, whereAmI } from './enter.ts';
import type { Kind } from './kind.ts';
import { KINDS, missing, NOT_HERE } from './kinds.ts';
import { Links } from './links.ts';
import { OwnPause } from './own-pause.ts';
import { summary } from './summary.ts';
import { LoopbackWorld, NamespaceWorld, type World } from './world.ts';

const { values: options } = parseArgs({
  options: {
    kinds: { type: 'string', default: '' },
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    servers: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '240' },
    list: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

const FOLDER = 'PROCONSUL_CHAOS_FOLDER';

/** Words of `--kinds`: names, or beginnings of names. */
function chosen(): readonly Kind[] {
  const words = options.kinds.split(',').filter((w) => w !== '');
  const found = KINDS.filter((k) => words.length === 0 || words.some((w) => k.name === w));
  const unknown = words.filter((w) => !KINDS.some((k) => k.name === w));
  if (unknown.length > 0) throw new Error(`no such kind: ${unknown}; --list names them all`);
  return found;
}

async function main(): Promise<number> {
  if (options.list) {
    for (const { name, what } of KINDS) console.log(`${name.padEnd(18)} ${what}`);
    for (const { name, why } of NOT_HERE) console.log(`${name.padEnd(18)} not here: ${why}`);
    return 0;
  }
  const absent = programMissing();
  if (absent !== undefined) throw new Error(absent);
  chosen();
  const where = await whereAmI();
  if (where.kind === 'inside') return await runAll(undefined, process.env[FOLDER] as string);
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-chaos-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  if (where.kind !== 'loopback') return await enter({ [FOLDER]: folder });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  return await runAll(where.why, folder);
}

async function runAll(loopback: string | undefined, folder: string): Promise<number> {
  // Agents make their folders there; it goes with this program.
  process.env['TMPDIR'] = folder;
  const lacking = loopback === undefined ? await enterWorld() : await missing(loopback);
  const results: ChaosResult[] = [];
  const skipped = NOT_HERE.map(({ name, why }) => `${name}: ${why}`);
  const end = performance.now() + Number(options.minutes) * 60_000;
  for (const kind of chosen()) {
    const why = kind.needs.map((n) => lacking.get(n)).find((w) => w !== undefined);
    if (why !== undefined) skipped.push(`${kind.name}: ${why}`);
    else {
      for (let n = 0; n < Number(options.seeds) && performance.now() < end; n++) {
        results.push(await counted(kind, Number(options.seed) + n, loopback === undefined, folder));
      }
    }
  }
  const wrong = results.reduce((sum, r) => sum + r.wrong.length, 0);
  console.log(`\n${summary(results)}`);
  for (const text of skipped) console.log(`skipped: ${text}`);
  console.log(`${results.length} runs of ${new Set(results.map((r) => r.kind)).size} kinds, ${wrong} violations`);
  console.log(`${skipped.length} kinds skipped`);
  return wrong === 0 ? 0 : 1;
}

/** Makes these namespaces ours: nothing of what is put there stays when this process is gone. */
async function enterWorld(): Promise<Awaited<ReturnType<typeof missing>>> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  await must('mount', '-t', 'tmpfs', 'tmpfs', '/run');
  await must('mkdir', '-p', '/run/netns');
  return await missing(undefined);
}

let worlds = 0;
let wishes: WriteStream | undefined;

async function worldOf(kind: Kind, isNamespaced: boolean, folder: string): Promise<World> {
  if (!isNamespaced) return new LoopbackWorld();
  wishes ??= createWriteStream('', { fd: WISHES_FD, autoClose: false });
  const disks = kind.needs.includes('disks') ? new Disks(freezer(wishes)) : undefined;
  return new NamespaceWorld(join(folder, `world-${++worlds}`), await Links.open(), disks);
}

/** Somebody may stop everything from outside for so long without spoiling a run. */
const OWN_PAUSE_MAX_MS = 2_000;
const ATTEMPTS = 4;

/** One run; again when this program stood still meanwhile and found something. */
async function counted(kind: Kind, seed: number, isNamespaced: boolean, folder: string): Promise<ChaosResult> {
  for (let attempt = 1; ; attempt++) {
    const result = await one(kind, seed, isNamespaced, folder);
    if (result.wrong.length === 0 || result.ownPauseMs < OWN_PAUSE_MAX_MS || attempt === ATTEMPTS) return result;
    console.log(`    not counted: this program stood still for ${Math.round(result.ownPauseMs)} ms; once more`);
  }
}

async function one(kind: Kind, seed: number, isNamespaced: boolean, folder: string): Promise<ChaosResult> {
  const world = await worldOf(kind, isNamespaced, folder);
  const servers = Number(options.servers);
  const ownPause = new OwnPause();
  try {
    const from = performance.now();
    const result = await runChaos({ kind, seed, servers, seconds: Number(options.seconds), world });
    const { wrong, gapMs, noticedMs, wholeMs, writes, operations } = result;
    const noticed = noticedMs.length === 0 ? '' : `, noticed after ${noticedMs.map(Math.round)} ms`;
    console.log(
      `${kind.name} seed ${seed}, ${servers} servers: ${wrong.length === 0 ? 'ok' : 'WRONG'} in ` +
        `${Math.round((performance.now() - from) / 1000)} s: ${writes} writes and ${operations} other operations, ` +
        `none for ${Math.round(gapMs)} ms, whole after ${Math.round(wholeMs)} ms${noticed}`,
    );
    if (wrong.length > 0 || options.keep) explain(result);
    return result;
  } catch (error) {
    const why = `no cluster: ${(error as Error).stack}`;
    console.log(`${kind.name} seed ${seed}, ${servers} servers: ${why}`);
    return { ...NOTHING, kind: kind.name, seed, servers, wrong: [why], ownPauseMs: ownPause.end() };
  } finally {
    ownPause.end();
    await world.close();
  }
}

/** A run that never began. */
const NOTHING = {
  gapMs: 0,
  staleGapMs: 0,
  noticedMs: [],
  ownPauseMs: 0,
  wholeMs: 0,
  writes: 0,
  operations: 0,
  keep: () => {},
};

/** More of them say no more. */
const SHOWN_MAX = 8;

function explain(result: ChaosResult): void {
  const { kind, seed, servers, wrong } = result;
  for (const text of wrong.slice(0, SHOWN_MAX)) console.log(`    ${text}`);
  if (wrong.length > SHOWN_MAX) console.log(`    and ${wrong.length - SHOWN_MAX} more`);
  // Beside the folder of this run, which goes with it.
  const kept = mkdtempSync(join(process.env['TMPDIR'] as string, '..', `proconsul-chaos-${kind}-${seed}-`));
  result.keep(kept);
  console.log(`    logs and histories: ${kept}`);
  console.log(
    `    again: npm run chaos -- --kinds ${kind} --seed ${seed} --servers ${servers} --seconds ${options.seconds}`,
  );
}

let code = 1;
try {
  code = await main();
} catch (error) {
  console.error(error);
}
// Whatever a run that broke off has left behind keeps nobody waiting.
process.exit(code);
