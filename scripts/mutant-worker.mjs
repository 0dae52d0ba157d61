// Runs builds of the simulation over seeds, each until a promise is broken, and says at which. One order at a time, by message.
import { parentPort } from 'node:worker_threads';

const runOf = ({ runScenario, runDurable, runAgents }, run) => {
  const [kind, count] = run.split('-');
  const servers = Number(count ?? 0);
  if (kind === 'cores') return (seed) => runScenario({ seed });
  if (kind === 'agents') return (seed) => runAgents({ seed, servers });
  return (seed) => runDurable({ seed, servers, damage: seed % 2 === 0 });
};

parentPort.on('message', async ({ module, run, seeds }) => {
  const runOne = runOf(await import(module), run);
  for (const seed of seeds) {
    parentPort.postMessage({ begins: seed });
    try {
      await runOne(seed);
    } catch (error) {
      const [first = ''] = String(error.message).split('\n');
      // Anything else is a fault of the build, not of what was planted.
      if (error.name !== 'SimulationFailure') throw error;
      parentPort.postMessage({ seed, why: first.replace(/^seed \d+: /, '').slice(0, 140) });
      return;
    }
  }
  parentPort.postMessage({ seed: 0, why: '' });
});
