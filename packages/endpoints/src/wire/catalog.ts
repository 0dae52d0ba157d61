import {
  ChecksInStateRequest,
  DCSpecificRequest,
  DeregisterRequest,
  GatewayService,
  HealthFilter,
  IndexedCheckServiceNodes,
  IndexedGatewayServices,
  IndexedHealthChecks,
  IndexedNodeServiceList,
  IndexedNodeServices,
  IndexedNodes,
  IndexedServiceList,
  IndexedServiceNodes,
  IndexedServices,
  list,
  NodeSpecificRequest,
  QueryOptions,
  QuerySource,
  RegisterRequest,
  ServiceSpecificRequest,
  str,
} from '@proconsul/schema';
import type { ArgsOf, CommonArgs } from '../method.ts';
import {
  Catalog,
  Health,
  type ListArgs,
  type NodeArgs,
  type ServiceArgs,
  type QuerySource as Source,
  type StateArgs,
} from '../methods.ts';
import { bare, member, nothing } from './replies.ts';
import { command, reading } from './requests.ts';
import { type AnyWireMethod, type ReplyCodec, type RequestCodec, wire } from './wire-method.ts';

/** Null for a source that means no sorting. */
export function readSource(source: QuerySource | null): Source | null {
  if (source === null || source.Node === '' || source.DisableNode) return null;
  const { Datacenter, Node, Segment, Ip } = source;
  return { Datacenter, Node, Segment, Ip };
}

export const writeSource = (source: Source | null): QuerySource | null =>
  source === null ? null : QuerySource.make(source);

interface HasSource {
  readonly Source: Source | null;
}
export const withSource = {
  write: (args: HasSource) => ({ Source: writeSource(args.Source) }),
  read: (request: { readonly Source: QuerySource | null }) => ({ Source: readSource(request.Source) }),
};

/** Reads that need to know nothing but the datacenter. */
export const inDatacenter: RequestCodec<CommonArgs> = reading<CommonArgs, DCSpecificRequest>(DCSpecificRequest, {
  same: [],
});
export const listing: RequestCodec<ListArgs> = reading<ListArgs, DCSpecificRequest>(DCSpecificRequest, {
  same: ['NodeMetaFilters', 'Filter'],
  ...withSource,
});
export const ofNode: RequestCodec<NodeArgs> = reading<NodeArgs, NodeSpecificRequest>(NodeSpecificRequest, {
  same: ['Node', 'Filter'],
});
type NamedNodeArgs = CommonArgs & { readonly Node: string };
/** The same without a filter. */
export const ofNamedNode: RequestCodec<NamedNodeArgs> = reading<NamedNodeArgs, NodeSpecificRequest>(
  NodeSpecificRequest,
  {
    same: ['Node'],
  },
);

/** Agents of older versions name one tag in `ServiceTag`. */
const tagsOf = (r: ServiceSpecificRequest): readonly string[] =>
  r.ServiceTags !== null && r.ServiceTags.length > 0 ? r.ServiceTags : r.ServiceTag !== '' ? [r.ServiceTag] : [];

function healthFilter({ OnlyPassing, ExceptCritical }: ServiceArgs): number {
  if (OnlyPassing) return HealthFilter.onlyPassing;
  return ExceptCritical === true ? HealthFilter.exceptCritical : HealthFilter.all;
}

export const ofService: RequestCodec<ServiceArgs> = reading<ServiceArgs, ServiceSpecificRequest>(
  ServiceSpecificRequest,
  {
    same: [
      'NodeMetaFilters',
      'Filter',
      'ServiceName',
      'TagFilter',
      'Connect',
      'Ingress',
      'PeerName',
      'MergeCentralConfig',
    ],
    write: (args) => ({
      ...withSource.write(args),
      ServiceTags: args.ServiceTags.length === 0 ? null : args.ServiceTags,
      HealthFilterType: healthFilter(args),
    }),
    read: (r) => ({
      ...withSource.read(r),
      ServiceTags: tagsOf(r),
      OnlyPassing: r.HealthFilterType === HealthFilter.onlyPassing,
      ...(r.HealthFilterType === HealthFilter.exceptCritical ? { ExceptCritical: true } : {}),
    }),
  },
);

const datacenters: RequestCodec<CommonArgs> = reading<CommonArgs, QueryOptions>(QueryOptions, { same: [] });

const served = member(IndexedGatewayServices, 'Services', { absent: [] as readonly GatewayService[] });
/** Rows of the state may lack fields that the wire has. */
const gatewayServices: ReplyCodec<unknown, readonly unknown[]> = {
  encodeReply: (rows, meta, args) =>
    served.encodeReply(
      rows.map((row) => GatewayService.make(row as GatewayService)),
      meta,
      args,
    ),
  decodeReply: served.decodeReply,
};

export const catalogMethods: readonly AnyWireMethod[] = [
  wire(Catalog.ListNodes, listing, member(IndexedNodes, 'Nodes', { absent: [] })),
  wire(Catalog.ListServices, listing, member(IndexedServices, 'Services', { absent: {} })),
  wire(Catalog.ServiceList, inDatacenter, member(IndexedServiceList, 'Services', { absent: [] })),
  wire(Catalog.ServiceNodes, ofService, member(IndexedServiceNodes, 'ServiceNodes', { absent: [], emptyIsNil: true })),
  wire(Catalog.NodeServices, ofNode, member(IndexedNodeServices, 'NodeServices')),
  wire(
    Catalog.NodeServiceList,
    reading<ArgsOf<typeof Catalog.NodeServiceList>, NodeSpecificRequest>(NodeSpecificRequest, {
      same: ['Node', 'Filter', 'MergeCentralConfig'],
    }),
    member(IndexedNodeServiceList, 'NodeServices'),
  ),
  wire(
    Catalog.ListDatacenters,
    datacenters,
    bare(list(str), undefined, (found) => found ?? []),
  ),
  wire(
    Catalog.GatewayServices,
    reading<ArgsOf<typeof Catalog.GatewayServices>, ServiceSpecificRequest>(ServiceSpecificRequest, {
      same: ['ServiceName'],
    }),
    gatewayServices,
  ),
  wire(Catalog.Register, command(RegisterRequest), nothing),
  wire(Catalog.Deregister, command(DeregisterRequest), nothing),
];

const checks = member(IndexedHealthChecks, 'HealthChecks', { absent: [] });

export const healthMethods: readonly AnyWireMethod[] = [
  wire(Health.NodeChecks, ofNode, checks),
  wire(Health.ServiceChecks, ofService, checks),
  wire(
    Health.ChecksInState,
    reading<StateArgs, ChecksInStateRequest>(ChecksInStateRequest, {
      same: ['NodeMetaFilters', 'Filter', 'State'],
      ...withSource,
    }),
    checks,
  ),
  wire(Health.ServiceNodes, ofService, member(IndexedCheckServiceNodes, 'Nodes', { absent: [] })),
];
