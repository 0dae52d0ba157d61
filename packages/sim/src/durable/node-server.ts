import { type Clock, type Disk, type Log, type Millis, noMetrics, type Rng, type Timer } from '@proconsul/base';
import {
  type Configuration,
  DamageError,
  type MembershipChange,
  msgpackConfiguration,
  RAFT_DEFAULTS,
  RaftError,
  RaftNode,
  type RaftOptions,
  type Transport,
} from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';
import { SimulationFailure } from '../raft/failure.ts';
import { SimClock } from '../sim-clock.ts';
import type { Ledger } from './ledger.ts';
import type { NodeNetwork } from './node-network.ts';
import { encodeCommand, RegisterMachine } from './register-machine.ts';
import { SimFiles } from './sim-files.ts';
import type { StreamOwner } from './stream-network.ts';

export interface NodeWorld {
  readonly events: EventQueue;
  readonly rng: Rng;
  readonly network: NodeNetwork;
  readonly ledger: Ledger;
  /** Who takes part at first. Other servers begin empty. */
  readonly configuration: Configuration;
  /** Clocks run fast or slow by up to this share. */
  readonly drift: number;
  /** Share of the servers that are of an older version: they know no pre-votes. */
  readonly old: number;
  note(who: string, text: string): void;
  /** What the node itself reports; for people. */
  logOf(who: string): Log;
  /** Reports a broken promise from inside a callback. */
  fail(error: unknown): void;
}

/** Answers that promise that nothing was done. */
const NOTHING_DONE = new Set(['NOT_LEADER', 'QUEUE_FULL', 'DISK_FULL', 'LEADERSHIP_TRANSFER_IN_PROGRESS']);

/** One life of a server: what it holds is gone with it. */
interface Life {
  isOver: boolean;
  /** Proposals without an answer. */
  waiting: number;
  /** Its state is being replaced by a copy of itself. */
  isReplacing: boolean;
  /** What came while the process was stopped; undefined while it runs. */
  backlog: (() => void)[] | undefined;
  readonly node: RaftNode;
  readonly machine: RegisterMachine;
}

/** A server with the product's own Raft node on a simulated disk. It may be killed at any moment. */
export class NodeServer {
  readonly id: string;
  readonly files: SimFiles;
  readonly #world: NodeWorld;
  readonly #options: RaftOptions;
  readonly clock: SimClock;
  #life: Life | undefined;
  isUp = false;
  /** It refused to start, or to go on, because of damage that it named. */
  damage: DamageError | undefined;
  /** The disk failed; it waits to be restarted. */
  hasFailed = false;
  restarts = 0;

  /** With `files`, on a medium that another life has left. */
  constructor(id: string, options: Partial<RaftOptions>, world: NodeWorld, files?: SimFiles) {
    this.id = id;
    this.#world = world;
    this.files = files ?? new SimFiles(world.events, world.rng);
    const preVote = world.rng.float() >= world.old;
    this.#options = { ...RAFT_DEFAULTS, preVote, ...options, id, address: `${id}:8300` };
    const rate = 1 + (world.rng.float() * 2 - 1) * world.drift;
    this.clock = new SimClock(world.events, { offsetMs: world.rng.float() * 1e6, rate });
  }

  get isLeader(): boolean {
    return this.isUp && this.#life?.node.role === 'leader';
  }
  get appliedIndex(): number {
    return this.node?.appliedIndex ?? 0;
  }
  /** Commands that its state machine holds, by index. */
  get applied(): ReadonlyMap<number, number> {
    return this.#life?.machine.applied ?? new Map();
  }
  get node(): RaftNode | undefined {
    return this.isUp ? this.#life?.node : undefined;
  }

