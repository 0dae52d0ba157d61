import { FILTER_ERROR_PREFIX } from '@proconsul/bexpr';
import {
  boundedRead,
  type CommonArgs,
  EndpointError,
  type ReadMeta,
  type ReadMethod,
  type ReadOptions,
  type View,
} from '@proconsul/endpoints';
import { type ApiExchange, HttpError } from './api-exchange.ts';
import type { HeaderList } from './exchange.ts';
import { SharedAnswer } from './front/shared-answer.ts';
import { JSON_TYPE, layOut } from './reply.ts';

/** What an answer looks like: JSON text, or other bytes, or just a status. */
export interface Rendered {
  readonly status?: number;
  readonly headers?: HeaderList;
  /** JSON text (laid out as asked for), raw bytes, or nothing. */
  readonly body: string | Uint8Array | null;
  /** Leaves X-Consul-Index and its companions out. */
  readonly bare?: boolean;
}

export interface ReadSpec<A extends CommonArgs, T> {
  readonly method: ReadMethod<A, T>;
  args(x: ApiExchange): A;
  /** Must depend on nothing but the view's value and the target of the request: the result is shared. */
  render(value: T, x: ApiExchange): Rendered;
  /** X-Consul-Index and its companions; also on errors of the server layer. */
  readonly meta?: boolean;
  /** Errors come without those headers. */
  readonly bareErrors?: boolean;
  /** X-Consul-Effective-Consistency. */
  readonly effective?: boolean;
  /** Which of the common parameters are looked at. Default: all. */
  readonly honours?: 'consistency' | 'none';
  /** Honours `?cached`. */
  readonly cacheable?: boolean;
  /** Served by the streaming back end when blocking or cached. */
  readonly streamed?: (x: ApiExchange) => boolean;
}

const encoder = new TextEncoder();

/** How the answer was come by, as its headers tell. */
interface How {
  readonly consistency: string;
  readonly backend: string;
  readonly knownLeader: boolean;
  readonly lastContactMs: number;
  readonly cache: HeaderList;
}

const CONSISTENCY_NAMES = { default: 'leader', stale: 'stale', consistent: 'consistent' } as const;

/** Answers a request that reads: at once, or when the index has passed the one that the client has. */
export function answerRead<A extends CommonArgs, T>(x: ApiExchange, spec: ReadSpec<A, T>): void {
  if (spec.effective) x.discoveryStale = true;
  const options = x.readOptions(spec.honours);
  const args = spec.args(x);
  const isCached = spec.cacheable === true && x.query.has('cached') && x.api.settings().useCache;
  const streamed = (used: ReadOptions): boolean =>
    x.api.settings().useStreamingBackend &&
    spec.streamed?.(x) === true &&
    used.consistency !== 'consistent' &&
    (used.minIndex > 0 || isCached);
  const { cachedReads } = x.api;
  if (cachedReads !== null && (isCached || streamed(options))) {
    const control = isCached ? x.cacheControl() : null;
    const cancel = cachedReads.read({ method: spec.method, args, options, control }, (headers, error, view, meta) => {
      if (error !== null || view === null) failRead(x, spec, told(error, streamed(options)), isCached);
      else sendView(x, spec, view, how(options, meta, streamed(options), isCached ? headers : []));
    });
    if (!x.answered) x.req.onAbort(cancel);
    return;
  }
  const cache = isCached ? x.api.agentCache.lookup(x.req.target, x.cacheControl()) : [];
  const cancel = boundedRead(x.api.caller, spec.method, args, options, x.maxStaleMs, (used, error, view, meta) => {
    if (error !== null || view === null) {
      failRead(x, spec, told(error, streamed(used)), isCached);
      return;
    }
    sendView(x, spec, view, how(used, meta, streamed(used), cache));
  });
  if (!x.answered) x.req.onAbort(cancel);
}

/** The streaming back end tells what is wrong with a filter without the words before it. Source: answers of the reference. */
function told(error: Error | null, isStreamed: boolean): Error {
  const fault = error ?? new Error('no answer');
  if (!isStreamed || !fault.message.startsWith(FILTER_ERROR_PREFIX)) return fault;
  return new HttpError(500, fault.message.slice(FILTER_ERROR_PREFIX.length));
}

