import { CodedError, type Labels } from '@proconsul/base';
import type { View } from '@proconsul/endpoints';
import { AgentCache } from './agent-cache.ts';
import { ApiExchange, HttpError } from './api-exchange.ts';
import { CachedReads } from './cached-reads.ts';
import type { ApiContext } from './context.ts';
import { refuseEnterprise } from './enterprise.ts';
import type { FrontRequest, FrontResponse } from './exchange.ts';
import type { SharedAnswer } from './front/shared-answer.ts';
import { LongBodies } from './long-bodies.ts';
import { Query, unescapePath } from './query.ts';
import { JSON_TYPE, TEXT_TYPE } from './reply.ts';
import { RequestReport } from './request-report.ts';
import { cleanPath, type Operation, type Route, Router, type Verb } from './route.ts';
import { allRoutes } from './routes/all.ts';

/** Finished answers kept by their request target, for the fastest way. */
export const REMEMBERED_MAX = 8192;

/** Targets longer than this are not kept. */
const REMEMBERED_TARGET_MAX = 512;

interface Remembered {
  readonly view: View<unknown>;
  readonly answer: SharedAnswer;
  readonly labels: Labels;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

export interface HttpApiDependencies
  extends Omit<ApiContext, 'agentCache' | 'cachedReads' | 'longBodies' | 'remember'> {
  /** Client agents: what `?cached` asks for, and what is watched by the streaming back end, is kept up to date here. */
  readonly keepsAnswers?: boolean;
}

/** The HTTP API: takes requests from a front and answers each exactly once. */
export class HttpApi {
  readonly #api: ApiContext;
  readonly #router: Router;
  readonly #report: RequestReport;
  readonly #remembered = new Map<string, Remembered>();

  constructor(dependencies: HttpApiDependencies, routes: readonly Route[] = allRoutes) {
    const remember = (req: FrontRequest, view: View<unknown>, answer: SharedAnswer) =>
      this.#remember(req, view, answer);
    this.#api = Object.assign(Object.create(dependencies) as HttpApiDependencies, {
      agentCache: new AgentCache(dependencies.clock),
      cachedReads: dependencies.keepsAnswers ? new CachedReads(dependencies.caller, dependencies.clock) : null,
      longBodies: new LongBodies(dependencies.clock),
      remember,
    });
    this.#router = new Router(routes);
    this.#report = new RequestReport(dependencies);
  }

  get routes(): readonly Route[] {
    return this.#router.routes;
  }

  /** Forgets finished answers: after a reload that changes how answers look. */
  forget(): void {
    this.#remembered.clear();
  }

  /** Ends what goes on in the background. */
  close(): void {
    this.#api.cachedReads?.close();
  }

  handle(req: FrontRequest, res: FrontResponse): void {
    if (req.method === 'GET') {
      const known = this.#remembered.get(req.target);
      if (known !== undefined && this.#stillGood(known, req)) {
        const startedAt = this.#api.clock.now();
        res.sendShared(known.answer);
        this.#report.finished(req, known.labels, startedAt);
        return;
      }
    }
    try {
      this.#route(req, res);
    } catch (error) {
      this.#api.log.error('Request failed', { method: req.method, url: req.target, error });
      res.send(
        500,
        [['Content-Type', TEXT_TYPE]],
        encoder.encode(error instanceof Error ? error.message : String(error)),
      );
    }
  }

  /** A finished answer serves a request that asks nothing special, while its view is current and we lead. */
  #stillGood(known: Remembered, req: FrontRequest): boolean {
    if (!known.view.valid) {
      this.#remembered.delete(req.target);
      return false;
    }
    return this.#api.caller.leads() && isPlain(req);
  }

  #remember(req: FrontRequest, view: View<unknown>, answer: SharedAnswer): void {
    if (req.method !== 'GET' || req.target.length > REMEMBERED_TARGET_MAX || !isPlain(req)) return;
    // A target that names an index waits when it is asked again; one that is not asked of the leader may be older.
    if (/[?&](index|wait|stale|consistent|cached|max_stale|hash|near)\b/.test(req.target)) return;
    if (!view.valid || view.index === 0) return;
    if (this.#remembered.size >= REMEMBERED_MAX)
      this.#remembered.delete(this.#remembered.keys().next().value as string);
    const found = this.#router.find(unescapePath(req.target.split('?', 1)[0] as string) ?? '');
    if (typeof found !== 'object') return;
    this.#remembered.set(req.target, { view, answer, labels: this.#report.labels(found.route, 'GET') });
  }

  #route(req: FrontRequest, res: FrontResponse): void {
    const api = this.#api;
    const at = req.target.indexOf('?');
    const rawPath = at < 0 ? req.target : req.target.slice(0, at);
    const path = unescapePath(rawPath);
    if (path === undefined) return send(res, 400, 'text/plain; charset=utf-8', '400 Bad Request');
    const settings = api.settings();
    if (!settings.disableUnprintableCharFilter && hasUnprintable(path)) return res.send(400, [], NOTHING);
    // What is escaped is not cleaned: a key may begin with a slash.
    const cleaned = cleanPath(rawPath);
    if (cleaned !== rawPath) return redirect(res, req.method, 307, cleaned + (at < 0 ? '' : req.target.slice(at)));
    const found = this.#router.find(path);
    if (found === 'redirect')
      return redirect(res, req.method, 307, `${escapePath(path)}/${at < 0 ? '' : req.target.slice(at)}`);
    if (found === undefined) return this.#unrouted(path, req, res);
    this.#routed(found.route, path, found.rest, at < 0 ? '' : req.target.slice(at + 1), req, res);
  }

  #routed(route: Route, path: string, rest: string, queryText: string, req: FrontRequest, res: FrontResponse): void {
    const api = this.#api;
    const query = Query.parse(queryText);
    const x = new ApiExchange(api, this.#report.witness(route), req, res, path, rest, query ?? Query.EMPTY);
    if (x.query.has('token')) this.#report.tokenInQuery(req);
    try {
      if (query === undefined) return x.text(500, '');
      this.#guard(x);
      if (req.method === 'OPTIONS') return options(x, route);
      const operation = operationOf(x, route);
      if (operation.paramsFirst !== undefined && (query !== Query.EMPTY || req.header('cache-control') !== undefined)) {
        checkParams(x, operation.paramsFirst);
      }
      refuseEnterprise(x, operation.enterprise ?? route.enterprise);
      const done = operation.run(x);
      if (done instanceof Promise) done.catch((error) => fail(x, error));
    } catch (error) {
      fail(x, error);
    }
  }

  #guard(x: ApiExchange): void {
    const settings = this.#api.settings();
    for (const prefix of settings.blockEndpoints) {
      if (x.path.startsWith(prefix)) throw new HttpError(403, 'Endpoint is blocked by agent configuration');
    }
    if (settings.allowWriteFrom.length === 0) return;
    if (x.req.method === 'GET' || x.req.method === 'HEAD' || x.req.method === 'OPTIONS') return;
    if (!settings.allowWriteFrom.some((net) => net.contains(x.req.remote.host))) {
      throw new HttpError(403, 'Access is restricted');
    }
  }

  #unrouted(path: string, req: FrontRequest, res: FrontResponse): void {
    const settings = this.#api.settings();
    if (path === '/') {
      if (settings.uiEnabled) return redirect(res, req.method, 301, settings.uiContentPath);
      return send(
        res,
        200,
        TEXT_TYPE,
        'Consul Agent: UI disabled. To enable, set ui_config.enabled=true in the agent configuration and restart.',
      );
    }
    if (settings.uiEnabled && path.startsWith(settings.uiContentPath) && this.#api.uiFile !== undefined) {
      this.#uiFile(path.slice(settings.uiContentPath.length), res);
      return;
    }
    const hint = path.includes('/v1/')
      ? 'Invalid URL path: not a recognized HTTP API endpoint\n'
      : "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n";
    send(res, 404, TEXT_TYPE, hint);
  }

  #uiFile(name: string, res: FrontResponse): void {
    const read = this.#api.uiFile as NonNullable<ApiContext['uiFile']>;
    read(name).then(
      (file) => {
        if (file === undefined) send(res, 404, TEXT_TYPE, '404 page not found\n');
        else
          res.send(
            200,
            [
              ['Content-Type', file.type],
              ['X-Content-Type-Options', 'nosniff'],
            ],
            file.body,
          );
      },
      (error) => send(res, 500, TEXT_TYPE, String(error)),
    );
  }
}

