import { type Log, type LogFields, type Rng, seededRng, silentLog } from '@proconsul/base';
import type { Configuration, RaftOptions } from '@proconsul/raft';
import { EventQueue } from '../event-queue.ts';
import { WALL_JUMP_MS } from '../raft/cluster.ts';
import { SimulationFailure, Trace } from '../raft/failure.ts';
import { DRIFT_MAX } from '../raft/scenario.ts';
import { DurableScript, pick } from './durable-script.ts';
import { History } from './history.ts';
import { Ledger } from './ledger.ts';
import { NodeNetwork } from './node-network.ts';
import { NodeServer, type NodeWorld } from './node-server.ts';
import { runEvents } from './run-events.ts';
import type { DiskLie } from './sim-files.ts';

export interface DurableRunOptions {
  readonly seed: number;
  /** Voters at the start. Default 1. */
  readonly servers?: number;
  /** Things that clients and fate do. */
  readonly steps?: number;
  /** A disk that lies, to prove that the checks notice. */
  readonly lie?: DiskLie;
  /** Bits flip and writes go astray. Off, every server must come back. Default true. */
  readonly damage?: boolean;
  /** Wall clocks jump by up to an hour, and stop. It must make no difference. Default true. */
  readonly hasWildWallClocks?: boolean;
  readonly sink?: (line: string) => void;
}

export interface DurableRunResult {
  readonly seed: number;
  /** Of everything that happened. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly restarts: number;
  /** Servers that found damage, named it and did not serve. */
  readonly stopped: number;
}

export const DURABLE_STEPS_DEFAULT = 40;
export const DURABLE_STEPS_MAX = 100_000;

/** Events after which a run is said not to end. */
const EVENTS_IN_RUN_MAX = 1_000_000;

/**
 * One run of the product's Raft nodes on disks that tear, lose, flip, fill up and fail, with kills and power cuts at any moment.
 * Throws SimulationFailure when an acknowledged write is gone, a refused one is there, a read is stale, a damaged file is served, or
 * a server does not come back.
 */
export async function runDurable(options: DurableRunOptions): Promise<DurableRunResult> {
  const run = new DurableRun(options);
  try {
    return await run.go();
  } catch (error) {
    const text = error instanceof SimulationFailure ? error.message : String((error as Error).stack ?? error);
    throw new SimulationFailure(`seed ${options.seed}: ${text}\n${run.trace.text()}\n${run.describeDisks()}`);
  }
}

class DurableRun {
  readonly trace: Trace;
  readonly #options: Required<Omit<DurableRunOptions, 'sink' | 'hasWildWallClocks'>>;
  readonly #events = new EventQueue();
  readonly #fate: Rng;
  readonly #ledger = new Ledger();
  readonly #network: NodeNetwork;
  readonly #servers: NodeServer[] = [];
  readonly #history = new History();
  readonly #script: DurableScript;
  /** Files that fate has damaged, by server. */
  readonly #damaged = new Map<NodeServer, string[]>();
  /** Of its own, so that wall clocks change nothing else in a run. */
  readonly #wallRng: Rng | undefined;
  #failure: unknown;
  #hash = 0x811c9dc5;
  #steps = 0;

