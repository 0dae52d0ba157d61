import { ApiError, ConnectionError } from './errors.ts';
import { encodeJson, parseJson } from './json.ts';
import {
  type Answer,
  encodeParams,
  type Params,
  type ReadOptions,
  type RequestOptions,
  readMeta,
  readParams,
  requestParams,
} from './query.ts';
import { collect, type Transport, type TransportRequest, type TransportResponse } from './transport.ts';

/** The same redirects that Go's client follows, and as many. */
const REDIRECTS_MAX = 10;

/** What the client itself holds; each is a default for every call. */
export interface HttpDefaults {
  readonly token?: string | undefined;
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly partition?: string | undefined;
  readonly stale?: boolean | undefined;
  /** Added to every request, for example `Authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** One call below the typed methods. `path` is encoded already. */
export interface RawRequest {
  readonly method: TransportRequest['method'];
  readonly path: string;
  readonly params?: Params;
  readonly body?: TransportRequest['body'];
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Sends requests with the client's defaults and turns failures into {@link ApiError} and {@link ConnectionError}. */
export class Http {
  readonly #transport: Transport;
  readonly #defaults: HttpDefaults;
  constructor(defaults: HttpDefaults, transport: Transport) {
    this.#defaults = defaults;
    this.#transport = transport;
  }

  /** Sends one request and resolves with whatever status comes back. */
  async raw(request: RawRequest): Promise<TransportResponse> {
    const query = encodeParams(request.params ?? {});
    const headers: Record<string, string> = { ...this.#defaults.headers };
    const token = request.token ?? this.#defaults.token;
    if (token) headers['X-Consul-Token'] = token;
    let path = request.path + (query === '' ? '' : `?${query}`);
    for (let hops = 0; ; hops++) {
      const { method, body, signal } = request;
      let response: TransportResponse;
      try {
        response = await this.#transport.request({ method, path, headers, body, signal });
      } catch (thrown) {
        signal?.throwIfAborted();
        throw new ConnectionError(method, this.#transport.base + path, thrown);
      }
      const next = response.status >= 301 && response.status <= 308 ? response.header('location') : undefined;
      if (next === undefined || !next.startsWith('/') || hops >= REDIRECTS_MAX) return response;
      await collect(response.body);
      path = next;
    }
  }

  /** Sends a request; any status but 2xx (and those of `expect`) is thrown as {@link ApiError}. */
  async send(request: RawRequest, expect: readonly number[] = []): Promise<TransportResponse> {
    const response = await this.raw(request);
    if ((response.status >= 200 && response.status < 300) || expect.includes(response.status)) return response;
    throw new ApiError(response.status, await this.text(response));
  }

  /** Reads JSON. With `missing`, 404 gives that value in place of an error. */
  async read<T>(path: string, options: ReadOptions, params: Params = {}, missing?: { value: T }): Promise<Answer<T>> {
    const response = await this.send(
      {
        method: 'GET',
        path,
        params: { ...readParams(this.#withDefaults(options)), ...params },
        token: options.token,
        signal: options.signal,
      },
      missing ? [404] : [],
    );
    const text = await this.text(response);
    const value = missing && response.status === 404 ? missing.value : (parseJson(text) as T);
    return { value, meta: readMeta(response) };
  }

  /** Sends JSON or bytes and reads the JSON answer; an empty answer is undefined. */
  async write<T>(
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    body: unknown,
    options: RequestOptions = {},
    params: Params = {},
  ): Promise<T> {
    const response = await this.send({
      method,
      path,
      params: { ...requestParams(this.#withDefaults(options)), ...params },
      token: options.token,
      signal: options.signal,
      body: body === undefined ? undefined : encodeBody(body),
    });
    const text = await this.text(response);
    return (text === '' ? undefined : parseJson(text)) as T;
  }

  /** The body of an answer as text. A connection that breaks in the middle is a {@link ConnectionError}. */
  async text(response: TransportResponse): Promise<string> {
    return new TextDecoder().decode(await collect(response.body));
  }

  /** Fills in the client's own datacenter, namespace and so on. */
  #withDefaults<T extends ReadOptions>(options: T): T {
    const { datacenter, namespace, partition, stale } = this.#defaults;
    return {
      ...options,
      datacenter: options.datacenter ?? datacenter,
      namespace: options.namespace ?? namespace,
      partition: options.partition ?? partition,
      stale: options.stale ?? (options.consistent ? undefined : stale),
    };
  }

  /** The parameters of the options with the client's defaults, for calls that build their own request. */
  paramsOf(options: ReadOptions): Params {
    return readParams(this.#withDefaults(options));
  }
}

function encodeBody(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === 'string' ? body : encodeJson(body));
}
