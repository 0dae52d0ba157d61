// CONSUL_BIN=... npm run alike:cli -- [--only TEXT] [--world 0,1,2,3] [--verbose]
// Runs the same command lines with our program and with the one of the reference against the same agent - nobody, one of the
// reference, one of ours, one of the reference with ACLs - and shows where exit code, standard output or standard error differ.
// `--only` takes sections whose title matches, or lines that have the text.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { program, root } from '../../e2e/program.ts';
import { real } from '../reference.ts';
import { alike, type Outcome } from './alike.ts';
import { type Line, sections } from './lines.ts';
import { nobody, pair, type World, withAcls } from './world.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    world: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const LINE_LIMIT_MS = 30_000;
/** How much of an output is shown where it differs. */
const CONTEXT = 200;
const OURS = program().join(' ');
const THEIRS = real.join(' ');

/** Runs a line for `sh` in a folder; a line that does not end in time is killed with all that it started. */
function runLine(line: string, words: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Outcome> {
  const script = line.replaceAll(/\$CONSUL(?!_)/g, words);
  const { CONSUL_BIN: _, ...outer } = process.env;
  const child = spawn('sh', ['-c', script], {
    cwd,
    env: { ...outer, ...env, CHECKOUT: root, SHELL: '/bin/sh', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const timer = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), LINE_LIMIT_MS);
  const parts: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout.on('data', (part) => parts.stdout.push(part));
  child.stderr.on('data', (part) => parts.stderr.push(part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({
        status,
        stdout: Buffer.concat(parts.stdout).toString(),
        stderr: Buffer.concat(parts.stderr).toString(),
      });
    });
  });
}

/** Each line of a section in turn, by one program, in a folder of its own, against an agent that holds nothing. */
async function runLines(lines: readonly Line[], words: string, world: World): Promise<Outcome[]> {
  await world.reset();
  const folder = mkdtempSync(join(tmpdir(), 'lines-'));
  try {
    const outcomes: Outcome[] = [];
    for (const { text, effect } of lines) {
      const once = () => runLine(text, effect ? THEIRS : words, folder, world.env);
      const outcome = await once();
      // A process may hang before its program begins where the machine has too much to do.
      outcomes.push(outcome.status === null ? await once() : outcome);
    }
    return outcomes.map((outcome) => {
      const { status, stdout, stderr } = alike(outcome);
      const local = (out: string) => out.replaceAll(folder, 'FOLDER').replaceAll(world.env['HOST'] ?? '', 'HOST');
      return { status, stdout: local(stdout), stderr: local(stderr) };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where two texts part, with a little of what stands before and after. */
function parting(theirs: string, ours: string): string[] {
  let at = 0;
  while (theirs[at] === ours[at]) at++;
  const from = Math.max(0, theirs.lastIndexOf('\n', at - 1) + 1 - CONTEXT / 2);
  const cut = (text: string) => (from > 0 ? '...' : '') + JSON.stringify(text.slice(from, at + CONTEXT));
  return [`theirs ${cut(theirs)}`, `ours   ${cut(ours)}`];
}

function show(world: World, line: string, ours: Outcome, theirs: Outcome): void {
  console.log(`\n${world.name}: ${line}`);
  if (ours.status !== theirs.status) console.log(`   status theirs ${theirs.status} ours ${ours.status}`);
  for (const part of ['stdout', 'stderr'] as const) {
    if (ours[part] !== theirs[part])
      for (const text of parting(theirs[part], ours[part])) console.log(`   ${part} ${text}`);
  }
}

const counts = { lines: 0, otherwise: 0 };

async function compare(world: World): Promise<void> {
  for (const section of sections()) {
    if (!world.holds.has(section.against)) continue;
    const whole = options.only === undefined || new RegExp(options.only).test(section.title);
    const lines = section.lines.filter(({ text, effect }) => whole || effect || text.includes(options.only as string));
    if (!whole && lines.every(({ effect }) => effect)) continue;
    console.error(`${world.name}: ${section.title}`);
    const theirs = await runLines(lines, THEIRS, world);
    const ours = await runLines(lines, OURS, world);
    for (const [i, { text, effect }] of lines.entries()) {
      if (effect) continue;
      counts.lines++;
      if (options.verbose) console.log(`${world.name}: ${text} => ${JSON.stringify(theirs[i])}`);
      if (isDeepStrictEqual(ours[i], theirs[i])) continue;
      counts.otherwise++;
      show(world, text, ours[i] as Outcome, theirs[i] as Outcome);
    }
  }
}

// Agents end with the program.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
const worlds: readonly (() => Promise<World>)[] = [
  async () => nobody,
  () => pair('reference'),
  () => pair('ours'),
  withAcls,
];
for (const [i, make] of worlds.entries()) {
  if (options.world !== undefined && !options.world.split(',').includes(String(i))) continue;
  const world = await make();
  try {
    await compare(world);
  } finally {
    await world.stop();
  }
}
console.log(`\n${counts.lines} lines, ${counts.otherwise} otherwise`);
if (counts.otherwise > 0) process.exitCode = 1;
