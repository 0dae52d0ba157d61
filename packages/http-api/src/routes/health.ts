import { Health, invalid, type NodeArgs, type ServiceArgs, type StateArgs } from '@proconsul/endpoints';
import {
  type CheckServiceNode,
  CheckServiceNode as CheckServiceNodeSchema,
  type HealthCheck,
  HealthCheck as HealthCheckSchema,
  list,
} from '@proconsul/schema';
import { type ApiExchange, badRequest, parseBool } from '../api-exchange.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { path, query, type Route } from '../route.ts';
import { filter, listParams, node, service, serviceArgs, tag } from './catalog.ts';
import { blockingParams } from './kv.ts';

const checks = list(HealthCheckSchema);
const checkServiceNodes = list(CheckServiceNodeSchema);

const withTags = (c: HealthCheck): HealthCheck => (c.ServiceTags === null ? { ...c, ServiceTags: [] } : c);
const renderChecks = (found: readonly HealthCheck[]) => ({ body: checks.toJson(found.map(withTags)) });

const ofNode: ReadSpec<NodeArgs, readonly HealthCheck[]> = {
  method: Health.NodeChecks,
  meta: true,
  effective: true,
  args: (x) => {
    if (x.rest === '') throw badRequest('Missing node name');
    return { ...x.commonArgs(), Node: x.rest, Filter: x.query.get('filter') };
  },
  render: renderChecks,
};

const ofService: ReadSpec<ServiceArgs, readonly HealthCheck[]> = {
  method: Health.ServiceChecks,
  meta: true,
  effective: true,
  args: (x) => serviceArgs(x, 'service', false),
  render: renderChecks,
};

const inState: ReadSpec<StateArgs, readonly HealthCheck[]> = {
  method: Health.ChecksInState,
  meta: true,
  effective: true,
  args: (x) => {
    if (x.rest === '') throw badRequest('Missing check state');
    return { ...x.listArgs(), State: x.rest };
  },
  render: renderChecks,
};

/** `?passing`: given without a value, or with any boolean. */
function onlyPassing(x: ApiExchange): boolean {
  if (!x.query.has('passing')) return false;
  const text = x.query.get('passing');
  if (text === '') return true;
  const value = parseBool(text);
  if (value === undefined) throw badRequest('Invalid value for ?passing');
  return value;
}

function fixNulls(n: CheckServiceNode): CheckServiceNode {
  const Service = n.Service !== null && n.Service.Tags === null ? { ...n.Service, Tags: [] } : n.Service;
  return { Node: n.Node, Service, Checks: (n.Checks ?? []).map(withTags) };
}

const instances = (kind: 'service' | 'connect' | 'ingress'): ReadSpec<ServiceArgs, readonly CheckServiceNode[]> => ({
  method: Health.ServiceNodes,
  meta: true,
  effective: true,
  bareErrors: true,
  cacheable: true,
  streamed: (x) => kind !== 'ingress' && x.query.get('near') === '',
  args: (x) => {
    const args = serviceArgs(x, kind, false);
    refuseGroup(x);
    return { ...args, OnlyPassing: onlyPassing(x) };
  },
  render: (found) => ({ body: checkServiceNodes.toJson(found.map(fixNulls)) }),
});

function refuseGroup(x: ApiExchange): void {
  const group = x.query.has('sg') || x.query.has('sameness-group');
  if (x.query.has('peer') && group) throw badRequest('peer-name and sameness-group are mutually exclusive');
  if (group) throw invalid('sameness groups are not supported in consul CE');
}

const passing = query('passing', 'Only instances whose checks are all passing.', 'boolean');
const instanceParams = [service, passing, tag, query('peer', 'Instances imported from this peer.'), ...listParams];

export const healthRoutes: readonly Route[] = [
  {
    path: '/v1/health/node/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Lists the checks of a node.',
        params: [node, filter, ...blockingParams],
        reply: checks,
        run: (x) => answerRead(x, ofNode),
      },
    },
  },
  {
    path: '/v1/health/checks/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Lists the checks of a service.',
        params: [service, ...listParams],
        reply: checks,
        run: (x) => answerRead(x, ofService),
      },
    },
  },
  {
    path: '/v1/health/state/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Lists the checks in a state: any, passing, warning or critical.',
        params: [path('state', 'any, passing, warning or critical.'), ...listParams],
        reply: checks,
        run: (x) => answerRead(x, inState),
      },
    },
  },
  ...(['service', 'connect', 'ingress'] as const).map((kind): Route => {
    const spec = instances(kind);
    return {
      path: `/v1/health/${kind}/`,
      enterprise: 'full',
      operations: {
        GET: {
          doc: {
            service: 'Lists the instances of a service with their node and checks.',
            connect: 'The same for mesh-capable instances.',
            ingress: 'The same for the ingress gateways of a service.',
          }[kind],
          params: instanceParams,
          reply: checkServiceNodes,
          run: (x) => answerRead(x, spec),
        },
      },
    };
  }),
];
