import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MUTANTS, type Mutant } from '../packages/sim/src/mutants.ts';
import { createHunter, type Hunter, mutated, type SimulationBuilder, simulationBuilder } from '../scripts/mutants.mjs';

// Faults planted into the product must be found by its simulation: most of them here, at the seed that docs/reliability.md names, and
// all of them by `npm run sim -- --mutants`.

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const TIMEOUT_MS = 300_000;

/** Seeds that are tried when the one in the table finds nothing any more: the runs have changed since it was made. */
const FURTHER_SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

/** Found, but only at the end of a run that takes seconds. */
const SLOW: ReadonlySet<string> = new Set(['a leader that nobody answers goes on']);

/** Runs of whole agents are long; these faults end them soon. */
const QUICK_AGENTS: readonly string[] = ['the end of a session leaves its locks', 'lock delays are dropped'];

test('every planted fault still has its place in the source', () => {
  for (const mutant of MUTANTS) {
    const text = readFileSync(join(root, 'packages/raft/src', mutant.file), 'utf8');
    expect(mutated(text, mutant), mutant.name).not.toBe(text);
  }
  expect(new Set(MUTANTS.map((m) => m.name)).size).toBe(MUTANTS.length);
});

/** The seeds at which the tables say that faults were found, by name. */
function seedsOfDocs(): ReadonlyMap<string, number> {
  const seeds = new Map<string, number>();
  for (const line of readFileSync(join(root, 'docs/reliability.md'), 'utf8').split('\n')) {
    const [, name, run, seed] = /^\| (.+?) \| (cores|disk-\d|agents-\d) \| (\d+) \|/.exec(line) ?? [];
    if (name !== undefined && run !== undefined) seeds.set(name, Number(seed));
  }
  return seeds;
}

test('docs/reliability.md names a seed for every planted fault', () => {
  const seeds = seedsOfDocs();
  expect(MUTANTS.filter((m) => !seeds.has(m.name)).map((m) => m.name)).toEqual([]);
});

/** Names of those that are not found. */
async function missed(mutants: readonly Mutant[], builder: SimulationBuilder, hunter: Hunter): Promise<string[]> {
  const seeds = seedsOfDocs();
  const out: string[] = [];
  for (const mutant of mutants) {
    const path = await builder.build(mutant);
    const found = await hunter.hunt(path, mutant.run, [seeds.get(mutant.name) ?? 1, ...FURTHER_SEEDS]);
    rmSync(path, { force: true });
    if (found.seed <= 0) out.push(`${mutant.name} ${found.why}`);
  }
  console.log(`${mutants.length - out.length} of ${mutants.length} planted faults found`);
  return out;
}

async function expectFound(kind: 'raft' | 'agents', mutants: readonly Mutant[]): Promise<void> {
  const builder = await simulationBuilder(kind, mutants);
  const hunter = createHunter();
  try {
    expect(await missed(mutants, builder, hunter)).toEqual([]);
  } finally {
    await hunter.end();
    await builder.dispose();
  }
}

test('faults planted into Raft and its files are found', { timeout: TIMEOUT_MS }, async () => {
  const mutants = MUTANTS.filter((m) => !m.run.startsWith('agents') && !SLOW.has(m.name));
  expect(mutants.length).toBeGreaterThanOrEqual(70);
  await expectFound('raft', mutants);
});

test('faults planted above Raft are found', { timeout: TIMEOUT_MS }, async () => {
  const mutants = MUTANTS.filter((m) => QUICK_AGENTS.includes(m.name));
  expect(mutants.length).toBe(QUICK_AGENTS.length);
  await expectFound('agents', mutants);
});
