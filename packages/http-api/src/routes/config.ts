import { type CommonArgs, ConfigEntryMethods, type ConfigEntryRecord } from '@proconsul/endpoints';
import {
  CONFIG_ENTRY_SHAPES,
  type ConfigEntry,
  configEntryJson,
  isConfigKind,
  readConfigEntry,
} from '@proconsul/schema';
import { type ApiExchange, badRequest, casIndex, HttpError } from '../api-exchange.ts';
import { refuseEnterprise } from '../enterprise.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { TEXT_TYPE } from '../reply.ts';
import { path, query, type Route } from '../route.ts';
import { filter } from './catalog.ts';
import { blockingParams } from './kv.ts';

const encoder = new TextEncoder();

/** `?cas=`: the index that an entry must still have. Null without one. */
function casOf(x: ApiExchange): number | null {
  const text = x.query.get('cas');
  return text === '' ? null : casIndex(text);
}

const record = (entry: ConfigEntry, ModifyIndex: number): ConfigEntryRecord => ({
  ...entry,
  CreateIndex: 0,
  ModifyIndex,
});

async function put(x: ApiExchange): Promise<void> {
  const body = await x.readBody();
  const entry = await x.decode(body, readConfigEntry, 'Request decoding failed: ');
  refuseEnterprise(x, 'full');
  const cas = casOf(x);
  const applied = await x.api.caller.write(ConfigEntryMethods.Apply, {
    ...x.commonArgs(),
    Op: cas === null ? 'upsert' : 'upsert-cas',
    Entry: record(entry, cas ?? 0),
  });
  x.json(String(applied));
}

/** Kind and name of a path; a name may hold slashes. */
function placeOf(rest: string): { kind: string; name: string | null } {
  const slash = rest.indexOf('/');
  return slash < 0 ? { kind: rest, name: null } : { kind: rest.slice(0, slash), name: rest.slice(slash + 1) };
}

async function remove(x: ApiExchange): Promise<void> {
  const { kind, name } = placeOf(x.rest);
  if (name === null) throw new HttpError(404, 'Must provide both a kind and name to delete');
  if (!isConfigKind(kind)) throw badRequest(`invalid config entry kind: ${kind}`);
  refuseEnterprise(x, 'full');
  const cas = casOf(x);
  const applied = await x.api.caller.write(ConfigEntryMethods.Apply, {
    ...x.commonArgs(),
    Op: cas === null ? 'delete' : 'delete-cas',
    Entry: record({ Kind: kind, Name: name }, cas ?? 0),
  });
  x.json(cas === null ? '{}' : String(applied));
}

const printed = (entry: ConfigEntryRecord): string => configEntryJson(entry as unknown as ConfigEntry);

const readList: ReadSpec<
  CommonArgs & { readonly Kind: string; readonly Filter: string },
  readonly ConfigEntryRecord[]
> = {
  method: ConfigEntryMethods.List,
  meta: true,
  bareErrors: true,
  args: (x) => ({ ...x.commonArgs(), Kind: placeOf(x.rest).kind, Filter: x.query.get('filter') }),
  render: (found) => ({ body: `[${found.map(printed).join(',')}]` }),
};

const readOne: ReadSpec<CommonArgs & { readonly Kind: string; readonly Name: string }, ConfigEntryRecord | null> = {
  method: ConfigEntryMethods.Get,
  meta: true,
  bareErrors: true,
  args: (x) => {
    const { kind, name } = placeOf(x.rest);
    return { ...x.commonArgs(), Kind: kind, Name: name ?? '' };
  },
  render: (found, x) => {
    if (found !== null) return { body: printed(found) };
    const { kind, name } = placeOf(x.rest);
    return {
      status: 404,
      headers: [['Content-Type', TEXT_TYPE]],
      body: encoder.encode(`Config entry not found for ${JSON.stringify(kind)} / ${JSON.stringify(name ?? '')}`),
    };
  },
};

function read(x: ApiExchange): void {
  if (placeOf(x.rest).name === null) answerRead(x, readList);
  else answerRead(x, readOne);
}

const cas = query('cas', 'Only if the entry still has this index; 0 only if there is none.', 'integer');
const entry = {
  type: 'object',
  properties: { Kind: { enum: [...CONFIG_ENTRY_SHAPES.keys()] }, Name: { type: 'string' } },
};
const kindAndName = path('kind', 'Kind of the entries; `/` and a name behind it select one.');

export const configRoutes: readonly Route[] = [
  {
    path: '/v1/config',
    enterprise: 'none',
    operations: {
      PUT: { doc: 'Writes a config entry.', params: [cas], body: entry, reply: { type: 'boolean' }, run: put },
    },
  },
  {
    path: '/v1/config/',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'Lists the config entries of a kind, or reads one.',
        params: [kindAndName, filter, ...blockingParams],
        reply: { type: ['array', 'object'] },
        run: read,
      },
      DELETE: {
        enterprise: 'none',
        doc: 'Deletes a config entry.',
        params: [kindAndName, cas],
        reply: { type: ['object', 'boolean'] },
        run: remove,
      },
    },
  },
];
