/**
 * One answer to one question about the replicated state, shared by everybody who asks the same. It never changes; when
 * a commit touches what it was made from, it becomes invalid and the next reader gets a new one. Fronts keep what they
 * made of it (JSON bytes, DNS packets) in `memo`, so that an answer is encoded once for each change, not for each reader.
 */
export interface View<T> {
  /** What `X-Consul-Index` tells: at least 1. */
  readonly index: number;
  readonly value: T;
  /** False once the state has moved on. An invalid view is still a correct answer for the moment it was made. */
  readonly valid: boolean;
  readonly memo: Map<unknown, unknown>;
}

/** How fresh a read must be. Source: HTTP API documentation, consistency modes. */
export type Consistency = 'default' | 'stale' | 'consistent';

export interface ReadOptions {
  readonly consistency: Consistency;
  /** Wait until the index is greater than this; 0 answers at once. */
  readonly minIndex: number;
  /** How long to wait, before the random extra of up to a sixteenth; 0 means the default of the server. */
  readonly waitMs: number;
}

export const READ_NOW: ReadOptions = { consistency: 'default', minIndex: 0, waitMs: 0 };

/** What the server knows about its own freshness when it answers. */
export interface ReadMeta {
  readonly knownLeader: boolean;
  /** Since the last word from the leader; 0 on the leader itself. */
  readonly lastContactMs: number;
}

/** Called exactly once, unless cancelled before. */
export type ReadDone<T> = (error: Error | null, view: View<T> | null, meta: ReadMeta) => void;
