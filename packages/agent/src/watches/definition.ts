import { durationError, type Millis, parseDuration } from '@proconsul/base';
import { goKind, goSyntax } from './go-syntax.ts';
import type { WatchType } from './shapes.ts';

/** A watch of the configuration that cannot be run; the message is the reference agent's. */
export class WatchError extends Error {
  override readonly name = 'WatchError';
}

/** What to run when the result changes. */
export type WatchHandler =
  | { readonly kind: 'args'; readonly args: readonly string[] }
  | { readonly kind: 'shell'; readonly command: string }
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly method: string;
      readonly timeoutMs: Millis;
      readonly headers: Readonly<Record<string, readonly string[]>>;
      readonly tlsSkipVerify: boolean;
    };

/** A watch that can be run: what to read of the agent's HTTP API, and what to do with it. */
export interface WatchPlan {
  readonly type: WatchType;
  /** Encoded. */
  readonly path: string;
  readonly params: Readonly<Record<string, string | boolean | readonly string[]>>;
  readonly token: string;
  readonly handler: WatchHandler;
}

type Fields = Record<string, unknown>;

export const HTTP_TIMEOUT_MS: Millis = 10_000;

/** Members that say what to run; the others say what to watch. */
const HANDLER_FIELDS = ['handler', 'args'];

/** Takes members out of a definition, so that what nobody has asked for is left at the end. */
class Taker {
  readonly left: Fields;
  constructor(fields: Fields) {
    this.left = { ...fields };
  }

  take(name: string): unknown {
    const value = this.left[name];
    delete this.left[name];
    return value;
  }

  text(name: string): string {
    const value = onlyItem(this.left[name]);
    if (value !== undefined && typeof value !== 'string') throw new WatchError(`Expecting ${name} to be a string`);
    delete this.left[name];
    return value ?? '';
  }

  flag(name: string): boolean {
    const value = this.left[name];
    if (value !== undefined && typeof value !== 'boolean') throw new WatchError(`Expecting ${name} to be a boolean`);
    delete this.left[name];
    return value ?? false;
  }

  /** One string or a list of strings. */
  texts(name: string): readonly string[] {
    const value = this.left[name];
    if (value !== undefined && typeof value !== 'string' && !Array.isArray(value)) {
      throw new WatchError(`Expecting ${name} to be a string or []string`);
    }
    const list: readonly unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value];
    const wrong = list.findIndex((item) => typeof item !== 'string');
    if (wrong >= 0) throw new WatchError(`Index ${wrong} of ${name} expected to be string`);
    delete this.left[name];
    return list as readonly string[];
  }
}

