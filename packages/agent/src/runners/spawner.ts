import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, Millis } from '@proconsul/base';
import type { RawResult } from '@proconsul/checks';
import { onAbort, type RunContext } from './runner.ts';

/**
 * Starting a process stops the event loop for as long as the kernel copies the tables of the memory of this process: 1.5
 * to 7 ms for an agent, too long when hundreds of scripts are started in a second. A helper, a small process of the same
 * program, then starts them on behalf of the agent; a run costs the agent two messages.
 */
export interface SpawnerOptions {
  /** Arguments of node that make it call {@link runSpawner}: the file of the program and a hidden subcommand. */
  readonly entry: readonly string[];
  /** Runs within {@link RATE_WINDOW_MS} from which on the helper is used; it is started with the first such run. */
  readonly busyRuns?: number;
}

export const RATE_WINDOW_MS: Millis = 10_000;
export const BUSY_RUNS_DEFAULT = 300;

/** Runs that may wait for the helper; more are started directly. */
export const JOBS_MAX = 10_000;
/** The helper reports a timeout by itself; if it does not within this time it is taken for lost. */
export const HELPER_GRACE_MS: Millis = 5_000;
/** After the helper has died unasked, scripts are started directly for so long. */
export const HELPER_RETRY_MS: Millis = 60_000;

/** What the agent asks of the helper: to start a command, or to give one up. */
export type SpawnerRequest =
  | {
      readonly id: number;
      readonly command: string;
      readonly args: readonly string[];
      readonly timeoutMs: Millis;
      readonly outputMaxSize: number;
    }
  | { readonly stop: number };

/** What the helper answers. */
export interface SpawnerResponse extends RawResult {
  readonly id: number;
}

type Settle = (result: RawResult | undefined) => void;

/** The agent's side. */
export class Spawner {
  readonly #options: SpawnerOptions;
  readonly #clock: Clock;
  readonly #jobs = new Map<number, Settle>();
  #helper: ChildProcess | undefined;
  #nextId = 1;
  #retryAt: Millis = 0;
  #windowStartedAt: Millis = 0;
  #runsInWindow = 0;
  #runsBefore = 0;

  constructor(options: SpawnerOptions, { clock }: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Counts a run, and tells whether there are so many that the helper should do it. */
  isBusy(): boolean {
    const now = this.#clock.now();
    if (now - this.#windowStartedAt >= RATE_WINDOW_MS) {
      const isNext = now - this.#windowStartedAt < 2 * RATE_WINDOW_MS;
      this.#runsBefore = isNext ? this.#runsInWindow : 0;
      this.#runsInWindow = 0;
      this.#windowStartedAt = now;
    }
    this.#runsInWindow++;
    const limit = this.#options.busyRuns ?? BUSY_RUNS_DEFAULT;
    return Math.max(this.#runsInWindow, this.#runsBefore) >= limit && now >= this.#retryAt;
  }

  /** Undefined when the helper cannot do it: it is not there, or died meanwhile. Then the caller starts the command. */
  run(command: string, args: readonly string[], context: RunContext): Promise<RawResult | undefined> {
    const { timeoutMs, outputMaxSize, signal } = context;
    const helper = this.#helper ?? this.#start();
    if (this.#jobs.size >= JOBS_MAX || signal.aborted) return Promise.resolve(undefined);
    const id = this.#nextId++;
    return new Promise((done) => {
      const lost = this.#clock.after(timeoutMs + HELPER_GRACE_MS, () => helper.kill('SIGKILL'));
      const forget = onAbort(signal, () => send(helper, { stop: id }));
      this.#jobs.set(id, (result) => {
        this.#jobs.delete(id);
        lost.cancel();
        forget();
        done(result);
      });
      send(helper, { id, command, args, timeoutMs, outputMaxSize });
    });
  }

  /** Ends the helper, and with it what it has started. */
  stop(): void {
    const helper = this.#helper;
    this.#forget(helper);
    if (helper?.connected) helper.disconnect();
  }

  /** Id of the helper's process, if there is one. */
  get pid(): number | undefined {
    return this.#helper?.pid;
  }

  #start(): ChildProcess {
    // In a process group of its own: an interrupt from the terminal is for the agent, which ends the helper last.
    const helper = spawn(process.execPath, this.#options.entry, {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#helper = helper;
    helper.on('message', ({ id, ...result }: SpawnerResponse) => this.#jobs.get(id)?.(result));
    const gone = () => {
      if (this.#helper !== helper) return;
      this.#retryAt = this.#clock.now() + HELPER_RETRY_MS;
      this.#forget(helper);
    };
    helper.on('error', gone);
    helper.on('exit', gone);
    helper.unref();
    helper.channel?.unref();
    return helper;
  }

  #forget(helper: ChildProcess | undefined): void {
    if (this.#helper !== helper) return;
    this.#helper = undefined;
    for (const settle of [...this.#jobs.values()]) settle(undefined);
  }
}

function send(helper: ChildProcess, request: SpawnerRequest): void {
  // That it cannot be sent is told by the end of the helper.
  if (helper.connected) helper.send(request, () => {});
}

type RunHere = (command: string, args: readonly string[], context: RunContext) => Promise<RawResult>;

/**
 * The helper's side: serves the parent process until it is gone, then kills what still runs and ends. Signals that are
 * meant for the agent do not end it. To be called as the whole work of a process with an IPC channel.
 */
export function runSpawner(clock: Clock, run: RunHere): void {
  const stops = new Map<number, AbortController>();
  process.on('message', (request: SpawnerRequest) => {
    if ('stop' in request) {
      stops.get(request.stop)?.abort();
      return;
    }
    const { id, command, args, timeoutMs, outputMaxSize } = request;
    const stop = new AbortController();
    stops.set(id, stop);
    const context = { clock, signal: stop.signal, timeoutMs, outputMaxSize, tls: {}, dockerHost: '' };
    void run(command, args, context).then((result) => {
      stops.delete(id);
      const response: SpawnerResponse = { id, ...result };
      if (process.connected) process.send?.(response);
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('disconnect', () => {
    for (const stop of stops.values()) stop.abort();
    process.exit(0);
  });
}
