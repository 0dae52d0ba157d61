import { errorText, type Log } from '@proconsul/base';
import {
  type ArgsOf,
  type Caller,
  PreparedQueryMethods,
  type QueryExecuteArgs,
  type QueryExecuteReply,
} from '@proconsul/endpoints';
import type { PreparedQuery } from '@proconsul/schema';
import { readOnce } from '../read-once.ts';

/** Where a query goes on to when there is nothing here. */
export type FailoverTarget =
  | { readonly kind: 'datacenter'; readonly name: string }
  | { readonly kind: 'peer'; readonly name: string };

export interface FailoverWorld {
  readonly log: Log;
  readonly datacenter: string;
  /** Known datacenters, the nearest first. */
  datacenters(): readonly string[];
  /** Throws when there is no way to it. */
  callerTo(datacenter: string): Caller;
}

/**
 * The targets of a query in their order: the nearest datacenters, then the named ones, each once; or the list of targets.
 * Source: prepared query documentation.
 */
export function failoverTargets(query: PreparedQuery, world: FailoverWorld): readonly FailoverTarget[] {
  const { NearestN, Datacenters, Targets } = query.Service.Failover;
  const known = world.datacenters().filter((name) => name !== world.datacenter);
  const asDatacenter = (name: string): FailoverTarget => ({ kind: 'datacenter', name });
  const listed = (Targets ?? []).map(
    ({ Datacenter, Peer }): FailoverTarget => (Peer !== '' ? { kind: 'peer', name: Peer } : asDatacenter(Datacenter)),
  );
  const named = new Set([...known.slice(0, Math.max(0, NearestN)), ...(Datacenters ?? [])]);
  const all = [...[...named].map(asDatacenter), ...listed];
  return all.filter((target) => {
    if (target.kind === 'peer' || known.includes(target.name)) return true;
    if (target.name !== world.datacenter) {
      world.log.debug('Skipping unknown datacenter in prepared query', { datacenter: target.name });
    }
    return false;
  });
}

/**
 * Asks one target after the other until one has instances. `Failovers` counts those that were asked; an answer without
 * instances names the last one that answered. No peer is ever joined, so peers have nothing to offer.
 * Source: recorded executions.
 */
export async function failOver(
  query: PreparedQuery,
  targets: readonly FailoverTarget[],
  args: QueryExecuteArgs,
  empty: QueryExecuteReply,
  world: FailoverWorld,
): Promise<QueryExecuteReply> {
  let reply = empty;
  let Failovers = 0;
  for (const { kind, name } of targets) {
    Failovers++;
    if (kind === 'peer') {
      reply = { ...empty, Datacenter: '', PeerName: name };
      continue;
    }
    try {
      reply = await ask(query, name, args, world);
    } catch (error) {
      world.log.warn('Failed querying for service in datacenter', {
        service: query.Service.Service,
        peerName: '',
        datacenter: name,
        error: errorText(error),
      });
      continue;
    }
    if (reply.Nodes.length > 0) break;
  }
  return { ...reply, Failovers };
}

async function ask(
  Query: PreparedQuery,
  Datacenter: string,
  args: QueryExecuteArgs,
  world: FailoverWorld,
): Promise<QueryExecuteReply> {
  const { Token, Limit, Connect } = args;
  const remote: ArgsOf<typeof PreparedQueryMethods.ExecuteRemote> = { Datacenter, Token, Query, Limit, Connect };
  return await readOnce(world.callerTo(Datacenter), PreparedQueryMethods.ExecuteRemote, remote);
}
