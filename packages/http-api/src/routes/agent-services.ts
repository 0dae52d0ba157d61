import { compileFilter, SERVICE_FIELDS } from '@proconsul/bexpr';
import { invalid } from '@proconsul/endpoints';
import { quoteJson } from '@proconsul/gojson';
import {
  AgentUpstream,
  bool,
  durationText,
  type HealthCheck,
  int,
  Locality,
  list,
  map,
  nullAsEmpty,
  pointer,
  proxyFields,
  ServiceAddress,
  ServiceConnect,
  ServiceDefinition,
  str,
  struct,
  Weights,
} from '@proconsul/schema';
import type { LocalService } from '../agent-api.ts';
import { type ApiExchange, badRequest, HttpError, parseBool } from '../api-exchange.ts';
import { serviceContentHash, showsProxy } from '../content-hash.ts';
import { refuseEnterprise } from '../enterprise.ts';
import { path, query, type Route } from '../route.ts';

const { DestinationServiceName, DestinationServiceID, LocalServiceAddress, ...others } = proxyFields;
const { LocalServicePort, LocalServiceSocketPath, TransparentProxy, ...last } = others;
const AgentExposePath = struct('ExposePath', {
  ListenerPort: { kind: int, omitEmpty: true },
  Path: { kind: str, omitEmpty: true },
  LocalPathPort: { kind: int, omitEmpty: true },
  Protocol: { kind: str, omitEmpty: true },
  ParsedFromCheck: bool,
});
const AgentExpose = struct('ExposeConfig', {
  Checks: { kind: bool, omitEmpty: true },
  Paths: { kind: list(AgentExposePath), omitEmpty: true },
});

/** Here an empty mode is left out, a path always says whether a check gave it, and the order differs. */
const AgentProxy = struct('ConnectProxyConfig', {
  EnvoyExtensions: last.EnvoyExtensions,
  ...{ DestinationServiceName, DestinationServiceID, LocalServiceAddress, LocalServicePort, LocalServiceSocketPath },
  Mode: { kind: str, omitEmpty: true },
  TransparentProxy,
  ...{
    Config: last.Config,
    Upstreams: { ...last.Upstreams, kind: list(AgentUpstream) },
    MeshGateway: last.MeshGateway,
  },
  Expose: AgentExpose,
  ...{ MutualTLSMode: last.MutualTLSMode, AccessLogs: last.AccessLogs },
});
const proxyOrNull = pointer(AgentProxy);
const connectOrNull = pointer(ServiceConnect);

/** A service as the agent's own endpoints show it. Source: recorded answers of agent/services and agent/service. */
const AgentService = struct('AgentService', {
  Kind: { kind: str, omitEmpty: true },
  ID: str,
  Service: str,
  Tags: nullAsEmpty(list(str)),
  Meta: nullAsEmpty(map(str)),
  Port: int,
  Address: str,
  SocketPath: { kind: str, omitEmpty: true },
  TaggedAddresses: { kind: map(ServiceAddress), omitEmpty: true },
  Weights,
  EnableTagOverride: bool,
  ContentHash: { kind: str, omitEmpty: true },
  Proxy: { kind: proxyOrNull, omitEmpty: true },
  Connect: { kind: connectOrNull, omitEmpty: true },
  PeerName: { kind: str, omitEmpty: true },
  Datacenter: str,
  Locality: { kind: pointer(Locality), omitEmpty: true },
});

/** Without a hash: the form in which lists and health answers print a service. */
function agentService(x: ApiExchange, local: LocalService, withHash: boolean) {
  const s = local.service;
  return AgentService.make({
    Kind: s.Kind,
    ID: s.ID,
    Service: s.Service,
    Tags: s.Tags,
    Meta: s.Meta,
    Port: s.Port,
    Address: s.Address,
    SocketPath: s.SocketPath,
    TaggedAddresses: s.TaggedAddresses,
    Weights: s.Weights ?? { Passing: 1, Warning: 1 },
    EnableTagOverride: s.EnableTagOverride,
    ContentHash: withHash ? serviceContentHash(s) : '',
    Proxy: showsProxy(s.Kind) ? s.Proxy : null,
    Connect: s.Connect.Native ? s.Connect : null,
    PeerName: s.PeerName,
    Datacenter: x.api.datacenter,
    Locality: s.Locality,
  });
}

const AGENT_SERVICE_FIELDS = { ...SERVICE_FIELDS, ContentHash: 'string', Datacenter: 'string' } as const;

