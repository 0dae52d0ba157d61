import { formatDuration, type Labels, type Millis } from '@proconsul/base';
import type { Witness } from './api-exchange.ts';
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

/**
 * Tells of every routed request: the time it took by method and path of its route as `api.http`, and a log line.
 * Source: telemetry documentation; recorded lines.
 */
export class RequestReport {
  readonly #api: Pick<ApiContext, 'clock' | 'log' | 'metrics'>;
  /** One object for each method and route, so that the sink knows it again. */
  readonly #labels = new Map<Route, Map<string, Labels>>();
  readonly #witnesses = new Map<Route, Witness>();

  constructor(api: Pick<ApiContext, 'clock' | 'log' | 'metrics'>) {
    this.#api = api;
  }

  /** What requests of a route tell. */
  witness(route: Route): Witness {
    let witness = this.#witnesses.get(route);
    if (witness === undefined) {
      witness = {
        answered: ({ req, startedAt }) => this.finished(req, this.labels(route, req.method), startedAt),
        failed: ({ req }, message) => this.failed(req, message),
      };
      this.#witnesses.set(route, witness);
    }
    return witness;
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
