import { type Clock, errorText, formatDuration, type Log, type Millis, sleep } from '@proconsul/base';
import { orderedJson } from '@proconsul/http-api';
import type { WatchPlan } from './definition.ts';
import type { RunHandler } from './handler.ts';
import { shapeOf } from './shapes.ts';

/** The pause after the nth failure in a row is n squared times this, at most the other. Source: recorded log lines. */
export const RETRY_STEP_MS: Millis = 5_000;
export const RETRY_MS_MAX: Millis = 180_000;

/** Shortest time from one answer to the next read, so that an index that moves all the time cannot busy the agent. */
export const READ_PAUSE_MS: Millis = 10;

/** One answer of the agent. */
export interface WatchAnswer {
  /** The decoded body; null for a key or prefix that does not exist. */
  readonly value: unknown;
  /** X-Consul-Index as it came; for `agent_service` the content hash. */
  readonly token: string;
}

/**
 * Reads a path of the agent's own HTTP API, blocking while its index (or content hash) is `token`; an empty token does
 * not block. Rejects with `Unexpected response code: 500 (...)` and the like; 404 of the KV store is not an error.
 */
export type ReadAgent = (plan: WatchPlan, token: string, signal: AbortSignal) => Promise<WatchAnswer>;

export interface PlanDependencies {
  readonly read: ReadAgent;
  readonly handle: RunHandler;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What to block on after an answer. Counting indexes start over when they go backwards (a restored snapshot, another
 * cluster) and are never below 1; indexes of events and hashes only tell same from different.
 * Source: blocking queries, implementation details, in the documentation of the HTTP API.
 */
export function nextToken(type: WatchPlan['type'], last: string, next: string): string {
  if (type === 'event' || type === 'agent_service') return next;
  const [a, b] = [toIndex(last), toIndex(next)];
  if (b < a) return '';
  return b < 1n ? '1' : String(b);
}

const toIndex = (text: string): bigint => (/^\d{1,20}$/.test(text) ? BigInt(text) : 0n);

/**
 * Runs one watch until `signal` aborts: calls its handler with the first result and with each that differs from the
 * one before. A handler that is still running is waited for; what changed meanwhile is told as one change.
 */
export async function runPlan(plan: WatchPlan, dependencies: PlanDependencies, signal: AbortSignal): Promise<void> {
  const { read, handle, clock, log } = dependencies;
  const shape = shapeOf(plan.type);
  const events = new EventCursor();
  let token = '';
  let failures = 0;
  let told: string | undefined;
  while (!signal.aborted) {
    let answer: WatchAnswer;
    try {
      answer = await read(plan, token, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      token = '';
      await pause(plan, failures, error, { clock, log }, signal);
      continue;
    }
    if (signal.aborted) return;
    const moved = answer.token !== token;
    token = nextToken(plan.type, token, answer.token);
    const fresh = plan.type === 'event' ? events.fresh(answer.value as readonly EventRow[]) : answer.value;
    const json = orderedJson(shape(fresh));
    const isNews = told === undefined || (moved && json !== told && !(plan.type === 'event' && json === '[]'));
    if (isNews) {
      told = json;
      await handle(plan.handler, json, answer.token);
    }
    // Without an index there is nothing to block on.
    await sleep(clock, answer.token === '' ? RETRY_STEP_MS : READ_PAUSE_MS, signal);
  }
}

type EventRow = { readonly ID: string };

/** The list of events always holds the last ones; this remembers up to which they were told. */
class EventCursor {
  #last: string | undefined;

  /** Those after the last one that was seen, or all of them when it is not in the list any more. */
  fresh(events: readonly EventRow[]): readonly EventRow[] {
    const fresh = events.slice(events.findIndex((event) => event.ID === this.#last) + 1);
    this.#last = events.at(-1)?.ID ?? this.#last;
    return fresh;
  }
}

async function pause(
  plan: WatchPlan,
  failures: number,
  error: unknown,
  { clock, log }: Pick<PlanDependencies, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const retryMs = Math.min(RETRY_STEP_MS * failures ** 2, RETRY_MS_MAX);
  const retry = formatDuration(retryMs * 1e6);
  log.error('Watch errored', { type: plan.type, error: errorText(error), retry });
  await sleep(clock, retryMs, signal);
}