function how(options: ReadOptions, meta: ReadMeta, streamed: boolean, cache: HeaderList): How {
  return {
    consistency: CONSISTENCY_NAMES[options.consistency],
    backend: streamed ? 'streaming' : 'blocking-query',
    knownLeader: streamed ? false : meta.knownLeader,
    lastContactMs: meta.lastContactMs,
    cache,
  };
}

function failRead<A extends CommonArgs, T>(
  x: ApiExchange,
  spec: ReadSpec<A, T>,
  error: Error,
  isCached: boolean,
): void {
  if (spec.meta && !spec.bareErrors) {
    x.extraHeaders.push(
      ['X-Consul-Index', '1'],
      ['X-Consul-Knownleader', 'false'],
      ['X-Consul-Lastcontact', '0'],
      ['X-Consul-Query-Backend', 'blocking-query'],
    );
  }
  // What is missing is only an error on its way through the cache. Source: answers of the reference.
  const isMissing = error instanceof EndpointError && error.status === 404;
  x.fail(isCached && isMissing ? new HttpError(500, error.message) : error);
}

function metaHeaders(index: number, h: How, effective: boolean): [string, string][] {
  const out: [string, string][] = [
    ['X-Consul-Index', String(index)],
    ['X-Consul-Knownleader', String(h.knownLeader)],
    ['X-Consul-Lastcontact', String(Math.floor(h.lastContactMs))],
    ['X-Consul-Query-Backend', h.backend],
  ];
  if (effective) out.push(['X-Consul-Effective-Consistency', h.consistency]);
  for (const [name, value] of h.cache) out.push([name, value]);
  return out;
}

function sendView<A extends CommonArgs, T>(x: ApiExchange, spec: ReadSpec<A, T>, view: View<T>, h: How): void {
  if (x.answered) return;
  const plain = h.lastContactMs === 0 && h.cache.length === 0;
  if (!plain) {
    const rendered = bodyOf(x, spec, view);
    const headers = spec.meta && !rendered.bare ? metaHeaders(view.index, h, spec.effective === true) : [];
    const type: HeaderList = rendered.type === null ? [] : [['Content-Type', rendered.type]];
    x.send(rendered.status, [...type, ...rendered.headers, ...headers], rendered.bytes);
    return;
  }
  const answer = sharedOf(x, spec, view, h);
  x.shared(answer);
  x.api.remember?.(x.req, view, answer);
}

interface Body {
  readonly status: number;
  readonly type: string | null;
  readonly headers: HeaderList;
  readonly bytes: Uint8Array;
  readonly bare: boolean;
}

/** The path and everything that changes how a value is printed, without what only says how long to wait. */
function variant(x: ApiExchange): string {
  const q = x.query;
  return `${x.path}|${x.layout}|${q.has('raw') ? 'raw' : ''}|${q.has('keys') ? 'keys' : ''}|${q.get('separator')}|${q.has('recurse')}`;
}

function bodyOf<A extends CommonArgs, T>(x: ApiExchange, spec: ReadSpec<A, T>, view: View<T>): Body {
  const key = `body|${variant(x)}`;
  const known = view.memo.get(key) as Body | undefined;
  if (known !== undefined) return known;
  const r = spec.render(view.value, x);
  const isJson = typeof r.body === 'string';
  const body: Body = {
    status: r.status ?? 200,
    type: isJson ? JSON_TYPE : null,
    headers: r.headers ?? [],
    bare: r.bare ?? false,
    bytes: isJson
      ? encoder.encode(layOut(r.body as string, x.layout))
      : ((r.body as Uint8Array | null) ?? new Uint8Array(0)),
  };
  view.memo.set(key, body);
  return body;
}

function sharedOf<A extends CommonArgs, T>(x: ApiExchange, spec: ReadSpec<A, T>, view: View<T>, h: How): SharedAnswer {
  const key = `answer|${view.index}|${h.consistency}|${h.backend}|${h.knownLeader}|${variant(x)}`;
  const known = view.memo.get(key) as SharedAnswer | undefined;
  if (known !== undefined) return known;
  const body = bodyOf(x, spec, view);
  const headers: HeaderList = [
    ...(body.type === null ? [] : ([['Content-Type', body.type]] as const)),
    ...x.commonHeaders(),
    ...body.headers,
    ...(spec.meta && !body.bare ? metaHeaders(view.index, h, spec.effective === true) : []),
  ];
  const answer = new SharedAnswer(body.status, headers, body.bytes);
  view.memo.set(key, answer);
  return answer;
}
