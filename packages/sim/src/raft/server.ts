import type { Millis, Rng } from '@proconsul/base';
import {
  type Configuration,
  type ConfigurationAt,
  type CoreOptions,
  type Entry,
  LogType,
  type MembershipChange,
  msgpackConfiguration,
  RaftCore,
  type RaftEffect,
  type RaftInput,
  type RaftRequest,
  type RaftResponse,
  type ServerId,
} from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';
import type { SimClock } from '../sim-clock.ts';
import { SimDisk, type SimSnapshot } from './disk.ts';
import type { Trace } from './failure.ts';
import { LogImage, type LogOp } from './log-image.ts';
import { Members } from './members.ts';
import type { Receiver, SimNetwork } from './network.ts';
import type { Observed, Oracle } from './oracle.ts';

/** Faults in the harness itself, to prove that the oracle sees them. */
export type Sabotage = 'none' | 'sync-lies' | 'vote-forgotten' | 'verify-skipped' | 'lease-ignored';

export interface World {
  readonly events: EventQueue;
  readonly rng: Rng;
  readonly network: SimNetwork;
  readonly oracle: Oracle;
  readonly trace: Trace;
  readonly sabotage: Sabotage;
  /** Folds a number into the hash of the run. */
  mix(value: number): void;
  serverOf(id: ServerId): SimServer | undefined;
  readonly servers: readonly SimServer[];
}

/** Share of append-entries requests that carry fewer entries than planned, as when they are large. */
const PARTIAL_SENDS = 0.1;

/** Share of snapshots for which a disk has no room, though entries still fit. */
const SNAPSHOT_MISFITS = 0.1;

interface Write {
  readonly floor: number;
  readonly term: number;
}

interface Incoming {
  respond(response: RaftResponse): void;
  readonly state: SimSnapshot | undefined;
  /** Of the request; TimeoutNow has none. */
  readonly term: number;
  /** The leader asked for this election. */
  readonly isTransfer: boolean;
  readonly receivedAt: Millis;
}

/** One server: a core, and a small driver that does what it says with a simulated disk and network. */
export class SimServer implements Receiver, Observed {
  readonly id: ServerId;
  readonly storage: SimDisk;
  readonly clock: SimClock;
  readonly #world: World;
  readonly #options: CoreOptions;
  core: RaftCore | undefined;
  memory = new LogImage();
  /** Counts restarts: what an earlier life began must not reach this one. */
  #life = 0;
  #inputs: RaftInput[] = [];
  #busy = false;
  #paused = false;
  #tokens = 1;
  #syncing = false;
  #inFlightLast = 0;
  #durable = 0;
  #timer: { cancel(): void } | undefined;
  #requests = new Map<number, Incoming>();
  #proposals = new Map<Uint8Array, number>();
  #writes = new Map<number, Write>();
  #verifies = new Map<number, { readonly floor: number; readonly readIndex: number }>();
  #reads: { readonly floor: number; readonly readIndex: number }[] = [];
  applied = 0;
  state = 0;
  #commitTarget = 0;
  #restoring = 0;
  #appliedConfiguration: ConfigurationAt | undefined;
  #lastCommit = 0;
  #lastTerm = 0;
  #members = new Members([]);

  constructor(id: ServerId, clock: SimClock, options: CoreOptions, world: World) {
    this.id = id;
    this.clock = clock;
    this.#options = options;
    this.#world = world;
    this.storage = new SimDisk(world.rng);
    world.network.attach(id, this);
  }

  get isUp(): boolean {
    return this.core !== undefined;
  }
  get isLeader(): boolean {
    return this.core?.role === 'leader';
  }
  get disk(): LogImage {
    return this.storage.log.durable;
  }
  get snapshotIndex(): number {
    return this.storage.latest?.index ?? 0;
  }

  /** The disk failed: it takes no part until it is started again. */
  get hasFailed(): boolean {
    return this.core?.proposalRefusal() === 'DISK_FAILED';
  }

