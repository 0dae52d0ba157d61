// Bundles the program into one file with a source map.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, checkNode, install, isStale, root } from './lib.mjs';

checkNode();
await install();
if (process.argv.includes('--if-stale') && !isStale()) process.exit(0);
const { build } = await import('esbuild');
const result = await build({
  entryPoints: [join(root, 'packages/cli/src/main.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  conditions: ['source'],
  sourcemap: 'linked',
  sourcesContent: false,
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  banner: {
    js: `#!/usr/bin/env node
import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`,
  },
});
if (result.errors.length > 0) process.exit(1);
chmodSync(bundle, 0o755);
