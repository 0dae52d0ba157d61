// Runs a TypeScript program of this workspace: node scripts/ts.mjs FILE [ARGUMENTS]
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { moduleOptions, root } from './lib.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/ts.mjs FILE [ARGUMENTS]');
  process.exit(2);
}
const { build } = await import('esbuild');
const folder = join(root, 'node_modules/.cache/ts');
mkdirSync(folder, { recursive: true });
// Beside node_modules, so that packages that stay outside the bundle are found.
const outfile = join(folder, `${basename(file, '.ts')}-${process.pid}.mjs`);
await build({
  ...moduleOptions,
  entryPoints: [resolve(file)],
  outfile,
});
const child = spawn(process.execPath, ['--enable-source-maps', outfile, ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', (code, signal) => {
  rmSync(outfile, { force: true });
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
