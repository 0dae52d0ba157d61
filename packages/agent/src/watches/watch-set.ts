import type { Clock, Log } from '@proconsul/base';
import { parseWatch, WatchError, type WatchPlan } from './definition.ts';
import { handlerRunner, type RunHandler } from './handler.ts';
import { type ReadAgent, runPlan } from './plan.ts';

/** Watches that one agent runs; more are refused. */
export const WATCHES_MAX = 10_000;

const DEPRECATED =
  "The 'handler' field in watches has been deprecated and replaced with the 'args' field. " +
  'See https://developer.hashicorp.com/docs/agent/watches';

export interface WatchSetDependencies {
  /** Undefined when the agent has neither an HTTP nor an HTTPS listener: then no watch can run. */
  readonly read: ReadAgent | undefined;
  readonly clock: Clock;
  /** Of the agent itself. Failed reads are logged as `agent.watch.watch`. */
  readonly log: Log;
  /** Default: runs programs and calls HTTP. */
  readonly handle?: RunHandler;
}

interface Running {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** The watches of the configuration, while they run. */
export class WatchSet {
  readonly #d: WatchSetDependencies;
  readonly #handle: RunHandler;
  /** By definition; two equal ones have two entries. */
  #running = new Map<string, Running>();

  constructor(dependencies: WatchSetDependencies) {
    this.#d = dependencies;
    this.#handle = dependencies.handle ?? handlerRunner(dependencies);
  }

  /** Checks definitions without running them. Throws WatchError for the first that is wrong. */
  check(definitions: readonly Readonly<Record<string, unknown>>[]): readonly WatchPlan[] {
    if (definitions.length > WATCHES_MAX) throw new WatchError(`More than ${WATCHES_MAX} watches`);
    const plans = definitions.map((definition) => {
      if (definition['handler'] !== undefined) this.#d.log.warn(DEPRECATED);
      return parseWatch(definition);
    });
    if (plans.length > 0 && this.#d.read === undefined) {
      throw new WatchError('watch plans require an HTTP or HTTPS endpoint');
    }
    return plans;
  }

  /**
   * Makes these the watches that run. Those that ran before with the same definition run on, and their handlers are
   * not called again; the others end and begin. Throws WatchError, and then nothing has changed.
   */
  set(definitions: readonly Readonly<Record<string, unknown>>[]): void {
    const next = new Map<string, Running>();
    for (const plan of this.check(definitions)) {
      const key = keyFor(plan, next);
      next.set(key, this.#running.get(key) ?? this.#start(plan));
    }
    for (const [key, running] of this.#running) {
      if (!next.has(key)) running.stop.abort();
    }
    this.#running = next;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Ends all watches. A handler that runs is neither ended nor waited for. */
  stop(): void {
    for (const { stop } of this.#running.values()) stop.abort();
    this.#running.clear();
  }

  #start(plan: WatchPlan): Running {
    const { clock, log, read } = this.#d;
    const stop = new AbortController();
    const dependencies = {
      read: read as ReadAgent,
      handle: this.#handle,
      clock,
      log: log.named('watch').named('watch'),
    };
    return { stop, done: runPlan(plan, dependencies, stop.signal) };
  }
}

function keyFor(plan: WatchPlan, taken: ReadonlyMap<string, unknown>): string {
  const text = JSON.stringify(plan);
  for (let n = 0; ; n++) {
    const key = `${n} ${text}`;
    if (!taken.has(key)) return key;
  }
}
