// `npm run fuzz`: builds the fuzzer with the product's modules instrumented, and runs it. Arguments: see fuzz/README.md.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { instrument, numbered } from './instrument.mjs';
import { moduleOptions, root, run } from './lib.mjs';

const folder = join(root, 'node_modules/.cache/fuzz');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `fuzz-${process.pid}.mjs`);
/** Without counters, for measuring. */
const plain = join(folder, `plain-${process.pid}.mjs`);

const { build, transform } = await import('esbuild');
const words = new Map();

const counting = {
  name: 'counting',
  setup(b) {
    b.onLoad({ filter: /[\\/]packages[\\/][^\\/]+[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), {
        loader: 'ts',
        target: 'node20.19',
        sourcemap: 'inline',
        sourcefile: path,
      });
      const result = instrument(code);
      words.set(relative(root, path), result.words);
      return { contents: result.code, loader: 'js' };
    });
  },
};

/** String literals by package, sorted: dictionaries for the mutations. */
function dictionaries() {
  const byPackage = {};
  for (const [path, list] of [...words].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [, name] = path.split(sep);
    byPackage[name] = [...new Set([...(byPackage[name] ?? []), ...list])].sort();
  }
  return byPackage;
}

const options = { ...moduleOptions, entryPoints: [join(root, 'fuzz/main.ts')] };
await Promise.all([
  build({ ...options, outfile, plugins: [counting] }),
  build({ ...options, outfile: plain, sourcemap: false }),
]);
const { code } = numbered(readFileSync(outfile, 'utf8'));
writeFileSync(outfile, `globalThis.__fuzzWords = ${JSON.stringify(dictionaries())};${code}`);
process.exitCode = await run(process.execPath, ['--enable-source-maps', outfile, ...process.argv.slice(2)], {
  env: { ...process.env, FUZZ_PLAIN_BUNDLE: plain },
});
for (const path of [outfile, plain]) rmSync(path, { force: true });
