import { CheckServiceNode } from './catalog.ts';
import { bool, index, list, str, strictDurationText, time, uint } from './kind.ts';
import { type Infer, struct } from './struct.ts';

/** How servers are cared for by the leader. Durations are nanoseconds here and texts in JSON. */
export const AutopilotConfig = struct('AutopilotConfig', {
  CleanupDeadServers: bool,
  LastContactThreshold: strictDurationText,
  MaxTrailingLogs: index,
  MinQuorum: uint,
  ServerStabilizationTime: strictDurationText,
  RedundancyZoneTag: str,
  DisableUpgradeMigration: bool,
  UpgradeVersionTag: str,
  CreateIndex: index,
  ModifyIndex: index,
});
export type AutopilotConfig = Infer<typeof AutopilotConfig>;

/** What a cluster starts with. Source: autopilot documentation. */
export const DEFAULT_AUTOPILOT: AutopilotConfig = AutopilotConfig.make({
  CleanupDeadServers: true,
  LastContactThreshold: 200e6,
  MaxTrailingLogs: 250,
  ServerStabilizationTime: 10e9,
});

/** A fact about the cluster that servers agree on, by name. */
export const SystemMetadataEntry = struct('SystemMetadataEntry', {
  Key: str,
  Value: str,
  CreateIndex: index,
  ModifyIndex: index,
});
export type SystemMetadataEntry = Infer<typeof SystemMetadataEntry>;

/** What a datacenter tells the others: the mesh gateways that lead into it. */
export const FederationState = struct('FederationState', {
  Datacenter: str,
  MeshGateways: { kind: list(CheckServiceNode), omitEmpty: true },
  UpdatedAt: time,
  PrimaryModifyIndex: index,
  CreateIndex: index,
  ModifyIndex: index,
});
export type FederationState = Infer<typeof FederationState>;

export const RaftServer = struct('RaftServer', {
  ID: str,
  Node: str,
  Address: str,
  Leader: bool,
  ProtocolVersion: str,
  Voter: bool,
  LastIndex: index,
});
export type RaftServer = Infer<typeof RaftServer>;
