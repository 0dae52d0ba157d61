import type { Command } from '@proconsul/store';

export interface RaftMember {
  readonly id: string;
  readonly address: string;
  readonly voter: boolean;
}

/** What the server needs of Raft. The real one wraps a RaftNode; tests use it in memory. */
export interface Consensus {
  /** Our own id. */
  id(): string;
  /** We lead and the lease is valid at this moment. */
  leads(): boolean;
  /** Address of the leader, empty while there is none. */
  leaderAddress(): string;
  /** Id of the leader, empty while there is none. Ours also while we lead without a lease. */
  leaderId(): string;
  /** Since the last word from the leader; 0 on the leader. Infinity when there never was one. */
  lastContactMs(): number;
  /**
   * How old the state may be that is applied here: since the moment for which a leader vouched that nothing else was
   * committed. 0 on the leader; Infinity before everything is applied that was committed when the leader was first heard.
   */
  stateAgeMs(): number;
  /** Rejects unless a quorum confirms that we lead. */
  verifyLeader(): Promise<void>;
  /** Resolves when everything that was in the log before it is applied here. */
  barrier(): Promise<void>;
  /** Commits a command and answers what the store made of it. */
  propose(command: Command): Promise<unknown>;
  /** The configuration in force, committed or not. */
  members(): readonly RaftMember[];
  lastIndex(): number;
  lastTerm(): number;
  appliedIndex(): number;
  /** Adds a server that receives the log and does not vote, or changes the address of one that is there. */
  addNonvoter(id: string, address: string): Promise<void>;
  /** Adds a voter, makes one of a non-voter, or changes its address. */
  addVoter(id: string, address: string): Promise<void>;
  /** Makes a voter a non-voter. */
  demoteVoter(id: string): Promise<void>;
  removeMember(id: string): Promise<void>;
  /** Hands the leadership to a member, to the most advanced one for an empty id. */
  transferLeadership(id: string): Promise<void>;
}
