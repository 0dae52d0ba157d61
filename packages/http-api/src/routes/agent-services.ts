import { compileFilter, SERVICE_FIELDS } from '@proconsul/bexpr';
import { invalid } from '@proconsul/endpoints';
import { quoteJson } from '@proconsul/gojson';
import { ServiceDefinition } from '@proconsul/schema';
import type { LocalService } from '../agent-api.ts';
import { type ApiExchange, badRequest, HttpError, parseBool } from '../api-exchange.ts';
import { serviceContentHash } from '../content-hash.ts';
import { refuseEnterprise } from '../enterprise.ts';
import { path, query, type Route } from '../route.ts';
import { AgentService, agentService } from './agent-service.ts';

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
];
