import {
  CAConfiguration,
  CatalogSummary,
  FederationStateQuery,
  FederationStateRequest,
  FederationStateResponse,
  IndexedCARoots,
  IndexedFederationStates,
  IndexedIntentionMatches,
  IndexedIntentions,
  IndexedNodeDump,
  IndexedNodesWithGateways,
  type Intention,
  IntentionListRequest,
  IntentionQueryCheckResponse,
  IntentionQueryRequest,
  type NodeInfo,
  pointer,
  ServiceDumpRequest,
} from '@proconsul/schema';
import type { ArgsOf } from '../method.ts';
import {
  type CaRoots,
  ConnectCA,
  FederationState,
  type IntentionCheckArgs,
  type IntentionGetArgs,
  type IntentionList,
  type IntentionMatchArgs,
  type IntentionPair,
  Intentions,
  Internal,
  type ServiceKindArgs,
} from '../methods.ts';
import { inDatacenter, listing, ofNode, withSource } from './catalog.ts';
import { bare, member, merged, outcome } from './replies.ts';
import { command, reading } from './requests.ts';
import { type AnyWireMethod, type ReplyCodec, type RequestCodec, wire } from './wire-method.ts';

/** Conditions on nodes are not on the wire of this method; nobody asks for them. */
const ofKind: RequestCodec<ServiceKindArgs> = reading<ServiceKindArgs, ServiceDumpRequest>(ServiceDumpRequest, {
  same: ['Filter', 'ServiceKind', 'UseServiceKind', 'NodesOnly'],
  write: withSource.write,
  read: (r) => ({ NodeMetaFilters: null, ...withSource.read(r) }),
});

/** Peers send nil for empty lists; here they are always there. */
const whole = (node: NodeInfo): NodeInfo =>
  node.Services === null || node.Checks === null
    ? { ...node, Services: node.Services ?? [], Checks: node.Checks ?? [] }
    : node;
const dump = member(IndexedNodeDump, 'Dump', { absent: [] as readonly NodeInfo[] });
const nodes: ReplyCodec<unknown, readonly NodeInfo[]> = {
  encodeReply: dump.encodeReply,
  decodeReply: (body, args) => {
    const { value, meta } = dump.decodeReply(body, args);
    return { value: value.map(whole), meta };
  },
};

export const internalMethods: readonly AnyWireMethod[] = [
  wire(Internal.NodeDump, listing, nodes),
  wire(Internal.NodeInfo, ofNode, nodes),
  wire(Internal.ServiceDump, ofKind, member(IndexedNodesWithGateways, 'Nodes', { absent: [] })),
  wire(Internal.CatalogOverview, inDatacenter, bare(CatalogSummary) as never),
];

type StateArgs = ArgsOf<typeof FederationState.Get>;

export const federationMethods: readonly AnyWireMethod[] = [
  wire(FederationState.List, inDatacenter, member(IndexedFederationStates, 'States', { absent: [] })),
  wire(
    FederationState.Get,
    reading<StateArgs, FederationStateQuery>(FederationStateQuery, {
      same: [],
      // Servers of the reference look up the datacenter that the call goes to.
      write: ({ Datacenter, Target }) => ({
        TargetDatacenter: Target,
        Datacenter: Datacenter === '' ? Target : Datacenter,
      }),
      read: ({ Datacenter, TargetDatacenter }) => ({
        Target: TargetDatacenter === '' ? Datacenter : TargetDatacenter,
      }),
    }),
    member(FederationStateResponse, 'State'),
  ),
  wire(
    FederationState.Apply,
    command(FederationStateRequest),
    // Deletions are told as false, whether there was something to delete or not.
    outcome<FederationStateRequest>(({ Op }) => Op === 'upsert'),
  ),
];

type IntentionArgs = ArgsOf<typeof Intentions.List>;

const NO_SIDES = {
  SourceNS: '',
  SourceName: '',
  DestinationNS: '',
  DestinationName: '',
  SourcePartition: '',
  DestinationPartition: '',
};
const NO_PEER = { SourcePeer: '', SourceSamenessGroup: '' };
const pairOf = ({ SourceName, DestinationName }: IntentionPair): IntentionPair => ({ SourceName, DestinationName });

const matching: RequestCodec<IntentionMatchArgs> = reading<IntentionMatchArgs, IntentionQueryRequest>(
  IntentionQueryRequest,
  {
    same: [],
    write: ({ Type, Names }) => ({
      Match: {
        Type,
        Entries: Names.map((Name) => ({ Namespace: '', Partition: '', Name })),
        WithSamenessGroups: false,
      },
    }),
    read: ({ Match }) => ({ Type: Match?.Type ?? '', Names: (Match?.Entries ?? []).map((entry) => entry.Name) }),
  },
);

/** Where nothing matches there is no list. */
const matches: ReplyCodec<unknown, readonly (readonly Intention[])[]> = merged<
  IndexedIntentionMatches,
  readonly (readonly Intention[])[]
>(
  IndexedIntentionMatches,
  (value) => ({ Matches: value.length === 0 ? null : value.map((found) => (found.length === 0 ? null : found)) }),
  ({ Matches }) => (Matches ?? []).map((found) => found ?? []),
);

export const intentionMethods: readonly AnyWireMethod[] = [
  wire(
    Intentions.List,
    reading<IntentionArgs, IntentionListRequest>(IntentionListRequest, { same: ['Filter', 'Legacy'] }),
    merged<IndexedIntentions, IntentionList>(
      IndexedIntentions,
      (value) => value,
      ({ DataOrigin, Intentions: found }) => ({ DataOrigin, Intentions: found ?? [] }),
    ),
  ),
  wire(Intentions.Match, matching, matches),
  wire(
    Intentions.Get,
    reading<IntentionGetArgs, IntentionQueryRequest>(IntentionQueryRequest, {
      same: ['IntentionID'],
      write: ({ Exact }) => ({ Exact: Exact === null ? null : { ...NO_SIDES, ...Exact, ...NO_PEER } }),
      read: ({ Exact }) => ({ Exact: Exact === null ? null : pairOf(Exact) }),
    }),
    member(IndexedIntentions, 'Intentions', { absent: [] }),
  ),
  wire(
    Intentions.Check,
    reading<IntentionCheckArgs, IntentionQueryRequest>(IntentionQueryRequest, {
      same: [],
      write: (args) => ({ Check: { ...NO_SIDES, ...pairOf(args), SourceType: args.SourceType } }),
      read: ({ Check }) => ({ ...pairOf(Check ?? NO_SIDES), SourceType: Check?.SourceType ?? '' }),
    }),
    bare(
      IntentionQueryCheckResponse,
      (Allowed: boolean) => ({ Allowed }),
      ({ Allowed }) => Allowed,
    ),
  ),
];

const roots = merged<IndexedCARoots, CaRoots>(
  IndexedCARoots,
  (value) => value,
  ({ ActiveRootID, TrustDomain, Roots }) => ({ ActiveRootID, TrustDomain, Roots: Roots ?? [] }),
);

export const connectMethods: readonly AnyWireMethod[] = [
  wire(ConnectCA.Roots, inDatacenter, roots),
  wire(ConnectCA.ConfigurationGet, inDatacenter, bare(pointer(CAConfiguration))),
];
