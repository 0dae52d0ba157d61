import type { Millis } from '@proconsul/base';
import type { Configuration, ServerId } from '../configuration.ts';
import type { TermRuns } from './term-runs.ts';

export interface CoreOptions {
  readonly id: ServerId;
  /** host:port that we advertise. */
  readonly address: string;
  /**
   * A leader sends its commit index with every round of heartbeats, also when nothing is new, so that followers know how old
   * their state is. Source: rates of such requests measured on servers.
   */
  readonly vouches?: boolean;
  /** A follower that hears nothing for `PATIENCE` to twice that share of this stands for election. */
  readonly heartbeatTimeoutMs: Millis;
  /** A candidate that has no result after a part of this tries again; see `RaftState.retryMs`. */
  readonly electionTimeoutMs: Millis;
  /** A leader that no quorum has answered for this long steps down, and speaks for the cluster alone no longer. */
  readonly leaderLeaseTimeoutMs: Millis;
  readonly preVote: boolean;
}

export interface ConfigurationAt {
  readonly index: number;
  readonly configuration: Configuration;
}

/** What was durable before the start. */
export interface InitialState {
  readonly term: number;
  readonly votedFor: ServerId | undefined;
  readonly runs: TermRuns;
  /** Last index that a snapshot covers; 0 without one. */
  readonly snapshotIndex: number;
  /** Configurations by index, the oldest being the committed one. Empty on a fresh server. */
  readonly configurations: readonly ConfigurationAt[];
}
