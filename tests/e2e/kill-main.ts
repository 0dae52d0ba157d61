// npm run kill -- --rounds 200 [--seed N] [--minutes 20]
import { parseArgs } from 'node:util';
import { runKill } from './kill-run.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    minutes: { type: 'string', default: '20' },
  },
});
console.log(`seed ${values.seed}`);
const result = await runKill({
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  withinMs: Number(values.minutes) * 60_000,
  log: console.log,
});
for (const text of result.wrong) console.error(text);
console.log(
  `${result.rounds} kills under writes, ${result.killedWhileStarting} more while starting, ` +
    `${result.acked} acknowledged writes, ${result.wrong.length} wrong`,
);
process.exitCode = result.wrong.length === 0 && result.rounds === Number(values.rounds) ? 0 : 1;
