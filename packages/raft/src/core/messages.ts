import type { Millis } from '@proconsul/base';
import type { Configuration, ServerId } from '../configuration.ts';
import type { Entry } from '../entry.ts';

/**
 * What servers say to each other. Kinds and fields follow the raft transport of Consul (raft wire, section 1); the header that
 * is flattened into every message there is `from` and `address` here, and the protocol version is left to the transport.
 */
export interface RequestHeader {
  readonly from: ServerId;
  /** The address that the sender advertises. */
  readonly address: string;
  readonly term: number;
}

export interface AppendEntriesRequest extends RequestHeader {
  readonly kind: 'append-entries';
  readonly prevLogIndex: number;
  readonly prevLogTerm: number;
  /** Null in a heartbeat, which says nothing about the log; empty in a probe. */
  readonly entries: readonly Entry[] | null;
  readonly leaderCommit: number;
  /**
   * Not on the wire: a moment of the receiver's clock before which this was not sent, -Infinity when there is none. A request may
   * have been on its way for long, over a bad network or in the socket of a process that stood still. Undefined: it came at once.
   */
  readonly sentAfter?: Millis;
}

export interface AppendEntriesResponse {
  readonly kind: 'append-entries';
  readonly term: number;
  /** Last index of the follower's log before this append. */
  readonly lastLog: number;
  readonly success: boolean;
  /** The previous entry is missing or of another term: try an earlier one at once. */
  readonly noRetryBackoff: boolean;
}

export interface VoteRequest extends RequestHeader {
  readonly kind: 'request-vote';
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  /** The leader asked for this election, so that a known leader is no reason to refuse. */
  readonly leadershipTransfer: boolean;
}

/** `term` is the term that the sender would stand in. Changes no state anywhere. */
export interface PreVoteRequest extends RequestHeader {
  readonly kind: 'request-pre-vote';
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
}

export interface VoteResponse {
  readonly kind: 'request-vote' | 'request-pre-vote';
  readonly term: number;
  readonly granted: boolean;
}

export interface InstallSnapshotRequest extends RequestHeader {
  readonly kind: 'install-snapshot';
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  readonly configuration: Configuration;
  readonly configurationIndex: number;
  readonly sizeBytes: number;
}

export interface InstallSnapshotResponse {
  readonly kind: 'install-snapshot';
  readonly term: number;
  readonly success: boolean;
}

/** "Stand for election now." */
export interface TimeoutNowRequest {
  readonly kind: 'timeout-now';
  readonly from: ServerId;
  readonly address: string;
  /** Of the leader that says so. Other implementations leave it out and pass over it. */
  readonly term?: number;
}

export interface TimeoutNowResponse {
  readonly kind: 'timeout-now';
}

export type RaftRequest =
  | AppendEntriesRequest
  | VoteRequest
  | PreVoteRequest
  | InstallSnapshotRequest
  | TimeoutNowRequest;

export type RaftResponse = AppendEntriesResponse | VoteResponse | InstallSnapshotResponse | TimeoutNowResponse;
