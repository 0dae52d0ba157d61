// Runs one build of the simulation over seeds until a promise is broken, and says at which.
import { parentPort, workerData } from 'node:worker_threads';

const { module, run, seedsMax } = workerData;
const { runScenario, runDurable, runAgents } = await import(module);
const [kind, count] = run.split('-');
const servers = Number(count ?? 0);

async function runOne(seed) {
  if (kind === 'cores') runScenario({ seed });
  else if (kind === 'agents') await runAgents({ seed, servers });
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
