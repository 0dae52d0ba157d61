// `npm run pack`: makes build/proconsul-VERSION.tgz, a package with the programs `proconsul` and `consul` and no dependencies,
// and build/libraries: scripts/pack-libraries.mjs.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, root } from './lib.mjs';

const { version, license, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
await must(process.execPath, ['scripts/build.mjs', '--if-stale']);

const stage = join(root, 'build/package');
rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });
// Compiled code fits one version of Node only and stays here.
for (const file of ['proconsul.cjs', 'bundle.cjs', 'commands.cjs'])
  copyFileSync(join(root, 'packages/cli/dist', file), join(stage, file));
for (const file of ['LICENSE', 'README.md', 'THIRD_PARTY_NOTICES.md'])
  copyFileSync(join(root, file), join(stage, file));
writeFileSync(
  join(stage, 'package.json'),
  `${JSON.stringify(
    {
      name: 'proconsul',
      version,
      description:
        'Service discovery, health checking, key-value store and DNS: an independent implementation of Consul',
      license,
      type: 'commonjs',
      engines,
      bin: { proconsul: 'proconsul.cjs', consul: 'proconsul.cjs' },
      files: ['proconsul.cjs', 'bundle.cjs', 'commands.cjs', 'THIRD_PARTY_NOTICES.md'],
    },
    null,
    2,
  )}\n`,
);
await must('npm', ['pack', stage, '--silent', '--pack-destination', join(root, 'build')]);
await must(process.execPath, ['scripts/pack-libraries.mjs']);
