import type { RaftNode } from '@proconsul/raft';
import { type Command, encodeCommand } from '@proconsul/store';
import type { Consensus } from '../consensus.ts';

/** Raft as a server sees it; every life of a server has its own. */
export class NodeConsensus implements Consensus {
  readonly #node: RaftNode;
  constructor(node: RaftNode) {
    this.#node = node;
  }
  id = () => this.#node.core.id;
  leads = () => this.#node.hasLease();
  leaderAddress = () => this.#node.leader()?.address ?? '';
  leaderId = () => this.#node.leader()?.id ?? '';
  lastContactMs = () => this.#node.lastContactMs();
  stateAgeMs = () => this.#node.stateAgeMs();
  verifyLeader = () => this.#node.verifyLeader();
  barrier = () => this.#node.barrier();
  propose = (command: Command) => this.#node.propose(encodeCommand(command.type, command.request), { command });
  members = () =>
    this.#node.configuration().servers.map((s) => ({ id: s.id, address: s.address, voter: s.suffrage === 'voter' }));
  lastIndex = () => this.#node.lastIndex;
  lastTerm = () => this.#node.lastTerm;
  appliedIndex = () => this.#node.appliedIndex;
  addNonvoter = (id: string, address: string) => this.#node.addNonvoter(id, address);
  addVoter = (id: string, address: string) => this.#node.addVoter(id, address);
  demoteVoter = (id: string) => this.#node.demote(id);
  removeMember = (id: string) => this.#node.remove(id);
  transferLeadership = (id: string) => this.#node.transferLeadership(id === '' ? undefined : id);
}
