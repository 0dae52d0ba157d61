import { type DamageResult, runDamage } from './durable/damage-run.ts';
import { DURABLE_STEPS_DEFAULT, type DurableRunResult, runDurable } from './durable/durable-run.ts';
import { measureFullDisk } from './durable/full-disk.ts';
import { runScenario, type ScenarioResult, STEPS_DEFAULT } from './raft/scenario.ts';
import type { Stalls } from './raft/starving.ts';
import { measureFailover, type Timing } from './raft/timing.ts';

/**
 * Program: simulates a Raft cluster for many seeds and stops at the first that fails.
 *     --seeds N (default 1000)   --from N (1)   --steps N   --seed N: only this one, with the whole trace
 *     --minutes N: begins no seed after that; how many were run is told
 *     --disks N: N servers with the real driver on disks that tear, lose, flip, fill up and fail; with an even seed, bits flip;
 *     with an odd one, members come and go
 *     --timing N: measures N times how long a cluster is without a leader: when it dies, when it hands over, when its disk is full
 *     --damage N: N flipped bits and torn writes on the files of one server
 * Every 100th seed is run twice and must give the same hash. Exit code 1 after a failure, 2 for a wrong argument.
 */
const USAGE =
  'usage: run [--seeds N] [--from N] [--steps N] [--minutes N] [--seed N] [--disks N] [--timing N] [--damage N]';

const REPLAY_EVERY = 100;
const REPORT_EVERY = 500;

interface Options {
  seeds: number;
  from: number;
  /** 0: the default of the kind of run. */
  steps: number;
  /** Begins no seed after that. */
  minutes: number;
  /** Servers on bad disks; 0: cores only. */
  disks: number;
  /** Measurements of the time without a leader; 0: none. */
  timing: number;
  /** Faults on the files of one server; 0: none. */
  damage: number;
  /** Only this one. */
  seed: number | undefined;
}

function parse(args: readonly string[]): Options | undefined {
  const options: Options = {
    seeds: 1000,
    from: 1,
    steps: 0,
    minutes: Number.POSITIVE_INFINITY,
    disks: 0,
    timing: 0,
    damage: 0,
    seed: undefined,
  };
  for (let i = 0; i < args.length; i += 2) {
    const value = Number(args[i + 1]);
    if (!Number.isSafeInteger(value) || value < 0) return undefined;
    if (args[i] === '--seeds') options.seeds = value;
    else if (args[i] === '--from') options.from = value;
    else if (args[i] === '--steps') options.steps = value;
    else if (args[i] === '--minutes') options.minutes = value;
    else if (args[i] === '--disks') options.disks = value;
    else if (args[i] === '--timing') options.timing = value;
    else if (args[i] === '--damage') options.damage = value;
    else if (args[i] === '--seed') options.seed = value;
    else return undefined;
  }
  return options;
}

/** Whether so many minutes have passed since. */
const isOver = (startedAt: number, minutes: number): boolean => process.uptime() * 1000 - startedAt >= minutes * 60_000;

function runMany({ seeds, from, steps: wanted, minutes }: Options): void {
  const steps = wanted || STEPS_DEFAULT;
  const total = { events: 0, virtualMs: 0, elections: 0, committed: 0 };
  const startedAt = process.uptime() * 1000;
  let done = 0;
  const report = (count: number): void => {
    const { elections, committed } = total;
    console.log(`${count} seeds, ${pace(total, startedAt)}, ${elections} terms, ${committed} entries`);
  };
  for (; done < seeds && !isOver(startedAt, minutes); done++) {
    const seed = from + done;
    if (done > 0 && done % REPORT_EVERY === 0) report(done);
    const result: ScenarioResult = runScenario({ seed, steps });
    if (seed % REPLAY_EVERY === 0 && runScenario({ seed, steps }).hash !== result.hash) {
      throw new Error(`seed ${seed} does not replay`);
    }
    total.events += result.events;
    total.virtualMs += result.virtualMs;
    total.elections += result.elections;
    total.committed += result.committed;
  }
  report(done);
}

