import type { Level, LogFields, Millis } from '@proconsul/base';
import type { Configuration, MembershipChange, Server, ServerId } from '../configuration.ts';
import type { Entry } from '../entry.ts';
import type { RaftErrorCode } from '../errors.ts';
import type { InstallSnapshotRequest, RaftRequest, RaftResponse } from './messages.ts';

export type Role = 'follower' | 'candidate' | 'leader';

/** A proposal before it has an index. */
export interface NewEntry {
  readonly type: number;
  readonly data: Uint8Array;
  readonly extensions?: Uint8Array;
  readonly command?: unknown;
}

/** Everything that can happen to a server. `at` is its monotonic clock. */
export type RaftInput =
  /** Begin. Sent once, first. */
  | { readonly kind: 'start'; readonly at: Millis }
  | { readonly kind: 'timer'; readonly at: Millis }
  /** Makes the first configuration, as entry 1 of term 1. Ignored unless the server is fresh. */
  | { readonly kind: 'bootstrap'; readonly at: Millis; readonly configuration: Configuration }
  | {
      readonly kind: 'propose';
      readonly at: Millis;
      readonly appendedAtMs: Millis;
      readonly entries: readonly NewEntry[];
    }
  | { readonly kind: 'request'; readonly at: Millis; readonly token: number; readonly request: RaftRequest }
  | {
      readonly kind: 'response';
      readonly at: Millis;
      readonly from: ServerId;
      readonly sent: Sent;
      /** Undefined when no answer came. */
      readonly response: RaftResponse | undefined;
    }
  /** Entries up to `index` are durable here. */
  | { readonly kind: 'durable'; readonly at: Millis; readonly index: number }
  /** The disk is full: entries after `lastIndex` are not in the log. */
  | { readonly kind: 'log-rejected'; readonly at: Millis; readonly lastIndex: number }
  /** The disk failed: take no part any more. */
  | { readonly kind: 'disk-failed'; readonly at: Millis }
  | {
      readonly kind: 'change-membership';
      readonly at: Millis;
      readonly appendedAtMs: Millis;
      readonly token: number;
      readonly change: MembershipChange;
    }
  | {
      readonly kind: 'transfer-leadership';
      readonly at: Millis;
      readonly token: number;
      readonly to: ServerId | undefined;
    }
  /** Ask a quorum whether we still lead. */
  | { readonly kind: 'verify'; readonly at: Millis; readonly token: number }
  /** A snapshot up to `index` is durable: entries up to `compactTo` may go. */
  | { readonly kind: 'snapshot-taken'; readonly at: Millis; readonly index: number; readonly compactTo: number }
  /** The snapshot of an install-snapshot request is durable here; or not, when `ok` is false. */
  | {
      readonly kind: 'snapshot-stored';
      readonly at: Millis;
      readonly token: number;
      readonly request: InstallSnapshotRequest;
      readonly ok: boolean;
    }
  /** State from outside was stored as a snapshot at an index above everything, in our term. */
  | { readonly kind: 'state-replaced'; readonly at: Millis; readonly index: number };

/** What the answer to a request is judged by: what was asked, and when. */
export interface Sent {
  readonly kind: RaftRequest['kind'];
  readonly term: number;
  readonly at: Millis;
  /** Number of the heartbeat round that had begun when this was sent. */
  readonly round: number;
  /** Index before the entries sent, and the last of them. Equal for probes; both 0 for heartbeats. */
  readonly prevLogIndex: number;
  readonly lastIndex: number;
  readonly heartbeat: boolean;
}

/**
 * What the caller must do, **in this order**. An effect may be carried out only after those before it: above all, nothing is
 * sent or answered before a `persist-vote` ahead of it is durable. `append` alone need not be awaited: what depends on it comes
 * as effects of the `durable` input.
 */
export type RaftEffect =
  /** Make term and vote durable before going on. */
  | { readonly kind: 'persist-vote'; readonly term: number; readonly votedFor: ServerId | undefined }
  /** Begin to write entries; report with `durable`. When `truncateFrom` is set, entries from there on are void first. */
  | { readonly kind: 'append'; readonly entries: readonly Entry[]; readonly truncateFrom: number | undefined }
  | { readonly kind: 'send'; readonly to: Server; readonly request: RaftRequest; readonly sent: Sent }
  /**
   * Send an append-entries request filled with entries `from` to `last` of the log (`last` < `from`: none). It may carry fewer of
   * them; then the answer comes with `sent.lastIndex` lowered to the last one carried.
   */
  | {
      readonly kind: 'send-entries';
      readonly to: Server;
      readonly term: number;
      readonly prevLogIndex: number;
      readonly prevLogTerm: number;
      readonly from: number;
      readonly last: number;
      readonly leaderCommit: number;
      readonly sent: Sent;
    }
  /** Send the newest snapshot. The answer comes with `sent.lastIndex` set to the index of that snapshot. */
  | { readonly kind: 'send-snapshot'; readonly to: Server; readonly term: number; readonly sent: Sent }
  | { readonly kind: 'respond'; readonly token: number; readonly response: RaftResponse }
  /** Take in the snapshot that comes with this request and report with `snapshot-stored`. */
  | { readonly kind: 'store-snapshot'; readonly token: number; readonly request: InstallSnapshotRequest }
  /**
   * Load the state machine from the stored snapshot of `index`, before any later commit. `keepLog`: forget the log up to there
   * and keep what follows; otherwise empty it.
   */
  | {
      readonly kind: 'restore-snapshot';
      readonly token: number;
      readonly index: number;
      readonly term: number;
      readonly keepLog: boolean;
    }
  /** Entries up to `index` are committed and durable here: apply them. */
  | { readonly kind: 'commit'; readonly index: number }
  /** Forget entries up to `index`. */
  | { readonly kind: 'compact'; readonly index: number }
  /** Send a `timer` input at `at`, in place of any earlier wish; undefined: none. */
  | { readonly kind: 'set-timer'; readonly at: Millis | undefined }
  /** The role changed. When leadership ended, entries of ours that are not yet committed may or may not survive. */
  | { readonly kind: 'role'; readonly role: Role; readonly term: number }
  | { readonly kind: 'leader'; readonly id: ServerId | undefined; readonly address: string | undefined }
  | {
      readonly kind: 'configuration';
      readonly configuration: Configuration;
      readonly index: number;
      readonly committed: boolean;
    }
  /** The entry proposed for a membership change is at `index`: it is done once that is applied. */
  | { readonly kind: 'change-appended'; readonly token: number; readonly index: number }
  | { readonly kind: 'done'; readonly token: number }
  | { readonly kind: 'refused'; readonly token: number; readonly code: RaftErrorCode; readonly message?: string }
  | { readonly kind: 'log'; readonly level: Lowercase<Level>; readonly message: string; readonly fields: LogFields }
  | { readonly kind: 'count'; readonly name: string }
  | { readonly kind: 'observe'; readonly name: string; readonly value: number };
