import { ApiError } from './errors.ts';
import type { Http } from './http.ts';
import { parseJson } from './json.ts';
import { type Answer, escapeSegment, type Params, type ReadOptions, type RequestOptions } from './query.ts';
import type { TransportResponse } from './transport.ts';
import type {
  AgentCheckRegistration,
  AgentSelf,
  AgentService,
  AgentServiceHealth,
  AgentServiceRegistration,
  CheckStatus,
  HealthCheck,
  Member,
} from './types.ts';

export interface MembersOptions extends ReadOptions {
  readonly wan?: boolean | undefined;
  /** A network segment; `_all` asks for all of them. */
  readonly segment?: string | undefined;
}

/** Statuses of `/v1/agent/health`: they tell the health, and are no errors. */
const HEALTH_STATUSES = [404, 429, 503];

/** The local agent. Source: HTTP API documentation, agent. */
export class Agent {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  async self(options: ReadOptions = {}): Promise<AgentSelf> {
    return (await this.#http.read<AgentSelf>('/v1/agent/self', options)).value;
  }

  /** What the agent knows about its machine. */
  async host(options: ReadOptions = {}): Promise<Record<string, unknown>> {
    return (await this.#http.read<Record<string, unknown>>('/v1/agent/host', options)).value;
  }

  async version(options: ReadOptions = {}): Promise<Record<string, unknown>> {
    return (await this.#http.read<Record<string, unknown>>('/v1/agent/version', options)).value;
  }

  async metrics(options: ReadOptions = {}): Promise<Record<string, unknown>> {
    return (await this.#http.read<Record<string, unknown>>('/v1/agent/metrics', options)).value;
  }

  /** Empty where a client agent, which is in no pool of the WAN, is asked for that. */
  async members(options: MembersOptions = {}): Promise<Member[]> {
    const params: Params = { wan: options.wan ? '1' : undefined, segment: options.segment };
    return (await this.#http.read<Member[] | null>('/v1/agent/members', options, params)).value ?? [];
  }

  async services(options: ReadOptions = {}): Promise<Record<string, AgentService>> {
    return (await this.#http.read<Record<string, AgentService>>('/v1/agent/services', options)).value;
  }

  async checks(options: ReadOptions = {}): Promise<Record<string, HealthCheck>> {
    return (await this.#http.read<Record<string, HealthCheck>>('/v1/agent/checks', options)).value;
  }

  /** One service; blocks while its content hash stays `options.hash`. */
  service(id: string, options: ReadOptions = {}): Promise<Answer<AgentService>> {
    return this.#http.read(`/v1/agent/service/${escapeSegment(id)}`, options);
  }

  /** The health of one local service instance; undefined when the agent does not have it. */
  async serviceHealth(id: string, options: ReadOptions = {}): Promise<AgentServiceHealth | undefined> {
    const response = await this.#http.send(
      {
        method: 'GET',
        path: `/v1/agent/health/service/id/${escapeSegment(id)}`,
        params: this.#http.paramsOf(options),
        token: options.token,
        signal: options.signal,
      },
      HEALTH_STATUSES,
    );
    const text = await this.#http.text(response);
    if (response.status === 404) return undefined;
    return parseJson(text) as AgentServiceHealth;
  }

  registerService(
    registration: AgentServiceRegistration,
    options: RequestOptions & { readonly replaceExistingChecks?: boolean } = {},
  ): Promise<void> {
    return this.#put('/v1/agent/service/register', registration, options, {
      'replace-existing-checks': options.replaceExistingChecks ? 'true' : undefined,
    });
  }

  deregisterService(id: string, options: RequestOptions = {}): Promise<void> {
    return this.#put(`/v1/agent/service/deregister/${escapeSegment(id)}`, undefined, options);
  }

  registerCheck(registration: AgentCheckRegistration, options: RequestOptions = {}): Promise<void> {
    return this.#put('/v1/agent/check/register', registration, options);
  }

  deregisterCheck(id: string, options: RequestOptions = {}): Promise<void> {
    return this.#put(`/v1/agent/check/deregister/${escapeSegment(id)}`, undefined, options);
  }

  /** Reports the state of a TTL check. */
  updateTtl(checkId: string, status: CheckStatus, output = '', options: RequestOptions = {}): Promise<void> {
    return this.#put(`/v1/agent/check/update/${escapeSegment(checkId)}`, { Status: status, Output: output }, options);
  }

  /** Turns maintenance mode of the whole node on or off. */
  nodeMaintenance(enable: boolean, reason = '', options: RequestOptions = {}): Promise<void> {
    return this.#put('/v1/agent/maintenance', undefined, options, maintenanceParams(enable, reason));
  }

  serviceMaintenance(id: string, enable: boolean, reason = '', options: RequestOptions = {}): Promise<void> {
    return this.#put(
      `/v1/agent/service/maintenance/${escapeSegment(id)}`,
      undefined,
      options,
      maintenanceParams(enable, reason),
    );
  }

  join(address: string, options: RequestOptions & { readonly wan?: boolean | undefined } = {}): Promise<void> {
    return this.#put(`/v1/agent/join/${escapeSegment(address)}`, undefined, options, {
      wan: options.wan ? '1' : undefined,
    });
  }

