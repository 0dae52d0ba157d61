// How the program is bundled. The small commands have a bundle of their own, without the agent: they start sooner.
import { join } from 'node:path';
import { root } from './lib.mjs';

const main = join(root, 'packages/cli/src/main.ts');

/** The agent is in the other bundle; the launcher never takes the small one for a command line that names it. */
const withoutAgent = {
  name: 'without-agent',
  setup(build) {
    build.onResolve({ filter: /^@proconsul\/agent$/ }, (args) => ({ path: args.path, external: true }));
  },
};

/** Name of each bundle, and what esbuild makes it with. */
export const bundles = {
  bundle: { entryPoints: [main], plugins: [] },
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
  minifySyntax: true,
  minifyWhitespace: true,
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