  summary(): string {
    const { core } = this;
    if (!core) return 'down';
    const servers = core.configuration.servers.map((s) => `${s.id}${s.suffrage === 'voter' ? '' : '?'}`);
    return `${core.role} term ${core.term} last ${core.lastIndex} commit ${core.commitIndex} applied ${this.applied} of ${servers}`;
  }

  note(text: string): void {
    this.#world.trace.note(this.#world.events.now, this.id, text);
  }

  // Life and death.

  start(bootstrap?: Configuration): void {
    const { storage } = this;
    const { vote, latest } = storage;
    this.memory = storage.log.durable.clone();
    if (latest && this.memory.term(latest.index) !== latest.term) {
      this.#change({ kind: 'reset', index: latest.index, term: latest.term });
    }
    this.applied = latest?.index ?? 0;
    this.state = latest?.state ?? 0;
    this.#commitTarget = this.applied;
    this.#lastCommit = this.applied;
    this.#lastTerm = vote?.term ?? 0;
    this.#durable = this.memory.lastIndex;
    this.#appliedConfiguration = latest && { index: latest.configurationIndex, configuration: latest.configuration };
    const initial = {
      term: vote?.term ?? 0,
      votedFor: vote?.votedFor,
      runs: this.memory.runs(),
      snapshotIndex: this.applied,
      configurations: this.#configurations(),
    };
    this.#members = new Members(initial.configurations.map(({ index }) => index));
    this.core = new RaftCore(this.#options, initial, this.#world.rng, msgpackConfiguration);
    this.note(`starts: term ${initial.term}, log ${this.memory.base}-${this.memory.lastIndex}`);
    if (bootstrap) this.input({ kind: 'bootstrap', at: this.clock.now(), configuration: bootstrap });
    this.input({ kind: 'start', at: this.clock.now() });
  }

  #configurations(): ConfigurationAt[] {
    const found: ConfigurationAt[] = this.#appliedConfiguration ? [this.#appliedConfiguration] : [];
    for (let index = this.applied + 1; index <= this.memory.lastIndex; index++) {
      const entry = this.memory.entry(index);
      if (entry?.type !== LogType.configuration) continue;
      found.push({ index, configuration: msgpackConfiguration.decode(entry.data) });
    }
    return found;
  }

  /** Everything that was not durable is gone. */
  crash(): void {
    if (!this.core) return;
    this.note('crashes');
    this.core = undefined;
    this.#life++;
    this.#timer?.cancel();
    this.storage.crash();
    this.#inputs = [];
    this.#busy = false;
    this.#paused = false;
    this.#syncing = false;
    this.#inFlightLast = 0;
    this.#restoring = 0;
    this.#requests.clear();
    this.#proposals.clear();
    this.#writes.clear();
    this.#verifies.clear();
    this.#reads = [];
  }

