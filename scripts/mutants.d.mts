import type { Mutant } from '../packages/sim/src/mutants.ts';

/** Builds the simulation again and again, each time with one of the faults. */
export interface SimulationBuilder {
  /** Path of the module. */
  build(mutant: Mutant): Promise<string>;
  dispose(): Promise<void>;
}

export function simulationBuilder(kind: 'raft' | 'agents', mutants: readonly Mutant[]): Promise<SimulationBuilder>;
/** The text with the fault in it. Throws when the place is not there exactly once. */
export function mutated(text: string, mutant: Mutant): string;

export interface Hunter {
  /** The first of the seeds that finds the fault, 0 when none does, and what was seen. */
  hunt(module: string, run: Mutant['run'], seeds: readonly number[]): Promise<{ seed: number; why: string }>;
  end(): Promise<number>;
}

export function createHunter(): Hunter;
