import { processIo } from './node-io.ts';
import { run } from './run.ts';

// A reader that stops early, such as `head`, ends the program quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** How the agent calls its helper that starts scripts. */
const HELPER = '__spawner';

if (process.argv[2] === HELPER) {
  void import('@proconsul/agent').then(({ spawnerMain }) => spawnerMain());
} else {
  void run(process.argv.slice(2), processIo()).then((code) => {
    process.exitCode = code;
  });
}
