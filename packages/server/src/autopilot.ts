import type { AutopilotHealth, AutopilotState, AutopilotStateRow, ServerHealthRow } from '@proconsul/endpoints';
import { AutopilotConfig } from '@proconsul/schema';

export { DEFAULT_AUTOPILOT } from '@proconsul/schema';

/** What is known of one server at this moment. */
export interface ServerFacts {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly version: string;
  readonly serfStatus: string;
  readonly leader: boolean;
  readonly voter: boolean;
  /** False when it could not be asked how it does. */
  readonly answered?: boolean;
  readonly lastContactMs: number;
  readonly lastTerm: number;
  readonly lastIndex: number;
  readonly stableSinceMs: number;
  readonly meta: Readonly<Record<string, string>>;
}

/** A server is healthy when it is alive, has heard of the leader lately, and trails it by little. */
export function isHealthy(s: ServerFacts, leaderTerm: number, leaderIndex: number, config: AutopilotConfig): boolean {
  if (s.serfStatus !== 'alive' || s.answered === false) return false;
  if (s.leader) return true;
  if (s.lastContactMs * 1e6 > config.LastContactThreshold) return false;
  return s.lastTerm === leaderTerm && s.lastIndex + config.MaxTrailingLogs >= leaderIndex;
}

function row(s: ServerFacts, healthy: boolean): ServerHealthRow {
  return {
    ID: s.id,
    Name: s.name,
    Address: s.address,
    SerfStatus: s.serfStatus,
    Version: s.version,
    Leader: s.leader,
    LastContact: Number.isFinite(s.lastContactMs) ? Math.round(s.lastContactMs * 1e6) : 0,
    LastTerm: s.lastTerm,
    LastIndex: s.lastIndex,
    Healthy: healthy,
    Voter: s.voter,
    StableSinceMs: s.stableSinceMs,
  };
}

/** How many of the healthy voters may fail before there is no quorum. */
export function failureTolerance(voters: number, healthyVoters: number): number {
  return Math.max(0, healthyVoters - (Math.floor(voters / 2) + 1));
}

export function autopilotHealth(servers: readonly ServerFacts[], config: AutopilotConfig): AutopilotHealth {
  const leader = servers.find((s) => s.leader);
  const rows = servers.map((s) => row(s, isHealthy(s, leader?.lastTerm ?? 0, leader?.lastIndex ?? 0, config)));
  const voters = rows.filter((r) => r.Voter);
  return {
    Healthy: rows.length > 0 && rows.every((r) => r.Healthy),
    FailureTolerance: failureTolerance(voters.length, voters.filter((r) => r.Healthy).length),
    Servers: rows,
  };
}

export function autopilotState(servers: readonly ServerFacts[], config: AutopilotConfig): AutopilotState {
  const health = autopilotHealth(servers, config);
  const rows: Record<string, AutopilotStateRow> = Object.create(null);
  for (const r of health.Servers) {
    const facts = servers.find((s) => s.id === r.ID) as ServerFacts;
    rows[r.ID] = {
      ...r,
      NodeStatus: facts.serfStatus,
      ReadReplica: false,
      Status: facts.leader ? 'leader' : facts.voter ? 'voter' : 'non-voter',
      Meta: facts.meta,
      NodeType: 'voter',
    };
  }
  return {
    Healthy: health.Healthy,
    FailureTolerance: health.FailureTolerance,
    OptimisticFailureTolerance: health.FailureTolerance,
    Servers: rows,
    Leader: servers.find((s) => s.leader)?.id ?? '',
    Voters: servers.filter((s) => s.voter).map((s) => s.id),
  };
}

/** The settings of the `autopilot` stanza, as the first leader writes them. */
export function autopilotFromConfig(c: {
  readonly cleanupDeadServers: boolean;
  readonly lastContactThresholdMs: number;
  readonly maxTrailingLogs: number;
  readonly minQuorum: number;
  readonly serverStabilizationTimeMs: number;
}): AutopilotConfig {
  return AutopilotConfig.make({
    CleanupDeadServers: c.cleanupDeadServers,
    LastContactThreshold: c.lastContactThresholdMs * 1e6,
    MaxTrailingLogs: c.maxTrailingLogs,
    MinQuorum: c.minQuorum,
    ServerStabilizationTime: c.serverStabilizationTimeMs * 1e6,
  });
}