  start(): void {
    if (this.#life) this.kill();
    const { rng, network } = this.#world;
    const machine = new RegisterMachine((index, id) => {
      if (life.isOver) return;
      this.#guard(() => this.#world.ledger.applied(this.id, index, id));
    });
    const owner = {
      id: this.id,
      isAlive: () => !life.isOver,
      whenAwake: (fn: () => void) => {
        if (life.backlog) life.backlog.push(fn);
        else fn();
      },
    };
    const clock = mortal(this.clock, owner);
    const log = this.#world.logOf(this.id);
    const transport = network.transport(owner, clock, log);
    const node = new RaftNode(this.#options, {
      clock,
      rng,
      disk: this.files.mount() as Disk,
      log,
      metrics: noMetrics,
      transport: this.#options.preVote ? transport : deafToPreVotes(transport),
      codec: msgpackConfiguration,
      machine,
      onFailure: (error) => this.#onFailure(life, error),
    });
    const life: Life = { isOver: false, waiting: 0, isReplacing: false, backlog: undefined, node, machine };
    this.#life = life;
    this.hasFailed = false;
    this.restarts++;
    this.#world.note(this.id, 'starts');
    this.#open(life).catch((error) => this.#onFailure(life, error as Error));
  }

  async #open(life: Life): Promise<void> {
    const { node } = life;
    await node.open();
    if (node.core.isFresh && this.#world.configuration.servers.some(({ id }) => id === this.id)) {
      await node.start();
      await node.bootstrap(this.#world.configuration);
    } else await node.start();
    if (!life.isOver && !node.failure) this.isUp = true;
  }

