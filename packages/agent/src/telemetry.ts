import { hostname } from 'node:os';
import type { Clock, Log } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { hostGauges, MetricsSink, PrometheusRegistry, runtimeGauges, startPushSinks } from './observe/index.ts';

/** The metrics of the process and everything that reads or sends them. */
export class Telemetry {
  readonly metrics: MetricsSink;
  readonly #prometheus: PrometheusRegistry | null;
  /** Undefined: the process is shared, its memory tells nothing about this agent. */
  readonly #runtime: ReturnType<typeof runtimeGauges> | undefined;
  #stopSinks = () => {};

  constructor(config: RuntimeConfig, clock: Clock, ownsProcess = true) {
    const t = config.telemetry;
    this.metrics = new MetricsSink(
      {
        prefix: t.metricsPrefix,
        hostname: t.disableHostname ? '' : hostname(),
        filterDefault: t.filterDefault,
        allowed: t.allowedPrefixes,
        blocked: t.blockedPrefixes,
        prometheusRetentionMs: t.prometheusRetentionMs,
      },
      clock,
    );
    this.#prometheus =
      t.prometheusRetentionMs > 0
        ? new PrometheusRegistry(t.prometheusRetentionMs, t.metricsPrefix, clock, { server: config.server })
        : null;
    if (this.#prometheus !== null) this.metrics.observe(this.#prometheus.observe);
    this.#runtime = ownsProcess ? runtimeGauges(this.metrics) : undefined;
    if (this.#runtime !== undefined) this.metrics.collectWith(this.#runtime.collect);
    if (t.enableHostMetrics) this.metrics.collectWith(hostGauges(this.metrics, config.dataDir));
  }

  /** Rejects when a sink that must be there is not. */
  async start(config: RuntimeConfig, dependencies: { readonly clock: Clock; readonly log: Log }): Promise<void> {
    this.#stopSinks = await startPushSinks(config.telemetry, this.metrics, dependencies);
    this.metrics.start();
  }

  /** Takes the prefix rules of a new configuration over; the rest needs a restart. */
  reload(config: RuntimeConfig): void {
    const { filterDefault, allowedPrefixes, blockedPrefixes } = config.telemetry;
    this.metrics.setFilter({ filterDefault, allowed: allowedPrefixes, blocked: blockedPrefixes });
  }

  /** The exposition text, or null while it is turned off. */
  prometheusText(): string | null {
    return this.#prometheus?.text() ?? null;
  }

  stop(): void {
    this.metrics.stop();
    this.#runtime?.stop();
    this.#stopSinks();
  }
}
