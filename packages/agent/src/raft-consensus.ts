import type { RaftNode } from '@proconsul/raft';
import type { Consensus, RaftMember } from '@proconsul/server';
import { type Command, encodeCommand } from '@proconsul/store';

/** A server's Raft node, in the server's words. */
export class RaftConsensus implements Consensus {
  readonly #node: RaftNode;

  constructor(node: RaftNode) {
    this.#node = node;
  }

  leads(): boolean {
    return this.#node.hasLease();
  }

  leaderAddress(): string {
    return this.#node.leader()?.address ?? '';
  }

  leaderId(): string {
    return this.#node.leader()?.id ?? '';
  }

  lastContactMs(): number {
    return this.#node.lastContactMs();
  }

  verifyLeader(): Promise<void> {
    return this.#node.verifyLeader();
  }

  propose(command: Command): Promise<unknown> {
    return this.#node.propose(encodeCommand(command.type, command.request), { command });
  }

  members(): readonly RaftMember[] {
    return this.#node
      .configuration()
      .servers.map((s) => ({ id: s.id, address: s.address, voter: s.suffrage === 'voter' }));
  }

  lastIndex(): number {
    return this.#node.lastIndex;
  }

  lastTerm(): number {
    return this.#node.lastTerm;
  }

  async removeMember(id: string): Promise<void> {
    await this.#node.remove(id);
  }

  async transferLeadership(id: string): Promise<void> {
    await this.#node.transferLeadership(id === '' ? undefined : id);
  }
}
