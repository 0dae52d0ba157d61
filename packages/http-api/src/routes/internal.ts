import {
  type CommonArgs,
  FederationState,
  Internal,
  type ListArgs,
  type NodeArgs,
  type ServiceKindArgs,
} from '@proconsul/endpoints';
import { quoteJson } from '@proconsul/gojson';
import {
  type CheckServiceNode,
  CheckServiceNode as CheckServiceNodeSchema,
  type FederationState as FederationStateRecord,
  FederationState as FederationStateSchema,
  list,
  type NodeInfo,
  NodeInfo as NodeInfoSchema,
  type NodeService,
} from '@proconsul/schema';
import { badRequest } from '../api-exchange.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { path, type Route } from '../route.ts';
import { listParams } from './catalog.ts';

const dump = list(NodeInfoSchema);

const nodes: ReadSpec<ListArgs, readonly NodeInfo[]> = {
  method: Internal.NodeDump,
  meta: true,
  args: (x) => x.listArgs(),
  render: (found) => ({ body: dump.toJson(found) }),
};

const node: ReadSpec<NodeArgs, readonly NodeInfo[]> = {
  method: Internal.NodeInfo,
  meta: true,
  args: (x) => {
    if (x.rest === '') throw badRequest('Missing node name');
    return { ...x.commonArgs(), Node: x.rest, Filter: '' };
  },
  render: ([first]) =>
    first === undefined ? { status: 404, body: null, bare: true } : { body: NodeInfoSchema.toJson(first) },
};

interface Summary {
  readonly name: string;
  kind: string;
  tags: Set<string> | null;
  readonly nodes: string[];
  readonly externalSources: Set<string>;
  instances: number;
  readonly counted: Set<string>;
  passing: number;
  warning: number;
  critical: number;
  transparentProxy: boolean;
  connectNative: boolean;
  connectedWithProxy: boolean;
  connectedWithGateway: boolean;
}

/** Marks, by service name, which services have a mesh proxy or a gateway in front of them. */
function proxied(found: readonly CheckServiceNode[]): { proxies: Set<string>; transparent: Set<string> } {
  const proxies = new Set<string>();
  const transparent = new Set<string>();
  for (const { Service } of found) {
    if (Service?.Kind !== 'connect-proxy') continue;
    proxies.add(Service.Proxy.DestinationServiceName);
    if (Service.Proxy.Mode === 'transparent') transparent.add(Service.Proxy.DestinationServiceName);
  }
  return { proxies, transparent };
}

