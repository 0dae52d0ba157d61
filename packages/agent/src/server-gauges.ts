import type { Clock, Metrics } from '@proconsul/base';
import { CONFIG_KINDS } from '@proconsul/schema';
import type { LocalServer } from './local-server.ts';

/**
 * Sets the gauges of a server: leadership, Raft, sessions, and how much the replicated state holds. The walk over the
 * instances is the dearest part; nothing depends on the number of keys. Source of the names: telemetry documentation.
 */
export function serverGauges(
  metrics: Metrics,
  local: LocalServer,
  clock: Clock,
  pool: { readonly datacenter: string; members(): { readonly servers: number; readonly clients: number } },
): () => void {
  const { datacenter } = pool;
  const labels = { datacenter };
  return () => {
    const leads = local.server.leads();
    metrics.gauge('server.isLeader', leads ? 1 : 0);
    metrics.gauge('raft.applied_index', Number(local.raft.stats().applied_index));
    metrics.gauge('raft.last_index', local.raft.lastIndex);
    metrics.gauge('rpc.queries_blocking', local.server.views.waiting);
    if (leads) leaderGauges(metrics, local, pool.members(), labels, clock.wallMs());
    const usage = local.store.catalog.usage().value;
    metrics.gauge('state.nodes', usage.Nodes, labels);
    metrics.gauge('state.services', usage.Services, labels);
    metrics.gauge('state.service_instances', usage.ServiceInstances, labels);
    metrics.gauge('state.billable_service_instances', usage.BillableServiceInstances, labels);
    metrics.gauge('state.peerings', local.store.connect.peeringCount(), labels);
    for (const kind of CONFIG_KINDS) {
      metrics.gauge('state.config_entries', local.store.config.count(kind), { datacenter, kind });
    }
    metrics.gauge('state.kv_entries', local.store.kv.count(), labels);
    for (const [kind, n] of Object.entries(usage.ConnectServiceInstances)) {
      metrics.gauge('state.connect_instances', n, { datacenter, kind });
    }
  };
}

function leaderGauges(
  metrics: Metrics,
  local: LocalServer,
  members: { readonly servers: number; readonly clients: number },
  labels: { readonly datacenter: string },
  wallMs: number,
): void {
  const health = local.server.autopilot();
  metrics.gauge('autopilot.healthy', health.Healthy ? 1 : 0);
  metrics.gauge('autopilot.failure_tolerance', health.FailureTolerance);
  metrics.gauge('raft.peers', Number(local.raft.stats().num_peers) + 1);
  metrics.gauge('session_ttl.active', local.server.sessionTimers.size);
  metrics.gauge('members.servers', members.servers, labels);
  metrics.gauge('members.clients', members.clients, labels);
  const root = local.store.connect.roots().value.find((one) => one.Active);
  if (root !== undefined) {
    // The root signs leaves itself.
    const seconds = root.NotAfter.seconds - Math.floor(wallMs / 1000);
    for (const name of ['root', 'signing']) metrics.gauge(`mesh.active-${name}-ca.expiry`, seconds);
  }
}
