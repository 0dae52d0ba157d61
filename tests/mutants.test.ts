import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { MUTANTS, type Mutant } from '../packages/sim/src/mutants.ts';
import { buildSimulation, mutated } from '../scripts/mutants.mjs';

// Faults planted into the product must be found by its simulation. A few of them here, all of them by `npm run sim -- --mutants`.

const root = dirname(dirname(fileURLToPath(import.meta.url)));

test('every planted fault still has its place in the source', () => {
  for (const mutant of MUTANTS) {
    const text = readFileSync(join(root, 'packages/raft/src', mutant.file), 'utf8');
    expect(mutated(text, mutant), mutant.name).not.toBe(text);
  }
  expect(new Set(MUTANTS.map((m) => m.name)).size).toBe(MUTANTS.length);
});

interface Simulation {
  runScenario(options: { readonly seed: number }): unknown;
  runDurable(options: { readonly seed: number; readonly servers: number; readonly damage: boolean }): Promise<unknown>;
  runAgents(options: { readonly seed: number; readonly servers: number }): Promise<unknown>;
}

async function seedOf(simulation: Simulation, { run }: Mutant, seedsMax: number): Promise<number> {
  const [kind, count] = run.split('-');
  const servers = Number(count);
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      if (kind === 'cores') simulation.runScenario({ seed });
      else if (kind === 'agents') await simulation.runAgents({ seed, servers });
      else await simulation.runDurable({ seed, servers, damage: seed % 2 === 0 });
    } catch (error) {
      expect((error as Error).name).toBe('SimulationFailure');
      return seed;
    }
  }
  return 0;
}

describe('planted faults are found', () => {
  test.for([
    'votes twice in a term',
    'commits entries of an older term',
    'a majority is half',
    'acknowledges entries before they are durable',
    'keeps entries that contradict those of the leader',
    'does not wait for the disk before it acknowledges',
    'lock delays are dropped',
  ])('%s', { timeout: 60_000 }, async (name) => {
    const mutant = MUTANTS.find((m) => m.name === name);
    if (!mutant) throw new Error(`no such fault: ${name}`);
    const path = await buildSimulation('test', mutant);
    try {
      const simulation = (await import(`${pathToFileURL(path).href}?${encodeURIComponent(name)}`)) as Simulation;
      expect(await seedOf(simulation, mutant, 100)).toBeGreaterThan(0);
    } finally {
      rmSync(path, { force: true });
    }
  });
});
