import type { Configuration, Entry, ServerId } from '@proconsul/raft';
import { SimulationFailure } from './failure.ts';
import type { LogImage } from './log-image.ts';

/** What the oracle looks at on one server. */
export interface Observed {
  readonly id: ServerId;
  readonly memory: LogImage;
  readonly disk: LogImage;
  readonly snapshotIndex: number;
}

interface CommittedEntry {
  readonly term: number;
  readonly digest: number;
  /** Of the state after it. */
  readonly state: number;
}

/** State of the simulated state machine: a digest of every entry applied, in order. */
export const nextState = (state: number, entry: Entry): number =>
  (Math.imul(state ^ digestOf(entry), 0x01000193) + 0x9e3779b9) >>> 0;

/** Of index, term, type and data. */
function digestOf(entry: Entry): number {
  let h = Math.imul(entry.index, 0x85ebca6b) ^ Math.imul(entry.term, 0xc2b2ae35) ^ entry.type;
  for (const byte of entry.data) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** The lease of a leader, on its own clock. */
const LEASE_MS = 500;

const fail = (message: string): never => {
  throw new SimulationFailure(message);
};

/**
 * Sees all servers at once and knows what Raft promises. Source: Ongaro's thesis figure 3.2 (election safety, log matching,
 * leader completeness, state machine safety) and section 6.4 (linearizable reads). Throws SimulationFailure.
 */
export class Oracle {
  readonly #leaders = new Map<number, ServerId>();
  readonly #votes = new Map<string, ServerId>();
  /** When each server last agreed to what a leader said. */
  readonly #heard = new Map<ServerId, number>();
  readonly #releasedAt = new Map<ServerId, number>();
  /** By index and term: digest of the entry and term of the one before it. */
  readonly #seen = new Map<string, { readonly digest: number; readonly before: number | undefined }>();
  readonly #committed: (CommittedEntry | undefined)[] = [];
  #committedLast = 0;
  /** By index: term of the leader that committed it first. */
  readonly #committedIn: number[] = [0];
  /** Highest version that a finished operation has shown to a client. */
  #floor = 0;
  /** The lease of a leader whose clock is as slow as the simulation makes them. */
  readonly #leaseMs: number;

  constructor(drift = 0.05) {
    this.#leaseMs = LEASE_MS / (1 - drift);
  }

  get committedLast(): number {
    return this.#committedLast;
  }
  /** What an operation that begins now must not fall behind. */
  get floor(): number {
    return this.#floor;
  }
  get elections(): number {
    return this.#leaders.size;
  }

  check(holds: boolean, message: () => string): void {
    if (!holds) fail(message());
  }

  /**
   * Election safety and leader completeness: what was committed in an earlier term is there. A server may learn late that it
   * was elected, when a later leader has already committed more.
   */
  onLeader(server: Observed, term: number): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== server.id) fail(`two leaders in term ${term}: ${other} and ${server.id}`);
    if (other !== undefined) return;
    this.#leaders.set(term, server.id);
    for (let index = server.memory.base + 1; index <= this.#committedLast; index++) {
      const committed = this.#committed[index];
      if (committed && (this.#committedIn[index] ?? 0) < term && server.memory.term(index) !== committed.term) {
        fail(`${server.id} leads term ${term} without committed entry ${index} of term ${committed.term}`);
      }
    }
  }

  /** A leader was elected by the durable votes of a majority of the voters that it knows. */
  onElected(id: ServerId, term: number, { servers }: Configuration): void {
    const voters = servers.filter(({ suffrage }) => suffrage === 'voter');
    const votes = voters.filter((voter) => this.#votes.get(`${voter.id} ${term}`) === id).length;
    if (2 * votes <= voters.length) fail(`${id} leads term ${term} with ${votes} votes of ${voters.length}`);
  }

  /** A vote became durable: it stays for the term. */
  onVote(id: ServerId, term: number, votedFor: ServerId | undefined): void {
    const key = `${id} ${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && votedFor === undefined) fail(`${id} forgot its vote of term ${term}`);
    if (votedFor === undefined) return;
    // Whoever stands by itself, or because its leader said so, has no leader any more.
    if (votedFor === id) this.#heard.delete(id);
    if (before !== undefined && before !== votedFor) fail(`${id} voted in term ${term} for ${before} and ${votedFor}`);
    this.#votes.set(key, votedFor);
  }

  /** The leader of its term wants another one: nobody counts on it any more for what it has heard until now. */
  onReleased(id: ServerId, now: number): void {
    this.#heard.delete(id);
    this.#releasedAt.set(id, now);
  }

  /** A server agreed to what a leader said at `at`: the leader's lease counts from before that. */
  onHeard(id: ServerId, at: number): void {
    if (at <= (this.#releasedAt.get(id) ?? Number.NEGATIVE_INFINITY)) return;
    this.#heard.set(id, Math.max(at, this.#heard.get(id) ?? 0));
  }

  /** Nobody gives its vote away while a leader may count on it for its lease. Thesis sections 4.2.3 and 6.4.1. */
  onGrant(id: ServerId, now: number): void {
    const heardAt = this.#heard.get(id);
    if (heardAt === undefined || now - heardAt >= this.#leaseMs) return;
    fail(`${id} votes ${(now - heardAt).toFixed(0)} ms after it heard a leader`);
  }

  /** Log matching: index and term decide the entry and, with the one before it, everything up to it. */
  onAppend(id: ServerId, entry: Entry, before: number | undefined): void {
    const key = `${entry.index} ${entry.term}`;
    const digest = digestOf(entry);
    const known = this.#seen.get(key);
    if (!known) this.#seen.set(key, { digest, before });
    else if (known.digest !== digest) fail(`${id} has another entry ${entry.index} of term ${entry.term}`);
    else if (known.before !== before) fail(`${id} has another entry before ${entry.index} of term ${entry.term}`);
  }

  /** A leader counts everything up to `index` as committed: a quorum must hold it on its disks, whatever crashes now. */
  onLeaderCommit(
    leader: Observed,
    commit: { readonly index: number; readonly term: number; readonly configuration: Configuration },
    serverOf: (id: ServerId) => Observed | undefined,
  ): void {
    const { index, configuration } = commit;
    const term = leader.memory.term(index);
    if (term === undefined) return;
    // Thesis section 3.6.2: an entry of an earlier term may yet be replaced, whoever holds it.
    if (term !== commit.term) fail(`${leader.id} committed ${index} of term ${term} as leader of term ${commit.term}`);
    while (this.#committedIn.length <= index) this.#committedIn.push(term);
    let holders = 0;
    let voters = 0;
    for (const { id, suffrage } of configuration.servers) {
      if (suffrage !== 'voter') continue;
      voters++;
      const server = serverOf(id);
      if (server && (server.snapshotIndex >= index || server.disk.covers(index, term))) holders++;
    }
    // Reckoned here, so that the judge does not share a mistake with the judged.
    if (2 * holders <= voters) {
      fail(`${leader.id} committed ${index} with ${holders} durable copies among ${voters} voters`);
    }
  }

  /** State machine safety. Returns the state after the entry. */
  onApply(id: ServerId, entry: Entry, before: number): number {
    const state = nextState(before, entry);
    const digest = digestOf(entry);
    const known = this.#committed[entry.index];
    if (!known) {
      this.#committed[entry.index] = { term: entry.term, digest, state };
      this.#committedLast = Math.max(this.#committedLast, entry.index);
    } else if (known.digest !== digest) {
      fail(`${id} applied entry ${entry.index} of term ${entry.term}, another server one of term ${known.term}`);
    } else if (known.state !== state) fail(`${id} reached another state at ${entry.index}`);
    return state;
  }

  /** A snapshot is the state that the entries up to it give. */
  onRestore(id: ServerId, index: number, state: number): void {
    const known = this.#committed[index];
    if (known && known.state !== state) fail(`${id} restored another state at ${index}`);
    if (!known) fail(`${id} restored a snapshot of ${index}, which nobody has applied`);
  }

  /** An acknowledged write comes after everything that was seen before it began. */
  onWriteDone(id: ServerId, floor: number, index: number): void {
    if (index <= floor) fail(`${id} acknowledged a write at ${index}, but ${floor} had been seen before it began`);
    this.#floor = Math.max(this.#floor, index);
  }

  /** A read shows at least everything that was seen before it began. */
  onReadDone(id: ServerId, kind: string, floor: number, version: number): void {
    if (version < floor)
      fail(`${id} answered a ${kind} read with ${version}, but ${floor} had been seen before it began`);
    this.#floor = Math.max(this.#floor, version);
  }
}
