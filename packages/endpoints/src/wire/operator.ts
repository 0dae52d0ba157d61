import type { GoTime } from '@proconsul/msgpack';
import {
  AutopilotConfig,
  AutopilotHealthReply,
  type AutopilotServerHealth,
  type AutopilotServerState,
  AutopilotSetConfigRequest,
  AutopilotStateReply,
  bool,
  LeaderTransferRequest,
  list,
  OperatorUsageRequest,
  RaftConfigurationResponse,
  RaftRemovePeerRequest,
  RaftStats,
  str,
  UsageReply,
} from '@proconsul/schema';
import type { ArgsOf, CommonArgs } from '../method.ts';
import {
  type AutopilotHealth,
  type AutopilotState,
  type AutopilotStateRow,
  Operator,
  type ServerHealthRow,
  Status,
  type Usage,
} from '../methods.ts';
import { inDatacenter } from './catalog.ts';
import { bare, member, nothing, outcome } from './replies.ts';
import { askingNothing, command, reading, writing } from './requests.ts';
import { type AnyWireMethod, type RequestCodec, wire } from './wire-method.ts';

const UTC = -1;

const timeOf = (ms: number): GoTime => {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6), offsetMinutes: UTC };
};
const msOf = ({ seconds, nanos }: GoTime): number => seconds * 1000 + nanos / 1e6;

/** States of members by their number. Source: serf documentation; recorded answers. */
const SERF_STATES = ['none', 'alive', 'leaving', 'left', 'failed'] as const;

const healthRow = ({ SerfStatus, StableSinceMs, ...row }: ServerHealthRow): AutopilotServerHealth => ({
  ...row,
  SerfStatus: Math.max(0, SERF_STATES.indexOf(SerfStatus as (typeof SERF_STATES)[number])),
  StableSince: timeOf(StableSinceMs),
});

const rowOfHealth = ({ SerfStatus, StableSince, ...row }: AutopilotServerHealth): ServerHealthRow => ({
  ...row,
  SerfStatus: SERF_STATES[SerfStatus] ?? 'none',
  StableSinceMs: msOf(StableSince),
});

const health = bare<ReturnType<typeof AutopilotHealthReply.zero>, AutopilotHealth>(
  AutopilotHealthReply,
  (h) => ({ ...h, Servers: h.Servers.map(healthRow) }),
  (h) => ({ ...h, Servers: (h.Servers ?? []).map(rowOfHealth) }),
);

/** Raft protocol that servers speak. Source: recorded answers. */
const RAFT_VERSION = 3;

const stateRow = (s: AutopilotStateRow): AutopilotServerState => ({
  Server: {
    ID: s.ID,
    Name: s.Name,
    Address: s.Address,
    NodeStatus: s.NodeStatus,
    Version: s.Version,
    Meta: s.Meta,
    RaftVersion: RAFT_VERSION,
    IsLeader: s.Leader,
    NodeType: s.NodeType,
  },
  State: s.Status,
  Stats: { LastContact: s.LastContact, LastTerm: s.LastTerm, LastIndex: s.LastIndex },
  Health: { Healthy: s.Healthy, StableSince: timeOf(s.StableSinceMs) },
});

const rowOfState = ({ Server, State, Stats, Health }: AutopilotServerState): AutopilotStateRow => ({
  ID: Server.ID,
  Name: Server.Name,
  Address: Server.Address,
  SerfStatus: Server.NodeStatus,
  Version: Server.Version,
  Leader: Server.IsLeader,
  LastContact: Stats.LastContact,
  LastTerm: Stats.LastTerm,
  LastIndex: Stats.LastIndex,
  Healthy: Health.Healthy,
  Voter: State === 'leader' || State === 'voter',
  StableSinceMs: msOf(Health.StableSince),
  NodeStatus: Server.NodeStatus,
  ReadReplica: Server.NodeType === 'read-replica',
  Status: State,
  Meta: Server.Meta ?? {},
  NodeType: Server.NodeType,
});

function mapValues<V, W>(from: Readonly<Record<string, V>>, change: (value: V) => W): Record<string, W> {
  const out: Record<string, W> = Object.create(null);
  for (const key of Object.keys(from)) out[key] = change(from[key] as V);
  return out;
}

/** The optimistic tolerance is not on the wire; without redundancy zones it is the tolerance itself. */
const autopilot = bare<ReturnType<typeof AutopilotStateReply.zero>, AutopilotState>(
  AutopilotStateReply,
  ({ OptimisticFailureTolerance: _, ...s }) => ({ ...s, Servers: mapValues(s.Servers, stateRow) }),
  (s) => ({
    Healthy: s.Healthy,
    FailureTolerance: s.FailureTolerance,
    OptimisticFailureTolerance: s.FailureTolerance,
    Servers: mapValues(s.Servers ?? {}, rowOfState),
    Leader: s.Leader,
    Voters: s.Voters ?? [],
  }),
);

type RemoveArgs = ArgsOf<typeof Operator.RaftRemovePeer>;
const removal: RequestCodec<RemoveArgs> = writing<RemoveArgs, RaftRemovePeerRequest>(RaftRemovePeerRequest, {
  same: ['ID', 'Address'],
});

type UsageArgs = ArgsOf<typeof Operator.Usage>;

export const operatorMethods: readonly AnyWireMethod[] = [
  wire(
    Operator.RaftGetConfiguration,
    inDatacenter,
    bare(
      RaftConfigurationResponse,
      (value) => value,
      ({ Servers, Index }) => ({ Servers: Servers ?? [], Index }),
    ) as never,
  ),
  wire(Operator.RaftRemovePeer, removal, nothing),
  wire(Operator.RaftRemovePeer, removal, nothing, 'Operator.RaftRemovePeerByAddress'),
  wire(
    Operator.TransferLeader,
    writing<ArgsOf<typeof Operator.TransferLeader>, LeaderTransferRequest>(LeaderTransferRequest, { same: ['ID'] }),
    bare(bool),
  ),
  wire(Operator.AutopilotGetConfiguration, inDatacenter, bare(AutopilotConfig)),
  wire(
    Operator.AutopilotSetConfiguration,
    command(AutopilotSetConfigRequest),
    outcome<AutopilotSetConfigRequest>(({ CAS }) => CAS),
  ),
  wire(Operator.ServerHealth, inDatacenter, health),
  wire(Operator.AutopilotState, inDatacenter, autopilot),
  wire(
    Operator.Usage,
    reading<UsageArgs, OperatorUsageRequest>(OperatorUsageRequest, { same: ['Global'] }),
    member(UsageReply, 'Usage', { absent: {} as Readonly<Record<string, Usage>> }) as never,
  ),
];

export const statusMethods: readonly AnyWireMethod[] = [
  wire(Status.Leader, inDatacenter, bare(str)),
  wire(
    Status.Peers,
    inDatacenter,
    bare(list(str), undefined, (found) => found ?? []),
  ),
  wire(Status.Ping, askingNothing as RequestCodec<CommonArgs>, nothing),
  wire(Status.RaftStats, askingNothing as RequestCodec<CommonArgs>, bare(RaftStats)),
];
