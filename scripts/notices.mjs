// Writes THIRD_PARTY_NOTICES.md: the licences of everything of others that is in the bundles. `--check` only compares, and
// exits with 1 when the file is not what it should be.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundles, options } from './bundles.mjs';
import { root } from './lib.mjs';

/** Folders of the packages whose files are in a bundle. */
async function packagesOf(name) {
  const { metafile } = await build({ ...options(name, tmpdir()), absWorkingDir: root, metafile: true, write: false });
  const found = new Set();
  for (const path of Object.keys(metafile.inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (match !== null) found.add(match[1]);
  }
  return found;
}

function notice(folder) {
  const { name, version, license, repository } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const files = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  if (files.length === 0) throw new Error(`${name} has no licence file`);
  const texts = files.sort().map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
  const home = (repository?.url ?? repository ?? '').replace(/^git\+|\.git$/g, '');
  const body = texts
    .join('\n\n')
    .replaceAll('\r\n', '\n')
    .replace(/[ \t]+$/gm, '');
  return `## ${name} ${version}\n\n${license}${home === '' ? '' : `, ${home}`}\n\n\`\`\`text\n${body}\n\`\`\`\n`;
}

const folders = new Set();
for (const name of Object.keys(bundles)) for (const folder of await packagesOf(name)) folders.add(folder);
const head = `# Third-party notices

Proconsul is licensed under the Apache License 2.0 (see LICENSE). The program as it is built and packed contains the
packages below, each under its own licence. Made by \`node scripts/notices.mjs\`; a test compares it with the bundles.
`;
const text = [head, ...[...folders].sort().map(notice)].join('\n');
const file = join(root, 'THIRD_PARTY_NOTICES.md');

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') === text) console.log(`${folders.size} packages, all named`);
  else {
    console.error('THIRD_PARTY_NOTICES.md is not up to date: run `node scripts/notices.mjs`');
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
  console.log([...folders].join('\n'));
}
