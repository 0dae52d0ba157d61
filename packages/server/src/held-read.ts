import type { Clock, Millis } from '@proconsul/base';
import type {
  Caller,
  CommonArgs,
  Consistency,
  EndpointError,
  ReadDone,
  ReadMeta,
  ReadMethod,
  ReadOptions,
  View,
} from '@proconsul/endpoints';
import type { Hold } from './hold.ts';
import { isRetryable } from './retryable.ts';

/** Who answers a call at this moment. `verify`: we, once a quorum confirms that we lead. */
export type CallRoute =
  | { readonly kind: 'local' }
  | { readonly kind: 'verify' }
  | { readonly kind: 'forward'; readonly to: Caller }
  | { readonly kind: 'wait'; readonly error: EndpointError };

/** What reads need of the server: one object for all of them. */
export interface ReadSteps {
  readonly clock: Clock;
  hold(): Hold;
  route(name: string, consistency: Consistency): CallRoute;
  /** Answers from our state, now or when its index has passed. */
  answer<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    told: (error: Error | null, view: View<T> | null) => void,
  ): () => void;
  verify(): Promise<void>;
  /** Whether what we hold may be the answer: not when only a leader may answer and we no longer are. */
  mayAnswer(name: string, consistency: Consistency): boolean;
  meta(): ReadMeta;
  /** To be called when we stop leading. */
  readonly deposed: Set<() => void>;
  /** To be called when there is another leader. */
  readonly forwarded: Set<() => void>;
  /** Id of the leader, empty while there is none. */
  leaderId(): string;
  /** How long a read waits that asks for so much, without the random extra. */
  waitMs(wanted: Millis): Millis;
}

const nothing = () => {};

/**
 * One read on its way to an answer: here, or from the leader; again when the leader changes under it, for as long as a
 * call may be held. A blocking read keeps the end of its wait through all of that.
 */
export class HeldRead<A extends CommonArgs, T> {
  readonly #method: ReadMethod<A, T>;
  readonly #args: A;
  readonly #options: ReadOptions;
  readonly #done: ReadDone<T>;
  readonly #steps: ReadSteps;
  #hold: Hold | undefined;
  readonly #startedAt: Millis;
  #attemptedAt: Millis;
  #cancel: () => unknown = nothing;
  #isOver = false;

  constructor(method: ReadMethod<A, T>, args: A, options: ReadOptions, done: ReadDone<T>, steps: ReadSteps) {
    this.#method = method;
    this.#args = args;
    this.#options = options;
    this.#done = done;
    this.#steps = steps;
    this.#startedAt = steps.clock.now();
    this.#attemptedAt = this.#startedAt;
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave();
  }

  attempt(): void {
    this.#leave();
    if (this.#isOver) return;
    this.#attemptedAt = this.#steps.clock.now();
    const route = this.#steps.route(this.#method.name, this.#options.consistency);
    if (route.kind === 'local') this.#here();
    else if (route.kind === 'verify') this.#afterVerify();
    else if (route.kind === 'forward') this.#forward(route.to);
    else this.#again(route.error);
  }

  #leave(): void {
    const cancel = this.#cancel;
    this.#cancel = nothing;
    cancel();
  }

  #finish(error: Error | null, view: View<T> | null, meta: ReadMeta): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancel = nothing;
    this.#done(error, view, meta);
  }

  #here(): void {
    const { deposed } = this.#steps;
    let isTold = false;
    const deposedNow = () => this.attempt();
    const told = (error: Error | null, view: View<T> | null) => {
      isTold = true;
      deposed.delete(deposedNow);
      if (this.#isOver) return;
      if (!this.#steps.mayAnswer(this.#method.name, this.#options.consistency)) return this.attempt();
      this.#finish(error, view, this.#steps.meta());
    };
    let cancel: () => void;
    try {
      cancel = this.#steps.answer(this.#method, this.#args, this.#optionsLeft(), told);
    } catch (error) {
      return this.#finish(error as Error, null, this.#steps.meta());
    }
    if (isTold) return;
    if (this.#options.consistency !== 'stale') deposed.add(deposedNow);
    this.#cancel = () => {
      deposed.delete(deposedNow);
      cancel();
    };
  }

  #afterVerify(): void {
    let isCurrent = true;
    this.#cancel = () => {
      isCurrent = false;
    };
    this.#steps.verify().then(
      () => isCurrent && this.#here(),
      (error: Error) => isCurrent && this.#failed(error),
    );
  }

  #forward(to: Caller): void {
    const { forwarded, leaderId } = this.#steps;
    const leader = leaderId();
    let isTold = false;
    // The old leader may never answer, and need not: it may be cut off with our connection to it intact.
    const leaderChanged = () => {
      const now = leaderId();
      if (now !== leader && now !== '') this.attempt();
    };
    const cancel = to.read(this.#method, this.#args, this.#optionsLeft(), (error, view, meta) => {
      isTold = true;
      forwarded.delete(leaderChanged);
      if (this.#isOver) return;
      if (error === null) this.#finish(null, view, meta);
      else this.#failed(error);
    });
    if (isTold) return;
    forwarded.add(leaderChanged);
    this.#cancel = () => {
      forwarded.delete(leaderChanged);
      cancel();
    };
  }

  #failed(error: Error): void {
    if (isRetryable(error, 'read')) this.#again(error);
    else this.#finish(error, null, this.#steps.meta());
  }

  /** Tries again a little later; with no time left, tells why there is no answer. */
  #again(error: Error): void {
    const { clock } = this.#steps;
    this.#hold ??= this.#steps.hold();
    const hold = this.#hold;
    // A blocking read that was waiting well until now has all of its patience again.
    if (this.#options.minIndex > 0) hold.renewAfter(clock.now() - this.#attemptedAt);
    const cancel = hold.pause(() => this.attempt());
    if (cancel === undefined) this.#finish(error, null, this.#steps.meta());
    else this.#cancel = cancel;
  }

  /** A read that begins anew has only the rest of its wait. */
  #optionsLeft(): ReadOptions {
    const spentMs = this.#steps.clock.now() - this.#startedAt;
    if (spentMs <= 0 || this.#options.minIndex <= 0) return this.#options;
    return { ...this.#options, waitMs: Math.max(1, this.#steps.waitMs(this.#options.waitMs) - spentMs) };
  }
}