function services(x: ApiExchange): void {
  const text = x.query.get('filter');
  const filter = text === '' ? null : compileOrFail(text, x);
  const out: string[] = [];
  const all = x.api.agent.services();
  for (const id of Object.keys(all).sort()) {
    const record = agentService(x, all[id] as LocalService, false);
    if (filter === null || filter.matches(record)) out.push(`${quoteJson(id)}:${AgentService.toJson(record)}`);
  }
  x.json(`{${out.join(',')}}`);
}

function compileOrFail(text: string, x: ApiExchange) {
  try {
    return compileFilter(text, AGENT_SERVICE_FIELDS, () => x.api.clock.now());
  } catch (error) {
    const message = (error as Error).message;
    const prefix = 'Failed to create boolean expression evaluator: ';
    throw invalid(message.startsWith(prefix) ? message : prefix + message);
  }
}

/** Longest wait for a hash, and the default one. */
const HASH_WAIT_MS_MAX = 600_000;
const HASH_WAIT_MS = 300_000;

function service(x: ApiExchange): void {
  const id = x.rest;
  const hash = x.query.get('hash');
  const { wait } = x.blocking();
  const send = () => {
    const local = x.api.agent.services()[id];
    if (local === undefined) {
      x.fail(new HttpError(404, `unknown service ID: ${id}`));
      return;
    }
    x.json(AgentService.toJson(agentService(x, local, true)), [
      ['X-Consul-Contenthash', serviceContentHash(local.service)],
    ]);
  };
  if (hash === '') {
    send();
    return;
  }
  const waitMs = wait > 0 ? Math.min(wait, HASH_WAIT_MS_MAX) : HASH_WAIT_MS;
  x.req.onAbort(x.api.agent.blockOnService(id, hash, waitMs, send));
}

const DECODE = 'Request decode failed: ';

async function register(x: ApiExchange): Promise<void> {
  const definition = await x.decodeBody(ServiceDefinition, DECODE, { unknown: 'reject', root: '', path: 'Alias' });
  const replace = x.query.has('replace-existing-checks') && x.query.get('replace-existing-checks') !== 'false';
  await x.api.agent.registerService(definition, { replaceExistingChecks: replace, token: x.token });
  x.ok();
}

async function deregister(x: ApiExchange): Promise<void> {
  await x.api.agent.deregisterService(x.rest, x.token);
  x.ok();
}

/** `?enable=`: required, and a boolean. */
export function enableOf(x: ApiExchange): boolean {
  if (!x.query.has('enable')) throw badRequest('Missing value for enable');
  const text = x.query.get('enable');
  const value = parseBool(text);
  if (value === undefined) throw badRequest(`Invalid value for enable: ${quoteJson(text)}`);
  return value;
}

async function maintenance(x: ApiExchange): Promise<void> {
  if (x.rest === '') throw badRequest('Missing service ID');
  const enable = enableOf(x);
  refuseEnterprise(x, 'full');
  await x.api.agent.serviceMaintenance(x.rest, enable, x.query.get('reason'));
  x.ok();
}

/** Checks inside the health answers print all members of a small definition, and no interval. */
const HealthDefinition = struct('HealthCheckDefinition', {
  Interval: durationText,
  Timeout: durationText,
  DeregisterCriticalServiceAfter: durationText,
  HTTP: str,
  Header: map(list(str)),
  Method: str,
  Body: str,
  TLSServerName: str,
  TLSSkipVerify: bool,
  TCP: str,
  TCPUseTLS: bool,
  UDP: str,
  GRPC: str,
  OSService: str,
  GRPCUseTLS: bool,
});

const AgentCheck = struct('HealthCheck', {
  Node: str,
  CheckID: str,
  Name: str,
  Status: str,
  Notes: str,
  Output: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str),
  Type: str,
  ExposedPort: int,
  Definition: HealthDefinition,
  CreateIndex: int,
  ModifyIndex: int,
});

const RANK: Readonly<Record<string, number>> = { passing: 0, warning: 1, critical: 2, maintenance: 3 };
const STATUS_CODE: Readonly<Record<string, number>> = { passing: 200, warning: 429, critical: 503, maintenance: 503 };

/** The worst of the service's checks and the node's. Source: agent health documentation, semantics of checks. */
function aggregate(checks: readonly HealthCheck[]): string {
  let worst = 'passing';
  for (const c of checks) {
    const isMaintenance = c.CheckID === '_node_maintenance' || c.CheckID.startsWith('_service_maintenance:');
    const status = isMaintenance ? 'maintenance' : c.Status;
    if ((RANK[status] ?? 0) > (RANK[worst] as number)) worst = status;
  }
  return worst;
}

