import type { Mutant } from '../packages/sim/src/mutants.ts';

/** Builds the simulation, with `mutant` when there is one. Path of the module. */
export function buildSimulation(name: string, mutant?: Mutant): Promise<string>;
/** The text with the fault in it. Throws when the place is not there exactly once. */
export function mutated(text: string, mutant: Mutant): string;
