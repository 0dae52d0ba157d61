// `npm run sim`: the simulation, or with --mutants the hunt for planted faults.
import { join } from 'node:path';
import { root, run } from './lib.mjs';

const args = process.argv.slice(2);
const isHunt = args.includes('--mutants');
// Whole agents are another program: it knows much more of the product.
const main = args.includes('--agents') ? 'packages/sim/src/agents/main.ts' : 'packages/sim/src/run.ts';
const program = isHunt
  ? [join(root, 'scripts/mutants.mjs'), ...args.filter((a) => a !== '--mutants')]
  : [join(root, 'scripts/ts.mjs'), join(root, main), ...args];
process.exitCode = await run(process.execPath, program);