function healthOf(x: ApiExchange, local: LocalService): { status: string; json: string } {
  const id = local.service.ID;
  const checks = Object.values(x.api.agent.checks()).filter((c) => c.ServiceID === id || c.ServiceID === '');
  const status = aggregate(checks);
  const own = checks
    .sort((a, b) => (a.CheckID < b.CheckID ? -1 : 1))
    .map((c) => AgentCheck.toJson(AgentCheck.make({ ...c, Type: '', Definition: HealthDefinition.zero() })));
  const json = `{"AggregatedStatus":${quoteJson(status)},"Service":${AgentService.toJson(agentService(x, local, false))},"Checks":[${own.join(',')}]}`;
  return { status, json };
}

const wantsText = (x: ApiExchange): boolean =>
  x.query.get('format') === 'text' || (x.req.header('accept') ?? '').startsWith('text/plain');

function sendHealth(x: ApiExchange, code: number, reason: string, json: string): void {
  const headers = [['X-Consul-Reason', reason]] as const;
  if (wantsText(x)) x.send(code, [['Content-Type', 'text/plain'], ...headers], new TextEncoder().encode(reason));
  else x.json(json, headers, code);
}

function healthById(x: ApiExchange): void {
  if (x.rest === '') throw new HttpError(500, 'Missing serviceID');
  const local = x.api.agent.services()[x.rest];
  if (local === undefined) {
    sendHealth(x, 404, `ServiceId ${x.rest} not found`, '{"AggregatedStatus":"critical","Service":null,"Checks":null}');
    return;
  }
  const { status, json } = healthOf(x, local);
  sendHealth(x, STATUS_CODE[status] ?? 503, status, json);
}

function healthByName(x: ApiExchange): void {
  if (x.rest === '') throw new HttpError(500, 'Missing service Name');
  const found = Object.values(x.api.agent.services()).filter((s) => s.service.Service === x.rest);
  if (found.length === 0) {
    sendHealth(x, 404, `ServiceName ${x.rest} Not Found`, '[]');
    return;
  }
  const all = found.map((s) => healthOf(x, s));
  let worst = 'passing';
  for (const { status } of all) if ((RANK[status] as number) > (RANK[worst] as number)) worst = status;
  sendHealth(x, STATUS_CODE[worst] ?? 503, worst, `[${all.map((h) => h.json).join(',')}]`);
}

const id = path('id', 'Service id.');

export const agentServiceRoutes: readonly Route[] = [
  {
    path: '/v1/agent/services',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'The services of this agent by id.',
        params: [query('filter', 'Filter expression.')],
        reply: { describe: () => ({ type: 'object', additionalProperties: AgentService.describe() }) },
        run: services,
      },
    },
  },
  {
    path: '/v1/agent/service/',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'blocking',
        doc: 'One service of this agent.',
        params: [
          id,
          query('hash', 'Answer when the content hash differs from this.'),
          query('wait', 'How long to wait for that.', 'duration'),
        ],
        reply: AgentService,
        run: service,
      },
    },
  },
  {
    path: '/v1/agent/service/register',
    enterprise: 'full',
    operations: {
      PUT: {
        doc: 'Registers a service with this agent.',
        params: [query('replace-existing-checks', 'Removes checks that the body does not name.', 'boolean')],
        body: ServiceDefinition,
        run: register,
      },
    },
  },
  {
    path: '/v1/agent/service/deregister/',
    enterprise: 'full',
    operations: { PUT: { doc: 'Removes a service of this agent.', params: [id], run: deregister } },
  },
  {
    path: '/v1/agent/service/maintenance/',
    enterprise: 'none',
    operations: {
      PUT: {
        doc: 'Puts a service into maintenance mode, or back.',
        params: [id, query('enable', 'On or off.', 'boolean'), query('reason', 'Shown with the check.')],
        run: maintenance,
      },
    },
  },
  {
    path: '/v1/agent/health/service/id/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Health of a service of this agent; the status code tells it too.',
        params: [id, query('format', '`text` for the bare word.')],
        reply: { type: 'object' },
        run: healthById,
      },
    },
  },
  {
    path: '/v1/agent/health/service/name/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Health of all services of this name on this agent.',
        params: [path('name', 'Service name.'), query('format', '`text` for the bare word.')],
        reply: { type: 'array' },
        run: healthByName,
      },
    },
  },
];
