import type { InitialState, RaftCore, RaftEffect, RaftInput } from '@proconsul/raft';
import type { LogImage } from './log-image.ts';
import { Members } from './members.ts';
import type { SimServer } from './server.ts';

/** What must hold in one life of a server, from one step of its core to the next. */
export class StepChecks {
  readonly #server: SimServer;
  readonly #members: Members;
  #lastTerm: number;
  #lastCommit: number;

  constructor(server: SimServer, { term, snapshotIndex, configurations }: InitialState) {
    this.#server = server;
    this.#lastTerm = term;
    this.#lastCommit = snapshotIndex;
    this.#members = new Members(configurations.map(({ index }) => index));
  }

  step(core: RaftCore, input: RaftInput, effects: readonly RaftEffect[]): void {
    const { id, hasFailed, world } = this.#server;
    const { oracle, events } = world;
    if (this.#isRelease(input, effects)) oracle.onReleased(id, events.now);
    oracle.check(core.term >= this.#lastTerm, () => `${id}: the term went back`);
    oracle.check(core.commitIndex >= this.#lastCommit, () => `${id}: the commit index went back`);
    oracle.check(core.commitIndex <= core.durableIndex, () => `${id}: committed but not durable here`);
    oracle.check(core.durableIndex <= core.lastIndex, () => `${id}: durable but not in the log`);
    this.#members.follow(input, effects);
    const { configurationIndex } = core;
    oracle.check(
      hasFailed || configurationIndex === this.#members.index,
      () => `${id} has the members of ${configurationIndex}, not of ${this.#members.index}`,
    );
    this.#lastTerm = core.term;
    this.#lastCommit = core.commitIndex;
  }

  /** It stands itself, or somebody does because the leader of its term said so. Thesis section 3.10. */
  #isRelease(input: RaftInput, effects: readonly RaftEffect[]): boolean {
    const { id } = this.#server;
    if (effects.some((e) => e.kind === 'persist-vote' && e.votedFor === id)) return true;
    if (input.kind !== 'request' || input.request.kind !== 'request-vote') return false;
    return input.request.leadershipTransfer && input.request.term > this.#lastTerm;
  }

  /** The core counts on no entry that the log has forgotten. Holds once the effects of a step are carried out. */
  base(core: RaftCore, { base }: LogImage): void {
    const { id, world } = this.#server;
    const isBefore = base > 0 && core.termOf(base - 1) !== undefined;
    world.oracle.check(!isBefore, () => `${id} counts on entries before ${base}`);
  }
}

/** `server` has just become the leader of `term`. */
export function checkNewLeader(server: SimServer, term: number): void {
  const { oracle, servers, sabotage } = server.world;
  oracle.onElected(server.id, term, server.core!.configuration);
  oracle.onLeader(server, term);
  if (sabotage === 'lease-ignored') return;
  for (const other of servers) {
    const { core, clock } = other;
    // A server may learn late that it was elected, when a later one already leads.
    if (other === server || !core || !other.isLeader || other.isPaused || core.term > term) continue;
    oracle.check(!core.hasLease(clock.now()), () => `${server.id} leads while ${other.id} holds a lease`);
  }
}

/** What a leader believes of the others' logs holds, as long as it leads the newest term. */
export function checkMatches({ id: leader, core, world }: SimServer): void {
  const { oracle, servers, serverOf } = world;
  if (!core || servers.some((s) => s.core && s.core.term > core.term)) return;
  for (const [id, index] of core.matchIndexes()) {
    const term = core.termOf(index);
    const peer = serverOf(id);
    if (!peer || index === 0 || term === undefined) continue;
    const holds = peer.snapshotIndex >= index || peer.disk.covers(index, term);
    oracle.check(holds, () => `${leader} believes that ${id} holds ${index} of term ${term}`);
  }
}
