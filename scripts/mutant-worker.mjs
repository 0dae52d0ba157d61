// Runs one build of the simulation over seeds until a promise is broken, and says at which.
import { parentPort, workerData } from 'node:worker_threads';

const { module, run, seedsMax } = workerData;
const { runScenario, runDurable } = await import(module);
const servers = run === 'cores' ? 0 : Number(run.slice('disk-'.length));

async function runOne(seed) {
  if (servers === 0) runScenario({ seed });
  else await runDurable({ seed, servers, damage: seed % 2 === 0 });
}

let found = { seeds: 0, why: '' };
for (let seed = 1; seed <= seedsMax && found.seeds === 0; seed++) {
  parentPort.postMessage({ begins: seed });
  try {
    await runOne(seed);
  } catch (error) {
    const [first = ''] = String(error.message).split('\n');
    found = { seeds: seed, why: first.replace(/^seed \d+: /, '').slice(0, 140) };
  }
}
parentPort.postMessage(found);
