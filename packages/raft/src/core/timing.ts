import type { Millis } from '@proconsul/base';

/**
 * Share of the heartbeat timeout after which the first follower may stand. Heartbeats come ten times in that timeout, and a
 * pre-vote disturbs nobody who still hears the leader, so there is no need to wait for all of it.
 */
export const PATIENCE = 0.65;
/** Followers refuse to vote for this many leases after they heard a leader: clocks may run apart by 9 %. */
export const LEASE_MARGIN = 1.2;
/** A candidate whose answers took longer than this waits a random part of that time before it stands. */
export const PROMPT_MS: Millis = 50;
/** A follower waits for so many of the longest pauses that it has heard from this leader, and for a heartbeat timeout at the most. */
export const GAPS_WAITED = 1.5;
/** The longest pause counts for less by this share of the time that passes. */
export const GAP_FADE = 0.05;

/** Share of the election timeout after which the first new attempt is made; each later one waits twice as long, up to all of it. */
export const FIRST_RETRY = 0.3;

/** Heartbeats in a heartbeat timeout. Source: rates measured on servers. */
const HEARTBEATS_A_TIMEOUT = 10;
/**
 * Longest pause between two heartbeats, however long the timeouts are: how old the state of a follower may be, and whether it is in touch
 * (autopilot wants 200 ms), is no matter of how patient elections are. Source: servers are told something at least so often.
 */
export const HEARTBEAT_MAX_MS: Millis = 100;

export const heartbeatEveryMs = (heartbeatTimeoutMs: Millis): Millis =>
  Math.min(heartbeatTimeoutMs / HEARTBEATS_A_TIMEOUT, HEARTBEAT_MAX_MS);
