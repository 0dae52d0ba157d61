import { CHECK_FIELDS, compileFilter, type Filter, FilterError, parseFilter } from '@proconsul/bexpr';
import { invalid } from '@proconsul/endpoints';
import { quoteJson } from '@proconsul/gojson';
import { CheckDefinition, type HealthCheck, HealthCheck as HealthCheckSchema, str, struct } from '@proconsul/schema';
import type { CheckStatus } from '../agent-api.ts';
import { type ApiExchange, badRequest } from '../api-exchange.ts';
import { refuseEnterprise } from '../enterprise.ts';
import { path, query, type Route } from '../route.ts';

const DECODE = 'Request decode failed: ';

function checks(x: ApiExchange): void {
  const text = x.query.get('filter');
  const all = x.api.agent.checks();
  const filter = text === '' ? null : compileCheckFilter(text, x, Object.keys(all).length > 0);
  const out: string[] = [];
  for (const id of Object.keys(all).sort()) {
    const c = all[id] as HealthCheck;
    const printed = c.ServiceTags === null ? { ...c, ServiceTags: [] } : c;
    if (filter === null || filter.matches(printed)) out.push(`${quoteJson(id)}:${HealthCheckSchema.toJson(printed)}`);
  }
  x.json(`{${out.join(',')}}`);
}

/**
 * Only whether it can be read is known at once; what it means is found when there is a check to try it on, so that those texts stand
 * without a prefix. Source: recorded answers.
 */
function compileCheckFilter(text: string, x: ApiExchange, isTried: boolean): Filter {
  try {
    if (!isTried) {
      parseFilter(text);
      return { matches: () => true };
    }
    return compileFilter(text, CHECK_FIELDS, () => x.api.clock.now());
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw invalid(error.code === 'FILTER_SYNTAX' ? error.text : error.message);
  }
}

async function register(x: ApiExchange): Promise<void> {
  const definition = await x.decodeBody(CheckDefinition, DECODE, { unknown: 'reject', root: '', path: 'Alias' });
  await x.api.agent.registerCheck(definition, definition.Token || x.token);
  x.ok();
}

async function deregister(x: ApiExchange): Promise<void> {
  await x.api.agent.deregisterCheck(x.rest, x.token);
  x.ok();
}

const ttl = (status: CheckStatus) => async (x: ApiExchange) => {
  await x.api.agent.updateTtl(x.rest, status, x.query.get('note'));
  x.ok();
};

const Update = struct('agent.checkUpdate', { Status: str, Output: str });

async function update(x: ApiExchange): Promise<void> {
  const { Status, Output } = await x.decodeBody(Update, DECODE, { unknown: 'reject' });
  if (Status !== 'passing' && Status !== 'warning' && Status !== 'critical') {
    throw badRequest(`Invalid check status: '${Status}'`);
  }
  refuseEnterprise(x, 'full');
  await x.api.agent.updateTtl(x.rest, Status, Output);
  x.ok();
}

const id = path('id', 'Check id.');
const note = query('note', 'Kept as the output of the check.');

export const agentCheckRoutes: readonly Route[] = [
  {
    path: '/v1/agent/checks',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'The checks of this agent by id.',
        params: [query('filter', 'Filter expression.')],
        reply: { describe: () => ({ type: 'object', additionalProperties: HealthCheckSchema.describe() }) },
        run: checks,
      },
    },
  },
  {
    path: '/v1/agent/check/register',
    enterprise: 'full',
    operations: { PUT: { doc: 'Registers a check with this agent.', body: CheckDefinition, run: register } },
  },
  {
    path: '/v1/agent/check/deregister/',
    enterprise: 'full',
    operations: { PUT: { doc: 'Removes a check of this agent.', params: [id], run: deregister } },
  },
  {
    path: '/v1/agent/check/pass/',
    enterprise: 'full',
    operations: { PUT: { doc: 'Reports a TTL check as passing.', params: [id, note], run: ttl('passing') } },
  },
  {
    path: '/v1/agent/check/warn/',
    enterprise: 'full',
    operations: { PUT: { doc: 'Reports a TTL check as warning.', params: [id, note], run: ttl('warning') } },
  },
  {
    path: '/v1/agent/check/fail/',
    enterprise: 'full',
    operations: { PUT: { doc: 'Reports a TTL check as critical.', params: [id, note], run: ttl('critical') } },
  },
  {
    path: '/v1/agent/check/update/',
    enterprise: 'none',
    operations: { PUT: { doc: 'Reports a TTL check.', params: [id], body: Update, run: update } },
  },
];
