// How the program is bundled: the agent, and the commands. Each starts sooner and stays smaller without the other.
import { join } from 'node:path';
import { root } from './lib.mjs';

const main = join(root, 'packages/cli/src/main.ts');

/** Commands that need the code of the agent. The launcher knows their names. */
const OF_THE_AGENT = ['agent', 'raft-recover'];

const withoutCommands = {
  name: 'without-commands',
  setup(build) {
    build.onResolve({ filter: /^\.\/commands\// }, (args) =>
      OF_THE_AGENT.some((name) => args.path === `./commands/${name}.ts`)
        ? undefined
        : { path: args.path, external: true },
    );
  },
};

const withoutAgent = {
  name: 'without-agent',
  setup(build) {
    build.onResolve({ filter: /^@proconsul\/agent$/ }, (args) => ({ path: args.path, external: true }));
  },
};

/** Name of each bundle, and what esbuild makes it with. */
export const bundles = {
  bundle: { entryPoints: [main], plugins: [withoutCommands] },
  commands: { entryPoints: [main], plugins: [withoutAgent] },
};

export const options = (name, dist) => ({
  ...bundles[name],
  outfile: join(dist, `${name}.cjs`),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  conditions: ['source'],
  sourcemap: 'linked',
  sourcesContent: false,
  // Names too: they are a third of the source, which the engine keeps. The launcher translates stacks with the source map.
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  // Kept as they are, they would lose their loader when the script comes from the compiled code.
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': '__bundleUrl' },
  // The whole file is one function, so that the launcher need not put a copy of it together. `charset` keeps it ASCII: the engine
  // holds it at one byte a character.
  charset: 'ascii',
  banner: {
    js: "(function (exports, require, module, __filename, __dirname) {const __bundleUrl = require('node:url').pathToFileURL(__filename).href;",
  },
  footer: { js: '})' },
});
