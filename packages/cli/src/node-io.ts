import type { Io } from './io.ts';

/** The process as commands see it. */
export function processIo(): Io {
  return {
    env: process.env,
    sharesStreams: true,
    write: (chunk) => void process.stdout.write(chunk),
    writeError: (chunk) => void process.stderr.write(chunk),
    stdin: () => process.stdin,
    onSignal(fn) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.on(signal, fn);
      return () => {
        for (const signal of signals) process.off(signal, fn);
      };
    },
  };
}
