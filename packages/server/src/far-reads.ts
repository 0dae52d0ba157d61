import {
  type Caller,
  Operator,
  PreparedQueryMethods,
  type QueryExecuteArgs,
  type ReadMethod,
  type Usage,
} from '@proconsul/endpoints';
import { executeQuery, resolveQuery } from './queries/execute.ts';
import { failOver, failoverTargets } from './queries/failover.ts';
import type { ServerDependencies } from './server-options.ts';
import { usageEverywhere } from './usage.ts';

/** An answer that is here, or one for which others have to be asked. */
export type FarAnswer = ({ readonly now: unknown } | { readonly later: () => Promise<unknown> }) & {
  /** 1 where it is left out. */
  readonly index?: number;
};

/** How the servers are: the leader asks them all the time, others when they are asked themselves. */
const ABOUT_SERVERS: ReadonlySet<string> = new Set([
  Operator.RaftGetConfiguration.name,
  Operator.ServerHealth.name,
  Operator.AutopilotState.name,
]);

export interface FarWays {
  /** Throws when there is no way to a datacenter. */
  callerTo(datacenter: string): Caller;
  /** What a read about this moment answers by now. */
  momentary(name: string): unknown;
}

/** Reads that may go on to other servers, or to other datacenters, for their answer. */
export class FarReads {
  readonly #d: ServerDependencies;
  readonly #datacenter: string;
  readonly #ways: FarWays;

  constructor(d: ServerDependencies, datacenter: string, ways: FarWays) {
    this.#d = d;
    this.#datacenter = datacenter;
    this.#ways = ways;
  }

  /** Undefined for reads that never leave this server. Throws EndpointError. */
  answer(method: ReadMethod<never, unknown>, args: unknown): FarAnswer | undefined {
    if (method.name === PreparedQueryMethods.Execute.name) return this.#execute(args as QueryExecuteArgs);
    if (method.name === Operator.Usage.name && (args as { Global: boolean }).Global) return this.#usage(args as never);
    if (ABOUT_SERVERS.has(method.name) && !this.#d.consensus.leads())
      return { later: () => this.#askServers(method.name) };
    return undefined;
  }

  async #askServers(name: string): Promise<unknown> {
    await this.#d.askServers();
    return this.#ways.momentary(name);
  }

  get #world() {
    const { log } = this.#d;
    const datacenters = () => this.#d.datacenters();
    return {
      log: log.named('prepared_query'),
      datacenter: this.#datacenter,
      datacenters,
      callerTo: this.#ways.callerTo,
    };
  }

  #execute(args: QueryExecuteArgs): FarAnswer {
    const { rng, store } = this.#d;
    const now = executeQuery({ store, rng, datacenter: this.#datacenter }, args);
    if (now.Nodes.length > 0 || now.PeerName !== '') return { now };
    const query = resolveQuery(store, args.QueryIDOrName, args.Agent.Segment);
    const targets = failoverTargets(query, this.#world);
    return targets.length === 0 ? { now } : { later: () => failOver(query, targets, args, now, this.#world) };
  }

  #usage(args: Parameters<typeof usageEverywhere>[1]): FarAnswer {
    const others = this.#d.datacenters().filter((name) => name !== this.#datacenter);
    const { index, value } = this.#d.store.catalog.usage();
    const own: Readonly<Record<string, Usage>> = { [this.#datacenter]: value };
    if (others.length === 0) return { now: own, index };
    const log = this.#d.log.named('operator');
    return { later: () => usageEverywhere(own, args, others, { log, callerTo: this.#ways.callerTo }), index };
  }
}
