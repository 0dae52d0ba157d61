import { type Clock, type Log, type Millis, type Rng, shuffle, type Timer } from '@proconsul/base';
import type { RpcPeer } from '@proconsul/rpc';

/** A server keeps the calls of a client for so long, then another gets them. Source: RPC wire, section 5. */
export const REBALANCE_MIN_MS: Millis = 120_000;
export const REBALANCE_SPREAD_MS: Millis = 60_000;
/** Clients that all servers together see come and go in a second. Source: measured rhythm of rebalancing. */
const REBALANCE_RATE = 64;

/** Servers that a client keeps in mind. */
export const SERVERS_MAX = 1024;

export interface ServerManagerDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  /** Members of the pool: the more there are, the rarer servers are changed. */
  clusterSize(): number;
  /** Whether a server answers. */
  ping(peer: RpcPeer): Promise<boolean>;
}

/**
 * The servers that a client agent calls: one of them until it fails, then the next. From time to time they are put into
 * another order, so that no server stays with the clients of one that was down.
 */
export class ServerManager {
  readonly #d: ServerManagerDependencies;
  #servers: RpcPeer[] = [];
  #timer: Timer | null = null;
  #stopped = false;

  constructor(dependencies: ServerManagerDependencies) {
    this.#d = dependencies;
  }

  get count(): number {
    return this.#servers.length;
  }

  start(): void {
    this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Adds a server, or takes over what changed of one. True when it is the first. */
  put(peer: RpcPeer): boolean {
    const at = this.#servers.findIndex((s) => s.name === peer.name);
    if (at >= 0) this.#servers[at] = peer;
    else if (this.#servers.length < SERVERS_MAX) {
      // In the midst: that the newest comes first would send everybody to it.
      this.#servers.splice(this.#d.rng.int(this.#servers.length + 1), 0, peer);
    }
    return at < 0 && this.#servers.length === 1;
  }

  remove(name: string): void {
    this.#servers = this.#servers.filter((s) => s.name !== name);
  }

  /** The server to call; undefined when none is known. Calls for other datacenters go to it as well. */
  pick(_datacenter: string): RpcPeer | undefined {
    const [first] = this.#servers;
    if (first === undefined) this.#d.log.warn('No servers available');
    return first;
  }

  /** It did not answer: the next one is called. */
  failed(peer: RpcPeer): void {
    if (this.#servers.length < 2 || this.#servers[0]?.name !== peer.name) return;
    const [first, ...rest] = this.#servers;
    this.#servers = [...rest, first as RpcPeer];
  }

  #plan(): void {
    if (this.#stopped) return;
    const { clock, rng, clusterSize } = this.#d;
    const least = REBALANCE_MIN_MS + rng.float() * REBALANCE_SPREAD_MS;
    const scaled = this.#servers.length === 0 ? 0 : (clusterSize() / (REBALANCE_RATE * this.#servers.length)) * 1000;
    this.#timer = clock.after(Math.max(least, scaled), () => void this.rebalance().finally(() => this.#plan()));
  }

  /** A new order, with a server in front that answers. When none does, the order stays. */
  async rebalance(): Promise<void> {
    if (this.#servers.length < 2) return;
    const order = shuffle(this.#d.rng, [...this.#servers]);
    for (let tried = 0; tried < order.length; tried++) {
      if (await this.#d.ping(order[0] as RpcPeer)) {
        this.#take(order);
        this.#d.log.debug('Rebalanced servers, new active server', {
          number_of_servers: order.length,
          active_server: order[0]?.name,
        });
        return;
      }
      order.push(order.shift() as RpcPeer);
    }
    this.#d.log.debug('No healthy servers during rebalance, aborting');
  }

  /** The list may have changed while servers were asked. */
  #take(order: readonly RpcPeer[]): void {
    const present = new Map(this.#servers.map((s) => [s.name, s]));
    const kept = order.flatMap((s) => present.get(s.name) ?? []);
    const names = new Set(order.map((s) => s.name));
    this.#servers = [...kept, ...this.#servers.filter((s) => !names.has(s.name))];
  }
}
