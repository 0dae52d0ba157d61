import type { Millis } from '@proconsul/base';
import { applyChange, type MembershipChange, type Server, type ServerId } from '../configuration.ts';
import { LogType } from '../entry.ts';
import { RaftError } from '../errors.ts';
import type { Progress } from './progress.ts';
import { quorumHeardAt } from './quorum-acks.ts';
import { appendEntries, proposalRefusal } from './replication.ts';
import type { RaftState } from './state.ts';

/** Changes of the members, one server at a time. Source: Ongaro's thesis sections 4.1 and 4.2. */

export function onChangeMembership(
  s: RaftState,
  at: Millis,
  appendedAtMs: Millis,
  token: number,
  change: MembershipChange,
): void {
  const refusal = proposalRefusal(s);
  if (refusal) return s.emit({ kind: 'refused', token, code: refusal });
  // A change may begin only after an entry of our term is committed, and after the one before. Thesis section 4.1 and its errata.
  if (s.commitIndex < s.termStartIndex || s.configurations.length > 1) {
    return s.emit({ kind: 'refused', token, code: 'CONFIGURATION_BUSY' });
  }
  let next: ReturnType<typeof applyChange>;
  try {
    next = applyChange(s.configuration, change);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return s.emit({ kind: 'refused', token, code: error.code, message: error.message });
  }
  const index = s.runs.lastIndex + 1;
  s.log('info', 'updating configuration', {
    command: change.kind,
    'server-id': change.id,
    servers: next.servers.length,
  });
  s.pushConfiguration(index, next);
  s.changedAt = at;
  syncPeers(s);
  appendEntries(s, at, appendedAtMs, [{ type: LogType.configuration, data: s.codec.encode(next) }]);
  s.emit({ kind: 'change-appended', token, index });
}

/** Brings the list of peers in line with the configuration in force. */
export function syncPeers(s: RaftState): void {
  const servers = new Map<ServerId, Server>();
  for (const server of s.configuration.servers) if (server.id !== s.options.id) servers.set(server.id, server);
  for (const id of [...s.peers.keys()]) if (!servers.has(id)) s.peers.delete(id);
  for (const [id, server] of servers) {
    const peer = s.peers.get(id);
    if (peer) peer.server = server;
    else s.peers.set(id, newProgress(s, server));
  }
  s.contactFloor = quorumHeardAt(s);
}

const newProgress = (s: RaftState, server: Server): Progress => ({
  server,
  nextIndex: s.runs.lastIndex + 1,
  matchIndex: 0,
  inFlight: 0,
  probing: true,
  installing: false,
  commitSent: 0,
  ackedSentAt: Number.NEGATIVE_INFINITY,
  heardAt: Number.NEGATIVE_INFINITY,
  ackedRound: -1,
});
