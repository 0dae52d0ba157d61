import type { Http } from './http.ts';
import { type Answer, escapeSegment, type Params, type ReadOptions, type RequestOptions } from './query.ts';
import type {
  CatalogDeregistration,
  CatalogNode,
  CatalogRegistration,
  CatalogService,
  HealthCheck,
  Node,
  NodeService,
  ServiceEntry,
} from './types.ts';

export interface ServiceOptions extends ReadOptions {
  /** Every tag must be present. */
  readonly tags?: readonly string[] | undefined;
  readonly mergeCentralConfig?: boolean | undefined;
}

export interface HealthServiceOptions extends ServiceOptions {
  /** Only instances whose node and service checks are all passing. */
  readonly passing?: boolean | undefined;
  readonly peer?: string | undefined;
}

/** Low-level view of nodes and services. Source: HTTP API documentation, catalog. */
export class Catalog {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  async datacenters(options: ReadOptions = {}): Promise<string[]> {
    return (await this.#http.read<string[]>('/v1/catalog/datacenters', options)).value;
  }

  nodes(options: ReadOptions = {}): Promise<Answer<Node[]>> {
    return this.#http.read('/v1/catalog/nodes', options);
  }

  /** Names of services with the union of their tags. */
  services(options: ReadOptions = {}): Promise<Answer<Record<string, string[]>>> {
    return this.#http.read('/v1/catalog/services', options);
  }

  service(name: string, options: ServiceOptions = {}): Promise<Answer<CatalogService[]>> {
    return this.#http.read(`/v1/catalog/service/${escapeSegment(name)}`, options, serviceParams(options));
  }

  connect(name: string, options: ServiceOptions = {}): Promise<Answer<CatalogService[]>> {
    return this.#http.read(`/v1/catalog/connect/${escapeSegment(name)}`, options, serviceParams(options));
  }

  /** A node with its services, or null when no node has that name. */
  node(name: string, options: ReadOptions = {}): Promise<Answer<CatalogNode | null>> {
    return this.#http.read(`/v1/catalog/node/${escapeSegment(name)}`, options);
  }

  nodeServices(
    name: string,
    options: ReadOptions = {},
  ): Promise<Answer<{ Node: Node | null; Services: NodeService[] | null }>> {
    return this.#http.read(`/v1/catalog/node-services/${escapeSegment(name)}`, options);
  }

  register(registration: CatalogRegistration, options: RequestOptions = {}): Promise<boolean> {
    return this.#http.write('PUT', '/v1/catalog/register', registration, options);
  }

  /** True also for what does not exist. */
  deregister(deregistration: CatalogDeregistration, options: RequestOptions = {}): Promise<boolean> {
    return this.#http.write('PUT', '/v1/catalog/deregister', deregistration, options);
  }
}

/** Nodes and services with their checks. Source: HTTP API documentation, health. */
export class Health {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  node(name: string, options: ReadOptions = {}): Promise<Answer<HealthCheck[]>> {
    return this.#http.read(`/v1/health/node/${escapeSegment(name)}`, options);
  }

  checks(service: string, options: ReadOptions = {}): Promise<Answer<HealthCheck[]>> {
    return this.#http.read(`/v1/health/checks/${escapeSegment(service)}`, options);
  }

  state(state: 'any' | 'passing' | 'warning' | 'critical', options: ReadOptions = {}): Promise<Answer<HealthCheck[]>> {
    return this.#http.read(`/v1/health/state/${escapeSegment(state)}`, options);
  }

  service(name: string, options: HealthServiceOptions = {}): Promise<Answer<ServiceEntry[]>> {
    return this.#http.read(`/v1/health/service/${escapeSegment(name)}`, options, healthParams(options));
  }

  connect(name: string, options: HealthServiceOptions = {}): Promise<Answer<ServiceEntry[]>> {
    return this.#http.read(`/v1/health/connect/${escapeSegment(name)}`, options, healthParams(options));
  }
}

function serviceParams(options: ServiceOptions): Params {
  return { tag: options.tags, 'merge-central-config': options.mergeCentralConfig };
}

function healthParams(options: HealthServiceOptions): Params {
  return { ...serviceParams(options), passing: options.passing ? '1' : undefined, peer: options.peer };
}
