import {
  type CommonArgs,
  invalid,
  PreparedQueryMethods,
  type QueryExecuteArgs,
  type QueryExecuteReply,
} from '@proconsul/endpoints';
import { quoteJson } from '@proconsul/gojson';
import { CheckServiceNode, list, PreparedQuery, PreparedQueryRequest } from '@proconsul/schema';
import { type ApiExchange, HttpError, parseBool } from '../api-exchange.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { path, query, type Route } from '../route.ts';
import { blockingParams } from './kv.ts';

const queries = list(PreparedQuery);
const nodes = list(CheckServiceNode);

async function decodeQuery(x: ApiExchange): Promise<PreparedQuery> {
  return await x.decodeBody(PreparedQuery, 'Request decode failed: ', { unknown: 'reject' });
}

async function create(x: ApiExchange): Promise<void> {
  const Query = await decodeQuery(x);
  const id = await x.api.caller.write(
    PreparedQueryMethods.Apply,
    PreparedQueryRequest.make({ ...x.commonArgs(), Op: 'create', Query }),
  );
  x.json(`{"ID":${quoteJson(id)}}`);
}

async function update(x: ApiExchange): Promise<void> {
  refuseActions(x);
  const body = await x.readBody();
  const given =
    body.length === 0
      ? PreparedQuery.zero()
      : await x.decode(body, (json) => PreparedQuery.decode(json, { unknown: 'reject' }), 'Request decode failed: ');
  const Query = { ...given, ID: x.rest };
  await x.api.caller.write(
    PreparedQueryMethods.Apply,
    PreparedQueryRequest.make({ ...x.commonArgs(), Op: 'update', Query }),
  );
  x.ok();
}

async function remove(x: ApiExchange): Promise<void> {
  refuseActions(x);
  const Query = PreparedQuery.make({ ID: x.rest });
  await x.api.caller.write(
    PreparedQueryMethods.Apply,
    PreparedQueryRequest.make({ ...x.commonArgs(), Op: 'delete', Query }),
  );
  x.ok();
}

type Action = 'execute' | 'explain';

function actionOf(rest: string): { action: Action | null; name: string } {
  for (const action of ['execute', 'explain'] as const) {
    // The path alone decides: a query may be named like an action.
    if (rest === action) return { action, name: rest };
    if (rest.endsWith(`/${action}`)) return { action, name: rest.slice(0, -action.length - 1) };
  }
  return { action: null, name: rest };
}

/** Executions and explanations are only read. */
function refuseActions(x: ApiExchange): void {
  if (actionOf(x.rest).action === null) return;
  throw new HttpError(405, `method ${x.req.method} not allowed`, [['Allow', 'GET']]);
}

function allow(rest: string): { options: string; wrong: string } {
  const wrong = actionOf(rest).action === null ? 'GET,PUT,DELETE' : 'GET';
  return { options: `OPTIONS,${wrong}`, wrong };
}

const readAll: ReadSpec<CommonArgs, readonly PreparedQuery[]> = {
  method: PreparedQueryMethods.List,
  meta: true,
  effective: true,
  args: (x) => x.commonArgs(),
  render: (found) => ({ body: queries.toJson(found) }),
};

const readOne: ReadSpec<CommonArgs & { readonly QueryID: string }, readonly PreparedQuery[]> = {
  method: PreparedQueryMethods.Get,
  meta: true,
  effective: true,
  args: (x) => ({ ...x.commonArgs(), QueryID: x.rest }),
  render: (found) => ({ body: queries.toJson(found) }),
};

function limitOf(text: string): number {
  if (text === '') return 0;
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`Bad limit: strconv.Atoi: parsing ${quoteJson(text)}: invalid syntax`);
  const limit = Number(text);
  if (Number.isSafeInteger(limit)) return limit;
  throw invalid(`Bad limit: strconv.Atoi: parsing ${quoteJson(text)}: value out of range`);
}

function connectOf(text: string): boolean {
  if (text === '') return false;
  const connect = parseBool(text);
  if (connect !== undefined) return connect;
  throw invalid(`Error parsing 'connect' value: strconv.ParseBool: parsing ${quoteJson(text)}: invalid syntax`);
}

function executeArgs(x: ApiExchange): QueryExecuteArgs {
  return {
    ...x.commonArgs(),
    QueryIDOrName: actionOf(x.rest).name,
    Limit: limitOf(x.query.get('limit')),
    Connect: connectOf(x.query.get('connect')),
    Agent: { Node: x.api.agent.nodeName, Segment: '' },
    Source: { Node: x.query.get('near'), Ip: x.clientIp() },
  };
}

const CONSISTENCY_NAMES = { default: 'leader', stale: 'stale', consistent: 'consistent' } as const;

/** What the answers of the server layer carry besides their subject, as JSON members. */
const metaJson = (x: ApiExchange): string =>
  `"Index":1,"LastContact":0,"KnownLeader":true,"ConsistencyLevel":"${CONSISTENCY_NAMES[x.readOptions().consistency]}","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false`;

const execute: ReadSpec<QueryExecuteArgs, QueryExecuteReply> = {
  method: PreparedQueryMethods.Execute,
  meta: true,
  effective: true,
  cacheable: true,
  args: executeArgs,
  render: (r, x) => ({
    body: `{"Service":${quoteJson(r.Service)},"Nodes":${nodes.toJson(r.Nodes)},"DNS":{"TTL":${quoteJson(r.DNS.TTL)}},"Datacenter":${quoteJson(r.Datacenter)},"PeerName":${quoteJson(r.PeerName)},"Failovers":${r.Failovers},${metaJson(x)}}`,
  }),
};

const explain: ReadSpec<QueryExecuteArgs, PreparedQuery> = {
  method: PreparedQueryMethods.Explain,
  meta: true,
  effective: true,
  args: executeArgs,
  render: (found, x) => ({ body: `{"Query":${PreparedQuery.toJson(found)},${metaJson(x)}}` }),
};

function readSpecific(x: ApiExchange): void {
  const { action } = actionOf(x.rest);
  if (action === 'execute') answerRead(x, execute);
  else if (action === 'explain') answerRead(x, explain);
  else answerRead(x, readOne);
}

const id = path('id', 'Id of the query. To execute or explain it, its id or name with `/execute` or `/explain`.');

export const queryRoutes: readonly Route[] = [
  {
    path: '/v1/query',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'Lists the prepared queries.',
        params: blockingParams,
        reply: queries,
        run: (x) => answerRead(x, readAll),
      },
      POST: {
        doc: 'Creates a prepared query.',
        body: PreparedQuery,
        reply: { type: 'object', properties: { ID: { type: 'string' } } },
        run: create,
      },
    },
  },
  {
    path: '/v1/query/',
    enterprise: 'none',
    allow,
    operations: {
      GET: {
        doc: 'Reads a prepared query, executes it or explains it.',
        params: [
          id,
          query('near', 'Sorts by round-trip time from this node, `_agent` or `_ip`.'),
          query('limit', 'Most instances in an execution.', 'integer'),
          query('connect', 'Only mesh-capable instances.', 'boolean'),
          ...blockingParams,
        ],
        reply: { type: ['object', 'array'] },
        run: readSpecific,
      },
      PUT: { doc: 'Replaces a prepared query.', params: [id], body: PreparedQuery, run: update },
      DELETE: { doc: 'Deletes a prepared query.', params: [id], run: remove },
    },
  },
];
