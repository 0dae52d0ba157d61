// npm run chaos -- [--kinds a,b] [--seeds N] [--seed N] [--servers 3|5] [--together N] [--seconds S] [--minutes M] [--keep] [--plant FAULT]
//   [--list]
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
import { type Episode, order } from './order.ts';
import { OwnPause } from './own-pause.ts';
import { summary } from './summary.ts';
import { LoopbackWorld, NamespaceWorld, type World } from './world.ts';

const { values: options } = parseArgs({
  options: {
    kinds: { type: 'string', default: '' },
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    servers: { type: 'string', default: '3' },
    together: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '240' },
    list: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});

const FOLDER = 'PROCONSUL_CHAOS_FOLDER';

/** As `--kinds` names them, in that order; all without it. */
function chosen(): readonly Kind[] {
  const words = options.kinds.split(',').filter((w) => w !== '');
  if (words.length === 0) return KINDS;
  return words.map((word) => {
    const found = KINDS.find((k) => k.name === word);
    if (found === undefined) throw new Error(`no such kind: ${word}; --list names them all`);
    return found;
  });
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
  const skipped = NOT_HERE.map(({ name, why }) => `${name}: ${why}`);
  const reason = (kind: Kind) => kind.needs.map((n) => lacking.get(n)).find((why) => why !== undefined);
  for (const kind of chosen()) if (reason(kind) !== undefined) skipped.push(`${kind.name}: ${reason(kind)}`);
  const results: ChaosResult[] = [];
  const end = performance.now() + Number(options.minutes) * 60_000;
  const chains = order({
    kinds: chosen().filter((kind) => reason(kind) === undefined),
    seeds: Array.from({ length: Number(options.seeds) }, (_, n) => Number(options.seed) + n),
    together: Number(options.together),
    isOrdered: options.kinds !== '',
  });
  for (const chain of chains) {
    if (performance.now() < end) results.push(...(await counted(chain, loopback === undefined, folder)));
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

async function worldOf(chain: readonly Episode[], isNamespaced: boolean, folder: string): Promise<World> {
  if (!isNamespaced) return new LoopbackWorld();
  wishes ??= createWriteStream('', { fd: WISHES_FD, autoClose: false });
  const disks = chain.some(({ kind }) => kind.needs.includes('disks')) ? new Disks(freezer(wishes)) : undefined;
  return new NamespaceWorld(join(folder, `world-${++worlds}`), await Links.open(), disks);
}

/** Somebody may stop everything from outside for so long without spoiling a run. */
const OWN_PAUSE_MAX_MS = 2_000;
const ATTEMPTS = 4;

/** All of a chain, on as many clusters as it takes: a further one after each that something was found on. */
async function counted(chain: readonly Episode[], isNamespaced: boolean, folder: string): Promise<ChaosResult[]> {
  const results: ChaosResult[] = [];
  for (let attempt = 1; results.length < chain.length; ) {
    const done = await one(chain.slice(results.length), isNamespaced, folder);
    const last = done.at(-1) as ChaosResult;
    const isSpoilt = last.wrong.length > 0 && last.ownPauseMs >= OWN_PAUSE_MAX_MS;
    if (isSpoilt && attempt < ATTEMPTS) {
      console.log(`    not counted: this program stood still for ${Math.round(last.ownPauseMs)} ms; once more`);
      done.pop();
      attempt++;
    } else attempt = 1;
    results.push(...done);
  }
  return results;
}

/** One cluster. The last result may be a violation. */
async function one(chain: readonly Episode[], isNamespaced: boolean, folder: string): Promise<ChaosResult[]> {
  const world = await worldOf(chain, isNamespaced, folder);
  const [servers, seconds] = [Number(options.servers), Number(options.seconds)];
  const ownPause = new OwnPause();
  try {
    const results = await runChaos({ episodes: chain, servers, seconds, world, onResult: tell });
    const last = results.at(-1) as ChaosResult;
    if (last.wrong.length > 0 || options.keep) explain(last, chain.slice(0, results.length));
    return results;
  } catch (error) {
    const wrong = [`no cluster: ${(error as Error).stack}`];
    const { kind, seed } = chain[0] as Episode;
    console.log(`${kind.name} seed ${seed}, ${servers} servers: ${wrong}`);
    return [{ ...NOTHING, kind: kind.name, seed, servers, wrong, ownPauseMs: ownPause.end() }];
  } finally {
    ownPause.end();
    await world.close();
  }
}

function tell(result: ChaosResult): void {
  const { kind, seed, servers, wrong, wallMs, gapMs, noticedMs, wholeMs, writes, operations, deaths } = result;
  const noticed = noticedMs.length === 0 ? '' : `, noticed after ${noticedMs.map(Math.round)} ms`;
  const died = deaths.map((d) => `${Math.round(d.leaderlessMs)} (${Math.round(d.starvedMs)})`);
  console.log(
    `${kind} seed ${seed}, ${servers} servers: ${wrong.length === 0 ? 'ok' : 'WRONG'} in ` +
      `${Math.round(wallMs / 1000)} s: ${writes} writes and ${operations} other operations, ` +
      `none for ${Math.round(gapMs)} ms, whole after ${Math.round(wholeMs)} ms${noticed}` +
      (died.length === 0 ? '' : `, no leader for ${died} ms`),
  );
}

/** A run that never began. */
const NOTHING = {
  gapMs: 0,
  staleGapMs: 0,
  noticedMs: [],
  deaths: [],
  powerCuts: 0,
  wholeMs: 0,
  wallMs: 0,
  writes: 0,
  operations: 0,
  keep: () => {},
};

/** More of them say no more. */
const SHOWN_MAX = 8;

function explain(result: ChaosResult, chain: readonly Episode[]): void {
  const { kind, seed, servers, wrong } = result;
  for (const text of wrong.slice(0, SHOWN_MAX)) console.log(`    ${text}`);
  if (wrong.length > SHOWN_MAX) console.log(`    and ${wrong.length - SHOWN_MAX} more`);
  // Beside the folder of this run, which goes with it.
  const kept = mkdtempSync(join(process.env['TMPDIR'] as string, '..', `proconsul-chaos-${kind}-${seed}-`));
  result.keep(kept);
  console.log(`    logs and histories: ${kept}`);
  console.log(
    `    again: npm run chaos -- --kinds ${chain.map((e) => e.kind.name)} --seed ${seed} --servers ${servers} ` +
      `--together ${chain.length} --seconds ${options.seconds}`,
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
