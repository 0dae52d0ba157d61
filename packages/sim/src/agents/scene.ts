import { type Millis, type Rng, seededRng } from '@proconsul/base';
import { EventQueue } from '../event-queue.ts';
import { SimulationFailure, type Trace } from '../raft/failure.ts';
import { LAN_WEATHER } from '../weather.ts';
import { type HttpAnswer, HttpClient, NoAnswer } from './http.ts';
import { Machine, type MachineWorld } from './machine.ts';
import { AgentNetwork } from './network.ts';
import { promisesSettled } from './turns.ts';

/** Events after which a run is said not to end. */
const EVENTS_IN_RUN_MAX = 3_000_000;
/** How long a client waits for an answer. */
const PATIENCE_MS: Millis = 20_000;

const FAR_ADDRESS = '10.0.2.1';

export interface SceneOptions {
  readonly seed: number;
  readonly servers: number;
  readonly clients: number;
  /** There is another datacenter, with one server. */
  readonly hasFar: boolean;
  /** Clocks run fast or slow by up to this share. */
  readonly drift: number;
  /** More lines of configuration for all agents. */
  readonly hcl: string;
}

/** What became of a change, as its client knows. `refused`: nothing was done, and nothing will be. */
export type Outcome = 'done' | 'refused' | 'unknown';

/** Texts of errors by which nothing was done. Source: RPC wire, texts that clients match. */
const NOTHING_DONE = [
  'No cluster leader',
  'Raft leader not found in server lookup mapping',
  'node is not the leader',
  'leadership transfer in progress',
  'No path to datacenter',
  'Remote DC has no server currently reachable',
  'rpc error getting client: ',
];

/** The machines of a run, virtual time, and everything that happens on it. */
export class Scene {
  readonly seed: number;
  /** Clocks run fast or slow by up to this share. */
  readonly drift: number;
  readonly events = new EventQueue();
  readonly network: AgentNetwork;
  readonly machines: Machine[] = [];
  /** The server of the other datacenter. */
  readonly far: Machine | undefined;
  readonly trace: Trace;
  /** Called after every event, once promises have gone on. */
  afterEvent = (): void => {};
  /** Figures for people, and for tests that a run is worth something. */
  readonly counts: Record<string, number> = {};
  steps = 0;
  readonly #clients = new Map<Machine, HttpClient>();
  #failure: Error | undefined;
  #hash = 0x811c9dc5;

  constructor(options: SceneOptions, trace: Trace) {
    const { seed, servers, clients, drift, hasFar, hcl } = options;
    this.seed = seed;
    this.drift = drift;
    this.trace = trace;
    const rng = seededRng(`agents world ${seed}`);
    this.network = new AgentNetwork(this.events, rng, LAN_WEATHER);
    const join = Array.from({ length: servers }, (_, i) => `10.0.0.${i + 1}`);
    const world: MachineWorld = {
      events: this.events,
      rng,
      network: this.network,
      settings: { servers, join, far: hasFar ? FAR_ADDRESS : undefined, hcl },
      note: (who, text) => this.note(who, text),
      logLine: trace.detailed ? (who, line) => trace.note(this.events.now, who, line) : undefined,
      fail: (error) => this.fail(error),
    };
    const make = (name: string, address: string, isServer: boolean, datacenter = 'dc1'): Machine => {
      const rate = 1 + (rng.float() * 2 - 1) * drift;
      const clock = { offsetMs: rng.float() * 1e6, rate, wallAheadMs: (rng.float() * 2 - 1) * 5000 };
      return new Machine({ name, address, isServer, datacenter }, clock, world);
    };
    for (let i = 1; i <= servers; i++) this.machines.push(make(`s${i}`, `10.0.0.${i}`, true));
    for (let i = 1; i <= clients; i++) this.machines.push(make(`c${i}`, `10.0.1.${i}`, false));
    if (hasFar) this.far = make('far', FAR_ADDRESS, true, 'dc2');
  }

  get now(): Millis {
    return this.events.now;
  }

  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  /** The machines of both datacenters. */
  get everywhere(): Machine[] {
    return this.far === undefined ? this.machines : [...this.machines, this.far];
  }

  get servers(): Machine[] {
    return this.machines.filter((m) => m.isServer);
  }

  get clients(): Machine[] {
    return this.machines.filter((m) => !m.isServer);
  }

  /** A client that leaves the cluster now and then, and comes back; nothing hangs on its node. */
  get wanderer(): Machine | undefined {
    const { clients } = this;
    return clients.length > 1 ? clients.at(-1) : undefined;
  }

  /** Clients whose nodes stay in the catalog. */
  get settled(): Machine[] {
    return this.clients.filter((m) => m !== this.wanderer);
  }

  /** The server that answers for the cluster at this moment. */
  get leader(): Machine | undefined {
    return this.machines.find((m) => m.isRunning && m.server?.server.leads());
  }

  rng(name: string): Rng {
    return seededRng(`agents ${this.seed} ${name}`);
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  note(who: string, text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.trace.note(this.events.now, who, text);
  }

  /** A promise was broken: the run ends after this event. */
  fail(error: Error | string): void {
    this.#failure ??= typeof error === 'string' ? new SimulationFailure(error) : error;
  }

  /** Throws what {@link fail} was told. */
  assertKept(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193) >>> 0;
  }

  /** Lets so much time pass. Throws what {@link fail} was told. */
  async run(forMs: Millis): Promise<void> {
    const until = this.events.now + forMs;
    await promisesSettled();
    this.assertKept();
    while (this.events.step(until)) {
      await promisesSettled();
      this.#mix(Math.floor(this.events.now * 1000));
      this.steps++;
      this.afterEvent();
      this.assertKept();
      if (this.steps > EVENTS_IN_RUN_MAX) throw new SimulationFailure('events without end');
    }
  }

  /** Lets time pass until `isTrue`, looking after every `everyMs`. False when it is not within `withinMs`. */
  async until(isTrue: () => boolean, withinMs: Millis, everyMs: Millis = 100): Promise<boolean> {
    for (let left = withinMs; left > 0; left -= everyMs) {
      if (isTrue()) return true;
      await this.run(everyMs);
    }
    return isTrue();
  }

  /** For clients: programs that nothing happens to. */
  sleep(ms: Millis): Promise<void> {
    return new Promise((resolve) => {
      this.events.after(ms, resolve);
    });
  }

  /** A request of a program on the machine to the agent there. Rejects with NoAnswer. */
  async ask(at: Machine, method: string, target: string, body = '', timeoutMs = PATIENCE_MS): Promise<HttpAnswer> {
    let client = this.#clients.get(at);
    if (client === undefined) {
      client = new HttpClient(this.network, at.address);
      this.#clients.set(at, client);
    }
    const answer = await client.request(method, target, body, timeoutMs);
    this.#mix(answer.status * 31 + answer.body.length);
    return answer;
  }

  /** A change by HTTP. `refused` when the answer says that nothing was done. */
  async change(at: Machine, method: string, target: string, body = ''): Promise<{ outcome: Outcome; body: string }> {
    try {
      const answer = await this.ask(at, method, target, body);
      if (answer.status === 200) return { outcome: 'done', body: answer.body.trim() };
      const isRefused = NOTHING_DONE.some((text) => answer.body.includes(text));
      return { outcome: isRefused ? 'refused' : 'unknown', body: answer.body };
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return { outcome: error.refused ? 'refused' : 'unknown', body: '' };
    }
  }
}

export const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)] as T;