const onlyItem = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 ? value[0] : value);
const isTexts = (list: readonly unknown[]): list is readonly string[] => list.every((item) => typeof item === 'string');
const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Encodes a key or name into a path; slashes stay. */
const pathOf = (text: string): string => encodeURI(text.replace(/^\//, '')).replace(/[?#]/g, encodeURIComponent);

function need(what: string, value: string): string {
  if (value === '') throw new WatchError(`Must specify a single ${what} to watch`);
  return value;
}

type Request = Pick<WatchPlan, 'path' | 'params'>;

/** What each type takes out of the definition, in the order in which its members are checked. */
const REQUESTS: Readonly<Record<WatchType, (t: Taker) => Request>> = {
  key: (t) => {
    const stale = t.flag('stale');
    return { path: `/v1/kv/${pathOf(need('key', t.text('key')))}`, params: { stale } };
  },
  keyprefix: (t) => {
    const stale = t.flag('stale');
    return { path: `/v1/kv/${pathOf(need('prefix', t.text('prefix')))}`, params: { stale, recurse: true } };
  },
  services: (t) => ({ path: '/v1/catalog/services', params: { stale: t.flag('stale'), filter: t.text('filter') } }),
  nodes: (t) => ({ path: '/v1/catalog/nodes', params: { stale: t.flag('stale'), filter: t.text('filter') } }),
  service: (t) => {
    const stale = t.flag('stale');
    const name = need('service', t.text('service'));
    const tag = t.texts('tag');
    const passing = t.flag('passingonly');
    const params = { stale, tag, passing: passing ? '1' : '', filter: t.text('filter') };
    return { path: `/v1/health/service/${pathOf(name)}`, params };
  },
  checks: (t) => {
    const stale = t.flag('stale');
    const service = t.text('service');
    const state = t.text('state');
    if (service !== '' && state !== '') throw new WatchError('Cannot specify service and state');
    const path = service === '' ? `/v1/health/state/${pathOf(state || 'any')}` : `/v1/health/checks/${pathOf(service)}`;
    return { path, params: { stale, filter: t.text('filter') } };
  },
  event: (t) => ({ path: '/v1/event/list', params: { name: t.text('name') } }),
  agent_service: (t) => ({
    path: `/v1/agent/service/${pathOf(need('service ID', t.text('service_id')))}`,
    params: {},
  }),
};

const isWatchType = (type: string): type is WatchType => Object.hasOwn(REQUESTS, type);

/**
 * Checks one entry of `watches`. Throws WatchError.
 * Source: watches page of the documentation; texts, and their order when several things are wrong, recorded.
 */
export function parseWatch(definition: Fields): WatchPlan {
  const type = definition['type'];
  if (typeof type === 'string' && type.startsWith('connect_')) {
    throw new WatchError(`Watch type ${type} is not allowed in agent config`);
  }
  const handlerType = definition['handler_type'] ?? 'script';
  if (handlerType !== 'http' && handlerType !== 'script') {
    const shown = typeof handlerType === 'string' ? handlerType : `%!s(${goKind(handlerType)}=${String(handlerType)})`;
    throw new WatchError(`Handler type '${shown}' not recognized`);
  }
  const taker = new Taker({ ...definition, handler_type: handlerType });
  let request: Request & Pick<WatchPlan, 'type' | 'token'>;
  let http: WatchHandler | undefined;
  try {
    const datacenter = taker.text('datacenter');
    const token = taker.text('token');
    const word = String(taker.take('type') ?? '');
    if (word === '') throw new WatchError('Watch type must be specified');
    taker.take('handler_type');
    if (handlerType === 'http') http = httpHandler(taker);
    if (!isWatchType(word)) throw new WatchError(`Unsupported watch type: ${word}`);
    const { path, params } = REQUESTS[word](taker);
    request = { type: word, path, params: { ...params, dc: datacenter }, token };
    for (const name of HANDLER_FIELDS) taker.take(name);
    const unused = Object.keys(taker.left);
    if (unused.length > 0) throw new WatchError(`Invalid parameters: [${unused.join(' ')}]`);
  } catch (error) {
    if (!(error instanceof WatchError)) throw error;
    throw new WatchError(`Failed to parse watch (${goSyntax(taker.left)}): ${error.message}`);
  }
  return { ...request, handler: handlerOf(definition, http) };
}

/** The one handler of a definition: `args`, `handler`, or what `httpHandler` has read. Throws WatchError. */
function handlerOf(definition: Fields, http: WatchHandler | undefined): WatchHandler {
  const { handler, args } = definition;
  if (handler !== undefined && typeof handler !== 'string') throw new WatchError('Watch handler must be a string');
  const list = typeof args === 'string' ? [args] : args;
  if (list !== undefined && !(Array.isArray(list) && isTexts(list))) {
    throw new WatchError('Watch args must be a list of strings');
  }
  const given = [handler !== undefined, list !== undefined, http !== undefined].filter(Boolean).length;
  if (given === 0) throw new WatchError('Must define a watch handler');
  if (given > 1) throw new WatchError('Only one watch handler allowed');
  if (http !== undefined) return http;
  return list === undefined ? { kind: 'shell', command: handler as string } : { kind: 'args', args: list };
}

function httpHandler(taker: Taker): WatchHandler {
  const config = onlyItem(taker.left['http_handler_config']);
  if (config === undefined) throw new WatchError("Handler type 'http' requires 'http_handler_config' to be set");
  const fail = (reason: string): never => {
    throw new WatchError(`Failed to parse 'http_handler_config': ${reason}`);
  };
  if (!isMap(config)) return fail(`'' expected a map, got '${goKind(config)}'`);
  const problems = [...typeProblems(config)].sort();
  if (problems.length > 0) {
    return fail(`${problems.length} error(s) decoding:\n\n${problems.map((p) => `* ${p}`).join('\n')}`);
  }
  const { path = '', method = '', timeout = '', header = {}, tls_skip_verify: tlsSkipVerify = false } = config;
  if (path === '') return fail("Requires 'path' to be set");
  const ns = timeout === '' ? HTTP_TIMEOUT_MS * 1e6 : parseDuration(timeout as string);
  if (ns === undefined) return fail(`Failed to parse timeout: ${durationError(timeout as string)}`);
  taker.take('http_handler_config');
  return {
    kind: 'http',
    url: path as string,
    method: (method as string) || 'POST',
    timeoutMs: ns > 0 ? ns / 1e6 : HTTP_TIMEOUT_MS,
    headers: header as Readonly<Record<string, readonly string[]>>,
    tlsSkipVerify: tlsSkipVerify as boolean,
  };
}

const HTTP_FIELD_TYPES: Readonly<Record<string, 'string' | 'bool'>> = {
  path: 'string',
  method: 'string',
  timeout: 'string',
  tls_skip_verify: 'bool',
};

const wrongType = (where: string, wanted: string, value: unknown): string =>
  `'${where}' expected type '${wanted}', got unconvertible type '${goKind(value)}', value: '${String(value)}'`;

function* typeProblems(config: Fields): Generator<string> {
  for (const [name, wanted] of Object.entries(HTTP_FIELD_TYPES)) {
    const value = config[name];
    if (value !== undefined && goKind(value) !== wanted) yield wrongType(name, wanted, value);
  }
  const { header } = config;
  if (header === undefined) return;
  if (!isMap(header)) {
    yield `'header' expected a map, got '${goKind(header)}'`;
    return;
  }
  for (const [name, values] of Object.entries(header)) {
    if (!Array.isArray(values)) {
      yield `'header[${name}]': source data must be an array or slice, got ${goKind(values)}`;
      continue;
    }
    for (const [index, value] of values.entries()) {
      if (typeof value !== 'string') yield wrongType(`header[${name}][${index}]`, 'string', value);
    }
  }
}
