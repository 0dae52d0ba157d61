import { type CaRoots, type CommonArgs, ConnectCA } from '@proconsul/endpoints';
import { quoteJson } from '@proconsul/gojson';
import { CAConfiguration, CARoot, list } from '@proconsul/schema';
import { type ApiExchange, badRequest, HttpError, parseBool } from '../api-exchange.ts';
import type { HeaderList } from '../exchange.ts';
import { query, type Route } from '../route.ts';
import { blockingParams } from './kv.ts';

const roots = list(CARoot);

function rootsJson(found: CaRoots): string {
  return `{"ActiveRootID":${quoteJson(found.ActiveRootID)},"TrustDomain":${quoteJson(found.TrustDomain)},"Roots":${roots.toJson(found.Roots)}}`;
}

/** `?pem`: the certificates alone. */
function wantsPem(x: ApiExchange): boolean {
  const text = x.query.get('pem');
  if (text === '') return false;
  const value = parseBool(text);
  if (value === undefined) throw badRequest("The 'pem' query parameter must be a boolean value");
  return value;
}

/** Without the mesh there is no authority. */
function requireConnect(x: ApiExchange): void {
  if (!x.api.settings().connectEnabled)
    throw new HttpError(500, 'Connect must be enabled in order to use this endpoint');
}

function answerRoots(x: ApiExchange, cached: boolean): void {
  requireConnect(x);
  const options = x.readOptions();
  const pem = !cached && wantsPem(x);
  const cancel = x.api.caller.read(ConnectCA.Roots, x.commonArgs(), options, (error, view, meta) => {
    if (error !== null || view === null) {
      x.fail(error);
      return;
    }
    if (pem) {
      const text = view.value.Roots.map((r) => r.RootCert).join('');
      x.send(200, [['Content-Type', 'application/pem-certificate-chain']], new TextEncoder().encode(text));
      return;
    }
    const headers: HeaderList = [
      ['X-Consul-Index', String(view.index)],
      ['X-Consul-Knownleader', String(meta.knownLeader)],
      ['X-Consul-Lastcontact', String(Math.floor(meta.lastContactMs))],
      ['X-Consul-Query-Backend', 'blocking-query'],
      // Agents keep the roots at hand all the time.
      ...(cached
        ? ([
            ['X-Cache', 'HIT'],
            ['Age', '0'],
          ] as const)
        : []),
    ];
    x.json(rootsJson(view.value), headers);
  });
  if (!x.answered) x.req.onAbort(cancel);
}

function configuration(x: ApiExchange): void {
  requireConnect(x);
  const args: CommonArgs = x.commonArgs();
  x.api.caller.read(ConnectCA.ConfigurationGet, args, x.readOptions(), (error, view) => {
    if (error !== null || view === null) x.fail(error);
    else x.json(view.value === null ? 'null' : CAConfiguration.toJson(view.value));
  });
}

export const connectRoutes: readonly Route[] = [
  {
    path: '/v1/connect/ca/roots',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'The roots of trust of the mesh.',
        params: [query('pem', 'Only the certificates.', 'boolean'), ...blockingParams],
        reply: { type: 'object' },
        run: (x) => answerRoots(x, false),
      },
    },
  },
  {
    path: '/v1/connect/ca/configuration',
    enterprise: 'none',
    operations: {
      GET: { doc: 'How the authority of the mesh is run.', reply: CAConfiguration, run: configuration },
    },
  },
  {
    path: '/v1/agent/connect/ca/roots',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'The roots of trust of the mesh, from the agent.',
        params: blockingParams,
        reply: { type: 'object' },
        run: (x) => answerRoots(x, true),
      },
    },
  },
];
