import type { Command } from '@proconsul/store';

export interface RaftMember {
  readonly id: string;
  readonly address: string;
  readonly voter: boolean;
}

/** What the server needs of Raft. The real one wraps a RaftNode; tests use it in memory. */
export interface Consensus {
  /** We lead and the lease is valid at this moment. */
  leads(): boolean;
  /** Address of the leader, empty while there is none. */
  leaderAddress(): string;
  /** Id of the leader, empty while there is none. */
  leaderId(): string;
  /** Since the last word from the leader; 0 on the leader. Infinity when there never was one. */
  lastContactMs(): number;
  /** Rejects unless a quorum confirms that we lead. */
  verifyLeader(): Promise<void>;
  /** Commits a command and answers what the store made of it. */
  propose(command: Command): Promise<unknown>;
  members(): readonly RaftMember[];
  lastIndex(): number;
  lastTerm(): number;
  removeMember(id: string): Promise<void>;
  transferLeadership(id: string): Promise<void>;
}
