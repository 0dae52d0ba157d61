import type { Millis } from '@proconsul/base';
import type { Server } from '../configuration.ts';

/** Entries in one append-entries request. Source: raft wire section 1. */
export const APPEND_ENTRIES_MAX = 64;
/** Append-entries requests under way to one peer that is caught up. Source: the same. */
export const IN_FLIGHT_MAX = 2;
/**
 * How long a follower may wait for the news that an entry is committed, when no further entries bring it along: a message of its
 * own for each commit would double the messages of one client that writes. Source: the reference waits 50 ms and more.
 */
export const COMMIT_NOTICE_MS: Millis = 20;

/** What the leader knows of another server. */
export interface Progress {
  server: Server;
  nextIndex: number;
  /** Highest index known to be durable there. */
  matchIndex: number;
  inFlight: number;
  /** The place where the logs meet is not known: one request at a time. */
  probing: boolean;
  /** A snapshot is on its way. */
  installing: boolean;
  commitSent: number;
  /** When the newest request that it answered in our term was sent. */
  ackedSentAt: Millis;
  /** When it answered last in our term. */
  heardAt: Millis;
  ackedRound: number;
}
