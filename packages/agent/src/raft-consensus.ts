import type { MembershipChange, RaftNode } from '@proconsul/raft';
import { MessageType } from '@proconsul/schema';
import type { Consensus, RaftMember } from '@proconsul/server';
import { type Command, encodeCommand } from '@proconsul/store';

/** A server's Raft node, in the server's words. */
export class RaftConsensus implements Consensus {
  readonly #id: string;
  readonly #node: RaftNode;
  #changes: Promise<void> = Promise.resolve();

  /** `id` is that of our own server. */
  constructor(id: string, node: RaftNode) {
    this.#id = id;
    this.#node = node;
  }

  id(): string {
    return this.#id;
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

  stateAgeMs(): number {
    return this.#node.stateAgeMs();
  }

  barrier(): Promise<void> {
    return this.#node.barrier();
  }

  verifyLeader(): Promise<void> {
    return this.#node.verifyLeader();
  }

  propose(command: Command): Promise<unknown> {
    const data = encodeCommand(command.type, command.request);
    // Of all commands, only those on keys may come in pieces.
    if (command.type === MessageType.KVS) return this.#node.proposeChunked(data, { command });
    return this.#node.propose(data, { command });
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

  appliedIndex(): number {
    return this.#node.appliedIndex;
  }

  addNonvoter(id: string, address: string): Promise<void> {
    return this.#change({ kind: 'add-nonvoter', id, address });
  }

  addVoter(id: string, address: string): Promise<void> {
    return this.#change({ kind: 'add-voter', id, address });
  }

  demoteVoter(id: string): Promise<void> {
    return this.#change({ kind: 'demote', id });
  }

  removeMember(id: string): Promise<void> {
    return this.#change({ kind: 'remove', id });
  }

  /** One change at a time is allowed: each waits for the ones before it. */
  #change(change: MembershipChange): Promise<void> {
    const done = this.#changes.then(() => this.#node.change(change));
    this.#changes = done.catch(() => undefined);
    return done;
  }

  async transferLeadership(id: string): Promise<void> {
    await this.#node.transferLeadership(id === '' ? undefined : id);
  }
}
