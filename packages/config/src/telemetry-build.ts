import type { Reader } from './reader.ts';
import type { RuntimeConfig } from './runtime.ts';

/** Blocked unless a rule allows it by its full name, because it has one series for each kind of request. */
const BLOCKED_BY_DEFAULT = 'rpc.server.call';
const CIRCONUS_KEYS = [
  ...(['api_app', 'api_token', 'api_url', 'broker_id', 'broker_select_tag', 'check_display_name'] as const),
  ...(['check_force_metric_activation', 'check_id', 'check_instance_id', 'check_search_tag', 'check_tags'] as const),
  ...(['submission_interval', 'submission_url'] as const),
] as const;

/** Which metrics pass, by the start of their names. */
export interface Prefixes {
  readonly allowed: readonly string[];
  readonly blocked: readonly string[];
}

/** Reads `prefix_filter`; warns about rules that say nothing. */
export function filterPrefixes(reader: Reader, warn: (text: string) => void): Prefixes {
  const prefix = reader.text('telemetry.metrics_prefix');
  const { allowed, blocked } = filterRules(reader.list('telemetry.prefix_filter'), warn);
  const quiet = `${prefix}.${BLOCKED_BY_DEFAULT}`;
  if (!allowed.includes(quiet)) blocked.push(quiet);
  return { allowed, blocked };
}

/** Resolves the `telemetry` stanza. */
export function buildTelemetry(reader: Reader, { allowed, blocked }: Prefixes): RuntimeConfig['telemetry'] {
  return {
    metricsPrefix: reader.text('telemetry.metrics_prefix'),
    disableHostname: reader.bool('telemetry.disable_hostname'),
    filterDefault: reader.bool('telemetry.filter_default'),
    allowedPrefixes: allowed,
    blockedPrefixes: blocked,
    prometheusRetentionMs: reader.ms('telemetry.prometheus_retention_time'),
    statsdAddress: reader.text('telemetry.statsd_address'),
    statsiteAddress: reader.text('telemetry.statsite_address'),
    dogstatsdAddr: reader.text('telemetry.dogstatsd_addr'),
    dogstatsdTags: reader.list('telemetry.dogstatsd_tags'),
    circonus: Object.fromEntries(CIRCONUS_KEYS.map((key) => [key, reader.text(`telemetry.circonus_${key}`)])),
    retryFailedConnection: reader.bool('telemetry.retry_failed_connection'),
    disablePerTenancyUsageMetrics: reader.bool('telemetry.disable_per_tenancy_usage_metrics'),
    enableHostMetrics: reader.bool('telemetry.enable_host_metrics'),
  };
}

function filterRules(rules: readonly string[], warn: (text: string) => void) {
  const allowed: string[] = [];
  const blocked: string[] = [];
  for (const rule of rules) {
    if (rule === '') warn('Cannot have empty filter rule in prefix_filter');
    else if (rule.startsWith('+')) allowed.push(rule.slice(1));
    else if (rule.startsWith('-')) blocked.push(rule.slice(1));
    else warn(`Filter rule must begin with either '+' or '-': ${JSON.stringify(rule)}`);
  }
  return { allowed, blocked };
}