  constructor({
    seed,
    servers = 1,
    steps = DURABLE_STEPS_DEFAULT,
    lie = 'none',
    damage = true,
    hasWildWallClocks = true,
    sink,
  }: DurableRunOptions) {
    this.#options = { seed, servers, steps: Math.min(steps, DURABLE_STEPS_MAX), lie, damage };
    this.trace = new Trace(sink);
    this.#fate = seededRng(`durable ${seed}`);
    const rng = seededRng(`durable world ${seed}`);
    this.#wallRng = hasWildWallClocks ? seededRng(`durable wall ${seed}`) : undefined;
    const isWire = servers > 1 && this.#fate.float() < 0.6;
    this.#network = new NodeNetwork(this.#events, rng, isWire);
    const hasSpares = servers > 1 && !damage;
    const ids = Array.from({ length: servers + (hasSpares ? this.#fate.int(3) : 0) }, (_, i) => `n${i + 1}`);
    const configuration: Configuration = {
      servers: ids.slice(0, servers).map((id) => ({ id, address: `${id}:8300`, suffrage: 'voter' as const })),
    };
    const world: NodeWorld = {
      events: this.#events,
      rng,
      network: this.#network,
      ledger: this.#ledger,
      configuration,
      drift: pick(this.#fate, [0, 0.05, DRIFT_MAX]),
      // With the product's transport, all servers are of this version.
      old: isWire ? 0 : pick(this.#fate, [0, 0.5]),
      note: (who, text) => this.#note(who, text),
      logOf: (who) => (this.trace.detailed ? traceLog(this.trace, () => this.#events.now, who) : silentLog),
      fail: (error) => {
        this.#failure ??= error;
      },
    };
    const nodeOptions = this.#nodeOptions();
    for (const id of ids) {
      const server = new NodeServer(id, nodeOptions, world);
      server.files.lie = lie;
      server.files.latencyMs = pick(this.#fate, [0.5, 5, 20]);
      this.#servers.push(server);
    }
    this.#script = new DurableScript(
      {
        events: this.#events,
        servers: this.#servers,
        network: this.#network,
        history: this.#history,
        damage,
        damaged: this.#damaged,
        note: (who, text) => this.#note(who, text),
      },
      this.#fate,
    );
  }

  /** Small figures, so that segments, snapshots and compaction happen all the time. */
  #nodeOptions(): Partial<RaftOptions> {
    const fate = this.#fate;
    return {
      segmentBytes: pick(fate, [200, 1000, 4000]),
      snapshotThreshold: pick(fate, [5, 20, 1000]),
      snapshotIntervalMs: 300,
      trailingLogs: pick(fate, [0, 5, 50]),
      cacheBytes: pick(fate, [0, 500, 100_000]),
    };
  }

  async go(): Promise<DurableRunResult> {
    const { steps, seed } = this.#options;
    for (const server of this.#servers) server.start();
    await this.#run(50);
    for (let step = 0; step < steps; step++) {
      this.#disturbWallClocks();
      const undisturbedMs = this.#script.act();
      const betweenMs = this.#fate.float() * (this.#fate.float() < 0.1 ? 3000 : 30);
      await this.#run(undisturbedMs > 0 ? undisturbedMs : betweenMs);
    }
    await this.#comeBack();
    this.#history.check();
    return {
      seed,
      hash: this.#hash.toString(16).padStart(8, '0'),
      events: this.#steps,
      virtualMs: this.#events.now,
      acknowledged: this.#ledger.acknowledged,
      refused: this.#ledger.refused,
      restarts: this.#servers.reduce((sum, s) => sum + s.restarts, 0),
      stopped: this.#servers.filter((s) => s.damage).length,
    };
  }

  /** A wall clock somewhere is set an hour forward or back, or stops. */
  #disturbWallClocks(): void {
    const rng = this.#wallRng;
    if (!rng || rng.float() > 0.2) return;
    const { clock } = pick(rng, this.#servers);
    if (rng.float() < 0.3) clock.stopWall();
    else clock.setWall((rng.float() * 2 - 1) * WALL_JUMP_MS);
  }

  #note(who: string, text: string): void {
    // The wall clock shows in the names of snapshots, and nowhere else.
    const timeless = text.replace(/(\/\d+-\d+)-\d+/g, '$1');
    for (let i = 0; i < timeless.length; i++) this.#mix(timeless.charCodeAt(i));
    this.trace.note(this.#events.now, who, text);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193) >>> 0;
  }

  async #run(forMs: number): Promise<void> {
    await runEvents(this.#events, forMs, () => {
      this.#mix(Math.floor(this.#events.now * 1000) ^ this.#ledger.floor);
      this.#steps++;
      for (const server of this.#servers) server.checkLease();
      if (this.#failure) throw this.#failure;
      if (this.#steps > EVENTS_IN_RUN_MAX) throw new SimulationFailure('events without end');
    });
    for (const server of this.#servers) this.#checkDamage(server);
  }

  /** Damage is named only where there is some. */
  #checkDamage(server: NodeServer): void {
    if (!server.damage) return;
    const damaged = this.#damaged.get(server) ?? [];
    if (damaged.length === 0)
      throw new SimulationFailure(`${server.id} sees damage where there is none: ${server.damage.message}`);
  }

  // The proof.

  /** Everything is healed: whoever is not damaged must lead or follow, and hold what was acknowledged. */
  async #comeBack(): Promise<void> {
    this.#note('*', 'everything is healed');
    this.#network.heal();
    this.#network.loss = 0;
    this.#network.delayMs = 2;
    this.#network.duplicates = 0;
    this.#network.stragglers = 0;
    for (const server of this.#servers) {
      server.files.isFull = false;
      server.files.failNextSync = false;
    }
    for (let round = 0; round < 60; round++) {
      this.#script.restart();
      this.#script.write(1);
      const { id } = this.#servers[round % this.#servers.length]!;
      const leader = this.#servers.find((s) => s.isLeader);
      if (this.#servers.length > 1) leader?.changeMembership({ kind: 'add-voter', id, address: `${id}:8300` });
      await this.#run(1000);
      if (this.#isSettled()) break;
      if (round === 59) throw new SimulationFailure(`not recovered: ${this.#summary()}`);
    }
    for (const server of this.#servers) server.check();
  }

  #isSettled(): boolean {
    const sound = this.#servers.filter((s) => !s.damage);
    if (2 * sound.length <= this.#servers.length) return true;
    const leader = sound.find((s) => s.isLeader && s.node?.hasLease());
    if (!leader || leader.appliedIndex < leader.node!.lastIndex) return false;
    this.#ledger.checkLeader(leader.id, leader.appliedIndex);
    return sound.every((s) => s.isUp && s.appliedIndex === leader.appliedIndex);
  }

  describeDisks(): string {
    return this.#servers.map((s) => `${s.id}:\n${s.files.describe()}`).join('\n');
  }

  #summary(): string {
    return this.#servers
      .map((s) => `${s.id} up ${s.isUp} failed ${s.hasFailed} role ${s.node?.role} applied ${s.appliedIndex}`)
      .join('; ');
  }
}

function traceLog(trace: Trace, now: () => number, who: string): Log {
  const write = (message: string, fields: LogFields = {}): void =>
    trace.note(now(), who, `${message} ${JSON.stringify(fields)}`);
  return { trace: write, debug: write, info: write, warn: write, error: write, named: () => traceLog(trace, now, who) };
}
