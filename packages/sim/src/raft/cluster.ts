import { type Millis, type Rng, seededRng } from '@proconsul/base';
import { type Configuration, RAFT_DEFAULTS, type ServerId } from '@proconsul/raft';
import { EventQueue } from '../event-queue.ts';
import { SimClock } from '../sim-clock.ts';
import { SimulationFailure, Trace } from './failure.ts';
import { SimNetwork } from './network.ts';
import { Oracle } from './oracle.ts';
import { SimServer } from './server.ts';
import type { Sabotage, World } from './world.ts';

export interface ClusterOptions {
  readonly seed: number | string;
  /** Voters at the start. */
  readonly servers: number;
  /** Servers that are there but belong to nothing yet. */
  readonly spares: number;
  /** Clocks run fast or slow by up to this share. */
  readonly drift: number;
  /** Share of the servers that are of an older version: they know no pre-votes. Default 0. */
  readonly old?: number;
  /** Wall clocks jump and stop. It must make no difference. */
  readonly hasWildWallClocks?: boolean;
  readonly sabotage: Sabotage;
  /** Receives every line of the trace as it happens. */
  readonly sink?: (line: string) => void;
}

/** Events in one run. Beyond it something sends without end. */
export const RUN_EVENTS_MAX = 2_000_000;

/** Servers, their network and the oracle that watches them, all in virtual time and decided by one seed. */
export class RaftCluster {
  readonly events = new EventQueue();
  readonly rng: Rng;
  readonly network: SimNetwork;
  readonly oracle: Oracle;
  readonly trace: Trace;
  readonly servers: SimServer[] = [];
  readonly #byId = new Map<ServerId, SimServer>();
  readonly #options: ClusterOptions;
  /** Of its own, so that wall clocks change nothing else in a run. */
  readonly #wallRng: Rng;
  #hash = 0x811c9dc5;
  /** Events that ran. */
  steps = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.rng = seededRng(options.seed);
    this.trace = new Trace(options.sink);
    this.oracle = new Oracle(options.drift);
    this.#wallRng = seededRng(`wall ${options.seed}`);
    this.network = new SimNetwork(this.events, this.rng);
    const world: World = {
      events: this.events,
      rng: this.rng,
      network: this.network,
      oracle: this.oracle,
      trace: this.trace,
      sabotage: options.sabotage,
      mix: (value) => {
        this.#hash = Math.imul(this.#hash ^ value, 0x01000193) >>> 0;
      },
      serverOf: (id) => this.#byId.get(id),
      servers: this.servers,
    };
    for (let i = 1; i <= options.servers + options.spares; i++) this.#add(`s${i}`, world);
  }

  #add(id: ServerId, world: World): void {
    const rate = 1 + (this.rng.float() * 2 - 1) * this.#options.drift;
    const clock = new SimClock(this.events, { offsetMs: this.rng.float() * 1e6, rate });
    const { heartbeatTimeoutMs, electionTimeoutMs, leaderLeaseTimeoutMs } = RAFT_DEFAULTS;
    const preVote = this.rng.float() >= (this.#options.old ?? 0);
    const timeouts = { heartbeatTimeoutMs, electionTimeoutMs, leaderLeaseTimeoutMs, preVote };
    const server = new SimServer(id, clock, { id, address: addressOf(id), ...timeouts }, world);
    this.servers.push(server);
    this.#byId.set(id, server);
  }

  /** Of everything that happened: equal for equal seeds. */
  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  start(): void {
    this.guard(() => {
      const initial = this.servers.slice(0, this.#options.servers);
      const configuration: Configuration = {
        servers: initial.map(({ id }) => ({ id, address: addressOf(id), suffrage: 'voter' })),
      };
      for (const server of this.servers) server.start(initial.includes(server) ? configuration : undefined);
    });
  }

  /** A wall clock somewhere is set an hour forward or back, or stops. */
  disturbWallClocks(): void {
    if (!this.#options.hasWildWallClocks) return;
    const rng = this.#wallRng;
    if (rng.float() > 0.1) return;
    const { clock } = this.servers[rng.int(this.servers.length)]!;
    if (rng.float() < 0.3) clock.stopWall();
    else clock.setWall((rng.float() * 2 - 1) * WALL_JUMP_MS);
  }

  note(text: string): void {
    this.trace.note(this.events.now, '*', text);
  }

  /** Lets time pass. Throws SimulationFailure with seed and trace when a promise is broken. */
  run(forMs: Millis): void {
    this.guard(() => {
      const until = this.events.now + forMs;
      while (this.events.step(until)) {
        if (++this.steps > RUN_EVENTS_MAX) throw new SimulationFailure('events without end');
        // Whoever holds a lease might answer a read at this very moment.
        for (const server of this.servers) {
          if (!server.isLeader) continue;
          server.leaseRead();
          if (this.steps % MATCHES_EVERY === 0) server.checkMatches();
        }
      }
    });
  }

  /** Runs until `holds`, looking every `pollMs`, at most `withinMs`. Whether it came true. */
  runUntil(withinMs: Millis, holds: () => boolean, pollMs: Millis = POLL_MS): boolean {
    const until = this.events.now + withinMs;
    while (this.events.now < until) {
      if (holds()) return true;
      this.run(pollMs);
    }
    return holds();
  }

  /** Adds seed and trace to whatever goes wrong inside. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof SimulationFailure && error.message.startsWith('seed ')) throw error;
      throw this.failure(error instanceof SimulationFailure ? error.message : String((error as Error).stack ?? error));
    }
  }

  failure(message: string): SimulationFailure {
    return new SimulationFailure(`seed ${this.#options.seed}: ${message}\n${this.trace.text()}`);
  }

  /** Who leads the highest term. */
  leader(): SimServer | undefined {
    let best: SimServer | undefined;
    for (const s of this.servers) if (s.isLeader && (!best || s.core!.term > best.core!.term)) best = s;
    return best;
  }
}

const POLL_MS = 25;

/** Furthest that somebody sets a wall clock. */
export const WALL_JUMP_MS = 3_600_000;

/** Events between looks at what leaders believe of others. */
const MATCHES_EVERY = 4;

export const addressOf = (id: ServerId): string => `${id}:8300`;
