import type { Millis } from '@proconsul/base';
import type { ServerId } from '../configuration.ts';
import { LOG_DEFAULTS } from '../disk/durable-log.ts';

/** Settings of a {@link RaftNode}. */
export interface RaftOptions {
  readonly id: ServerId;
  /** host:port that peers dial. */
  readonly address: string;
  /** Directory on the disk. */
  readonly directory: string;
  readonly heartbeatTimeoutMs: Millis;
  readonly electionTimeoutMs: Millis;
  readonly leaderLeaseTimeoutMs: Millis;
  readonly preVote: boolean;
  /** See {@link CoreOptions}. */
  readonly vouches: boolean;
  /** Entries after the last snapshot that make another one worth while. */
  readonly snapshotThreshold: number;
  /** How often that is looked at; each time one to two times this long. */
  readonly snapshotIntervalMs: Millis;
  /** Entries kept behind a snapshot, for followers that lag. */
  readonly trailingLogs: number;
  readonly segmentBytes: number;
  readonly markDelayMs: Millis;
  /** Entries that may wait for their commit, and their bytes; more are refused. */
  readonly pendingMax: number;
  readonly pendingMaxBytes: number;
  /** How soon a write that a full disk refused is tried again. */
  readonly diskRetryMs: Millis;
  /** Bytes of applied entries kept in memory for followers. */
  readonly cacheBytes: number;
}

/** Source of the times: configuration reference, `raft_multiplier` 1; of the rest of Consul's: 6.10 there. */
export const RAFT_DEFAULTS = {
  directory: 'raft',
  heartbeatTimeoutMs: 1000,
  electionTimeoutMs: 1000,
  leaderLeaseTimeoutMs: 500,
  preVote: true,
  vouches: true,
  snapshotThreshold: 16384,
  snapshotIntervalMs: 30_000,
  trailingLogs: 10240,
  ...LOG_DEFAULTS,
  pendingMax: 65_536,
  pendingMaxBytes: 256 * 1024 * 1024,
  diskRetryMs: 250,
  cacheBytes: 8 * 1024 * 1024,
} as const satisfies Omit<RaftOptions, 'id' | 'address'>;

/** Entries handed to the state machine at once. */
export const APPLY_SLICE = 512;

/** The event loop gets a turn after this many entries, or after this time. */
export const APPLY_YIELD_ENTRIES = 8192;
export const APPLY_YIELD_MS = 8;

/** Inputs that may wait while term and vote are being written; requests beyond it stay unanswered. */
export const WAITING_INPUTS_MAX = 4096;