  leave(options: RequestOptions = {}): Promise<void> {
    return this.#put('/v1/agent/leave', undefined, options);
  }

  forceLeave(
    node: string,
    options: RequestOptions & { readonly prune?: boolean | undefined; readonly wan?: boolean | undefined } = {},
  ): Promise<void> {
    return this.#put(`/v1/agent/force-leave/${escapeSegment(node)}`, undefined, options, {
      prune: options.prune ? '1' : undefined,
      wan: options.wan ? '1' : undefined,
    });
  }

  reload(options: RequestOptions = {}): Promise<void> {
    return this.#put('/v1/agent/reload', undefined, options);
  }

  /** Log lines from now on, as bytes, until `signal` aborts or the agent goes away. */
  monitor(options: RequestOptions & { readonly logLevel?: string; readonly logJson?: boolean } = {}): Stream {
    const params: Params = { loglevel: options.logLevel, logjson: options.logJson };
    return this.#stream('/v1/agent/monitor', options, params);
  }

  /** Metrics of each interval, as concatenated JSON objects, until `signal` aborts. */
  metricsStream(options: RequestOptions = {}): Stream {
    return this.#stream('/v1/agent/metrics/stream', options, {});
  }

  /** A profile of the agent's own process, as it comes. */
  async pprof(name: string, seconds: number, options: RequestOptions = {}): Promise<TransportResponse> {
    const params: Params = { seconds: seconds > 0 ? seconds : undefined };
    return this.#http.send({ method: 'GET', path: `/debug/pprof/${name}`, params, ...signalOf(options) });
  }

  #stream(path: string, options: RequestOptions, params: Params): Stream {
    return this.#http
      .send({
        method: 'GET',
        path,
        params: { ...this.#http.paramsOf(options), ...params },
        token: options.token,
        ...signalOf(options),
      })
      .then((response) => response.body);
  }

  async #put(path: string, body: unknown, options: RequestOptions, params: Params = {}): Promise<void> {
    const response = await this.#http.send({
      method: 'PUT',
      path,
      params: { ...this.#http.paramsOf(options), ...params },
      token: options.token,
      body: body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body)),
      ...signalOf(options),
    });
    await this.#http.text(response);
  }
}

export type Stream = Promise<AsyncIterable<Uint8Array>>;

/** The reason is sent even when it is empty, as stock clients do. */
function maintenanceParams(enable: boolean, reason: string): Params {
  return enable ? { enable: 'true', reason: [reason] } : { enable: 'false' };
}

const signalOf = (options: RequestOptions): { signal?: AbortSignal } =>
  options.signal ? { signal: options.signal } : {};

/** Whether the agent said that the thing asked for does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