  /** The process stops for a while; its clock does not. */
  pause(forMs: Millis): void {
    if (!this.core || this.#paused) return;
    this.note(`pauses for ${forMs.toFixed(0)} ms`);
    this.#paused = true;
    this.#later(forMs, () => {
      this.#paused = false;
      // Requests that waited are looked at before any timer, and before what peers had answered.
      this.leaseRead();
      const waiting = this.#inputs;
      this.#inputs = [];
      this.read();
      this.#inputs = [...this.#inputs, ...waiting];
      this.#drain();
    });
  }

  /** Calls `run` after a while, unless this life has ended. */
  #later(delayMs: Millis, run: () => void): void {
    const life = this.#life;
    this.#world.events.after(delayMs, () => {
      if (this.#life === life && this.core) run();
    });
  }

  // What clients and operators ask for.

  propose(data: Uint8Array): void {
    if (!this.core || this.core.proposalRefusal() !== undefined) return;
    this.#proposals.set(data, this.#world.oracle.floor);
    const at = this.clock.now();
    this.input({ kind: 'propose', at, appendedAtMs: this.clock.wallMs(), entries: [{ type: LogType.command, data }] });
  }

  /** A linearizable read: the leader confirms with a quorum. */
  read(): void {
    const { core } = this;
    if (!core || !this.#maySpeakForThePast(core)) return;
    const token = this.#tokens++;
    const read = { floor: this.#world.oracle.floor, readIndex: core.commitIndex };
    if (this.#world.sabotage === 'verify-skipped') return this.#waitForRead(read);
    this.#verifies.set(token, read);
    this.input({ kind: 'verify', at: this.clock.now(), token });
  }

  /** A default read: the leader answers alone while it holds its lease. Whether it did. */
  leaseRead(): boolean {
    const { core } = this;
    if (!core || this.#paused || !this.#maySpeakForThePast(core)) return false;
    if (this.#world.sabotage !== 'lease-ignored' && !core.hasLease(this.clock.now())) return false;
    if (this.applied < core.commitIndex) return false;
    this.#world.oracle.onReadDone(this.id, 'lease', this.#world.oracle.floor, this.applied);
    return true;
  }

  /** The first entry of our term is committed: so is everything before it that ever was. */
  #maySpeakForThePast(core: RaftCore): boolean {
    return core.role === 'leader' && core.commitIndex >= core.termStartIndex;
  }

  changeMembership(change: MembershipChange): void {
    const at = this.clock.now();
    this.note(`is asked to ${change.kind} ${change.id}`);
    const appendedAtMs = this.clock.wallMs();
    this.input({ kind: 'change-membership', at, appendedAtMs, token: this.#tokens++, change });
  }

  transfer(to: ServerId | undefined): void {
    this.note(`is asked to hand over to ${to ?? 'anybody'}`);
    this.input({ kind: 'transfer-leadership', at: this.clock.now(), token: this.#tokens++, to });
  }

  takeSnapshot(trailing: number): void {
    const { core, applied: index, state } = this;
    const term = core?.termOf(index);
    const configuration = this.#appliedConfiguration;
    if (!core || this.#restoring > 0 || !configuration || term === undefined || index <= this.snapshotIndex) return;
    const snapshot: SimSnapshot = {
      index,
      term,
      state,
      configuration: configuration.configuration,
      configurationIndex: configuration.index,
    };
    this.#later(this.storage.latency(), () => {
      this.storage.store(snapshot);
      this.note(`has a snapshot of ${index}`);
      const compactTo = Math.max(0, index - trailing);
      this.input({ kind: 'snapshot-taken', at: this.clock.now(), index, compactTo });
    });
  }

  receive(request: RaftRequest, state: SimSnapshot | undefined, respond: (response: RaftResponse) => void): void {
    // One that does not know the question gives no answer.
    if (request.kind === 'request-pre-vote' && !this.#options.preVote) return;
    const token = this.#tokens++;
    const term = request.kind === 'timeout-now' ? Number.POSITIVE_INFINITY : request.term;
    const isTransfer = request.kind === 'request-vote' && request.leadershipTransfer;
    this.#requests.set(token, { respond, state, term, isTransfer, receivedAt: this.#world.events.now });
    this.input({ kind: 'request', at: this.clock.now(), token, request });
  }

  // Inputs and effects.

  input(input: RaftInput): void {
    if (!this.core) return;
    this.#inputs.push(input);
    this.#drain();
  }

  #drain(): void {
    while (this.core && !this.#busy && !this.#paused) {
      const input = this.#inputs.shift();
      if (!input) return;
      this.#step(this.core, this.#fresh(input));
      this.#checkBase();
    }
  }

  /** The core counts on no entry that the log has forgotten. */
  #checkBase(): void {
    const { core, memory } = this;
    if (!core || this.#busy || memory.base === 0) return;
    const isBefore = core.termOf(memory.base - 1) !== undefined;
    this.#world.oracle.check(!isBefore, () => `${this.id} counts on entries before ${memory.base}`);
  }

  /** What waited is handed over with the time of now, and a late report of durability is checked again. */
  #fresh(input: RaftInput): RaftInput {
    const at = Math.max(input.at, this.clock.now());
    return input.kind === 'durable' ? { ...input, at, index: Math.min(input.index, this.#durable) } : { ...input, at };
  }

  #step(core: RaftCore, input: RaftInput): void {
    const effects: RaftEffect[] = [];
    core.step(input, effects);
    const { mix, oracle, trace } = this.#world;
    mix(core.term);
    mix(core.commitIndex);
    mix(effects.length);
    if (trace.detailed) this.note(`${describe(input)} -> ${effects.map(describe).filter(Boolean).join('; ')}`);
    oracle.check(core.term >= this.#lastTerm, () => `${this.id}: the term went back`);
    oracle.check(core.commitIndex >= this.#lastCommit, () => `${this.id}: the commit index went back`);
    oracle.check(core.commitIndex <= core.durableIndex, () => `${this.id}: committed but not durable here`);
    oracle.check(core.durableIndex <= core.lastIndex, () => `${this.id}: durable but not in the log`);
    this.#members.follow(input, effects);
    oracle.check(
      this.hasFailed || core.configurationIndex === this.#members.index,
      () => `${this.id} has the members of ${core.configurationIndex}, not of ${this.#members.index}`,
    );
    this.#lastTerm = core.term;
    this.#lastCommit = core.commitIndex;
    this.#carryOut(effects, 0);
  }

  #carryOut(effects: readonly RaftEffect[], from: number): void {
    for (let i = from; i < effects.length && this.core; i++) {
      const effect = effects[i]!;
      if (effect.kind !== 'persist-vote') this.#effect(this.core, effect);
      else if (this.#world.sabotage !== 'vote-forgotten') return this.#persistVote(effect, effects, i + 1);
    }
  }

  #persistVote(
    { term, votedFor }: Extract<RaftEffect, { kind: 'persist-vote' }>,
    rest: readonly RaftEffect[],
    from: number,
  ): void {
    this.#busy = true;
    const { storage } = this;
    this.#later(storage.latency(), () => {
      if (storage.isFull) return this.#diskFailed();
      storage.vote = { term, votedFor };
      this.#world.oracle.onVote(this.id, term, votedFor);
      this.#busy = false;
      this.#carryOut(rest, from);
      this.#drain();
    });
  }

  #diskFailed(): void {
    this.note('the disk failed');
    this.#busy = false;
    this.#inputs = [{ kind: 'disk-failed', at: this.clock.now() }];
    this.#drain();
  }

  #effect(core: RaftCore, e: RaftEffect): void {
    switch (e.kind) {
      case 'append':
        return this.#append(core, e.entries, e.truncateFrom);
      case 'send':
        return this.#send(e.to.id, e.request, undefined, e.sent);
      case 'send-entries':
        return this.#sendEntries(e);
      case 'send-snapshot':
        return this.#sendSnapshot(e);
      case 'respond':
        return this.#respond(e.token, e.response);
      case 'store-snapshot':
        return this.#storeSnapshot(e);
      case 'restore-snapshot':
        return this.#restore(e);
      case 'commit':
        return this.#onCommit(core, e.index);
      case 'compact':
        return this.#change({ kind: 'compact', index: e.index });
      case 'set-timer':
        return this.#setTimer(e.at);
      case 'role':
        return this.#onRole(e.role, e.term);
      case 'done':
        return this.#onVerified(e.token);
      case 'refused':
        this.#verifies.delete(e.token);
        return;
      default:
        return;
    }
  }

  /** Nobody says yes to a request of a term that is over. Thesis section 3.3. */
  #respond(token: number, response: RaftResponse): void {
    const incoming = this.#requests.get(token);
    this.#requests.delete(token);
    if (!incoming) return;
    // A snapshot may have been stored meanwhile; and a pre-vote is asked for the term to come.
    if (response.kind === 'append-entries' || response.kind === 'request-vote') {
      const isYes = response.kind === 'append-entries' ? response.success : response.granted;
      this.#world.oracle.check(
        !isYes || incoming.term >= response.term,
        () => `${this.id} in term ${response.term} agreed to a request of term ${incoming.term}`,
      );
      const { oracle, events } = this.#world;
      if (isYes && response.kind === 'append-entries') oracle.onHeard(this.id, incoming.receivedAt);
      else if (isYes && !incoming.isTransfer) oracle.onGrant(this.id, events.now);
    }
    incoming.respond(response);
  }

  #onRole(role: string, term: number): void {
    if (role !== 'candidate') this.note(`is ${role} of term ${term}`);
    if (role === 'leader') return this.#onLeader(term);
    this.#writes.clear();
    this.#reads = [];
  }

  #onLeader(term: number): void {
    const { oracle, servers, sabotage } = this.#world;
    oracle.onElected(this.id, term, this.core!.configuration);
    oracle.onLeader(this, term);
    if (sabotage === 'lease-ignored') return;
    for (const other of servers) {
      const { core, clock } = other;
      // A server may learn late that it was elected, when a later one already leads.
      if (other === this || !core || !other.isLeader || other.#paused || core.term > term) continue;
      oracle.check(!core.hasLease(clock.now()), () => `${this.id} leads while ${other.id} holds a lease`);
    }
  }

  /** What a leader believes of the others' logs holds, as long as it leads the newest term. */
  checkMatches(): void {
    const { core } = this;
    const { oracle, servers, serverOf } = this.#world;
    if (!core || servers.some((s) => s.core && s.core.term > core.term)) return;
    for (const [id, index] of core.matchIndexes()) {
      const term = core.termOf(index);
      const peer = serverOf(id);
      if (!peer || index === 0 || term === undefined) continue;
      const holds = peer.snapshotIndex >= index || peer.disk.covers(index, term);
      oracle.check(holds, () => `${this.id} believes that ${id} holds ${index} of term ${term}`);
    }
  }

  #setTimer(at: Millis | undefined): void {
    this.#timer?.cancel();
    if (at === undefined) return;
    this.#timer = this.clock.after(at - this.clock.now(), () => {
      this.input({ kind: 'timer', at: Math.max(at, this.clock.now()) });
    });
  }

  // The log.

  #change(op: LogOp): void {
    this.memory.apply(op);
    this.storage.log.push(op);
    this.#sync();
  }

  #append(core: RaftCore, entries: readonly Entry[], truncateFrom: number | undefined): void {
    if (truncateFrom !== undefined) {
      this.#durable = Math.min(this.#durable, truncateFrom - 1);
      this.#inFlightLast = Math.min(this.#inFlightLast, truncateFrom - 1);
      for (const index of this.#writes.keys()) if (index >= truncateFrom) this.#writes.delete(index);
      this.#change({ kind: 'truncate', index: truncateFrom });
    }
    const { oracle } = this.#world;
    for (const entry of entries) {
      // Thesis section 4.1 and its errata.
      if (entry.type === LogType.configuration && core.role === 'leader') {
        oracle.check(
          core.commitIndex >= core.termStartIndex,
          () => `${this.id} changes members before its first commit`,
        );
      }
      // Entries were rejected by a full disk between the decision and now.
      if (entry.index !== this.memory.lastIndex + 1) return this.#diskFailed();
      this.#world.oracle.onAppend(this.id, entry, this.memory.term(entry.index - 1));
      const floor = this.#proposals.get(entry.data);
      this.#proposals.delete(entry.data);
      if (floor !== undefined && core.role === 'leader') this.#writes.set(entry.index, { floor, term: entry.term });
      this.memory.apply({ kind: 'append', entry });
      this.storage.log.push({ kind: 'append', entry });
    }
    this.#sync();
  }

  /** One sync at a time; what comes meanwhile goes with the next one. */
  #sync(): void {
    const { storage } = this;
    if (this.#syncing || storage.log.waiting === 0) return;
    this.#syncing = true;
    const count = storage.log.waiting;
    this.#inFlightLast = this.memory.lastIndex;
    if (this.#world.sabotage === 'sync-lies') this.#later(0, () => this.#onSynced());
    this.#later(storage.latency(), () => {
      this.#syncing = false;
      if (storage.isFull) return this.#onFull();
      storage.log.flush(count);
      this.#onSynced();
      this.#sync();
    });
  }

  #onSynced(): void {
    if (this.#inFlightLast <= this.#durable) return;
    this.#durable = this.#inFlightLast;
    this.input({ kind: 'durable', at: this.clock.now(), index: this.#durable });
  }

  #onFull(): void {
    this.note(`the disk is full after ${this.#durable}`);
    const lost = this.storage.log.take();
    const keep = this.#durable;
    if (this.memory.lastIndex > keep) this.memory.apply({ kind: 'truncate', index: keep + 1 });
    const { base } = this.memory;
    if (lost.some((op) => op.kind === 'reset')) {
      this.storage.log.push({ kind: 'reset', index: base, term: this.memory.term(base) ?? 0 });
    } else {
      if (lost.some((op) => op.kind === 'truncate')) this.storage.log.push({ kind: 'truncate', index: keep + 1 });
      this.storage.log.push({ kind: 'compact', index: base });
    }
    this.#inFlightLast = 0;
    for (const index of this.#writes.keys()) if (index > keep) this.#writes.delete(index);
    this.#inputs.unshift({ kind: 'log-rejected', at: this.clock.now(), lastIndex: keep });
    this.#drain();
  }

  // The state machine.

  #onCommit(core: RaftCore, index: number): void {
    if (core.role === 'leader') {
      const { configuration, term } = core;
      this.#world.oracle.onLeaderCommit(this, { index, term, configuration }, (id) => this.#world.serverOf(id));
    }
    this.#commitTarget = Math.max(this.#commitTarget, index);
    this.#apply();
  }

  #apply(): void {
    if (this.#restoring > 0) return;
    while (this.applied < this.#commitTarget) {
      const entry = this.memory.entry(this.applied + 1);
      this.#world.oracle.check(
        entry !== undefined,
        () => `${this.id}: committed ${this.applied + 1} is not in the log`,
      );
      if (!entry) return;
      this.state = this.#world.oracle.onApply(this.id, entry, this.state);
      this.applied = entry.index;
      if (entry.type === LogType.configuration) {
        this.#appliedConfiguration = { index: entry.index, configuration: msgpackConfiguration.decode(entry.data) };
      }
      const write = this.#writes.get(entry.index);
      this.#writes.delete(entry.index);
      if (write?.term === entry.term) this.#world.oracle.onWriteDone(this.id, write.floor, entry.index);
    }
    const ready = this.#reads.filter((read) => read.readIndex <= this.applied);
    this.#reads = this.#reads.filter((read) => read.readIndex > this.applied);
    for (const { floor } of ready) this.#world.oracle.onReadDone(this.id, 'verified', floor, this.applied);
  }

  #onVerified(token: number): void {
    const read = this.#verifies.get(token);
    this.#verifies.delete(token);
    if (read) this.#waitForRead(read);
  }

  #waitForRead(read: { readonly floor: number; readonly readIndex: number }): void {
    this.#reads.push(read);
    this.#apply();
  }

  // Peers.

  #send(to: ServerId, request: RaftRequest, state: SimSnapshot | undefined, sent: SentBy): void {
    const life = this.#life;
    this.#world.network.call(this.id, to, { request, state }, (response) => {
      if (this.#life === life) this.#answered(to, sent, response);
    });
  }

  #answered(from: ServerId, sent: SentBy, response: RaftResponse | undefined): void {
    this.input({ kind: 'response', at: this.clock.now(), from, sent, response });
  }

  #sendEntries(e: Extract<RaftEffect, { kind: 'send-entries' }>): void {
    const entries: Entry[] = [];
    const { rng } = this.#world;
    const planned = e.last - e.from + 1;
    const count = planned > 1 && rng.float() < PARTIAL_SENDS ? 1 + rng.int(planned) : planned;
    for (let index = e.from; index < e.from + count; index++) {
      const entry = this.memory.entry(index);
      if (!entry) return this.#later(0, () => this.#answered(e.to.id, e.sent, undefined));
      entries.push(entry);
    }
    const { term, prevLogIndex, prevLogTerm, leaderCommit } = e;
    const header = { from: this.id, address: this.#options.address, term };
    const request: RaftRequest = {
      kind: 'append-entries',
      ...header,
      prevLogIndex,
      prevLogTerm,
      entries,
      leaderCommit,
    };
    this.#send(e.to.id, request, undefined, { ...e.sent, lastIndex: prevLogIndex + entries.length });
  }

  #sendSnapshot({ to, term, sent }: Extract<RaftEffect, { kind: 'send-snapshot' }>): void {
    const { latest } = this.storage;
    if (!latest) return this.#later(0, () => this.#answered(to.id, sent, undefined));
    const request: RaftRequest = {
      kind: 'install-snapshot',
      from: this.id,
      address: this.#options.address,
      term,
      lastLogIndex: latest.index,
      lastLogTerm: latest.term,
      configuration: latest.configuration,
      configurationIndex: latest.configurationIndex,
      sizeBytes: 4,
    };
    this.#send(to.id, request, latest, { ...sent, lastIndex: latest.index });
  }

  #storeSnapshot({ token, request }: Extract<RaftEffect, { kind: 'store-snapshot' }>): void {
    const state = this.#requests.get(token)?.state;
    this.#later(this.storage.latency() * 4, () => {
      const fits = this.#world.rng.float() >= SNAPSHOT_MISFITS;
      const ok = state !== undefined && fits && !this.storage.isFull;
      if (ok) this.storage.store(state);
      this.input({ kind: 'snapshot-stored', at: this.clock.now(), token, request, ok });
    });
  }

  #restore(e: Extract<RaftEffect, { kind: 'restore-snapshot' }>): void {
    const { index, term, keepLog } = e;
    this.note(`restores a snapshot of ${index}`);
    if (keepLog) this.#change({ kind: 'compact', index });
    else {
      this.#change({ kind: 'reset', index, term });
      this.#durable = index;
      this.#inFlightLast = 0;
      this.#writes.clear();
    }
    const snapshot = this.storage.snapshots.find((s) => s.index === index);
    this.#world.oracle.check(snapshot !== undefined, () => `${this.id}: the snapshot of ${index} is gone`);
    if (!snapshot) return;
    this.#restoring++;
    this.#later(this.storage.latency(), () => {
      this.#restoring--;
      this.#world.oracle.onRestore(this.id, index, snapshot.state);
      // A later one may have been faster.
      if (index <= this.applied) return this.#apply();
      this.applied = index;
      this.state = snapshot.state;
      this.#appliedConfiguration = { index: snapshot.configurationIndex, configuration: snapshot.configuration };
      this.#commitTarget = Math.max(this.#commitTarget, index);
      this.#apply();
    });
  }
}

type SentBy = Extract<RaftEffect, { kind: 'send' }>['sent'];

/** One input or effect in a few words; empty when it says nothing. */
function describe(x: RaftInput | RaftEffect): string {
  switch (x.kind) {
    case 'request':
      return `request ${x.request.kind} of ${x.request.from}`;
    case 'response':
      return `${x.response ? 'response' : 'no response'} ${x.sent.kind} of ${x.from} ${JSON.stringify(x.response ?? {})}`;
    case 'send':
      return `send ${x.request.kind} to ${x.to.id}`;
    case 'send-entries':
      return `send ${x.from}-${x.last} to ${x.to.id}`;
    case 'append':
      return `append ${x.entries.map((e) => `${e.index}/${e.term}`).join(' ')}${x.truncateFrom ? ' truncating' : ''}`;
    case 'respond':
      return `respond ${JSON.stringify(x.response)}`;
    case 'log':
    case 'count':
    case 'set-timer':
    case 'observe':
      return '';
    default:
      return 'index' in x ? `${x.kind} ${x.index}` : x.kind;
  }
}
