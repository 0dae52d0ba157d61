import type { Level } from '@proconsul/base';
import { LEVELS } from '@proconsul/base';
import { compileFilter, MEMBER_FIELDS } from '@proconsul/bexpr';
import { invalid } from '@proconsul/endpoints';
import { type JsonValue, quoteJson, stringifyAny } from '@proconsul/gojson';
import { str, struct } from '@proconsul/schema';
import type { Member, MetricSample, MetricsSnapshot } from '../agent-api.ts';
import { type ApiExchange, badRequest, HttpError } from '../api-exchange.ts';
import { layOut } from '../reply.ts';
import { path, query, type Route } from '../route.ts';
import { enableOf } from './agent-services.ts';

/** JSON of a value whose members print in the order in which they were set. */
export function orderedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(orderedJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const rows = Object.entries(value).filter(([, v]) => v !== undefined);
    return `{${rows.map(([k, v]) => `${quoteJson(k)}:${orderedJson(v)}`).join(',')}}`;
  }
  return value === undefined ? 'null' : stringifyAny(value as JsonValue);
}

const PREFIX = 'Failed to create boolean expression evaluator: ';

function memberFilter(text: string, x: ApiExchange) {
  if (text === '') return null;
  try {
    return compileFilter(text, MEMBER_FIELDS, () => x.api.clock.now());
  } catch (error) {
    const message = (error as Error).message;
    throw invalid(message.startsWith(PREFIX) ? message : PREFIX + message);
  }
}

function memberJson(m: Member): string {
  const tags = Object.keys(m.Tags)
    .sort()
    .map((k) => `${quoteJson(k)}:${quoteJson(m.Tags[k] as string)}`);
  return `{"Name":${quoteJson(m.Name)},"Addr":${quoteJson(m.Addr)},"Port":${m.Port},"Tags":{${tags.join(',')}},"Status":${m.Status},"ProtocolMin":${m.ProtocolMin},"ProtocolMax":${m.ProtocolMax},"ProtocolCur":${m.ProtocolCur},"DelegateMin":${m.DelegateMin},"DelegateMax":${m.DelegateMax},"DelegateCur":${m.DelegateCur}}`;
}

function members(x: ApiExchange): void {
  const wan = x.query.get('wan') !== '';
  const segment = x.query.get('segment');
  if (wan && segment !== '' && segment !== '_all') throw badRequest('Cannot provide a segment with wan=true');
  const filter = memberFilter(x.query.get('filter'), x);
  const all = x.api.agent.members({ wan, segment });
  // Every pool has us for a member: it is a pool that this agent is not in.
  if (all.length === 0) return x.json('null');
  const found = all.filter((m) => filter === null || filter.matches(m));
  x.json(`[${found.map(memberJson).join(',')}]`);
}

async function self(x: ApiExchange): Promise<void> {
  x.json(orderedJson(await x.api.agent.self()));
}

function version(x: ApiExchange): void {
  x.json(orderedJson(x.api.agent.version()));
}

async function host(x: ApiExchange): Promise<void> {
  x.json(orderedJson(await x.api.agent.host()));
}

function sampleJson(s: MetricSample): string {
  const n = (v: number) => (Number.isFinite(v) ? String(v) : '0');
  return `{"Name":${quoteJson(s.Name)},"Count":${s.Count},"Rate":${n(s.Rate)},"Sum":${n(s.Sum)},"Min":${n(s.Min)},"Max":${n(s.Max)},"Mean":${n(s.Mean)},"Stddev":${n(s.Stddev)},"Labels":${stringifyAny(s.Labels as never)}}`;
}

export function metricsJson(m: MetricsSnapshot): string {
  const gauges = m.Gauges.map(
    (g) =>
      `{"Name":${quoteJson(g.Name)},"Value":${Number.isFinite(g.Value) ? g.Value : 0},"Labels":${stringifyAny(g.Labels as never)}}`,
  );
  return `{"Timestamp":${quoteJson(m.Timestamp)},"Gauges":[${gauges.join(',')}],"Points":[],"Counters":[${m.Counters.map(sampleJson).join(',')}],"Samples":[${m.Samples.map(sampleJson).join(',')}]}`;
}

function wantsPrometheus(x: ApiExchange): boolean {
  if (x.query.get('format') === 'prometheus') return true;
  const accept = (x.req.header('accept') ?? '').toLowerCase();
  return accept.includes('application/openmetrics-text') || /text\/plain\s*;\s*version=0\.0?\.?4/.test(accept);
}

function metrics(x: ApiExchange): void {
  if (!wantsPrometheus(x)) {
    x.json(metricsJson(x.api.agent.metrics()));
    return;
  }
  const text = x.api.agent.prometheus();
  if (text === null) {
    x.extraHeaders.push(['X-Consul-Reason', 'Prometheus is not enabled since its retention time is not positive']);
    x.ok();
    return;
  }
  x.send(200, [['Content-Type', 'text/plain; version=0.0.4; charset=utf-8']], new TextEncoder().encode(text));
}

const encoder = new TextEncoder();

/** Lines that wait for a slow reader; beyond it the oldest ones are dropped. */
export const MONITOR_LINES_MAX = 512;

/** An endless answer: what `start` hands to its sink goes out, as far as the client takes it. */
function endless(x: ApiExchange, type: string, start: (sink: (text: string) => void) => () => void): void {
  const stream = x.stream(200, [['Content-Type', type]], true);
  const queue: string[] = [];
  let blocked = false;
  const drain = () => {
    blocked = false;
    while (queue.length > 0 && !blocked) blocked = !stream.write(encoder.encode(queue.shift() as string));
  };
  const stop = start((text) => {
    if (blocked) {
      if (queue.length >= MONITOR_LINES_MAX) queue.shift();
      queue.push(text);
      return;
    }
    blocked = !stream.write(encoder.encode(text));
  });
  stream.onDrain(drain);
  stream.onClose(stop);
}

