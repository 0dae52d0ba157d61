import {
  type Clock,
  errorText,
  formatDuration,
  invariant,
  type Log,
  type Millis,
  type Rng,
  silentLog,
  type Timer,
} from '@proconsul/base';
import { INTERVAL_MS_MIN, intervalMs, timeoutMs } from './defaults.ts';
import { type CheckKind, type CheckType, checkKind, hasInterval, sameDefinition } from './definition.ts';
import { DueQueue } from './due-queue.ts';
import type { CheckStatus, RawResult } from './status.ts';
import { Thresholds, thresholdsOf } from './thresholds.ts';

export interface SchedulerOptions {
  /** Runs at one time of checks that start a process: script and os_service. */
  readonly maxProcesses: number;
  /** Runs at one time of all other checks, which only wait for a socket. */
  readonly maxSockets: number;
}

export const SCHEDULER_DEFAULTS: SchedulerOptions = { maxProcesses: 64, maxSockets: 2048 };

/** A runner that has not settled this long after its timeout is aborted and its run counts as critical. */
export const RUN_GRACE_MS: Millis = 5_000;

export interface SchedulerDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  /** Runs a check once, within its timeout. After `signal` aborts its result is not used. A rejection is critical. */
  readonly run: (check: CheckType, signal: AbortSignal) => Promise<RawResult>;
  /** Called for every result that passes the thresholds, changed or not. */
  readonly onStatus: (id: string, result: RawResult) => void;
  readonly log?: Log;
}

export interface SchedulerStats {
  readonly checks: number;
  readonly running: number;
  /** Due, but waiting for another run to end. */
  readonly waiting: number;
  /** Planned runs left out because the run before, with its wait, took longer than the interval. */
  readonly skipped: number;
}

interface Scheduled {
  readonly id: string;
  readonly definition: CheckType;
  readonly intervalMs: Millis;
  readonly timeoutMs: Millis;
  readonly thresholds: Thresholds;
  readonly lane: Lane;
  /** The grid point of the current or next run: first start plus a whole number of intervals. */
  plannedAt: Millis;
  abort: AbortController | undefined;
}

/** Checks that share a bound. The set is the queue: first come, first served. */
interface Lane {
  readonly max: number;
  readonly waiting: Set<Scheduled>;
  running: number;
}

const lane = (max: number): Lane => {
  invariant(max >= 1, 'a lane of checks needs room for one run');
  return { max, waiting: new Set(), running: 0 };
};

const startsProcess = (kind: CheckKind): boolean => kind === 'script' || kind === 'os_service';

/**
 * Runs the checks of one agent, each again and again at its interval.
 *
 * Promises: the first run comes after a random part of the interval; later ones are planned at whole intervals after
 * it, however long runs take, so there is no drift. A check never runs twice at one time: planned runs that pass while
 * it waits or runs are left out. No more runs than the bounds at one time; those that wait start in the order in which
 * they became due, so none starves.
 */
export class CheckScheduler {
  readonly #deps: SchedulerDependencies;
  readonly #log: Log;
  readonly #checks = new Map<string, Scheduled>();
  readonly #due: DueQueue;
  readonly #processes: Lane;
  readonly #sockets: Lane;
  #skipped = 0;

  constructor(options: SchedulerOptions, deps: SchedulerDependencies) {
    this.#deps = deps;
    this.#log = deps.log ?? silentLog;
    this.#processes = lane(options.maxProcesses);
    this.#sockets = lane(options.maxSockets);
    this.#due = new DueQueue(deps.clock, (id) => this.#onDue(id));
  }

  /**
   * Starts a check that has an interval. One with the same ID and the same definition goes on undisturbed; a changed
   * definition starts afresh and the run in progress is aborted.
   */
  add(id: string, definition: CheckType): 'added' | 'kept' | 'replaced' {
    invariant(hasInterval(definition) && definition.Interval > 0, 'a scheduled check has an interval');
    const before = this.#checks.get(id);
    if (before !== undefined && sameDefinition(before.definition, definition)) return 'kept';
    this.remove(id);
    const kind = checkKind(definition);
    const interval = intervalMs(definition);
    if (definition.Interval / 1e6 < INTERVAL_MS_MIN) {
      const minimum = formatDuration(INTERVAL_MS_MIN * 1e6);
      this.#log.warn('check has interval below minimum', { check: id, minimum_interval: minimum });
    }
    const check: Scheduled = {
      id,
      definition,
      intervalMs: interval,
      timeoutMs: timeoutMs(definition, kind),
      thresholds: new Thresholds(thresholdsOf(definition)),
      lane: startsProcess(kind) ? this.#processes : this.#sockets,
      plannedAt: this.#deps.clock.now() + this.#deps.rng.float() * interval,
      abort: undefined,
    };
    this.#checks.set(id, check);
    this.#due.set(id, check.plannedAt);
    return before === undefined ? 'added' : 'replaced';
  }

