// Writes docs/configuration.md and docs/configuration.schema.json from the table of settings.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './lib.mjs';

const { build } = await import('esbuild');
const folder = join(root, 'node_modules/.cache/ts');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `config-docs-${process.pid}.mjs`);
await build({
  stdin: { contents: "export { configJsonSchema, referencePage } from '@proconsul/config';", resolveDir: root },
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  conditions: ['source'],
  logLevel: 'warning',
});
const { configJsonSchema, referencePage } = await import(pathToFileURL(outfile).href);
rmSync(outfile);
writeFileSync(join(root, 'docs/configuration.md'), referencePage());
writeFileSync(join(root, 'docs/configuration.schema.json'), `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
