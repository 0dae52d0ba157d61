import { Catalog, type ListArgs, type NodeArgs, type ServiceArgs } from '@proconsul/endpoints';
import { quoteJson, stringifyAny } from '@proconsul/gojson';
import {
  DecodeError,
  DeregisterRequest,
  GatewayService,
  list,
  type Node,
  Node as NodeSchema,
  NodeServiceList,
  NodeServices,
  RegisterRequest,
  type ServiceNode,
  ServiceNode as ServiceNodeSchema,
} from '@proconsul/schema';
import { type ApiExchange, badRequest } from '../api-exchange.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { path, query, type Route } from '../route.ts';
import { blockingParams } from './kv.ts';

const nodes = list(NodeSchema);
const served = list(GatewayService);
const serviceNodes = list(ServiceNodeSchema);

const DECODE = 'Request decode failed: ';

/** A refused namespace comes with a hint. */
function withNamespaceHint<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    const known = error instanceof DecodeError && /^json: unknown field "namespace"$/i.test(error.message);
    if (!known) throw error;
    throw new DecodeError(`${error.message} - Namespaces are a Consul Enterprise feature`);
  }
}

/** The type has no name where it is read. */
const DEREGISTER = { unknown: 'reject', root: '', path: 'Alias' } as const;

async function register(x: ApiExchange): Promise<void> {
  const body = await x.readBody();
  const request = await x.decode(
    body,
    (json) => {
      return withNamespaceHint(() => RegisterRequest.decode(json, { unknown: 'reject' }));
    },
    DECODE,
  );
  await x.api.caller.write(Catalog.Register, { ...request, Datacenter: dc(x, request), Token: x.token });
  x.json('true');
}

async function deregister(x: ApiExchange): Promise<void> {
  const request = await x.decode(
    await x.readBody(),
    (json) => withNamespaceHint(() => DeregisterRequest.decode(json, DEREGISTER)),
    DECODE,
  );
  await x.api.caller.write(Catalog.Deregister, { ...request, Datacenter: dc(x, request), Token: x.token });
  x.json('true');
}

/** The datacenter of the body, whatever the query says; ours is empty. */
function dc(x: ApiExchange, { Datacenter: given }: { readonly Datacenter: string }): string {
  return given === x.api.datacenter ? '' : given;
}

const listNodes: ReadSpec<ListArgs, readonly Node[]> = {
  method: Catalog.ListNodes,
  meta: true,
  effective: true,
  args: (x) => x.listArgs(),
  render: (found) => ({ body: nodes.toJson(found) }),
};

const listServices: ReadSpec<ListArgs, Readonly<Record<string, readonly string[]>>> = {
  method: Catalog.ListServices,
  meta: true,
  effective: true,
  cacheable: true,
  args: (x) => x.listArgs(),
  render: (found) => ({ body: stringifyAny(found as never) }),
};

/** Arguments of reads about one service. */
export function serviceArgs(
  x: ApiExchange,
  kind: 'service' | 'connect' | 'ingress',
  onlyPassing: boolean,
): ServiceArgs {
  if (x.rest === '') throw badRequest('Missing service name');
  const q = x.query;
  return {
    ...x.listArgs(),
    ServiceName: x.rest,
    ServiceTags: q.all('tag'),
    TagFilter: q.has('tag'),
    Connect: kind === 'connect',
    Ingress: kind === 'ingress',
    PeerName: q.get('peer'),
    OnlyPassing: onlyPassing,
    MergeCentralConfig: q.has('merge-central-config'),
  };
}

const services = (kind: 'service' | 'connect'): ReadSpec<ServiceArgs, readonly ServiceNode[]> => ({
  method: Catalog.ServiceNodes,
  meta: true,
  effective: true,
  cacheable: true,
  args: (x) => serviceArgs(x, kind, false),
  render: (found) => ({
    body: serviceNodes.toJson(found.map((s) => (s.ServiceMeta === null ? { ...s, ServiceMeta: {} } : s))),
  }),
});

const ofService = services('service');
const ofConnect = services('connect');

function nodeName(x: ApiExchange): string {
  if (x.rest === '') throw badRequest('Missing node name');
  return x.rest;
}

const withTags = <S extends { readonly Tags: readonly string[] | null }>(s: S): S =>
  s.Tags === null ? { ...s, Tags: [] } : s;

const nodeServices: ReadSpec<NodeArgs, NodeServices | null> = {
  method: Catalog.NodeServices,
  meta: true,
  effective: true,
  args: (x) => ({ ...x.commonArgs(), Node: nodeName(x), Filter: x.query.get('filter') }),
  render: (found) => {
    if (found === null) return { body: 'null' };
    const Services: Record<string, NodeServiceOf> = Object.create(null);
    for (const [id, s] of Object.entries(found.Services ?? {})) Services[id] = withTags(s);
    return { body: NodeServices.toJson({ ...found, Services }) };
  },
};
type NodeServiceOf = NonNullable<NodeServices['Services']>[string];

