// `npm start`: installs, builds and runs the development agent. Further arguments go to the agent.
import { bundle, checkNode, install, must, run } from './lib.mjs';

checkNode();
await install();
await must(process.execPath, ['scripts/build.mjs', '--if-stale']);
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.exit(await run(process.execPath, [bundle, 'agent', '-dev', ...process.argv.slice(2)]));
