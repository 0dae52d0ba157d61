import { runScenario, type ScenarioResult, STEPS_DEFAULT } from './raft/scenario.ts';

/**
 * Program: simulates a Raft cluster for many seeds and stops at the first that fails.
 *     --seeds N (default 1000)   --from N (1)   --steps N   --seed N: only this one, with the whole trace
 * Every 100th seed is run twice and must give the same hash. Exit code 1 after a failure, 2 for a wrong argument.
 */
const USAGE = 'usage: run [--seeds N] [--from N] [--steps N] [--seed N]';

const REPLAY_EVERY = 100;
const REPORT_EVERY = 500;

interface Options {
  seeds: number;
  from: number;
  steps: number;
  /** Only this one. */
  seed: number | undefined;
}

function parse(args: readonly string[]): Options | undefined {
  const options: Options = { seeds: 1000, from: 1, steps: STEPS_DEFAULT, seed: undefined };
  for (let i = 0; i < args.length; i += 2) {
    const value = Number(args[i + 1]);
    if (!Number.isSafeInteger(value) || value < 0) return undefined;
    if (args[i] === '--seeds') options.seeds = value;
    else if (args[i] === '--from') options.from = value;
    else if (args[i] === '--steps') options.steps = value;
    else if (args[i] === '--seed') options.seed = value;
    else return undefined;
  }
  return options;
}

function runMany({ seeds, from, steps }: Options): void {
  const total = { events: 0, virtualMs: 0, elections: 0, committed: 0 };
  const report = (count: number): void => {
    const hours = (total.virtualMs / 3_600_000).toFixed(1);
    const { events, elections, committed } = total;
    console.log(`${count} seeds, ${events} events, ${hours} simulated hours, ${elections} terms, ${committed} entries`);
  };
  for (let i = 0; i < seeds; i++) {
    const seed = from + i;
    const result: ScenarioResult = runScenario({ seed, steps });
    if (seed % REPLAY_EVERY === 0 && runScenario({ seed, steps }).hash !== result.hash) {
      throw new Error(`seed ${seed} does not replay`);
    }
    total.events += result.events;
    total.virtualMs += result.virtualMs;
    total.elections += result.elections;
    total.committed += result.committed;
    if ((i + 1) % REPORT_EVERY === 0 && i + 1 < seeds) report(i + 1);
  }
  report(seeds);
}

function main(args: readonly string[]): number {
  const options = parse(args);
  if (!options) {
    console.error(USAGE);
    return 2;
  }
  try {
    const { seed, steps } = options;
    if (seed === undefined) runMany(options);
    else console.log(runScenario({ seed, steps, sink: (line) => console.log(line) }));
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

process.exitCode = main(process.argv.slice(2));
