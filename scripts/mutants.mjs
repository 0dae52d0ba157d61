// `npm run sim -- --mutants`: plants one fault after the other into the product's source (packages/sim/src/mutants.ts), builds the
// simulation with it, and counts the seeds until it is found. Exit code 1 when one is not. Further words: only mutants whose names
// contain one of them, or whose simulation begins so (cores, disk, agents). `--markdown` prints the table of docs/reliability.md.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { moduleOptions, root } from './lib.mjs';

/** A mutant that does not finish a seed in this time hangs: found. */
const SEED_TIMEOUT_MS = 120_000;

const folder = join(root, 'node_modules/.cache/mutants');

/** Which build of the simulation looks for a fault: the one with whole agents knows much more of the product. */
const kindOf = ({ run }) => (run.startsWith('agents') ? 'agents' : 'raft');

const ENTRIES = {
  raft: `export { runScenario } from './raft/scenario.ts'; export { runDurable } from './durable/durable-run.ts';`,
  agents: `export { runAgents } from './agents/agents-run.ts';`,
};

/**
 * Builds the simulation again and again, each time with one of the faults. `build` writes a module and answers its path; `dispose`
 * ends the builder. What a fault does not touch is parsed once.
 */
export async function simulationBuilder(kind, mutants) {
  const { context } = await import('esbuild');
  mkdirSync(folder, { recursive: true });
  const files = new Set(mutants.filter((m) => kindOf(m) === kind).map(({ file }) => basename(file)));
  const filter = new RegExp(`/(${[...files].join('|').replaceAll('.', '\\.')})$`);
  let planted;
  const plant = {
    name: 'plant',
    setup(b) {
      b.onLoad({ filter }, ({ path }) => {
        if (path !== join(root, 'packages/raft/src', planted.file)) return undefined;
        return { contents: mutated(readFileSync(path, 'utf8'), planted), loader: 'ts' };
      });
    },
  };
  const builds = await context({
    ...moduleOptions,
    stdin: { contents: ENTRIES[kind], resolveDir: join(root, 'packages/sim/src'), loader: 'ts' },
    outfile: join(folder, 'unused.mjs'),
    write: false,
    sourcemap: false,
    logLevel: 'error',
    plugins: [plant],
  });
  let count = 0;
  let last = Promise.resolve();
  const build = async (mutant) => {
    planted = mutant;
    const { outputFiles } = await builds.rebuild();
    const path = join(folder, `${kind}-${process.pid}-${count++}.mjs`);
    writeFileSync(path, outputFiles[0].contents);
    return path;
  };
  return {
    build(mutant) {
      const next = last.then(() => build(mutant));
      last = next.catch(() => {});
      return next;
    },
    dispose: () => builds.dispose(),
  };
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

/** Hunts faults, one at a time, in a thread of its own, which `end` gives back with everything that was loaded. */
export function createHunter() {
  const worker = new Worker(new URL('./mutant-worker.mjs', import.meta.url));
  return {
    /** The first of the seeds that finds the fault (0: none; -1: it hangs, and the hunter is of no use any more), and what was seen. */
    hunt(module, run, seeds) {
      return new Promise((resolve) => {
        let timer;
        const done = (result) => {
          clearTimeout(timer);
          worker.off('message', onMessage);
          worker.off('error', onError);
          resolve(result);
        };
        const onMessage = (message) => (message.seed === undefined ? watch() : done(message));
        const onError = (error) => done({ seed: -1, why: String(error) });
        const watch = () => {
          clearTimeout(timer);
          timer = setTimeout(() => done({ seed: -1, why: 'hangs' }), SEED_TIMEOUT_MS);
        };
        watch();
        worker.on('message', onMessage);
        worker.on('error', onError);
        worker.postMessage({ module: pathToFileURL(module).href, run, seeds });
      });
    },
    end: () => worker.terminate(),
  };
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
  if (chosen.length === 0) {
    console.error(`no planted fault has a name with ${names.join(' or ')}`);
    process.exitCode = 2;
    return;
  }
  const results = new Map();
  const builders = { raft: await simulationBuilder('raft', chosen), agents: await simulationBuilder('agents', chosen) };
  const queue = [...chosen];
  const work = async () => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const module = await builders[kindOf(mutant)].build(mutant);
      const startedAt = Date.now();
      const seeds = Array.from({ length: seedsMaxOf(mutant) }, (_, i) => i + 1);
      const hunter = createHunter();
      const result = await hunter.hunt(module, mutant.run, seeds);
      await hunter.end();
      rmSync(module, { force: true });
      results.set(mutant, result);
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
      const verdict = result.seed === 0 ? 'NOT FOUND' : result.seed < 0 ? 'hangs' : `seed ${result.seed}`;
      console.log(
        `${verdict.padEnd(10)} ${seconds.padStart(6)} s  ${mutant.run.padEnd(8)} ${mutant.name}: ${result.why}`,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(2, cpus().length)) }, work));
  await Promise.all(Object.values(builders).map((b) => b.dispose()));
  const missed = chosen.filter((m) => results.get(m).seed === 0);
  if (isMarkdown) {
    console.log('\n| planted fault | simulation | seeds | seen as |\n|---|---|---|---|');
    for (const m of chosen) {
      const { seed, why } = results.get(m);
      console.log(`| ${m.name} | ${m.run} | ${seed === 0 ? 'not found' : seed < 0 ? 'hangs' : seed} | ${why} |`);
    }
  }
  console.log(`${chosen.length - missed.length} of ${chosen.length} planted faults found`);
  return missed.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2));