const nodeServiceList: ReadSpec<NodeArgs & { MergeCentralConfig: boolean }, NodeServiceList> = {
  method: Catalog.NodeServiceList,
  meta: true,
  effective: true,
  args: (x) => ({
    ...x.commonArgs(),
    Node: nodeName(x),
    Filter: x.query.get('filter'),
    MergeCentralConfig: x.query.has('merge-central-config'),
  }),
  render: (found) => ({
    body: NodeServiceList.toJson({ ...found, Services: found.Services?.map(withTags) ?? null }),
  }),
};

const datacenters: ReadSpec<{ Datacenter: string; Token: string }, readonly string[]> = {
  method: Catalog.ListDatacenters,
  honours: 'consistency',
  cacheable: true,
  args: (x) => ({ Datacenter: '', Token: x.token }),
  render: (found) => ({ body: `[${found.map(quoteJson).join(',')}]` }),
};

const gatewayServices: ReadSpec<{ Datacenter: string; Token: string; ServiceName: string }, readonly unknown[]> = {
  method: Catalog.GatewayServices,
  meta: true,
  effective: true,
  args: (x) => {
    if (x.rest === '') throw badRequest('Missing gateway name');
    return { ...x.commonArgs(), ServiceName: x.rest };
  },
  render: (found) => ({ body: served.toJson(found.map((row) => GatewayService.make(row as Partial<GatewayService>))) }),
};

const filter = query('filter', 'Filter expression.');
const near = query('near', 'Sort by round-trip time from this node, or `_agent`.');
const nodeMeta = query('node-meta', 'Only nodes with this metadata (`key:value`), repeatable.');
const listParams = [near, nodeMeta, filter, ...blockingParams];
const node = path('node', 'Node name.');
const service = path('service', 'Service name.');
const tag = query('tag', 'Only instances with this tag, repeatable.');

export { filter, listParams, near, node, nodeMeta, service, tag };

export const catalogRoutes: readonly Route[] = [
  {
    path: '/v1/catalog/register',
    enterprise: 'full',
    operations: {
      PUT: {
        doc: 'Writes a node with services and checks.',
        body: RegisterRequest,
        reply: { type: 'boolean' },
        run: register,
      },
    },
  },
  {
    path: '/v1/catalog/deregister',
    enterprise: 'full',
    operations: {
      PUT: {
        doc: 'Removes a node, a service or a check.',
        body: DeregisterRequest,
        reply: { type: 'boolean' },
        run: deregister,
      },
    },
  },
  {
    path: '/v1/catalog/datacenters',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'Lists the known datacenters, the nearest first.',
        reply: { type: 'array', items: { type: 'string' } },
        run: (x) => answerRead(x, datacenters),
      },
    },
  },
  {
    path: '/v1/catalog/nodes',
    enterprise: 'partition',
    operations: {
      GET: { doc: 'Lists nodes.', params: listParams, reply: nodes, run: (x) => answerRead(x, listNodes) },
    },
  },
  {
    path: '/v1/catalog/services',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Lists service names with their tags.',
        params: listParams,
        reply: { type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } },
        run: (x) => answerRead(x, listServices),
      },
    },
  },
  {
    path: '/v1/catalog/service/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Lists the instances of a service.',
        params: [service, tag, ...listParams],
        reply: serviceNodes,
        run: (x) => answerRead(x, ofService),
      },
    },
  },
  {
    path: '/v1/catalog/connect/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Lists the mesh-capable instances of a service.',
        params: [service, tag, ...listParams],
        reply: serviceNodes,
        run: (x) => answerRead(x, ofConnect),
      },
    },
  },
  {
    path: '/v1/catalog/node/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'A node with its services by id.',
        params: [node, filter, ...blockingParams],
        reply: NodeServices,
        run: (x) => answerRead(x, nodeServices),
      },
    },
  },
  {
    path: '/v1/catalog/node-services/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'A node with its services as a list.',
        params: [node, filter, ...blockingParams],
        reply: NodeServiceList,
        run: (x) => answerRead(x, nodeServiceList),
      },
    },
  },
  {
    path: '/v1/catalog/gateway-services/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Lists the services that a gateway serves.',
        params: [path('gateway', 'Gateway service name.'), ...blockingParams],
        reply: { type: 'array' },
        run: (x) => answerRead(x, gatewayServices),
      },
    },
  },
];
