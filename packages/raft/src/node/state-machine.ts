import type { Entry } from '../entry.ts';

/** A point in time of the state machine's state. */
export interface StateCapture {
  /** The encoded state, in order. Called once; later changes must not show in it. */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** What the log is for: the same entries in the same order give the same state on every server. */
export interface StateMachine {
  /**
   * Applies committed entries of type command, in order, and returns one result for each. Synchronous, so that no reader sees
   * half a batch. Never throws: an entry that makes no sense has an error as its result.
   */
  apply(entries: readonly Entry[]): unknown[];
  /** Captures the state at once; encoding happens later, in slices. */
  snapshot(): StateCapture;
  /** Replaces the state. On a rejection the state is as it was before. */
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}
