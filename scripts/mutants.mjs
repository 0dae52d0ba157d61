// `npm run sim -- --mutants`: plants one fault after the other into the product's source (packages/sim/src/mutants.ts), builds the
// simulation with it, and counts the seeds until it is found. Exit code 1 when one is not. Further words: only mutants whose names
// contain one of them, or whose simulation begins so (cores, disk, agents). `--markdown` prints the table of docs/reliability.md.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { moduleOptions, root } from './lib.mjs';

/** A mutant that does not finish a seed in this time hangs: found. */
const SEED_TIMEOUT_MS = 120_000;

const folder = join(root, 'node_modules/.cache/mutants');

/** Builds the simulation, with `mutant` when there is one. Path of the module. */
export async function buildSimulation(name, mutant) {
  const isOfAgents = mutant?.run.startsWith('agents');
  const { build } = await import('esbuild');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${name}-${process.pid}.mjs`);
  await build({
    ...moduleOptions,
    entryPoints: [join(root, isOfAgents ? 'packages/sim/src/agents/agents-run.ts' : 'packages/sim/src/index.ts')],
    outfile,
    sourcemap: false,
    logLevel: 'error',
    plugins: mutant ? [planting(mutant)] : [],
  });
  return outfile;
}

/** Plants `mutant` into whatever is bundled; for esbuild. */
export function planting(mutant) {
  const target = join(root, 'packages/raft/src', mutant.file);
  return {
    name: 'plant',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== target) return undefined;
        return { contents: mutated(readFileSync(path, 'utf8'), mutant), loader: 'ts' };
      });
    },
  };
}

/** The text with the fault in it. Throws when the place is not there exactly once. */
export function mutated(text, { name, file, find, replace }) {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`mutant "${name}": its text stands ${parts.length - 1} times in ${file}`);
  return parts.join(replace);
}

/** Seeds until the fault is found (0: not found), and what was seen. */
function hunt(module, run, seedsMax) {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./mutant-worker.mjs', import.meta.url), {
      workerData: { module: pathToFileURL(module).href, run, seedsMax },
    });
    let timer;
    const done = (result) => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(result);
    };
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => done({ seeds: -1, why: 'hangs' }), SEED_TIMEOUT_MS);
    };
    watch();
    worker.on('message', (message) => (message.seeds === undefined ? watch() : done(message)));
    worker.once('error', (error) => done({ seeds: -1, why: String(error) }));
  });
}

/** What packages/sim/src/mutants.ts exports. */
export async function loadMutants() {
  const { build } = await import('esbuild');
  const list = join(folder, `list-${process.pid}.mjs`);
  await build({
    entryPoints: [join(root, 'packages/sim/src/mutants.ts')],
    outfile: list,
    bundle: true,
    format: 'esm',
    logLevel: 'error',
  });
  const loaded = await import(pathToFileURL(list).href);
  rmSync(list);
  return loaded;
}

async function main(words) {
  const isMarkdown = words.includes('--markdown');
  const names = words.filter((w) => !w.startsWith('--'));
  const { MUTANTS, seedsMaxOf } = await loadMutants();
  const chosen = MUTANTS.filter(
    (m) => names.length === 0 || names.some((n) => m.name.includes(n) || m.run.startsWith(n)),
  );
  const results = new Map();
  const queue = [...chosen.entries()];
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [i, mutant] = next;
      const module = await buildSimulation(`mutant-${i}`, mutant);
      const startedAt = Date.now();
      const result = await hunt(module, mutant.run, seedsMaxOf(mutant));
      rmSync(module, { force: true });
      results.set(mutant, result);
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
      const verdict = result.seeds === 0 ? 'NOT FOUND' : result.seeds < 0 ? 'hangs' : `seed ${result.seeds}`;
      console.log(
        `${verdict.padEnd(10)} ${seconds.padStart(6)} s  ${mutant.run.padEnd(8)} ${mutant.name}: ${result.why}`,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(2, cpus().length)) }, work));
  const missed = chosen.filter((m) => results.get(m).seeds === 0);
  if (isMarkdown) {
    console.log('\n| planted fault | simulation | seeds | seen as |\n|---|---|---|---|');
    for (const m of chosen) {
      const { seeds, why } = results.get(m);
      console.log(`| ${m.name} | ${m.run} | ${seeds === 0 ? 'not found' : seeds < 0 ? 'hangs' : seeds} | ${why} |`);
    }
  }
  console.log(`${chosen.length - missed.length} of ${chosen.length} planted faults found`);
  return missed.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2));
