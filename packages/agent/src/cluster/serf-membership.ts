import { type Endpoint, errorText, type Log, multiError } from '@proconsul/base';
import { AgentError, type Member } from '@proconsul/http-api';
import type { SerfPool } from '@proconsul/serf';
import { apiMember } from './api-member.ts';
import { endpointsOf, type Resolve } from './join-address.ts';
import type { Membership } from './membership.ts';

/** A pool, and the port at which its members listen unless they say otherwise. */
export interface PoolAt {
  readonly pool: SerfPool;
  readonly port: number;
}

export interface SerfMembershipDependencies {
  readonly lan: PoolAt;
  /** Undefined: no WAN pool here. */
  readonly wan: PoolAt | undefined;
  readonly isServer: boolean;
  readonly resolve: Resolve;
  /** Of the agent. */
  readonly log: Log;
  /** Of the pools' gossip. */
  readonly gossipLog: Log;
}

/** The pools of this agent. Texts of log and errors: recorded. */
export class SerfMembership implements Membership {
  readonly #d: SerfMembershipDependencies;

  constructor(dependencies: SerfMembershipDependencies) {
    this.#d = dependencies;
  }

  lan(): readonly Member[] {
    return this.#d.lan.pool.members().map(apiMember);
  }

  wan(): readonly Member[] {
    return this.#d.wan?.pool.members().map(apiMember) ?? [];
  }

  async join(addresses: readonly string[], wan: boolean): Promise<number> {
    const { log } = this.#d;
    const name = wan ? 'WAN' : 'LAN';
    log.info(`(${name}) joining`, { [`${name.toLowerCase()}_addresses`]: addresses });
    try {
      const joined = await this.#join(addresses, wan);
      log.info(`(${name}) joined`, { number_of_nodes: joined });
      return joined;
    } catch (error) {
      log.warn(`(${name}) couldn't join`, { number_of_nodes: 0, error: errorText(error) });
      throw error;
    }
  }

  async #join(addresses: readonly string[], wan: boolean): Promise<number> {
    const { lan, isServer } = this.#d;
    if (wan && !isServer) throw new AgentError(500, 'Must be a server to join WAN cluster');
    const at = wan ? this.#d.wan : lan;
    if (at === undefined) throw new AgentError(500, 'WAN pool is not enabled');
    const { endpoints, errors } = await this.#resolved(addresses, at.port);
    const result = endpoints.length === 0 ? { joined: 0, errors: [] } : await at.pool.join(endpoints, IGNORE_OLD);
    if (result.joined > 0) return result.joined;
    throw new AgentError(500, multiError([...errors, ...result.errors.map((e) => e.message)]));
  }

  async #resolved(addresses: readonly string[], port: number): Promise<{ endpoints: Endpoint[]; errors: string[] }> {
    const endpoints: Endpoint[] = [];
    const errors: string[] = [];
    for (const address of addresses) {
      try {
        endpoints.push(...(await endpointsOf(address, port, this.#d.resolve)));
      } catch (error) {
        const text = `Failed to resolve ${address}: ${errorText(error)}`;
        this.#d.gossipLog.warn(`memberlist: ${text}`);
        errors.push(text);
      }
    }
    return { endpoints, errors };
  }

  forceLeave(node: string, { prune, wan }: { readonly prune: boolean; readonly wan: boolean }): boolean {
    if (wan && !this.#d.isServer)
      throw new AgentError(500, 'Must be a server to force-leave a node from the WAN cluster');
    const at = wan ? this.#d.wan : this.#d.lan;
    return at?.pool.forceLeave(node, prune) ?? false;
  }
}

/** Who joins does not replay the events of the time before. */
const IGNORE_OLD = { ignoreOldEvents: true };
