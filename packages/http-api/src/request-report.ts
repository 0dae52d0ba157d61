import { formatDuration, type Labels, type Millis } from '@proconsul/base';
import type { AgentApi } from './agent-api.ts';
import type { ApiExchange, Witness } from './api-exchange.ts';
import type { ApiContext } from './context.ts';
import type { FrontRequest } from './exchange.ts';
import type { Route } from './route.ts';

/** Secrets in a request target. */
const SECRET = /([?&]token=)[^&]*/g;

/** Methods of one route whose labels are kept. */
export const METHODS_KEPT_MAX = 16;

/** The target as logs show it. */
const shown = (target: string): string => target.replace(SECRET, '$1<hidden>');

const fromOf = (req: FrontRequest): string => `${req.remote.host}:${req.remote.port}`;

type ReportContext = Pick<ApiContext, 'clock' | 'log' | 'metrics'> & { readonly agent: Pick<AgentApi, 'nodeName'> };

/** Requests about the catalog are counted one by one. Source: metrics of the reference. */
const CATALOG_OPERATIONS: Readonly<Record<string, string>> = {
  '/v1/catalog/register': 'catalog_register',
  '/v1/catalog/deregister': 'catalog_deregister',
  '/v1/catalog/datacenters': 'catalog_datacenters',
  '/v1/catalog/nodes': 'catalog_nodes',
  '/v1/catalog/services': 'catalog_services',
  '/v1/catalog/service/': 'catalog_service_nodes',
  '/v1/catalog/node/': 'catalog_node_services',
  '/v1/catalog/node-services/': 'catalog_node_service_list',
  '/v1/catalog/gateway-services/': 'catalog_gateway_services',
};

/**
 * Tells of every routed request: the time it took by method and path of its route as `api.http`, and a log line.
 * Source: telemetry documentation; recorded lines.
 */
export class RequestReport {
  readonly #api: ReportContext;
  readonly #node: Labels;
  /** One object for each method and route, so that the sink knows it again. */
  readonly #labels = new Map<Route, Map<string, Labels>>();
  readonly #witnesses = new Map<Route, Witness>();

  constructor(api: ReportContext) {
    this.#api = api;
    this.#node = { node: api.agent.nodeName };
  }

  /** What requests of a route tell. */
  witness(route: Route): Witness {
    let witness = this.#witnesses.get(route);
    if (witness === undefined) {
      const operation = CATALOG_OPERATIONS[route.path];
      // Told of an error, right before its answer.
      let failing: ApiExchange | undefined;
      witness = {
        answered: (x) => {
          this.finished(x.req, this.labels(route, x.req.method), x.startedAt);
          if (operation !== undefined) this.#count(operation, failing !== x);
          failing = undefined;
        },
        failed: (x, message) => {
          failing = x;
          this.failed(x.req, message);
        },
      };
      this.#witnesses.set(route, witness);
    }
    return witness;
  }

  #count(operation: string, isSuccess: boolean): void {
    this.#api.metrics.count(`client.api.${operation}`, 1, this.#node);
    if (isSuccess) this.#api.metrics.count(`client.api.success.${operation}`, 1, this.#node);
  }

  labels(route: Route, method: string): Labels {
    let byMethod = this.#labels.get(route);
    if (byMethod === undefined) {
      byMethod = new Map();
      this.#labels.set(route, byMethod);
    }
    let labels = byMethod.get(method);
    if (labels === undefined) {
      labels = { method, path: route.path.slice(1).replaceAll('/', '_') };
      // Methods are the client's to invent.
      if (byMethod.size < METHODS_KEPT_MAX) byMethod.set(method, labels);
    }
    return labels;
  }

  finished(req: FrontRequest, labels: Labels, startedAt: Millis): void {
    const { clock, log, metrics } = this.#api;
    const ms = clock.now() - startedAt;
    metrics.sample('api.http', ms, labels);
    if (log.enabled?.('DEBUG') === false) return;
    const latency = formatDuration(Math.round(ms * 1e6));
    log.debug('Request finished', { method: req.method, url: shown(req.target), from: fromOf(req), latency });
  }

  failed(req: FrontRequest, error: string): void {
    this.#api.log.error('Request error', { method: req.method, url: shown(req.target), from: fromOf(req), error });
  }

  tokenInQuery(req: FrontRequest): void {
    this.#api.log.warn(
      'This request used the token query parameter which is deprecated and will be removed in a future Consul version',
      { logUrl: shown(req.target) },
    );
  }
}
