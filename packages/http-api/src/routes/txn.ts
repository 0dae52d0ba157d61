import { type ReadMeta, Txn } from '@proconsul/endpoints';
import type { JsonValue } from '@proconsul/gojson';
import {
  list,
  Node,
  NodeService,
  struct,
  TxnError,
  type TxnOp,
  TxnOp as TxnOpSchema,
  TxnRequest,
  TxnResult,
} from '@proconsul/schema';
import { type ApiExchange, HttpError } from '../api-exchange.ts';
import type { Route } from '../route.ts';
import { BODY, Body, checkOf, kept } from './txn-body.ts';

/** Operations of one transaction. Source: transactions documentation. */
export const TXN_OPS_MAX = 128;

const KV_WRITES = new Set(['set', 'delete', 'delete-cas', 'delete-tree', 'cas', 'lock', 'unlock']);

/** The operations of a body, and whether any of them writes. Source: recorded answers. */
function convert(x: ApiExchange, json: JsonValue): { ops: TxnOp[]; writes: boolean } {
  const given = json === null ? [] : (Body.fromJson(json, BODY) ?? []);
  if (given.length > TXN_OPS_MAX) {
    throw new HttpError(413, `Transaction contains too many operations (${given.length} > ${TXN_OPS_MAX})`);
  }
  const limit = x.api.settings().kvMaxValueSizeBytes;
  const ops: TxnOp[] = [];
  let writes = false;
  for (const op of given) {
    if (op.KV !== null) {
      const { Verb, Key, Value, Flags, Index, Session } = op.KV;
      const size = Value?.length ?? 0;
      if (size > limit) {
        throw new HttpError(413, `Value for key ${JSON.stringify(Key)} is too large (${size} > ${limit} bytes)`);
      }
      if (KV_WRITES.has(Verb)) writes = true;
      const DirEnt = { LockIndex: 0, Key, Flags, Value, Session, CreateIndex: 0, ModifyIndex: Index };
      ops.push({ KV: { Verb, DirEnt }, Node: null, Service: null, Check: null, Session: null });
    } else if (op.Node !== null) {
      if (op.Node.Verb !== 'get') writes = true;
      ops.push(
        TxnOpSchema.make({
          Node: {
            Verb: op.Node.Verb,
            Node: { ...kept(Node, op.Node.Node), Datacenter: op.Node.Node.Datacenter || x.api.datacenter },
          },
        }),
      );
    } else if (op.Service !== null) {
      if (op.Service.Verb !== 'get') writes = true;
      ops.push(TxnOpSchema.make({ Service: { ...op.Service, Service: kept(NodeService, op.Service.Service) } }));
    } else if (op.Check !== null) {
      if (op.Check.Verb !== 'get') writes = true;
      ops.push(TxnOpSchema.make({ Check: { ...op.Check, Check: checkOf(op.Check.Check) } }));
    }
  }
  return { ops, writes };
}

const results = list(TxnResult);
const errors = list(TxnError);

/** The members of a query's answer that go into its body here. Source: recorded answers. */
function readFields(answered: boolean, meta: ReadMeta): string {
  return `,"Index":${answered ? 1 : 0},"LastContact":${Math.round(meta.lastContactMs * 1e6)},"KnownLeader":${answered && meta.knownLeader},"ConsistencyLevel":"","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false`;
}

async function txn(x: ApiExchange): Promise<void> {
  const limit = x.api.settings().txnMaxBytes;
  const tooLarge = (n: number) =>
    new HttpError(
      413,
      `Request body(${n} bytes) too large, max size: ${limit} bytes. See https://developer.hashicorp.com/docs/agent/config/config-files#txn_max_req_len.`,
    );
  if (x.req.contentLength > limit) throw tooLarge(x.req.contentLength);
  const body = await x.readBody(limit).catch(() => {
    throw tooLarge(limit + 1);
  });
  let tooBig: HttpError | null = null;
  const { ops, writes } = await x.decode(
    body,
    (json) => {
      try {
        return convert(x, json);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        tooBig = error;
        return { ops: [], writes: false };
      }
    },
    'Failed to parse body: ',
  );
  if (tooBig !== null) throw tooBig;
  if (writes) {
    const reply = await x.api.caller.write(Txn.Apply, TxnRequest.make({ ...x.commonArgs(), Ops: ops }));
    const failed = (reply.Errors ?? []).length > 0;
    x.json(
      `{"Results":${failed ? 'null' : results.toJson(reply.Results ?? [])},"Errors":${failed ? errors.toJson(reply.Errors) : 'null'}}`,
      [],
      failed ? 409 : 200,
    );
    return;
  }
  readOnly(x, ops);
}

function readOnly(x: ApiExchange, ops: readonly TxnOp[]): void {
  const options = x.readOptions();
  x.api.caller.read(Txn.Read, { ...x.commonArgs(), Ops: ops }, { ...options, minIndex: 0 }, (error, view, meta) => {
    if (error !== null || view === null) {
      x.fail(error);
      return;
    }
    const { Results, Errors, Answered } = view.value;
    const failed = (Errors ?? []).length > 0;
    x.json(
      `{"Results":${failed ? 'null' : results.toJson(Results ?? [])},"Errors":${failed ? errors.toJson(Errors) : 'null'}${readFields(Answered, meta)}}`,
      [
        ['X-Consul-Knownleader', String(Answered && meta.knownLeader)],
        ['X-Consul-Lastcontact', String(Math.floor(meta.lastContactMs))],
      ],
      failed ? 409 : 200,
    );
  });
}

export const txnRoutes: readonly Route[] = [
  {
    path: '/v1/txn',
    enterprise: 'none',
    operations: {
      PUT: {
        doc: 'Applies operations on keys, nodes, services and checks, all or none.',
        body: Body,
        reply: struct('TxnResponse', { Results: results, Errors: errors }),
        run: txn,
      },
    },
  },
];
