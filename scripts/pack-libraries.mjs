// The second half of `npm run pack`: build/libraries/proconsul-NAME-VERSION.tgz for each library that is of use alone, and for
// those that it needs: compiled modules, their types, README and licence. `--into DIR` makes them elsewhere.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { must, root } from './lib.mjs';

const LIBRARIES = ['client', 'gossip', 'io-node', 'raft', 'serf'];

const { values: options } = parseArgs({
  options: { into: { type: 'string', default: join(root, 'build/libraries') } },
});
const into = resolve(options.into);
const stage = join(into, 'stage');

const manifest = (name) => JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
const inner = ({ dependencies = {} }) =>
  Object.keys(dependencies)
    .filter((name) => name.startsWith('@proconsul/'))
    .map((name) => name.slice('@proconsul/'.length));

/** The libraries, and what they are made of. */
function closure() {
  const all = new Set(LIBRARIES);
  for (const name of all) for (const needed of inner(manifest(name))) all.add(needed);
  return [...all].sort();
}

/** What is published is what has been compiled: not the entries that only our own tests use. */
const published = (exports) => Object.entries(exports).filter(([, entry]) => entry.default !== undefined);

/** Compiles what the packages export, each file from packages/NAME/src to compiled/NAME/src. */
async function compile(names, compiled) {
  const config = join(stage, 'tsconfig.json');
  const sources = (name) =>
    published(manifest(name).exports).map(([, { source }]) => join(root, 'packages', name, source));
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        declaration: true,
        noCheck: true, // `npm run check` has done it.
        rootDir: join(root, 'packages'),
        outDir: compiled,
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: [],
      files: names.flatMap(sources),
    }),
  );
  await must(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config]);
}

/** Lays one package out as npm packs it. */
function layOut(name, compiled) {
  const folder = join(stage, name);
  const { devDependencies: _, exports, ...rest } = manifest(name);
  cpSync(join(compiled, name, 'src'), join(folder, 'dist'), { recursive: true });
  copyFileSync(join(root, 'packages', name, 'README.md'), join(folder, 'README.md'));
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const entries = published(exports).map(([path, { source: _source, ...entry }]) => [path, entry]);
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify({ ...rest, exports: Object.fromEntries(entries) }, null, 2)}\n`,
  );
  return folder;
}

rmSync(into, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });
const names = closure();
const compiled = join(stage, 'compiled');
await compile(names, compiled);
const folders = names.map((name) => layOut(name, compiled));
await must('npm', ['pack', ...folders, '--silent', '--pack-destination', into]);
rmSync(stage, { recursive: true, force: true });
