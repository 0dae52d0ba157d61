import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Finding, Report } from './engine.ts';
import { type Measured, SHARED_BYTES, SHARED_HEAD_WORDS, type Suspects, type Task } from './worker.ts';

export interface Outcome extends Report {
  readonly runs: number;
}

/** An execution that takes longer hangs. */
const HANG_MS = 15_000;
const WATCH_MS = 1000;
/** Heap of a worker: a parser that gathers memory over its executions dies of it. */
const HEAP_MIB = 768;

/** Runs all tasks, `workers` at a time. */
export async function attack(
  tasks: readonly Task[],
  workers: number,
  done: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const queue = [...tasks];
  const outcomes: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      const outcome = await runOne(task);
      outcomes.push(outcome);
      done(outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, workers) }, lane));
  return outcomes;
}

function runOne(task: Task): Promise<Outcome> {
  const shared = new SharedArrayBuffer(SHARED_HEAD_WORDS * 4 + SHARED_BYTES);
  const head = new Uint32Array(shared, 0, SHARED_HEAD_WORDS);
  return new Promise((resolve) => {
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: { task, shared },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    let seen = -1;
    let seenAt = performance.now();
    const watch = setInterval(() => {
      if (head[1] !== seen) {
        seen = head[1]!;
        seenAt = performance.now();
      } else if (performance.now() - seenAt > HANG_MS)
        end(lost('hangs', `one execution does not end in ${HANG_MS} ms`));
    }, WATCH_MS);
    const lost = (key: string, message: string): Outcome => {
      const bytes = new Uint8Array(new Uint8Array(shared, SHARED_HEAD_WORDS * 4, head[0]).slice());
      return { ...nothing(task, head[1]!), findings: [{ key, message, stack: '', bytes }] };
    };
    const end = (outcome: Outcome): void => {
      clearInterval(watch);
      worker.removeAllListeners();
      worker.on('error', () => undefined);
      void worker.terminate();
      resolve(outcome);
    };
    worker.on('message', (report: Report) => end({ ...report, runs: task.runs }));
    worker.on('error', (error) => end(lost('dies', error.stack ?? String(error))));
    worker.on('exit', (code) => end(lost('dies', `the worker ended with ${code}`)));
  });
}

function nothing(task: Task, executions: number): Outcome & { readonly findings: readonly Finding[] } {
  return {
    name: task.name,
    runs: task.runs,
    executions,
    accepted: 0,
    branches: 0,
    corpus: 0,
    slow: [],
    stretched: [],
    findings: [],
    digest: '',
    elapsedMs: 0,
  };
}

/** The slowest input of each list, measured in a build without counters. */
export function measure(bundle: string, suspects: readonly Suspects[]): Promise<Measured[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(bundle, { workerData: { suspects } });
    worker.on('message', (measured: Measured[]) => {
      void worker.terminate();
      resolve(measured);
    });
    worker.on('error', reject);
  });
}