function summarize(found: readonly CheckServiceNode[]): Summary[] {
  const byName = new Map<string, Summary>();
  const { proxies, transparent } = proxied(found);
  for (const instance of found) {
    const service = instance.Service as NodeService;
    let s = byName.get(service.Service);
    if (s === undefined) {
      s = {
        name: service.Service,
        kind: service.Kind,
        tags: null,
        nodes: [],
        externalSources: new Set(),
        instances: 0,
        counted: new Set(),
        passing: 0,
        warning: 0,
        critical: 0,
        transparentProxy: transparent.has(service.Service),
        connectNative: false,
        connectedWithProxy: proxies.has(service.Service),
        connectedWithGateway: false,
      };
      byName.set(service.Service, s);
    }
    addInstance(s, instance, service);
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function addInstance(s: Summary, instance: CheckServiceNode, service: NodeService): void {
  s.instances++;
  s.kind = service.Kind;
  if (instance.Node !== null && !s.nodes.includes(instance.Node.Node)) s.nodes.push(instance.Node.Node);
  for (const tag of service.Tags ?? []) {
    s.tags ??= new Set();
    s.tags.add(tag);
  }
  const source = service.Meta?.['external-source'];
  if (source !== undefined && source !== '') s.externalSources.add(source);
  if (service.Connect.Native) s.connectNative = true;
  for (const check of instance.Checks ?? []) {
    // A check of the node counts once, however many instances stand there.
    const id = `${check.Node}\0${check.CheckID}`;
    if (s.counted.has(id)) continue;
    s.counted.add(id);
    if (check.Status === 'passing') s.passing++;
    else if (check.Status === 'warning') s.warning++;
    else if (check.Status === 'critical') s.critical++;
  }
}

const texts = (set: Set<string> | null): string =>
  set === null || set.size === 0 ? 'null' : `[${[...set].sort().map(quoteJson).join(',')}]`;

function summaryJson(s: Summary, datacenter: string): string {
  const kind = s.kind === '' ? '' : `"Kind":${quoteJson(s.kind)},`;
  return `{${kind}"Name":${quoteJson(s.name)},"Datacenter":${quoteJson(datacenter)},"Tags":${texts(s.tags)},"Nodes":[${s.nodes.map(quoteJson).join(',')}],"ExternalSources":${texts(s.externalSources)},"InstanceCount":${s.instances},"ChecksPassing":${s.passing},"ChecksWarning":${s.warning},"ChecksCritical":${s.critical},"GatewayConfig":{},"TransparentProxy":${s.transparentProxy},"ConnectNative":${s.connectNative},"ConnectedWithProxy":${s.connectedWithProxy},"ConnectedWithGateway":${s.connectedWithGateway}}`;
}

const services: ReadSpec<ServiceKindArgs, readonly CheckServiceNode[]> = {
  method: Internal.ServiceDump,
  meta: true,
  args: (x) => ({
    ...x.listArgs(),
    ServiceKind: x.query.get('kind'),
    UseServiceKind: x.query.has('kind'),
    NodesOnly: false,
  }),
  render: (found, x) => {
    const datacenter = x.datacenter || x.api.datacenter;
    return {
      body: `[${summarize(found)
        .map((s) => summaryJson(s, datacenter))
        .join(',')}]`,
    };
  },
};

const overview: ReadSpec<CommonArgs, unknown> = {
  method: Internal.CatalogOverview,
  args: (x) => x.commonArgs(),
  render: (found) => ({ body: overviewJson(found as Overview) }),
};

interface Counts {
  readonly Name: string;
  readonly Total: number;
  readonly Passing: number;
  readonly Warning: number;
  readonly Critical: number;
}
type Overview = Readonly<Record<'Nodes' | 'Services' | 'Checks', readonly Counts[] | null>>;

/** The count over all nodes has no name. */
function countsJson({ Name, Total, Passing, Warning, Critical }: Counts): string {
  const name = Name === '' ? '' : `"Name":${quoteJson(Name)},`;
  return `{${name}"Total":${Total},"Passing":${Passing},"Warning":${Warning},"Critical":${Critical}}`;
}

const overviewJson = (overview: Overview): string =>
  `{${(['Nodes', 'Services', 'Checks'] as const)
    .map((key) => `"${key}":${overview[key] === null ? 'null' : `[${overview[key].map(countsJson).join(',')}]`}`)
    .join(',')}}`;

const states = list(FederationStateSchema);
const instances = list(CheckServiceNodeSchema);

const federationStates: ReadSpec<CommonArgs, readonly FederationStateRecord[]> = {
  method: FederationState.List,
  meta: true,
  args: (x) => x.commonArgs(),
  render: (found) => ({ body: states.toJson(found) }),
};

/** The mesh gateways of every datacenter that has some, by datacenter. */
const federationGateways: ReadSpec<CommonArgs, readonly FederationStateRecord[]> = {
  method: FederationState.List,
  meta: true,
  args: (x) => x.commonArgs(),
  render: (found) => {
    const gateways = found.filter((state) => (state.MeshGateways?.length ?? 0) > 0);
    const pairs = gateways.map((s) => `${quoteJson(s.Datacenter)}:${instances.toJson(s.MeshGateways)}`);
    return { body: `{${pairs.join(',')}}` };
  },
};

const federationState: ReadSpec<CommonArgs & { readonly Target: string }, FederationStateRecord | null> = {
  method: FederationState.Get,
  meta: true,
  args: (x) => {
    if (x.rest === '') throw badRequest('Missing datacenter name');
    return { ...x.commonArgs(), Target: x.rest };
  },
  render: (found) => {
    if (found === null) return { status: 404, body: null, bare: true };
    return {
      body: `{"State":${FederationStateSchema.toJson(found)},"Index":${found.ModifyIndex},"LastContact":0,"KnownLeader":true,"ConsistencyLevel":"","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false}`,
    };
  },
};

const array = { type: 'array', items: { type: 'object' } };

export const internalRoutes: readonly Route[] = [
  {
    path: '/v1/internal/ui/nodes',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'Nodes with their services and checks.',
        params: listParams,
        reply: dump,
        run: (x) => answerRead(x, nodes),
      },
    },
  },
  {
    path: '/v1/internal/ui/node/',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'A node with its services and checks.',
        params: [path('node', 'Node name.')],
        reply: NodeInfoSchema,
        run: (x) => answerRead(x, node),
      },
    },
  },
  {
    path: '/v1/internal/ui/services',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'Services in summary.',
        params: listParams,
        reply: array,
        run: (x) => answerRead(x, services),
      },
    },
  },
  {
    path: '/v1/internal/ui/catalog-overview',
    enterprise: 'none',
    operations: {
      GET: { doc: 'Counts over the catalog.', reply: { type: 'object' }, run: (x) => answerRead(x, overview) },
    },
  },
  {
    path: '/v1/internal/federation-states',
    enterprise: 'none',
    operations: {
      GET: { doc: 'What is known of every datacenter.', reply: array, run: (x) => answerRead(x, federationStates) },
    },
  },
  {
    path: '/v1/internal/federation-states/mesh-gateways',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'The mesh gateways of every datacenter.',
        reply: { type: 'object' },
        run: (x) => answerRead(x, federationGateways),
      },
    },
  },
  {
    path: '/v1/internal/federation-state/',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'What is known of a datacenter.',
        params: [path('dc', 'Datacenter.')],
        reply: { type: 'object' },
        run: (x) => answerRead(x, federationState),
      },
    },
  },
];
