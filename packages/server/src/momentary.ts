import type { Millis } from '@proconsul/base';
import {
  Catalog,
  CoordinateMethods,
  Internal,
  Operator,
  PreparedQueryMethods,
  type QueryExecuteArgs,
  type QueryExecuteRemoteArgs,
  type RaftServerRow,
  Status,
} from '@proconsul/endpoints';
import { autopilotHealth, autopilotState, DEFAULT_AUTOPILOT } from './autopilot.ts';
import { overviewOf } from './overview.ts';
import { executeRemote, resolveQuery } from './queries/execute.ts';
import { raftStats } from './raft-stats.ts';
import type { ServerDependencies } from './server-options.ts';

/** How often the console's counts are made anew. */
const OVERVIEW_PERIOD_MS: Millis = 30_000;

type Handler = (args: never) => unknown;

/** Reads that are about this moment, not about the replicated tables: never shared, never waited on. By name. */
export function momentaryReads(d: ServerDependencies, datacenter: string): ReadonlyMap<string, Handler> {
  const config = () => d.store.operator.autopilot().value ?? DEFAULT_AUTOPILOT;
  const voters = () => d.consensus.members().filter((m) => m.voter);
  return new Map<string, Handler>([
    [Status.Leader.name, () => d.consensus.leaderAddress()],
    [Status.Peers.name, () => voters().map((m) => m.address)],
    [Status.Ping.name, () => null],
    [Status.RaftStats.name, () => raftStats(d.consensus)],
    [Catalog.ListDatacenters.name, () => d.datacenters()],
    [CoordinateMethods.ListDatacenters.name, () => d.wanCoordinates()],
    [Operator.RaftGetConfiguration.name, () => ({ Servers: raftServers(d), Index: 0 })],
    [Operator.AutopilotGetConfiguration.name, config],
    [Operator.ServerHealth.name, () => autopilotHealth(d.servers(), config())],
    [Operator.AutopilotState.name, () => autopilotState(d.servers(), config())],
    [Internal.CatalogOverview.name, catalogOverview(d)],
    [
      PreparedQueryMethods.ExecuteRemote.name,
      (args: QueryExecuteRemoteArgs) => executeRemote({ store: d.store, rng: d.rng, datacenter }, args),
    ],
    [
      PreparedQueryMethods.Explain.name,
      (args: QueryExecuteArgs) => resolveQuery(d.store, args.QueryIDOrName, args.Agent.Segment),
    ],
  ]);
}

function raftServers(d: ServerDependencies): readonly RaftServerRow[] {
  const facts = new Map(d.servers().map((s) => [s.id, s]));
  const leader = d.consensus.leaderId();
  return d.consensus.members().map((m) => ({
    ID: m.id,
    Node: facts.get(m.id)?.name ?? '(unknown)',
    Address: m.address,
    Leader: m.id === leader,
    ProtocolVersion: '3',
    Voter: m.voter,
    LastIndex: facts.get(m.id)?.lastIndex ?? 0,
  }));
}

/** Walks the whole catalog, so that it is made only now and then. */
function catalogOverview({ clock, store }: ServerDependencies): () => unknown {
  let overview: unknown = { Nodes: null, Services: null, Checks: null };
  let madeAt = clock.now();
  return () => {
    if (clock.now() - madeAt >= OVERVIEW_PERIOD_MS) {
      madeAt = clock.now();
      overview = overviewOf(store.catalog.nodeDump().value);
    }
    return overview;
  };
}
