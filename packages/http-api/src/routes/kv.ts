import { KVS } from '@proconsul/endpoints';
import { quoteJson } from '@proconsul/gojson';
import { type DirEntry, DirEntry as DirEntrySchema, dirEntriesJson, KVSRequest, list } from '@proconsul/schema';
import { type ApiExchange, badRequest, casIndex, HttpError, parseUint } from '../api-exchange.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { JSON_TYPE } from '../reply.ts';
import { path, query, type Route } from '../route.ts';

const entries = list(DirEntrySchema);

const RAW_HEADERS = [
  ['Content-Type', 'text/plain'],
  ['X-Content-Type-Options', 'nosniff'],
  // Values are whatever a client stored: a browser must not run them.
  ['Content-Security-Policy', 'sandbox'],
] as const;

const single: ReadSpec<{ Datacenter: string; Token: string; Key: string }, DirEntry | null> = {
  method: KVS.Get,
  meta: true,
  bareErrors: true,
  args: (x) => ({ ...x.commonArgs(), Key: x.rest }),
  render: (entry, x) => {
    if (entry === null) return { status: 404, body: null };
    if (x.query.has('raw')) return { headers: RAW_HEADERS, body: entry.Value ?? new Uint8Array(0) };
    return { body: entries.toJson([entry]) };
  },
};

const recurse: ReadSpec<{ Datacenter: string; Token: string; Key: string }, readonly DirEntry[] | null> = {
  method: KVS.List,
  meta: true,
  bareErrors: true,
  args: (x) => ({ ...x.commonArgs(), Key: x.rest }),
  render: (found, x) => {
    if (found === null || found.length === 0) return { status: 404, body: null };
    if (x.layout !== 'compact') return { body: entries.toJson(found) };
    return { headers: [['Content-Type', JSON_TYPE]], body: dirEntriesJson(found) };
  },
};

const keys: ReadSpec<{ Datacenter: string; Token: string; Prefix: string; Seperator: string }, readonly string[]> = {
  method: KVS.ListKeys,
  meta: true,
  bareErrors: true,
  args: (x) => ({
    ...x.commonArgs(),
    Prefix: x.rest,
    Seperator: x.query.get('separator') || x.query.get('seperator'),
  }),
  render: (found, x) => {
    if (found.length === 0 && x.rest !== '') return { status: 404, body: null };
    return { body: `[${found.map(quoteJson).join(',')}]` };
  },
};

function get(x: ApiExchange): void {
  if (x.query.has('keys')) return answerRead(x, keys);
  if (x.query.has('recurse')) return answerRead(x, recurse);
  if (x.rest === '') {
    // What is wrong with the options comes first.
    x.readOptions();
    throw badRequest('Missing key name');
  }
  answerRead(x, single);
}

/** At most one of the conditions may be given. Source: recorded answers. */
function refuseConflict(x: ApiExchange, names: readonly string[]): void {
  const given = names.filter((n) => x.query.has(n));
  if (given.length > 1) throw badRequest(`Conflicting flags: ${x.query.encode()}\n`);
}

/** Undefined: answered from here on by others (a promise is made only when the body has not arrived yet). */
function put(x: ApiExchange): Promise<void> {
  if (x.rest === '') throw badRequest('Missing key name');
  refuseConflict(x, ['cas', 'acquire', 'release']);
  const q = x.query;
  const limit = x.api.settings().kvMaxValueSizeBytes;
  let op = 'set';
  let session = '';
  let modifyIndex = 0;
  const flags = q.has('flags') ? parseUint(q.get('flags')) : 0;
  if (q.has('cas')) {
    op = 'cas';
    modifyIndex = casIndex(q.get('cas'));
  } else if (q.has('acquire')) {
    op = 'lock';
    session = q.get('acquire');
  } else if (q.has('release')) {
    op = 'unlock';
    session = q.get('release');
  }
  if (x.req.contentLength > limit) throw tooLarge(x.req.contentLength, limit);
  return new Promise((resolve, reject) => {
    x.req.readBody(limit, (error, body) => {
      if (error !== null) {
        reject(tooLarge(limit + 1, limit));
        return;
      }
      const DirEnt = DirEntrySchema.make({
        Key: x.rest,
        Value: body,
        Flags: flags,
        Session: session,
        ModifyIndex: modifyIndex,
      });
      x.api.caller.write(KVS.Apply, KVSRequest.make({ ...x.commonArgs(), Op: op, DirEnt })).then((done) => {
        x.json(done ? 'true' : 'false');
        resolve();
      }, reject);
    });
  });
}

const tooLarge = (bytes: number, limit: number) =>
  new HttpError(
    413,
    `Request body(${bytes} bytes) too large, max size: ${limit} bytes. See https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size.`,
  );

async function remove(x: ApiExchange): Promise<void> {
  refuseConflict(x, ['recurse', 'cas']);
  const q = x.query;
  let op = 'delete';
  let modifyIndex = 0;
  if (q.has('recurse')) op = 'delete-tree';
  else if (x.rest === '') throw badRequest('Missing key name');
  if (q.has('cas')) {
    op = 'delete-cas';
    modifyIndex = casIndex(q.get('cas'));
  }
  const DirEnt = DirEntrySchema.make({ Key: x.rest, ModifyIndex: modifyIndex });
  const done = await x.api.caller.write(KVS.Apply, KVSRequest.make({ ...x.commonArgs(), Op: op, DirEnt }));
  x.json(done ? 'true' : 'false');
}

const key = path('key', 'Key, or prefix of keys.');
const blockingParams = [
  query('index', 'Answer when the index is greater than this.', 'integer'),
  query('wait', 'How long to wait for that.', 'duration'),
  query('stale', 'Any server may answer.', 'boolean'),
  query('consistent', 'The leader confirms with a quorum first.', 'boolean'),
];

export const kvRoutes: readonly Route[] = [
  {
    path: '/v1/kv/',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'Reads a key, all keys under a prefix, or only their names.',
        params: [
          key,
          query('recurse', 'All entries under the prefix.', 'boolean'),
          query('keys', 'Only the names under the prefix.', 'boolean'),
          query('separator', 'Cuts names after its first occurrence past the prefix.'),
          query('raw', 'The value alone.', 'boolean'),
          ...blockingParams,
        ],
        reply: entries,
        run: get,
      },
      PUT: {
        paramsFirst: 'read',
        doc: 'Stores a value.',
        params: [
          key,
          query('flags', 'A number kept with the value.', 'integer'),
          query('cas', 'Only if the entry has this ModifyIndex; 0: only if there is none.', 'integer'),
          query('acquire', 'Locks the key with this session.'),
          query('release', 'Unlocks the key of this session.'),
        ],
        reply: { type: 'boolean' },
        run: put,
      },
      DELETE: {
        paramsFirst: 'read',
        doc: 'Deletes a key, or all keys under a prefix.',
        params: [
          key,
          query('recurse', 'All keys under the prefix.', 'boolean'),
          query('cas', 'Only if the entry has this ModifyIndex.', 'integer'),
        ],
        reply: { type: 'boolean' },
        run: remove,
      },
    },
  },
];

export { blockingParams };
