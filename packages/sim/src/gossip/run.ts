import { runPoolScenario } from './scenario.ts';
import { detectionTable, lifeguardTable, soakTable, spreadTable } from './tables.ts';

/**
 * Program: simulates gossip pools on virtual time.
 *     --seeds N (default 100)  --from N (1)  --steps N: chaos, one pool for each seed; stops at the first that fails
 *     --table detection|spread|lifeguard|soak  --size N  --minutes N  --repeat N: the tables of docs/gossip.md
 * Every 20th seed is run twice and must give the same hash. Exit code 1 after a failure, 2 for a wrong argument.
 */
const USAGE =
  'usage: run [--seeds N] [--from N] [--steps N] | --table detection|spread|lifeguard|soak [--size N] [--minutes N] [--repeat N]';

const REPLAY_EVERY = 20;
const REPORT_EVERY = 100;

const print = (line: string): void => console.log(line);

type Numbers = Readonly<Record<'seeds' | 'from' | 'steps' | 'size' | 'minutes' | 'repeat', number>>;

function parse(args: readonly string[]): { table: string; numbers: Numbers } | undefined {
  const numbers: Record<string, number> = { seeds: 100, from: 1, steps: 0, size: 0, minutes: 2, repeat: 0 };
  let table = '';
  for (let i = 0; i < args.length; i += 2) {
    const [name, value] = [args[i]!.replace(/^--/, ''), args[i + 1]];
    if (name === 'table' && value !== undefined) table = value;
    else if (numbers[name] === undefined || !/^\d+$/.test(value ?? '')) return undefined;
    else numbers[name] = Number(value);
  }
  return { table, numbers: numbers as Numbers };
}

async function chaos({ seeds, from, steps }: Numbers): Promise<void> {
  const total = { minutes: 0, packets: 0, failures: 0, healMs: 0 };
  for (let i = 1; i <= seeds; i++) {
    const options = { seed: from + i - 1, ...(steps > 0 ? { steps } : {}) };
    const result = await runPoolScenario(options);
    if (i % REPLAY_EVERY === 0 && (await runPoolScenario(options)).hash !== result.hash) {
      throw new Error(`seed ${options.seed} does not replay`);
    }
    total.minutes += result.virtualMs / 60_000;
    total.packets += result.packets;
    total.failures += result.failures;
    total.healMs = Math.max(total.healMs, result.healMs);
    if (i % REPORT_EVERY === 0 || i === seeds) {
      const { minutes, packets, failures, healMs } = total;
      print(
        `${i} seeds, ${(minutes / 60).toFixed(1)} simulated hours, ${packets} packets, ${failures} failures seen, healed within ${(healMs / 1000).toFixed(1)} s`,
      );
    }
  }
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = parse(args);
  if (parsed === undefined) {
    console.error(USAGE);
    return 2;
  }
  const { table, numbers } = parsed;
  const sizes = numbers.size > 0 ? [numbers.size] : [3, 5, 10, 32, 100];
  if (table === '') await chaos(numbers);
  else if (table === 'detection') await detectionTable(sizes, numbers.repeat || 20, print);
  else if (table === 'spread') await spreadTable(sizes, numbers.repeat || 20, print);
  else if (table === 'lifeguard') await lifeguardTable(numbers.size || 64, numbers.minutes, numbers.repeat || 1, print);
  else if (table === 'soak') await soakTable(numbers.size || 100, numbers.minutes, print);
  else {
    console.error(USAGE);
    return 2;
  }
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  },
);
