import type { Clock, Log, Metrics, Millis } from '@proconsul/base';
import {
  type Caller,
  type CommonArgs,
  EndpointError,
  Operator,
  type ReadDone,
  type ReadMethod,
  type ReadOptions,
  type View,
  type WriteMethod,
} from '@proconsul/endpoints';

export type RequestLimitsMode = 'disabled' | 'permissive' | 'enforcing';

/** `limits.request_limits`. Rates are calls a second; a negative or infinite one is no limit. */
export interface RequestLimitsOptions {
  readonly mode: RequestLimitsMode;
  readonly readRate: number;
  readonly writeRate: number;
}

/** So many seconds of a rate may be used at once. Source: calls to a server of version 1.21.0 with several rates. */
export const BURST_SECONDS = 10;

/** Lines about limits that the log gets in a second, on average, at most. */
const LOG_LINES_PER_SECOND_MAX = 100;

/** Calls that come in evenly, and in bursts. */
class Bucket {
  readonly rate: number;
  #tokens: number;
  #at: Millis;

  constructor(rate: number, now: Millis) {
    this.rate = rate < 0 ? Number.POSITIVE_INFINITY : rate;
    this.#tokens = this.rate * BURST_SECONDS;
    this.#at = now;
  }

  take(now: Millis): boolean {
    if (this.rate === Number.POSITIVE_INFINITY) return true;
    this.#tokens = Math.min(this.rate * BURST_SECONDS, this.#tokens + ((now - this.#at) / 1000) * this.rate);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

const elsewhere = () =>
  new EndpointError('RATE_LIMITED', 'rate limit exceeded, try again later or against a different server', 429);
const onlyHere = () =>
  new EndpointError(
    'LEADER_RATE_LIMITED',
    'rate limit exceeded for operation that can only be performed by the leader, try again later',
    503,
  );

/** Always answered: agents and servers live by them. */
const isExempt = (name: string): boolean =>
  name.startsWith('Status.') || (name.startsWith('Operator.') && name !== Operator.Usage.name);

export interface RequestLimitsDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * How many calls a server takes in a second, of its own agent, of clients and of other servers together. Source: limits
 * of the configuration reference; answers of a server of version 1.21.0.
 */
export class RequestLimits {
  readonly #d: RequestLimitsDependencies;
  #options: RequestLimitsOptions;
  #read: Bucket;
  #write: Bucket;
  #lines: Bucket;

  constructor(options: RequestLimitsOptions, dependencies: RequestLimitsDependencies) {
    this.#d = dependencies;
    this.#options = options;
    const now = dependencies.clock.now();
    this.#read = new Bucket(options.readRate, now);
    this.#write = new Bucket(options.writeRate, now);
    this.#lines = new Bucket(LOG_LINES_PER_SECOND_MAX, now);
  }

  get areOn(): boolean {
    return this.#options.mode !== 'disabled';
  }

  /** Other limits from now on. Rates that stay keep what was used of them. */
  reload(options: RequestLimitsOptions): void {
    const now = this.#d.clock.now();
    if (options.readRate !== this.#options.readRate) this.#read = new Bucket(options.readRate, now);
    if (options.writeRate !== this.#options.writeRate) this.#write = new Bucket(options.writeRate, now);
    this.#options = options;
  }

  /** The error of a call that is one too many; null when it may go on. */
  refusal(name: string, kind: 'read' | 'write', leads: boolean): EndpointError | null {
    if (!this.areOn || isExempt(name)) return null;
    const now = this.#d.clock.now();
    if ((kind === 'read' ? this.#read : this.#write).take(now)) return null;
    const { mode } = this.#options;
    this.#d.metrics.count('rpc.rate_limit.exceeded', 1, { limit_type: `global/${kind}`, op: name, mode });
    if (this.#lines.take(now)) {
      const fields = { rpc: name, limit_type: `global/${kind}`, limit_enforced: mode === 'enforcing' };
      this.#d.log.debug('RPC exceeded allowed rate limit', fields);
    }
    if (mode !== 'enforcing') return null;
    return kind === 'write' && leads ? onlyHere() : elsewhere();
  }
}

/** The answer as one that nobody keeps: whoever wants it again has to ask, and is counted. */
const askedAgain = <T>({ index, value, memo }: View<T>): View<T> => ({ index, value, memo, valid: false });

/** A server's calls within its limits. */
export class LimitedCaller implements Caller {
  readonly #inner: Caller;
  readonly #limits: RequestLimits;

  constructor(inner: Caller, limits: RequestLimits) {
    this.#inner = inner;
    this.#limits = limits;
  }

  leads(): boolean {
    return this.#inner.leads();
  }

  peek<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): View<T> | undefined {
    // What cannot be answered here goes to `read`, and is counted there.
    if (this.#limits.areOn && !this.#inner.leads()) return undefined;
    const refusal = this.#refusal(method);
    if (refusal !== null) throw refusal;
    const view = this.#inner.peek(method, args);
    return view !== undefined && this.#limits.areOn ? askedAgain(view) : view;
  }

  read<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    const refusal = this.#refusal(method);
    if (refusal === null) {
      if (!this.#limits.areOn) return this.#inner.read(method, args, options, done);
      return this.#inner.read(method, args, options, (error, view, meta) => {
        done(error, view === null ? null : askedAgain(view), meta);
      });
    }
    done(refusal, null, { knownLeader: false, lastContactMs: 0 });
    return () => {};
  }

  async write<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R> {
    const refusal = this.#refusal(method);
    if (refusal !== null) throw refusal;
    return await this.#inner.write(method, args);
  }

  #refusal({ name, kind }: { readonly name: string; readonly kind: 'read' | 'write' }): EndpointError | null {
    return this.#limits.areOn ? this.#limits.refusal(name, kind, this.#inner.leads()) : null;
  }
}
