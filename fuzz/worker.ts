import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { bytesOf, readRegressions } from './corpus.ts';
import type { Counters } from './coverage.ts';
import { fuzz } from './engine.ts';
import { targets } from './targets/index.ts';

/** What one worker is told. */
export interface Task {
  readonly name: string;
  readonly seed: number;
  readonly runs: number;
}

/** The input being executed, where the main thread can read it when the worker no longer answers: size, count, bytes. */
export const SHARED_HEAD_WORDS = 2;
export const SHARED_BYTES = 1 << 20;

/** Inputs of one target that may be slow. */
export interface Suspects {
  readonly name: string;
  readonly inputs: readonly Uint8Array[];
}

/** The shortest of several measurements of one input. */
export interface Measured {
  readonly ms: number;
  readonly bytes: Uint8Array;
}

/** Each input is measured that often; the shortest counts, since others use the machine too. */
const MEASUREMENTS = 5;

/** Runs one target and posts its report, or measures inputs, as the main thread says. */
export async function work(): Promise<void> {
  const told = workerData as Work | { readonly suspects: readonly Suspects[] };
  if ('task' in told) return attackOne(told);
  const slowest: Measured[] = [];
  for (const one of told.suspects) slowest.push(await slowestOf(one));
  parentPort!.postMessage(slowest);
}

async function slowestOf({ name, inputs }: Suspects): Promise<Measured> {
  const target = targets.find((t) => t.name === name)!;
  let worst: Measured = { ms: 0, bytes: new Uint8Array(0) };
  for (const bytes of inputs) {
    let ms = Number.POSITIVE_INFINITY;
    for (let i = 0; i < MEASUREMENTS; i++) {
      const startedAt = performance.now();
      const used = process.cpuUsage();
      try {
        await (target.task ?? target.run).call(target, bytes);
      } catch {
        // Only the time counts here.
      }
      const { user, system } = process.cpuUsage(used);
      // The processor's time where it is less: others use the machine too.
      ms = Math.min(ms, performance.now() - startedAt, (user + system) / 1000);
    }
    if (ms > worst.ms) worst = { ms, bytes };
  }
  return worst;
}

interface Work {
  readonly task: Task;
  readonly shared: SharedArrayBuffer;
}

async function attackOne({ task, shared }: Work): Promise<void> {
  const head = new Uint32Array(shared, 0, SHARED_HEAD_WORDS);
  const input = new Uint8Array(shared, SHARED_HEAD_WORDS * 4);
  const target = targets.find((t) => t.name === task.name)!;
  const globals = globalThis as { __fuzz?: Counters; __fuzzWords?: Record<string, string[]> };
  const report = await fuzz(
    target,
    {
      seed: task.seed,
      runs: task.runs,
      regressions: readRegressions(join('fuzz', 'corpus'), task.name).map(bytesOf),
    },
    {
      counters: globals.__fuzz,
      now: () => performance.now(),
      words: globals.__fuzzWords ?? {},
      before: (bytes) => {
        const size = Math.min(bytes.length, input.length);
        input.set(size === bytes.length ? bytes : bytes.subarray(0, size));
        head[0] = size;
        head[1]!++;
      },
    },
  );
  parentPort!.postMessage(report);
}
