import type { Millis } from '@proconsul/base';
import type { Configuration } from '../configuration.ts';
import type { RaftRequest, RaftResponse } from './messages.ts';

/** What is looked at of a server's own place in the cluster. */
export interface Standing {
  readonly role: 'follower' | 'candidate' | 'leader';
  readonly term: number;
  readonly leaderId: string | undefined;
  /** When the leader was last heard, on the monotonic clock. */
  readonly lastContactAt: Millis;
  readonly configuration: Configuration;
  hasLease(now: Millis): boolean;
}

/**
 * Whether a request comes from somebody who is no member and may be passed over: while this server leads with a lease, or hears its
 * leader, nobody else can rightly claim another term. Without such a leader every sender is heard, since our own configuration may be
 * an old one; and so is the leader that we follow. Keeps removed servers, other clusters and whoever can reach the port from ending
 * terms. Source: Ongaro's thesis, section 4.2.3 (disruptive servers), carried over to all requests.
 */
export function isStranger(own: Standing, request: RaftRequest, now: Millis, patienceMs: Millis): boolean {
  const { servers } = own.configuration;
  if (servers.length === 0 || request.from === own.leaderId) return false;
  if (servers.some((s) => s.id === request.from || s.address === request.address)) return false;
  if (own.role === 'leader') return own.hasLease(now);
  return own.leaderId !== undefined && now - own.lastContactAt < patienceMs;
}

/** The answer to a stranger: our term, and no to everything. */
export function refusalTo(request: RaftRequest, term: number): RaftResponse {
  switch (request.kind) {
    case 'append-entries':
      return { kind: request.kind, term, lastLog: 0, success: false, noRetryBackoff: false };
    case 'install-snapshot':
      return { kind: request.kind, term, success: false };
    case 'timeout-now':
      return { kind: request.kind };
    default:
      return { kind: request.kind, term, granted: false };
  }
}
