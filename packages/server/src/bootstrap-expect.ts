import { type Clock, errorText, type Log, type Millis, type Timer } from '@proconsul/base';
import type { PoolMember } from './servers/member.ts';
import { parseServerTags, type ServerInfo } from './servers/server-tags.ts';

/** How often a server is asked for its peers before this round is given up, and the pause before the second time. */
export const PEER_ATTEMPTS_MAX = 6;
export const PEER_PAUSE_MS: Millis = 1000;

/** A round that was given up is tried again after this time, if no event comes before. */
export const BOOTSTRAP_RETRY_MS: Millis = 10_000;

export interface BootstrapOptions {
  readonly datacenter: string;
  readonly nodeName: string;
  /** How many servers are expected; below 1 nothing is waited for. */
  readonly expect: number;
}

/** The first configuration of a cluster. */
export interface FirstConfiguration {
  readonly servers: readonly {
    readonly id: string;
    readonly address: string;
    readonly suffrage: 'voter' | 'nonvoter';
  }[];
}

export interface BootstrapDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** The LAN pool, ourselves included. */
  members(): readonly PoolMember[];
  /** `Status.Peers` of a server. */
  peersOf(server: ServerInfo): Promise<readonly string[]>;
  /** Whether our log is empty: else the cluster exists already. */
  isFresh(): boolean;
  bootstrap(configuration: FirstConfiguration): Promise<void>;
}

/**
 * Waits for the expected number of servers and then writes the first configuration, the same one on all of them. A
 * server that has peers already stops it for good: then its leader adds us.
 * Source: raft wire, bootstrap with `expect`; life cycle, server bootstrap.
 */
export class BootstrapExpect {
  readonly #options: BootstrapOptions;
  readonly #d: BootstrapDependencies;
  #isOver: boolean;
  #isBusy = false;
  #isAskedAgain = false;
  #retry: Timer | undefined;

  constructor(options: BootstrapOptions, dependencies: BootstrapDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#isOver = options.expect < 1;
  }

  /** Whether there is nothing left to wait for. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** To be called when the pool has changed. */
  check(): void {
    if (this.#isOver) return;
    if (this.#isBusy) {
      this.#isAskedAgain = true;
      return;
    }
    this.#retry?.cancel();
    this.#isBusy = true;
    this.#round()
      .catch((error) => this.#d.log.error('Failed to bootstrap cluster', { error: errorText(error) }))
      .finally(() => {
        this.#isBusy = false;
        if (!this.#isAskedAgain || this.#isOver) return;
        this.#isAskedAgain = false;
        this.check();
      });
  }

  stop(): void {
    this.#isOver = true;
    this.#retry?.cancel();
  }

  async #round(): Promise<void> {
    if (!this.#d.isFresh()) return this.stop();
    const servers = this.#servers();
    if (servers === undefined) return;
    if (servers.filter((server) => !server.readReplica).length < this.#options.expect) return;
    for (const server of servers) {
      if (server.name === this.#options.nodeName) continue;
      const peers = await this.#peersOf(server);
      if (this.#isOver) return;
      if (peers === undefined) return this.#later();
      if (peers.length === 0) continue;
      this.#d.log.info('Existing Raft peers reported by server, disabling bootstrap mode', { server: server.name });
      return this.stop();
    }
    if (!this.#d.isFresh()) return this.stop();
    await this.#bootstrap(servers);
  }

  /** The servers of our datacenter; undefined when they do not fit together, which is logged. */
  #servers(): readonly ServerInfo[] | undefined {
    const { log } = this.#d;
    const servers: ServerInfo[] = [];
    for (const member of this.#d.members()) {
      const server = parseServerTags(member);
      if (server === undefined || server.datacenter !== this.#options.datacenter) continue;
      if (server.expect !== 0 && server.expect !== this.#options.expect) {
        log.error('Member has a conflicting expect value. All nodes should expect the same number.', {
          member: server.name,
        });
        return undefined;
      }
      if (server.bootstrap && server.name !== this.#options.nodeName) {
        log.error('Member has bootstrap mode. Expect disabled.', { member: server.name });
        return undefined;
      }
      if (server.status === 'alive' && server.id !== '') servers.push(server);
    }
    return servers;
  }

  /** Undefined when it cannot be asked. */
  async #peersOf(server: ServerInfo): Promise<readonly string[] | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#d.peersOf(server);
      } catch (error) {
        const text = errorText(error);
        if (this.#isOver) return undefined;
        if (attempt >= PEER_ATTEMPTS_MAX) {
          this.#d.log.error('Failed to confirm peer status for server, giving up for now', {
            server: server.name,
            error: text,
          });
          return undefined;
        }
        const pauseMs = PEER_PAUSE_MS * 2 ** (attempt - 1);
        this.#d.log.error('Failed to confirm peer status for server (will retry).', {
          server: server.name,
          nextRetryInterval: `${pauseMs / 1000}s`,
          error: text,
        });
        await new Promise<void>((resolve) => {
          this.#d.clock.after(pauseMs, resolve);
        });
      }
    }
  }

  #later(): void {
    this.#retry?.cancel();
    this.#retry = this.#d.clock.after(BOOTSTRAP_RETRY_MS, () => this.check());
  }

  async #bootstrap(found: readonly ServerInfo[]): Promise<void> {
    // In one order on all servers, so that all write the same bytes.
    const servers = [...found].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#d.log.info('Found expected number of peers, attempting bootstrap', {
      peers: servers.map((server) => server.address).join(','),
    });
    this.stop();
    await this.#d.bootstrap({
      servers: servers.map((s) => ({ id: s.id, address: s.address, suffrage: s.readReplica ? 'nonvoter' : 'voter' })),
    });
  }
}