function fail(x: ApiExchange, error: unknown): void {
  x.fail(error instanceof CodedError && !('status' in error) ? new HttpError(500, error.message) : error);
}

/** Fields that may change an answer. Whether the client takes gzip is the front's to look at. */
const TELLING_FIELDS = ['x-consul-token', 'x-consul-namespace', 'x-consul-partition', 'cache-control', 'authorization'];

/** No field of the request changes the answer. Worked out once for all requests with the same header section. */
function isPlain(req: FrontRequest): boolean {
  const { headers } = req;
  if (typeof headers.derived !== 'boolean') headers.derived = TELLING_FIELDS.every((f) => req.header(f) === undefined);
  return headers.derived as boolean;
}

function hasUnprintable(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c < 0x20 || c === 0x7f || (c >= 0x80 && c < 0xa0)) return true;
  }
  return /[\u2028\u2029\ufeff\u00ad]/.test(path);
}

/** Refuses what is wrong with the parameters that most reads have in common. */
function checkParams(x: ApiExchange, which: 'read' | 'blocking'): void {
  if (which === 'read') x.readOptions();
  else x.blocking();
}

function allowed(route: Route): string {
  return ['OPTIONS', ...Object.keys(route.operations)].join(',');
}

function options(x: ApiExchange, route: Route): void {
  const own = route.allow?.(x.rest);
  if (own !== undefined) return x.json('{}', [['Allow', own.options]]);
  x.send(
    200,
    [
      ['Content-Type', JSON_TYPE],
      ['Allow', allowed(route)],
    ],
    NOTHING,
  );
}

function operationOf(x: ApiExchange, route: Route): Operation {
  const operation = route.operations[x.req.method as Verb];
  if (operation !== undefined) return operation;
  const allow = route.allow?.(x.rest).wrong ?? allowed(route);
  throw new HttpError(405, x.req.method === 'HEAD' ? '' : `method ${x.req.method} not allowed`, [['Allow', allow]]);
}

function send(res: FrontResponse, status: number, type: string, text: string): void {
  res.send(status, [['Content-Type', type]], encoder.encode(text));
}

function redirect(res: FrontResponse, method: string, status: 301 | 307, to: string): void {
  // The text is for people, who only read. Source: answers of the reference.
  if (method !== 'GET' && method !== 'HEAD') return res.send(status, [['Location', to]], NOTHING);
  const what = status === 301 ? 'Moved Permanently' : 'Temporary Redirect';
  res.send(
    status,
    [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Location', to],
    ],
    encoder.encode(`<a href="${escapeHtml(to)}">${what}</a>.\n\n`),
  );
}

const escapePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;');
}
