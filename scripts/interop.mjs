// `npm run interop`: our agents and those of the reference program together, in pools, clusters and datacenters.
// Needs CONSUL_BIN, the path of a `consul` program. Further arguments go to vitest.
import { existsSync } from 'node:fs';
import { checkNode, install, must, run } from './lib.mjs';

checkNode();
const consul = process.env['CONSUL_BIN'] ?? '';
if (consul === '' || !existsSync(consul)) {
  console.error(
    `npm run interop needs CONSUL_BIN, the path of a consul program; it is ${consul === '' ? 'not set' : `not there: ${consul}`}.`,
  );
  process.exit(1);
}
await install();
await must(process.execPath, ['scripts/build.mjs', '--if-stale']);
process.env['INTEROP'] = '1';
process.exit(await run('npx', ['vitest', 'run', 'tests/interop', '--reporter=verbose', ...process.argv.slice(2)]));
