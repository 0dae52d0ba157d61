import type { Millis } from '@proconsul/base';
import {
  type Configuration,
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
import type { SimClock } from '../sim-clock.ts';
import { describe } from './describe.ts';
import { SimDisk, type SimSnapshot } from './disk.ts';
import { LogImage } from './log-image.ts';
import type { Receiver } from './network.ts';
import type { Observed } from './oracle.ts';
import { checkMatches, checkNewLeader, StepChecks } from './server-checks.ts';
import { ServerLog } from './server-log.ts';
import { type PendingRead, ServerMachine } from './server-machine.ts';
import { ServerPeers } from './server-peers.ts';
import type { Host, World } from './world.ts';

/** What a server holds in memory: gone with the process. */
interface Life {
  readonly log: ServerLog;
  readonly machine: ServerMachine;
  readonly peers: ServerPeers;
  readonly checks: StepChecks;
  /** Reads that a quorum has yet to confirm, by token. */
  readonly verifies: Map<number, PendingRead>;
  /** The term that it leads, as it was told last: a leader may give up right behind a commit, in one step. */
  leads: number | undefined;
}

/** One server: a core, and a small driver that does what it says with a simulated disk and network. */
export class SimServer implements Receiver, Observed, Host {
  readonly id: ServerId;
  readonly storage: SimDisk;
  readonly clock: SimClock;
  readonly world: World;
  readonly options: CoreOptions;
  core: RaftCore | undefined;
  #life: Life | undefined;
  /** Counts restarts: what an earlier life began must not reach this one. */
  #lives = 0;
  #inputs: RaftInput[] = [];
  #busy = false;
  #paused = false;
  #tokens = 1;
  #timer: { cancel(): void } | undefined;

  constructor(id: ServerId, clock: SimClock, options: CoreOptions, world: World) {
    this.id = id;
    this.clock = clock;
    this.options = options;
    this.world = world;
    this.storage = new SimDisk(world.rng);
    world.network.attach(id, this);
  }

  get isUp(): boolean {
    return this.core !== undefined;
  }
  get isPaused(): boolean {
    return this.#paused;
  }
  get isLeader(): boolean {
    return this.core?.role === 'leader';
  }
  get memory(): LogImage {
    return this.#life?.log.memory ?? new LogImage();
  }
  get disk(): LogImage {
    return this.storage.log.durable;
  }
  get snapshotIndex(): number {
    return this.storage.latest?.index ?? 0;
  }
  get applied(): number {
    return this.#life?.machine.applied ?? 0;
  }
  /** Digest of everything applied. */
  get state(): number {
    return this.#life?.machine.state ?? 0;
  }

  /** The disk failed: it takes no part until it is started again. One that is paused may not have learned of it yet. */
  get hasFailed(): boolean {
    return this.core?.proposalRefusal() === 'DISK_FAILED' || this.#inputs.some(({ kind }) => kind === 'disk-failed');
  }

  summary(): string {
    const { core } = this;
    if (!core) return 'down';
    const servers = core.configuration.servers.map((s) => `${s.id}${s.suffrage === 'voter' ? '' : '?'}`);
    return `${core.role} term ${core.term} last ${core.lastIndex} commit ${core.commitIndex} applied ${this.applied} of ${servers}`;
  }

  note(text: string): void {
    this.world.trace.note(this.world.events.now, this.id, text);
  }

  // Life and death.

  start(bootstrap?: Configuration): void {
    const { vote } = this.storage;
    const log = new ServerLog(this, (lastIndex) => this.#onRejected(lastIndex));
    const machine = new ServerMachine(this, log);
    const initial = {
      term: vote?.term ?? 0,
      votedFor: vote?.votedFor,
      runs: log.memory.runs(),
      snapshotIndex: machine.applied,
      configurations: machine.configurations(),
    };
    const checks = new StepChecks(this, initial);
    this.#life = { log, machine, checks, peers: new ServerPeers(this, log), verifies: new Map(), leads: undefined };
    this.core = new RaftCore(this.options, initial, this.world.rng, msgpackConfiguration);
    this.note(`starts: term ${initial.term}, log ${log.memory.base}-${log.memory.lastIndex}`);
    if (bootstrap) this.input({ kind: 'bootstrap', at: this.clock.now(), configuration: bootstrap });
    this.input({ kind: 'start', at: this.clock.now() });
  }

  /** Everything that was not durable is gone. */
  crash(): void {
    if (!this.core) return;
    this.note('crashes');
    this.core = undefined;
    this.#lives++;
    this.#timer?.cancel();
    this.storage.crash();
    this.#inputs = [];
    this.#busy = false;
    this.#paused = false;
  }

  /** The process stops for a while; its clock does not. */
  pause(forMs: Millis): void {
    if (!this.core || this.#paused) return;
    this.note(`pauses for ${forMs.toFixed(0)} ms`);
    this.#paused = true;
    this.later(forMs, () => {
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

  later(delayMs: Millis, run: () => void): void {
    const life = this.#lives;
    this.world.events.after(delayMs, () => {
      if (this.#lives === life && this.core) run();
    });
  }

  // What clients and operators ask for.

  propose(data: Uint8Array): void {
    if (!this.core || this.core.proposalRefusal() !== undefined) return;
    this.#life!.machine.proposed(data);
    const at = this.clock.now();
    this.input({ kind: 'propose', at, appendedAtMs: this.clock.wallMs(), entries: [{ type: LogType.command, data }] });
  }

  /** A linearizable read: the leader confirms with a quorum. */
  read(): void {
    const { core } = this;
    if (!core || !maySpeakForThePast(core)) return;
    const token = this.#tokens++;
    const { oracle, sabotage } = this.world;
    const read = { floor: oracle.floor, readIndex: core.commitIndex };
    if (sabotage === 'verify-skipped') return this.#life!.machine.answerWhenApplied(read);
    this.#life!.verifies.set(token, read);
    this.input({ kind: 'verify', at: this.clock.now(), token });
  }

  /** A default read: the leader answers alone while it holds its lease. Whether it did. */
  leaseRead(): boolean {
    const { core } = this;
    if (!core || this.#paused || !maySpeakForThePast(core)) return false;
    const { oracle, sabotage } = this.world;
    if (sabotage !== 'lease-ignored' && !core.hasLease(this.clock.now())) return false;
    if (this.applied < core.commitIndex) return false;
    oracle.onReadDone(this.id, 'lease', oracle.floor, this.applied);
    return true;
  }

  changeMembership(change: MembershipChange): void {
    this.note(`is asked to ${change.kind} ${change.id}`);
    const [at, appendedAtMs] = [this.clock.now(), this.clock.wallMs()];
    this.input({ kind: 'change-membership', at, appendedAtMs, token: this.#tokens++, change });
  }

  transfer(to: ServerId | undefined): void {
    this.note(`is asked to hand over to ${to ?? 'anybody'}`);
    this.input({ kind: 'transfer-leadership', at: this.clock.now(), token: this.#tokens++, to });
  }

  takeSnapshot(trailing: number): void {
    if (this.core) this.#life!.machine.takeSnapshot(this.core, trailing);
  }

  receive(request: RaftRequest, state: SimSnapshot | undefined, respond: (response: RaftResponse) => void): void {
    // One that does not know the question gives no answer.
    if (request.kind === 'request-pre-vote' && !this.options.preVote) return;
    this.#life?.peers.receive(this.#tokens++, request, state, respond);
  }

  /** What a leader believes of the others' logs holds. */
  checkMatches(): void {
    checkMatches(this);
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
      this.#step(this.core, this.#life!, this.#fresh(input));
      if (this.core && !this.#busy) this.#life!.checks.base(this.core, this.memory);
    }
  }

  /** What waited is handed over with the time of now, and a late report of durability is checked again. */
  #fresh(input: RaftInput): RaftInput {
    const at = Math.max(input.at, this.clock.now());
    if (input.kind !== 'durable') return { ...input, at };
    return { ...input, at, index: Math.min(input.index, this.#life!.log.durable) };
  }

  #step(core: RaftCore, { checks }: Life, input: RaftInput): void {
    const effects: RaftEffect[] = [];
    core.step(input, effects);
    const { mix, trace } = this.world;
    mix(core.term);
    mix(core.commitIndex);
    mix(effects.length);
    if (trace.detailed) this.note(`${describe(input)} -> ${effects.map(describe).filter(Boolean).join('; ')}`);
    checks.step(core, input, effects);
    this.#carryOut(effects, 0);
  }

  #carryOut(effects: readonly RaftEffect[], from: number): void {
    for (let i = from; i < effects.length && this.core; i++) {
      const effect = effects[i]!;
      if (effect.kind !== 'persist-vote') this.#effect(this.core, this.#life!, effect);
      else if (this.world.sabotage !== 'vote-forgotten') return this.#persistVote(effect, effects, i + 1);
    }
  }

  #persistVote(
    { term, votedFor }: Extract<RaftEffect, { kind: 'persist-vote' }>,
    rest: readonly RaftEffect[],
    from: number,
  ): void {
    this.#busy = true;
    const { storage } = this;
    this.later(storage.latency(), () => {
      if (storage.isFull) return this.#diskFailed();
      storage.vote = { term, votedFor };
      this.world.oracle.onVote(this.id, term, votedFor);
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

  #onRejected(lastIndex: number): void {
    this.#life!.machine.forgetWritesFrom(lastIndex + 1);
    this.#inputs.unshift({ kind: 'log-rejected', at: this.clock.now(), lastIndex });
    this.#drain();
  }

  #effect(core: RaftCore, { log, machine, peers, verifies }: Life, e: RaftEffect): void {
    switch (e.kind) {
      case 'append':
        return this.#append(core, e.entries, e.truncateFrom);
      case 'send':
        return peers.send(e.to.id, e.request, undefined, e.sent);
      case 'send-entries':
        return peers.sendEntries(e);
      case 'send-snapshot':
        return peers.sendSnapshot(e);
      case 'respond':
        return peers.respond(e.token, e.response);
      case 'store-snapshot':
        return machine.store(e, peers.stateOf(e.token));
      case 'restore-snapshot':
        return machine.restore(e);
      case 'commit':
        return this.#onCommit(core, e.index);
      case 'compact':
        return log.compactTo(e.index);
      case 'set-timer':
        return this.#setTimer(e.at);
      case 'role':
        return this.#onRole(e.role, e.term);
      case 'done':
        return this.#onVerified(e.token);
      case 'refused':
        verifies.delete(e.token);
        return;
      default:
        return;
    }
  }

  #append(core: RaftCore, entries: readonly Entry[], truncateFrom: number | undefined): void {
    const { log, machine } = this.#life!;
    if (truncateFrom !== undefined) {
      machine.forgetWritesFrom(truncateFrom);
      log.truncateFrom(truncateFrom);
    }
    // Entries were rejected by a full disk between the decision and now.
    if (!log.append(core, entries, (entry) => machine.appended(core, entry))) this.#diskFailed();
  }

  #onCommit(core: RaftCore, index: number): void {
    const { oracle, serverOf } = this.world;
    const { leads } = this.#life!;
    if (leads !== undefined) {
      const { configuration } = core;
      oracle.onLeaderCommit(this, { index, term: leads, configuration }, (id) => serverOf(id));
    }
    this.#life!.machine.commit(index);
  }

  #onVerified(token: number): void {
    const { verifies, machine } = this.#life!;
    const read = verifies.get(token);
    verifies.delete(token);
    if (read) machine.answerWhenApplied(read);
  }

  #onRole(role: string, term: number): void {
    if (role !== 'candidate') this.note(`is ${role} of term ${term}`);
    this.#life!.leads = role === 'leader' ? term : undefined;
    if (role === 'leader') checkNewLeader(this, term);
    else this.#life!.machine.forgetClients();
  }

  #setTimer(at: Millis | undefined): void {
    this.#timer?.cancel();
    if (at === undefined) return;
    this.#timer = this.clock.after(at - this.clock.now(), () => {
      this.input({ kind: 'timer', at: Math.max(at, this.clock.now()) });
    });
  }
}

/** The first entry of our term is committed: so is everything before it that ever was. */
const maySpeakForThePast = (core: RaftCore): boolean =>
  core.role === 'leader' && core.commitIndex >= core.termStartIndex;
