import { AGENT_STEPS_DEFAULT, type AgentsRunResult, runAgents } from './agents-run.ts';

/**
 * Program: simulates clusters of whole agents for many seeds and stops at the first that fails.
 *     --agents N: servers (default 3)   --seeds N (100)   --from N (1)   --steps N
 *     --seed N: only this one, with what all agents log
 * Every 100th seed is run twice and must give the same hash. Exit code 1 after a failure, 2 for a wrong argument.
 */
const USAGE = 'usage: sim --agents N [--seeds N] [--from N] [--steps N] [--seed N]';

const REPLAY_EVERY = 100;
const REPORT_EVERY = 50;

const options = { agents: 3, seeds: 100, from: 1, steps: AGENT_STEPS_DEFAULT, seed: -1 };

function parse(args: readonly string[]): boolean {
  for (let i = 0; i < args.length; i += 2) {
    const name = (args[i] ?? '').slice(2);
    const value = Number(args[i + 1]);
    if (!args[i]?.startsWith('--') || !Object.hasOwn(options, name) || !Number.isSafeInteger(value) || value < 0)
      return false;
    options[name as keyof typeof options] = value;
  }
  return options.agents > 0;
}

async function runMany(): Promise<void> {
  const { agents: servers, seeds, from, steps } = options;
  const startedAt = process.uptime();
  const total = { events: 0, virtualMs: 0, faults: 0, starts: 0 };
  const counts: Record<string, number> = {};
  const report = (done: number): void => {
    const realMs = (process.uptime() - startedAt) * 1000;
    const { events, virtualMs, faults, starts } = total;
    const hours = (virtualMs / 3_600_000).toFixed(1);
    const pace = `${events} events (${Math.round((events / realMs) * 1000)}/s), ${hours} simulated hours (${Math.round(virtualMs / realMs)} times real time)`;
    const did = Object.entries(counts).map(([what, n]) => `${n} ${what}`);
    console.log(`${done} seeds, ${pace}, ${faults} faults, ${starts} starts; ${did.join(', ')}`);
  };
  for (let i = 0; i < seeds; i++) {
    const seed = from + i;
    const result: AgentsRunResult = await runAgents({ seed, servers, steps });
    if (seed % REPLAY_EVERY === 0 && (await runAgents({ seed, servers, steps })).hash !== result.hash) {
      throw new Error(`seed ${seed} does not replay`);
    }
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += result[key];
    for (const [what, n] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + n;
    if ((i + 1) % REPORT_EVERY === 0 && i + 1 < seeds) report(i + 1);
  }
  report(seeds);
}

async function main(args: readonly string[]): Promise<number> {
  if (!parse(args)) {
    console.error(USAGE);
    return 2;
  }
  const { agents: servers, seed, steps } = options;
  try {
    if (seed >= 0) console.log(await runAgents({ seed, servers, steps, sink: (line) => console.log(line) }));
    else await runMany();
    return 0;
  } catch (error) {
    const { message } = error as Error;
    console.error(message);
    const failed = /^seed (\d+)/.exec(message)?.[1];
    const rest = steps === AGENT_STEPS_DEFAULT ? '' : ` --steps ${steps}`;
    if (failed && seed < 0) console.error(`replay: npm run sim -- --agents ${servers} --seed ${failed}${rest}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
