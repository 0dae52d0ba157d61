import { type Log, type LogFields, type Rng, seededRng, shuffle, silentLog } from '@proconsul/base';
import type { Configuration, RaftOptions } from '@proconsul/raft';
import { EventQueue } from '../event-queue.ts';
import type { Operation } from '../linearizability.ts';
import { SimulationFailure, Trace } from '../raft/failure.ts';
import { findAnomaly } from '../register-zones.ts';
import { Ledger } from './ledger.ts';
import { NodeNetwork } from './node-network.ts';
import { NodeServer, type NodeWorld } from './node-server.ts';
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

const SLOW_DISK_MS = 400;

/** Turns of promises after each event. The rest goes on after the next one: awaits take their time. */
const TURNS = 12;

/** Events after which a run is said not to end. */
const EVENTS_IN_RUN_MAX = 1_000_000;

const KEYS = ['a', 'b', 'c'];

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
  readonly #options: Required<Omit<DurableRunOptions, 'sink'>>;
  readonly #events = new EventQueue();
  readonly #fate: Rng;
  readonly #ledger = new Ledger();
  readonly #network: NodeNetwork;
  readonly #servers: NodeServer[] = [];
  readonly #history = new Map<string, Operation[]>();
  /** Files that fate has damaged, by server. */
  readonly #damaged = new Map<NodeServer, string[]>();
  #failure: unknown;
  #hash = 0x811c9dc5;
  #steps = 0;
  #ids = 0;

  constructor({
    seed,
    servers = 1,
    steps = DURABLE_STEPS_DEFAULT,
    lie = 'none',
    damage = true,
    sink,
  }: DurableRunOptions) {
    this.#options = { seed, servers, steps: Math.min(steps, DURABLE_STEPS_MAX), lie, damage };
    this.trace = new Trace(sink);
    this.#fate = seededRng(`durable ${seed}`);
    const rng = seededRng(`durable world ${seed}`);
    this.#network = new NodeNetwork(this.#events, rng, servers > 1 && this.#fate.float() < 0.6);
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
      drift: this.#fate.float() < 0.5 ? 0 : 0.05,
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
      this.#act();
      await this.#run(this.#fate.float() < 0.1 ? this.#fate.float() * 3000 : this.#fate.float() * 30);
    }
    await this.#comeBack();
    this.#checkHistory();
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

  #note(who: string, text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.trace.note(this.#events.now, who, text);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193) >>> 0;
  }

  async #run(forMs: number): Promise<void> {
    const until = this.#events.now + forMs;
    while (this.#events.step(until)) {
      for (let turn = 0; turn < TURNS; turn++) await undefined;
      this.#mix(Math.floor(this.#events.now * 1000) ^ this.#ledger.floor);
      this.#steps++;
      for (const server of this.#servers) server.checkLease();
      if (this.#failure) throw this.#failure;
      if (this.#steps > EVENTS_IN_RUN_MAX) throw new SimulationFailure('events without end');
    }
    for (const server of this.#servers) this.#checkDamage(server);
  }

  /** Damage is named only where there is some. */
  #checkDamage(server: NodeServer): void {
    if (!server.damage) return;
    const damaged = this.#damaged.get(server) ?? [];
    if (damaged.length === 0)
      throw new SimulationFailure(`${server.id} sees damage where there is none: ${server.damage.message}`);
  }

  // What clients and fate do.

  #act(): void {
    const fate = this.#fate;
    const roll = fate.float();
    const server = this.#servers[fate.int(this.#servers.length)]!;
    if (roll < 0.45) this.#write(1 + fate.int(12));
    else if (roll < 0.6) this.#read();
    else if (roll < 0.64) for (const s of this.#servers) s.snapshot();
    else if (roll < 0.66) this.#operate();
    else if (roll < 0.74) this.#crash(server);
    else if (roll < 0.86) this.#restart();
    else if (roll < 0.9) this.#fill(server);
    else if (roll < 0.92) server.files.failNextSync = true;
    else if (roll < 0.93) this.#slow(server);
    else if (this.#servers.length > 1) this.#disturb(server);
    else this.#write(30);
  }

  #operate(): void {
    const fate = this.#fate;
    const leader = this.#servers.find((s) => s.isLeader);
    if (!leader) return;
    if (this.#servers.length === 1) return leader.replaceState();
    const { id } = pick(fate, this.#servers);
    const address = `${id}:8300`;
    const roll = fate.float();
    // With a damaged disk beside it, a cluster of fewer voters may be left without a quorum for good.
    if (roll < 0.35 || this.#options.damage) leader.transferLeadership();
    else if (roll < 0.5) leader.changeMembership({ kind: 'demote', id });
    else if (roll < 0.6) leader.changeMembership({ kind: 'remove', id });
    else if (roll < 0.7) leader.changeMembership({ kind: 'add-nonvoter', id, address });
    else leader.changeMembership({ kind: 'add-voter', id, address });
  }

  #write(count: number): void {
    for (const server of this.#servers) {
      if (!server.isLeader) continue;
      for (let i = 0; i < count; i++) this.#writeOne(server);
    }
  }

  #writeOne(server: NodeServer): void {
    const id = ++this.#ids;
    const key = pick(this.#fate, KEYS);
    const value = `v${id}${'x'.repeat(this.#fate.int(40))}`;
    const op = { kind: 'write' as const, value, startedAt: this.#events.now, endedAt: Number.POSITIVE_INFINITY };
    const ops = this.#operations(key);
    const at = ops.push(op) - 1;
    server.propose(id, key, value, (outcome) => {
      if (outcome === 'acknowledged') ops[at] = { ...op, endedAt: this.#events.now };
      // Nothing was done: it is no operation at all, like one that nobody ever sees.
    });
  }

  #read(): void {
    const key = pick(this.#fate, KEYS);
    for (const server of this.#servers) {
      const startedAt = this.#events.now;
      server.read(key, this.#fate.float() < 0.5, (value) => {
        this.#operations(key).push({ kind: 'read', value, startedAt, endedAt: this.#events.now });
      });
    }
  }

  #operations(key: string): Operation[] {
    let ops = this.#history.get(key);
    if (!ops) {
      ops = [];
      this.#history.set(key, ops);
    }
    return ops;
  }

  #crash(server: NodeServer): void {
    const isPowerCut = this.#fate.float() < 0.6;
    const victims = this.#fate.float() < 0.2 ? this.#servers : [server];
    for (const victim of victims) {
      if (isPowerCut) victim.cutPower();
      else victim.kill();
      if (this.#options.damage && this.#fate.float() < 0.15) this.#harm(victim);
    }
    if (this.#fate.float() < 0.7) this.#restart();
  }

  /**
   * A minority of servers is harmed at most: more than that may lose data in any system. Stray writes spare the segment that is
   * being written: where one wipes all that stands after it, no content tells that from a write that never finished.
   */
  #harm(server: NodeServer): void {
    const isHarmed = this.#damaged.has(server);
    if (!isHarmed && this.#damaged.size + 1 > Math.max(1, Math.floor((this.#servers.length - 1) / 2))) return;
    const isFlip = this.#fate.float() < 0.8;
    const path = isFlip ? server.files.flipBit() : server.files.misdirect((file) => server.isBeingWritten(file));
    if (path === undefined) return;
    this.#note(server.id, `${path}: ${isFlip ? 'a bit flips' : 'a stray write'}`);
    this.#damaged.set(server, [...(this.#damaged.get(server) ?? []), path]);
  }

  #restart(): void {
    for (const server of this.#servers) {
      if (server.isUp || server.damage) continue;
      if (server.hasFailed) {
        if (this.#fate.float() < 0.5) server.cutPower();
        else server.kill();
      }
      server.files.failNextSync = false;
      server.start();
    }
  }

  #fill(server: NodeServer): void {
    this.#note(server.id, 'disk is full');
    server.files.isFull = true;
    this.#events.after(this.#fate.float() * 2500, () => {
      this.#note(server.id, 'disk has space');
      server.files.isFull = false;
    });
  }

  /** A disk that is slow for a while: everything on it takes half a second and more. */
  #slow(server: NodeServer): void {
    const { latencyMs } = server.files;
    if (latencyMs >= SLOW_DISK_MS) return;
    this.#note(server.id, 'disk is slow');
    server.files.latencyMs = SLOW_DISK_MS * (1 + this.#fate.float());
    this.#events.after(this.#fate.float() * 4000, () => {
      server.files.latencyMs = latencyMs;
    });
  }

  #disturb(server: NodeServer): void {
    const roll = this.#fate.float();
    if (roll < 0.35) server.pause(this.#fate.float() * 3000);
    else if (roll < 0.5) this.#bridge();
    else if (roll < 0.65) this.#flap(server);
    else if (roll < 0.8) this.#cutOff(server);
    else this.#disturbNetwork();
  }

  /** Two halves that see each other only through one server. */
  #bridge(): void {
    this.#network.heal();
    const order = shuffle(this.#fate, [...this.#servers]);
    const middle = Math.floor(order.length / 2);
    for (const a of order.slice(0, middle)) {
      for (const b of order.slice(middle + 1)) {
        this.#network.block(a.id, b.id);
        this.#network.block(b.id, a.id);
      }
    }
  }

  #flap(server: NodeServer): void {
    const periodMs = pick(this.#fate, [20, 200, 1000]);
    for (const other of this.#servers) {
      if (other !== server && this.#fate.float() < 0.6) this.#network.flap(server.id, other.id, periodMs);
    }
  }

  /** Nothing passes to or from the leader, or whoever it is. */
  #cutOff(server: NodeServer): void {
    const victim = (this.#fate.float() < 0.6 ? this.#servers.find((s) => s.isLeader) : undefined) ?? server;
    const isOneWay = this.#fate.float() < 0.4;
    this.#note(victim.id, isOneWay ? 'is not heard' : 'is cut off');
    for (const { id } of this.#servers) {
      if (id === victim.id) continue;
      this.#network.block(victim.id, id);
      if (!isOneWay) this.#network.block(id, victim.id);
    }
  }

  #disturbNetwork(): void {
    const fate = this.#fate;
    this.#network.heal();
    this.#network.loss = pick(fate, [0, 0, 0.05, 0.2]);
    this.#network.delayMs = pick(fate, [1, 10, 100]);
    this.#network.duplicates = pick(fate, [0, 0.2]);
    for (const a of this.#servers) {
      for (const b of this.#servers) if (a !== b && fate.float() < 0.15) this.#network.block(a.id, b.id);
    }
  }

  // The proof.

  /** Everything is healed: whoever is not damaged must lead or follow, and hold what was acknowledged. */
  async #comeBack(): Promise<void> {
    this.#note('*', 'everything is healed');
    this.#network.heal();
    this.#network.loss = 0;
    this.#network.delayMs = 2;
    this.#network.duplicates = 0;
    for (const server of this.#servers) {
      server.files.isFull = false;
      server.files.failNextSync = false;
    }
    for (let round = 0; round < 60; round++) {
      this.#restart();
      this.#write(1);
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

  #checkHistory(): void {
    for (const [key, ops] of this.#history) {
      const anomaly = findAnomaly(ops);
      if (anomaly)
        throw new SimulationFailure(`the history of ${key} is not linearizable: ${anomaly.why} (${anomaly.values})`);
    }
  }
}

function traceLog(trace: Trace, now: () => number, who: string): Log {
  const write = (message: string, fields: LogFields = {}): void =>
    trace.note(now(), who, `${message} ${JSON.stringify(fields)}`);
  return { trace: write, debug: write, info: write, warn: write, error: write, named: () => traceLog(trace, now, who) };
}

const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;