function metricsStream(x: ApiExchange): void {
  endless(x, 'application/json', (sink) =>
    x.api.agent.metricsStream((m) => sink(`${layOut(metricsJson(m), 'indented')}\n`)),
  );
}

const LEVEL_NAMES: Readonly<Record<string, Level>> = {
  ...Object.fromEntries(LEVELS.map((l) => [l, l])),
  ERR: 'ERROR',
  WARNING: 'WARN',
};

function monitor(x: ApiExchange): void {
  const given = x.query.get('loglevel') || 'INFO';
  const level = LEVEL_NAMES[given.toUpperCase()];
  if (level === undefined) throw badRequest(`Unknown log level: ${given}`);
  const json = x.query.has('logjson');
  endless(x, 'text/plain; charset=utf-8', (sink) => x.api.agent.monitor({ level, json }, (line) => sink(`${line}\n`)));
}

async function join(x: ApiExchange): Promise<void> {
  await x.api.agent.join(x.rest, x.query.get('wan') !== '');
  x.ok();
}

async function leave(x: ApiExchange): Promise<void> {
  await x.api.agent.leave();
  x.ok();
}

async function forceLeave(x: ApiExchange): Promise<void> {
  await x.api.agent.forceLeave(x.rest, { prune: x.query.has('prune'), wan: x.query.has('wan') });
  x.ok();
}

async function reload(x: ApiExchange): Promise<void> {
  await x.api.agent.reload();
  x.ok();
}

async function maintenance(x: ApiExchange): Promise<void> {
  const enable = enableOf(x);
  await x.api.agent.nodeMaintenance(enable, x.query.get('reason'));
  x.ok();
}

const Token = struct('agentToken', { Token: str });

const TOKEN_KINDS = new Set([
  'default',
  'agent',
  'agent_recovery',
  'replication',
  'config_file_service_registration',
  'dns',
  'acl_token',
  'acl_agent_token',
  'acl_agent_master_token',
  'agent_master',
  'acl_replication_token',
  'dns_token',
]);

async function token(x: ApiExchange): Promise<void> {
  if (!x.api.settings().aclEnabled) throw new HttpError(401, 'ACL support disabled');
  const body = await x.decodeBody(Token, 'Request decode failed: ');
  if (!TOKEN_KINDS.has(x.rest)) throw new HttpError(404, `Token ${quoteJson(x.rest)} is unknown`);
  await x.api.agent.setToken(x.rest, body.Token);
  x.ok();
}

const object = { type: 'object' };

export const agentRoutes: readonly Route[] = [
  {
    path: '/v1/agent/self',
    enterprise: 'none',
    operations: { GET: { doc: 'Configuration, membership and figures of this agent.', reply: object, run: self } },
  },
  {
    path: '/v1/agent/version',
    enterprise: 'none',
    operations: { GET: { doc: 'Version of this agent.', reply: object, run: version } },
  },
  {
    path: '/v1/agent/host',
    enterprise: 'none',
    operations: { GET: { doc: 'The machine that this agent runs on.', reply: object, run: host } },
  },
  {
    path: '/v1/agent/members',
    enterprise: 'partition',
    operations: {
      GET: {
        doc: 'Members of the gossip pool.',
        params: [
          query('wan', 'Of the WAN pool.', 'boolean'),
          query('segment', 'Of this segment.'),
          query('filter', 'Filter expression.'),
        ],
        reply: { type: 'array', items: object },
        run: members,
      },
    },
  },
  {
    path: '/v1/agent/metrics',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'Metrics of the last complete interval.',
        params: [query('format', '`prometheus` for exposition text.')],
        reply: object,
        run: metrics,
      },
    },
  },
  {
    path: '/v1/agent/metrics/stream',
    enterprise: 'none',
    operations: { GET: { doc: 'Metrics of each interval, without end.', run: metricsStream } },
  },
  {
    path: '/v1/agent/monitor',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'Log lines as they are written, without end.',
        params: [query('loglevel', 'Lowest level.'), query('logjson', 'JSON lines.', 'boolean')],
        run: monitor,
      },
    },
  },
  {
    path: '/v1/agent/join/',
    enterprise: 'partition',
    operations: {
      PUT: {
        doc: 'Joins the pool of another agent.',
        params: [path('address', 'Its address.'), query('wan', 'The WAN pool.', 'boolean')],
        run: join,
      },
    },
  },
  {
    path: '/v1/agent/leave',
    enterprise: 'none',
    operations: { PUT: { doc: 'Leaves gracefully and stops.', run: leave } },
  },
  {
    path: '/v1/agent/force-leave/',
    enterprise: 'partition',
    operations: {
      PUT: {
        doc: 'Forces a failed member to be left.',
        params: [path('node', 'Its name.'), query('prune', 'Forget it at once.', 'boolean')],
        run: forceLeave,
      },
    },
  },
  {
    path: '/v1/agent/reload',
    enterprise: 'none',
    operations: { PUT: { doc: 'Reads the configuration again.', run: reload } },
  },
  {
    path: '/v1/agent/maintenance',
    enterprise: 'none',
    operations: {
      PUT: {
        doc: 'Puts the node into maintenance mode, or back.',
        params: [query('enable', 'On or off.', 'boolean'), query('reason', 'Shown with the check.')],
        run: maintenance,
      },
    },
  },
  {
    path: '/v1/agent/token/',
    enterprise: 'none',
    operations: {
      PUT: {
        doc: 'Sets a token of this agent.',
        params: [path('kind', 'Which token.')],
        body: Token,
        run: token,
      },
    },
  },
];