  #onFailure(life: Life, error: Error): void {
    if (life.isOver) return;
    this.#world.note(this.id, `fails: ${error.message}`);
    this.isUp = false;
    this.hasFailed = true;
    if (error instanceof DamageError) this.damage = error;
    // A disk may fail and fill up; anything else is a fault of the program.
    else if (error.name !== 'DiskError') this.#world.fail(error);
  }

  #end(isSilent: boolean): void {
    if (this.#life) this.#life.isOver = true;
    this.#life = undefined;
    this.isUp = false;
    this.#world.network.disconnect(this.id, isSilent);
  }

  /** The process stops for a while, as by SIGSTOP; its clock and its disk do not. */
  pause(forMs: Millis): void {
    const life = this.#life;
    if (!life || life.backlog) return;
    this.#world.note(this.id, 'pauses');
    life.backlog = [];
    this.#world.events.after(forMs, () => {
      const { backlog } = life;
      life.backlog = undefined;
      // A request that waited is answered before any timer.
      this.checkLease();
      for (const fn of backlog ?? []) if (!life.isOver) fn();
    });
  }

  get isPaused(): boolean {
    return this.#life?.backlog !== undefined;
  }

  /** kill -9: what was written stays. */
  kill(): void {
    this.#world.note(this.id, 'is killed');
    this.#end(false);
    this.files.kill();
  }

  cutPower(): void {
    this.#world.note(this.id, 'loses power');
    this.#end(true);
    this.files.cutPower();
  }

  /** A client proposes a command here. */
  propose(
    id: number,
    key: string,
    value: string,
    done: (outcome: 'acknowledged' | 'refused' | 'unknown') => void,
  ): void {
    const life = this.#life;
    const { ledger } = this.#world;
    // What is proposed while the state is replaced comes after it, but the copy was made before.
    if (!life || !this.isUp || life.isReplacing || life.backlog) return;
    ledger.proposed(id);
    life.waiting++;
    life.node.propose(encodeCommand({ id, key, value })).then(
      (index) => {
        if (life.isOver) return;
        life.waiting--;
        this.#guard(() => ledger.acknowledge(id, index as number));
        done('acknowledged');
      },
      (error) => {
        if (life.isOver) return;
        life.waiting--;
        const isRefused = error instanceof RaftError && NOTHING_DONE.has(error.code);
        if (!(error instanceof RaftError)) this.#world.fail(error);
        this.#guard(() => (isRefused ? ledger.refuse(id) : ledger.unknown(id)));
        done(isRefused ? 'refused' : 'unknown');
      },
    );
  }

  /** A linearizable read, by quorum or by lease. */
  read(key: string, byLease: boolean, done: (value: string | undefined) => void): void {
    const life = this.#life;
    if (!life || !this.isUp || life.backlog) return;
    const { floor } = this.#world.ledger;
    const answer = (): void => {
      if (life.isOver) return;
      const { appliedIndex } = life.node;
      this.#guard(() => {
        if (appliedIndex < floor) {
          throw new SimulationFailure(`${this.id} reads at ${appliedIndex}, but ${floor} was acknowledged before`);
        }
      });
      done(life.machine.read(key));
    };
    if (byLease) {
      if (life.node.hasLease()) answer();
    } else life.node.verifyLeader().then(answer, () => undefined);
  }

  /** What a stale read shows here, and how old it says that it is. Undefined when there is nobody to answer. */
  staleRead(key: string): { readonly value: string | undefined; readonly ageMs: Millis } | undefined {
    const life = this.#life;
    if (!life || !this.isUp || life.backlog) return undefined;
    return { value: life.machine.read(key), ageMs: life.node.stateAgeMs() };
  }

  /** Whoever holds a lease might answer a read at this very moment. */
  checkLease(): void {
    const life = this.#life;
    if (!life || !this.isUp || life.backlog || !life.node.hasLease()) return;
    const { appliedIndex } = life.node;
    const { floor } = this.#world.ledger;
    if (appliedIndex >= floor) return;
    this.#world.fail(new SimulationFailure(`${this.id} has a lease at ${appliedIndex}, but ${floor} was acknowledged`));
  }

  /** Whether this file of the log is being written: the last one, or the one before it while the last is made. */
  isBeingWritten(path: string): boolean {
    const directory = `${this.#options.directory}/log`;
    const names = this.files.names(directory).slice(-2);
    return names.some((name) => path === `${directory}/${name}`);
  }

  snapshot(): void {
    this.node?.snapshot().catch(() => undefined);
  }

  /** An operator restores a copy of the very state, so that nothing may change but the index. */
  replaceState(): void {
    const life = this.#life;
    if (!life || !this.isLeader || life.waiting > 0 || life.isReplacing) return;
    // Before it has applied what earlier leaders committed, its state is old.
    if (!life.node.hasLease()) return;
    life.isReplacing = true;
    const done = (): void => {
      life.isReplacing = false;
    };
    life.node.restoreUserSnapshot(life.machine.snapshot().chunks(), this.#world.rng.int(2) * 1000).then(done, done);
  }

  transferLeadership(): void {
    this.node?.transferLeadership().catch(() => undefined);
  }

  changeMembership(change: MembershipChange): void {
    this.node?.change(change).catch(() => undefined);
  }

  /** Everything that this server holds against what all servers did. */
  check(): void {
    const life = this.#life;
    if (!life || !this.isUp) return;
    this.#world.ledger.checkState(this.id, life.node.appliedIndex, life.machine.applied);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#world.fail(error);
    }
  }
}

/** As of a server that does not know the question: no answer. */
function deafToPreVotes(transport: Transport): Transport {
  return {
    send: (...args) => transport.send(...args),
    onRequest: (handler) =>
      transport.onRequest(
        handler && ((request, ...rest) => request.kind !== 'request-pre-vote' && handler(request, ...rest)),
      ),
  };
}

/** A clock whose timers die with the process, and wait while it is stopped. */
function mortal(clock: Clock, owner: StreamOwner): Clock {
  return {
    now: () => clock.now(),
    wallMs: () => clock.wallMs(),
    after: (delayMs, fn): Timer => {
      let isCancelled = false;
      const run = (): void => {
        if (owner.isAlive() && !isCancelled) fn();
      };
      const timer = clock.after(delayMs, () => owner.whenAwake(run));
      return {
        cancel: () => {
          isCancelled = true;
          timer.cancel();
        },
      };
    },
  };
}