  has(id: string): boolean {
    return this.#checks.has(id);
  }

  /** Stops a check and aborts its run in progress. Unknown ones are ignored. */
  remove(id: string): void {
    const check = this.#checks.get(id);
    if (check === undefined) return;
    this.#checks.delete(id);
    this.#due.delete(id);
    check.lane.waiting.delete(check);
    check.abort?.abort();
  }

  /** Stops all checks. */
  stop(): void {
    for (const id of [...this.#checks.keys()]) this.remove(id);
  }

  stats(): SchedulerStats {
    return {
      checks: this.#checks.size,
      running: this.#processes.running + this.#sockets.running,
      waiting: this.#processes.waiting.size + this.#sockets.waiting.size,
      skipped: this.#skipped,
    };
  }

  #onDue(id: string): void {
    const check = this.#checks.get(id);
    if (check === undefined) return;
    check.lane.waiting.add(check);
    this.#pump(check.lane);
  }

  #pump(from: Lane): void {
    for (const check of from.waiting) {
      if (from.running >= from.max) return;
      from.waiting.delete(check);
      this.#start(check);
    }
  }

  #start(check: Scheduled): void {
    const abort = new AbortController();
    check.abort = abort;
    check.lane.running++;
    let settled = false;
    const settle = (result: RawResult): void => {
      if (settled) return;
      settled = true;
      watchdog.cancel();
      check.lane.running--;
      check.abort = undefined;
      this.#finish(check, result);
      this.#pump(check.lane);
    };
    const watchdog: Timer = this.#deps.clock.after(check.timeoutMs + RUN_GRACE_MS, () => {
      abort.abort();
      settle({ status: 'critical', output: timedOutText(check.timeoutMs) });
    });
    // Also turns a synchronous throw into a rejection.
    Promise.resolve()
      .then(() => this.#deps.run(check.definition, abort.signal))
      .then(settle, (thrown) => settle({ status: 'critical', output: errorText(thrown) }));
  }

  #finish(check: Scheduled, result: RawResult): void {
    if (this.#checks.get(check.id) !== check) return;
    this.#plan(check);
    this.#report(check, result);
  }

  /** Plans the next run at the first grid point that is not in the past. */
  #plan(check: Scheduled): void {
    const now = this.#deps.clock.now();
    check.plannedAt += check.intervalMs;
    if (check.plannedAt < now) {
      const missed = Math.ceil((now - check.plannedAt) / check.intervalMs);
      check.plannedAt += missed * check.intervalMs;
      this.#skipped += missed;
    }
    this.#due.set(check.id, check.plannedAt);
  }

  #report(check: Scheduled, result: RawResult): void {
    const outcome = check.thresholds.step(result.status);
    const { options } = check.thresholds;
    switch (outcome.kind) {
      case 'report':
        this.#logStatus(check.id, outcome.status);
        this.#deps.onStatus(check.id, { status: outcome.status, output: result.output });
        return;
      case 'held-success':
        this.#log.warn('Check passed but has not reached success threshold', {
          check: check.id,
          status: result.status,
          success_count: outcome.count,
          success_threshold: options.successBeforePassing,
        });
        return;
      case 'held-failure':
        this.#log.warn('Check failed but has not reached warning/failure threshold', {
          check: check.id,
          status: result.status,
          failure_count: outcome.count,
          warning_threshold: options.failuresBeforeWarning,
          failure_threshold: options.failuresBeforeCritical,
        });
    }
  }

  #logStatus(id: string, status: CheckStatus): void {
    if (status === 'critical') this.#log.warn('Check is now critical', { check: id });
    else this.#log.debug('Check status updated', { check: id, status });
  }
}

/** What a run that took too long says. Source: black-box runs of the reference agent with a script. */
export function timedOutText(timeout: Millis): string {
  return `Timed out (${formatDuration(Math.round(timeout * 1e6))}) running check`;
}