async function runManyOnDisks({ seeds, from, steps: wanted, minutes, disks: servers }: Options): Promise<void> {
  const steps = wanted || DURABLE_STEPS_DEFAULT;
  const total = { events: 0, virtualMs: 0, acknowledged: 0, restarts: 0, stopped: 0 };
  const startedAt = process.uptime() * 1000;
  let done = 0;
  for (; done < seeds && !isOver(startedAt, minutes); done++) {
    const seed = from + done;
    const options = { seed, steps, servers, damage: hasDamage(seed) };
    const result: DurableRunResult = await runDurable(options);
    if (seed % REPLAY_EVERY === 0 && (await runDurable(options)).hash !== result.hash) {
      throw new Error(`seed ${seed} does not replay`);
    }
    total.events += result.events;
    total.virtualMs += result.virtualMs;
    total.acknowledged += result.acknowledged;
    total.restarts += result.restarts;
    total.stopped += result.stopped;
  }
  const { acknowledged, restarts, stopped } = total;
  console.log(
    `${done} seeds, ${pace(total, startedAt)}, ${acknowledged} writes, ${restarts} starts, ${stopped} damaged disks named`,
  );
}

/** What one seed does on disks. */
const hasDamage = (seed: number): boolean => seed % 2 === 0;

function pace({ events, virtualMs }: { events: number; virtualMs: number }, startedAt: number): string {
  const realMs = Math.max(1, process.uptime() * 1000 - startedAt);
  const hours = (virtualMs / 3_600_000).toFixed(1);
  const perSecond = Math.round((events / realMs) * 1000);
  return `${events} events (${perSecond}/s), ${hours} simulated hours (${Math.round(virtualMs / realMs)} times real time)`;
}

async function runOne({ steps, disks: servers }: Options, seed: number): Promise<void> {
  const sink = (line: string): void => console.log(line);
  if (servers > 0) {
    const damage = hasDamage(seed);
    console.log(await runDurable({ seed, steps: steps || DURABLE_STEPS_DEFAULT, servers, damage, sink }));
  } else console.log(runScenario({ seed, steps: steps || STEPS_DEFAULT, sink }));
}

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  if (!options) {
    console.error(USAGE);
    return 2;
  }
  const { seed, disks, timing, damage, from } = options;
  try {
    if (timing > 0) await measure(timing);
    else if (damage > 0) console.log(damageText(await runDamage(damage, from)));
    else if (seed !== undefined) await runOne(options, seed);
    else if (disks > 0) await runManyOnDisks(options);
    else runMany(options);
    return 0;
  } catch (error) {
    const { message } = error as Error;
    console.error(message);
    const failed = /^seed (\d+)/.exec(message)?.[1];
    if (failed && seed === undefined) console.error(`replay: npm run sim -- --seed ${failed}${replayFlags(options)}`);
    return 1;
  }
}

/** Of every process, again and again, on machines that are too small. */
const STARVED: readonly Stalls[] = [
  { stallMeanMs: 20, stallMaxMs: 200 },
  { stallMeanMs: 100, stallMaxMs: 600 },
];

async function measure(runs: number): Promise<void> {
  const print = (what: string, { p50, p99, max }: Timing): void => {
    const times = [p50, p99, max].map((ms) => `${ms.toFixed(0)} ms`);
    console.log(`${what}: p50 ${times[0]}, p99 ${times[1]}, max ${times[2]}`);
  };
  for (const servers of [3, 5]) {
    for (const by of ['crash', 'transfer'] as const) {
      print(`${servers} servers, ${by}`, measureFailover({ servers, runs, by }));
    }
    for (const stalls of STARVED) {
      const { stallMeanMs, stallMaxMs } = stalls;
      const timing = measureFailover({ servers, runs, by: 'crash', stalls });
      print(
        `${servers} servers, crash, where each stands still for ${stallMeanMs} ms, ${stallMaxMs} ms at the most`,
        timing,
      );
    }
    print(`${servers} servers, full disk`, await measureFullDisk({ servers, runs }));
  }
}

const damageText = ({ flips, named, harmless, torn }: DamageResult): string =>
  `${flips} flipped bits: ${named} named, ${harmless} where nothing needed stands; ${torn} torn writes: nothing acknowledged lost`;

function replayFlags({ steps, disks }: Options): string {
  return `${steps > 0 ? ` --steps ${steps}` : ''}${disks > 0 ? ` --disks ${disks}` : ''}`;
}

process.exitCode = await main(process.argv.slice(2));
