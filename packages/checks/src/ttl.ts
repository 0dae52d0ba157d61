import type { Clock, Log, Millis } from '@proconsul/base';
import { silentLog } from '@proconsul/base';
import { DueQueue } from './due-queue.ts';
import { cutNote } from './output.ts';
import { isPersistedFresh, type PersistedCheckState } from './persisted.ts';
import type { CheckStatus, RawResult } from './status.ts';

export interface TtlCheck {
  readonly id: string;
  readonly ttlMs: Millis;
  /** Bytes of a note that are kept. */
  readonly outputMaxSize: number;
  /** The output that the check has now, quoted when it expires; empty when it is new. */
  readonly lastOutput?: string;
}

export interface TtlDependencies {
  readonly clock: Clock;
  /** Called when a check's time ran out. */
  readonly onExpired: (id: string, result: RawResult) => void;
  readonly log?: Log;
}

interface Running {
  readonly ttlMs: Millis;
  readonly outputMaxSize: number;
  lastOutput: string;
  /** When it expires; may be later than the queue knows, so that an update costs no heap operation. */
  expiresAt: Millis;
  expired: boolean;
}

/** What a check says after its TTL ran out. Source: black-box runs of the reference agent. */
export function expiredOutput(lastOutput: string): string {
  return lastOutput === '' ? 'TTL expired' : `TTL expired (last output before timeout follows): ${lastOutput}`;
}

/** The TTL checks of one agent: each turns critical when nobody speaks for it in time. */
export class TtlChecks {
  readonly #deps: TtlDependencies;
  readonly #log: Log;
  readonly #running = new Map<string, Running>();
  readonly #queue: DueQueue;

  constructor(deps: TtlDependencies) {
    this.#deps = deps;
    this.#log = deps.log ?? silentLog;
    this.#queue = new DueQueue(deps.clock, (id) => this.#due(id));
  }

  has(id: string): boolean {
    return this.#running.has(id);
  }

  /** Starts the time of a new check, or restarts it with new settings. */
  add(check: TtlCheck): void {
    const expiresAt = this.#deps.clock.now() + check.ttlMs;
    this.#running.set(check.id, {
      ttlMs: check.ttlMs,
      outputMaxSize: check.outputMaxSize,
      lastOutput: check.lastOutput ?? '',
      expiresAt,
      expired: false,
    });
    this.#queue.set(check.id, expiresAt);
  }

  /** Drops a check; unknown ones are ignored. */
  remove(id: string): void {
    this.#running.delete(id);
    this.#queue.delete(id);
  }

  stop(): void {
    this.#running.clear();
    this.#queue.clear();
  }

  /** Notes a sign of life and returns what to store, or undefined when `id` is not a TTL check. */
  update(id: string, status: CheckStatus, note: string): RawResult | undefined {
    const check = this.#running.get(id);
    if (check === undefined) return undefined;
    const output = cutNote(note, check.outputMaxSize);
    check.lastOutput = output;
    check.expiresAt = this.#deps.clock.now() + check.ttlMs;
    if (check.expired) {
      check.expired = false;
      this.#queue.set(id, check.expiresAt);
    }
    this.#log.debug('Check status updated', { check: id, status });
    return { status, output };
  }

  /** What to write down so that a restart within the TTL finds the check as it was. */
  persist(id: string, result: RawResult): PersistedCheckState | undefined {
    const check = this.#running.get(id);
    if (check === undefined) return undefined;
    const expiresMs = this.#deps.clock.wallMs() + check.ttlMs;
    return { CheckID: id, Output: result.output, Status: result.status, Expires: Math.floor(expiresMs / 1000) };
  }

  /** Takes over a state from before the restart; returns what to store, or undefined when it is too old. */
  restore(state: PersistedCheckState): RawResult | undefined {
    const check = this.#running.get(state.CheckID);
    if (check === undefined || !isPersistedFresh(state, this.#deps.clock.wallMs())) return undefined;
    check.lastOutput = state.Output;
    return { status: state.Status, output: state.Output };
  }

  #due(id: string): void {
    const check = this.#running.get(id);
    if (check === undefined) return;
    if (check.expiresAt > this.#deps.clock.now()) {
      this.#queue.set(id, check.expiresAt);
      return;
    }
    check.expired = true;
    this.#log.warn('Check missed TTL, is now critical', { check: id });
    this.#deps.onExpired(id, { status: 'critical', output: expiredOutput(check.lastOutput) });
  }
}
