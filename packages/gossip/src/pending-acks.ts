import type { Millis } from '@proconsul/base';
import { PENDING_ACKS_MAX } from './limits.ts';

export interface AckHandler {
  /** At most once. `at` is when the packet came. */
  onAck(payload: Uint8Array, at: Millis): void;
  onNack?(): void;
}

/** Who waits for which sequence number. */
export class PendingAcks {
  readonly #handlers = new Map<number, AckHandler>();
  #sequence: number;

  /** `first` should be random, so that answers to an earlier life of ours are not taken for new ones. */
  constructor(first: number) {
    this.#sequence = first >>> 0;
  }

  /** A fresh sequence number, or undefined when too many answers are awaited. */
  expect(handler: AckHandler): number | undefined {
    if (this.#handlers.size >= PENDING_ACKS_MAX) return undefined;
    do this.#sequence = (this.#sequence + 1) >>> 0;
    while (this.#handlers.has(this.#sequence));
    this.#handlers.set(this.#sequence, handler);
    return this.#sequence;
  }

  forget(sequence: number): void {
    this.#handlers.delete(sequence);
  }

  ack(sequence: number, payload: Uint8Array, at: Millis): void {
    const handler = this.#handlers.get(sequence);
    this.#handlers.delete(sequence);
    handler?.onAck(payload, at);
  }

  nack(sequence: number): void {
    this.#handlers.get(sequence)?.onNack?.();
  }
}
