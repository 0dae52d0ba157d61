import { quoteJson } from '@proconsul/gojson';
import { bool, durationText, type HealthCheck, int, list, map, str, struct } from '@proconsul/schema';
import type { LocalService } from '../agent-api.ts';
import { type ApiExchange, HttpError } from '../api-exchange.ts';
import { path, query, type Route } from '../route.ts';
import { AgentService, agentService } from './agent-service.ts';

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

export const agentHealthRoutes: readonly Route[] = [
  {
    path: '/v1/agent/health/service/id/',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Health of a service of this agent; the status code tells it too.',
        params: [path('id', 'Service id.'), query('format', '`text` for the bare word.')],
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
