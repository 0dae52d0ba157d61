import type { Clock, Millis, Timer } from '@proconsul/base';
import { EMPTY_BYTES } from '@proconsul/base';
import type { QueryResponseMessage } from './messages.ts';
import { QUERY_ACK } from './messages.ts';
import type { QueryOptions } from './pool.ts';

/** Different members whose answers to one query are counted. */
export const ANSWERS_MAX = 65_536;

/** A query of ours that waits for answers. */
export class AskedQuery {
  readonly id: number;
  readonly done: Promise<void>;
  readonly #options: QueryOptions;
  /** Members that may answer; 0 when that is not known. */
  readonly #expected: number;
  readonly #acks = new Set<string>();
  readonly #responses = new Set<string>();
  readonly #timer: Timer;
  #finish: () => void = () => {};

  constructor(id: number, options: QueryOptions, expected: number, clock: Clock, timeoutMs: Millis) {
    this.id = id;
    this.#options = options;
    this.#expected = expected;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#timer = clock.after(timeoutMs, () => this.close());
  }

  /** Counts an acknowledgement or a response; the second one of a member is a copy that took another way. */
  answered(message: QueryResponseMessage): void {
    const isAck = (message.Flags & QUERY_ACK) !== 0;
    const seen = isAck ? this.#acks : this.#responses;
    if (seen.has(message.From) || seen.size >= ANSWERS_MAX) return;
    seen.add(message.From);
    if (isAck) this.#options.onAck?.(message.From);
    else this.#options.onResponse?.(message.From, message.Payload ?? EMPTY_BYTES);
    if (this.#isComplete()) this.close();
  }

  #isComplete(): boolean {
    if (this.#expected === 0 || this.#responses.size < this.#expected) return false;
    return !this.#options.wantAck || this.#acks.size >= this.#expected;
  }

  close(): void {
    this.#timer.cancel();
    this.#finish();
  }
}
