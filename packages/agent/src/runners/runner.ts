import type { Clock, Millis } from '@proconsul/base';
import type { CheckType, RawResult } from '@proconsul/checks';
import type { Spawner } from './spawner.ts';

/** TLS material of the agent, used by checks when `enable_agent_tls_for_checks` is on. All PEM. */
export interface CheckTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** What one run of a check is given besides its definition. */
export interface RunContext {
  readonly clock: Clock;
  /** Aborted when the check was removed; nobody looks at the result then. */
  readonly signal: AbortSignal;
  readonly timeoutMs: Millis;
  /** Bytes of output that are kept. */
  readonly outputMaxSize: number;
  readonly tls: CheckTls;
  /** Address of the Docker engine, as in the variable DOCKER_HOST. */
  readonly dockerHost: string;
  /** Starts processes on behalf of this one when there are many. */
  readonly spawner?: Spawner | undefined;
}

/** One attempt of a check. Resolves within the timeout, whatever happens; never rejects for what the target does. */
export type Runner = (check: CheckType, context: RunContext) => Promise<RawResult>;

export const critical = (output: string): RawResult => ({ status: 'critical', output });
export const passing = (output: string): RawResult => ({ status: 'passing', output });

/** The end of one run: aborts `signal` after the timeout, or when the run is given up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True when the time ran out, rather than the run being given up. */
  readonly expired: boolean;
  /** Milliseconds left, 0 when over. */
  leftMs(): Millis;
  release(): void;
}

export function deadlineOf(context: Pick<RunContext, 'clock' | 'signal' | 'timeoutMs'>): Deadline {
  const { clock, signal, timeoutMs } = context;
  const controller = new AbortController();
  const endsAt = clock.now() + timeoutMs;
  let expired = false;
  const giveUp = () => controller.abort();
  if (signal.aborted) giveUp();
  else signal.addEventListener('abort', giveUp, { once: true });
  const timer = clock.after(timeoutMs, () => {
    expired = true;
    controller.abort();
  });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    leftMs: () => Math.max(0, endsAt - clock.now()),
    release() {
      timer.cancel();
      signal.removeEventListener('abort', giveUp);
    },
  };
}

/** Calls `fn` at once if `signal` is aborted already, else when it is. Returns a function that forgets it. */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  if (signal.aborted) {
    fn();
    return () => {};
  }
  signal.addEventListener('abort', fn, { once: true });
  return () => signal.removeEventListener('abort', fn);
}
