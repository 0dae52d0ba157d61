import { noMetrics, seededRng, silentLog } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import type { Caller } from '@proconsul/endpoints';
import { type Command, encodeCommand, Store } from '@proconsul/store';
import type { ServerFacts } from '../autopilot.ts';
import type { Consensus, RaftMember } from '../consensus.ts';
import { Server } from '../server.ts';
import { SERVER_DEFAULTS } from '../server-options.ts';

/** A log of one server, in memory: what is proposed is applied at once, while it leads. */
export class MemoryConsensus implements Consensus {
  readonly #store: Store;
  /** Read by `leads`. */
  leading = true;
  /** Who is known to lead while we do not answer for that. */
  elected = '';
  /** Age of the state while we do not lead. */
  ageMs = 250;
  /** Set to make the next proposals fail. */
  refusal: Error | null = null;
  /** What was proposed, in order. */
  readonly proposed: Command[] = [];
  servers: readonly RaftMember[] = [{ id: 'id-1', address: '127.0.0.1:8300', voter: true }];
  verified = 0;
  #index = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  id = () => 'id-1';
  leads = () => this.leading;
  leaderAddress = () => (this.leading ? '127.0.0.1:8300' : '');
  leaderId = () => (this.leading ? 'id-1' : this.elected);
  lastContactMs = () => (this.leading ? 0 : 250);
  stateAgeMs = () => (this.leading ? 0 : this.ageMs);
  members = () => this.servers;
  lastIndex = () => this.#index;
  lastTerm = () => 1;
  appliedIndex = () => this.#index;

  #held: Promise<void> | undefined;

  /** Nothing is committed until the returned function is called. */
  hold(): () => void {
    let go = () => {};
    this.#held = new Promise((resolve) => {
      go = resolve;
    });
    return () => {
      this.#held = undefined;
      go();
    };
  }

  async barrier(): Promise<void> {}

  async addNonvoter(id: string, address: string): Promise<void> {
    this.servers = [...this.servers.filter((m) => m.id !== id), { id, address, voter: false }];
  }

  async addVoter(id: string, address: string): Promise<void> {
    this.servers = [...this.servers.filter((m) => m.id !== id), { id, address, voter: true }];
  }

  async demoteVoter(id: string): Promise<void> {
    this.servers = this.servers.map((m) => (m.id === id ? { ...m, voter: false } : m));
  }

  async verifyLeader(): Promise<void> {
    this.verified++;
  }

  async propose(command: Command): Promise<unknown> {
    if (this.refusal !== null) throw this.refusal;
    if (this.#held !== undefined) await this.#held;
    this.proposed.push(command);
    const result = this.#store.apply(++this.#index, encodeCommand(command.type, command.request));
    this.#store.flush();
    return result;
  }

  async removeMember(id: string): Promise<void> {
    this.servers = this.servers.filter((m) => m.id !== id);
  }

  async transferLeadership(): Promise<void> {}
}

/** One server that leads, wired like the one of an agent. */
export function oneServer(
  options: {
    readonly facts?: readonly ServerFacts[];
    readonly datacenter?: string;
    readonly primaryDatacenter?: string;
    readonly allowWithoutIntention?: boolean;
    /** Ways into other datacenters. */
    readonly callers?: Readonly<Record<string, Caller | 'unreachable'>>;
    readonly datacenters?: () => readonly string[];
  } = {},
) {
  const datacenter = options.datacenter ?? 'dc1';
  const clock = new ManualClock();
  const store = new Store({ datacenter });
  const consensus = new MemoryConsensus(store);
  const server = new Server(
    {
      ...{ ...SERVER_DEFAULTS, datacenter, primaryDatacenter: options.primaryDatacenter ?? '' },
      allowWithoutIntention: options.allowWithoutIntention ?? true,
    },
    {
      store,
      consensus,
      clock,
      rng: seededRng('one server'),
      log: silentLog,
      metrics: noMetrics,
      leaderCaller: () => undefined,
      datacenterCaller: (name) => options.callers?.[name],
      servers: () => options.facts ?? [],
      askServers: async () => {},
      wanCoordinates: () => [],
      datacenters: options.datacenters ?? (() => [datacenter]),
    },
  );
  server.startLeading();
  return { clock, store, consensus, server };
}
