// `npm run chaos -- [OPTIONS]`: real clusters under faults, see tests/chaos. `--plant FAULT` runs the program with one of the faults
// of packages/sim/src/mutants.ts in it, to see whether it is found.
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundles, options } from './bundles.mjs';
import { must, root } from './lib.mjs';
import { loadMutants, planting } from './mutants.mjs';

const words = process.argv.slice(2);
const env = { ...process.env };
let folder;

/** Builds the program with the fault, and returns its path. */
async function plant(name, dir) {
  const { MUTANTS } = await loadMutants();
  const mutant = MUTANTS.find((m) => m.name === name);
  if (mutant === undefined) throw new Error(`no such fault: ${name}; packages/sim/src has them all`);
  const { build } = await import('esbuild');
  for (const bundle of Object.keys(bundles)) {
    const given = options(bundle, dir);
    await build({ ...given, plugins: [planting(mutant), ...given.plugins] });
  }
  const program = join(dir, 'proconsul.cjs');
  copyFileSync(join(root, 'scripts/launcher/proconsul.cjs'), program);
  return program;
}

const at = words.indexOf('--plant');
if (at >= 0) {
  const [, name] = words.splice(at, 2);
  folder = mkdtempSync(join(tmpdir(), 'proconsul-planted-'));
  env.PROCONSUL_BIN = await plant(name, folder);
} else if (!env.PROCONSUL_BIN) await must(process.execPath, ['scripts/build.mjs', '--if-stale']);
const child = spawn(process.execPath, ['scripts/ts.mjs', 'tests/chaos/main.ts', ...words], {
  cwd: root,
  stdio: 'inherit',
  env,
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', (code) => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  process.exitCode = code ?? 1;
});
