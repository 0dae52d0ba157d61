// Writes docs/openapi.json from the route tables. With --check: fails when the file is not current.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { must, root } from './lib.mjs';

const { build } = await import('esbuild');
const folder = join(root, 'node_modules/.cache/ts');
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `openapi-${process.pid}.mjs`);
await build({
  stdin: { contents: "export { allRoutes, describeApi } from '@proconsul/http-api';", resolveDir: root },
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  conditions: ['source'],
  logLevel: 'warning',
});
const { allRoutes, describeApi } = await import(pathToFileURL(outfile).href);
rmSync(outfile);
const description = describeApi(allRoutes);
const target = join(root, 'docs/openapi.json');
if (process.argv.includes('--check')) {
  if (!isDeepStrictEqual(JSON.parse(readFileSync(target, 'utf8')), JSON.parse(JSON.stringify(description)))) {
    console.error('docs/openapi.json is not current: run npm run openapi');
    process.exit(1);
  }
} else {
  writeFileSync(target, `${JSON.stringify(description, null, 2)}\n`);
  await must(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', target]);
}
