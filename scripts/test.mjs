// `npm test`: installs, builds, type-checks, checks the imports and runs the tests. Further arguments go to Vitest.
import { checkNode, install, must, root, run } from './lib.mjs';

checkNode();
await install();
await must(process.execPath, ['scripts/build.mjs', '--if-stale']);
await must(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json']);
process.exit(
  await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--root', root, ...process.argv.slice(2)]),
);
