import type { AddressReader } from './addresses.ts';
import type { Reader } from './reader.ts';
import type { RuntimeConfig } from './runtime.ts';

const PROMETHEUS_PATHS = ['/api/v1/query', '/api/v1/query_range'];

export function dnsAndUi(
  reader: Reader,
  given: { recursors: string[]; serviceTtlMs: Record<string, number>; hcpEnabled: boolean },
) {
  const number = reader.number.bind(reader);
  const withDot = (domain: string) => (domain === '' || domain.endsWith('.') ? domain : `${domain}.`);
  return {
    dns: {
      domain: withDot(reader.text('domain')),
      altDomain: withDot(reader.text('alt_domain')),
      domainWritten: reader.text('domain'),
      altDomainWritten: reader.text('alt_domain'),
      allowStale: reader.bool('dns_config.allow_stale'),
      maxStaleMs: reader.ms('dns_config.max_stale'),
      nodeTtlMs: reader.ms('dns_config.node_ttl'),
      serviceTtlMs: given.serviceTtlMs,
      enableTruncate: reader.bool('dns_config.enable_truncate'),
      onlyPassing: reader.bool('dns_config.only_passing'),
      recursors: given.recursors,
      recursorStrategy: recursorStrategy(reader),
      recursorTimeoutMs: reader.ms('dns_config.recursor_timeout'),
      disableCompression: reader.bool('dns_config.disable_compression'),
      udpAnswerLimit: number('dns_config.udp_answer_limit'),
      aRecordLimit: number('dns_config.a_record_limit'),
      nodeMetaTxt: reader.bool('dns_config.enable_additional_node_meta_txt'),
      soa: {
        refresh: number('dns_config.soa.refresh'),
        retry: number('dns_config.soa.retry'),
        expire: number('dns_config.soa.expire'),
        minTtl: number('dns_config.soa.min_ttl'),
      },
      useCache: reader.bool('dns_config.use_cache'),
      cacheMaxAgeMs: reader.ms('dns_config.cache_max_age'),
    },
    ui: buildUi(reader, given.hcpEnabled),
  };
}

function buildUi(reader: Reader, hcpEnabled: boolean): RuntimeConfig['ui'] {
  const path = reader.text('ui_config.content_path');
  const provider = reader.text('ui_config.metrics_provider');
  const allowlist = reader.list('ui_config.metrics_proxy.path_allowlist');
  const usesPrometheus = provider === 'prometheus' && allowlist.length === 0;
  const headers = (reader.raw('ui_config.metrics_proxy.add_headers') ?? []) as { name?: string; value?: string }[];
  return {
    enabled: reader.bool('ui_config.enabled'),
    dir: reader.text('ui_config.dir'),
    contentPath: `/${path.replace(/^\/+|\/+$/g, '')}/`.replace('//', '/'),
    metricsProvider: provider,
    metricsProviderFiles: reader.list('ui_config.metrics_provider_files'),
    metricsProviderOptionsJson: reader.text('ui_config.metrics_provider_options_json'),
    metricsProxy: {
      baseUrl: reader.text('ui_config.metrics_proxy.base_url'),
      addHeaders: headers.map(({ name = '', value = '' }) => ({ name, value })),
      pathAllowlist: usesPrometheus ? PROMETHEUS_PATHS : allowlist,
    },
    dashboardUrlTemplates: reader.map('ui_config.dashboard_url_templates'),
    hcpEnabled,
  };
}

export function expandRecursors(reader: Reader, addresses: AddressReader): string[] {
  const out = reader.list('recursors').flatMap((item, index) => {
    const { text, error } = addresses.expand(item);
    if (error !== undefined) {
      throw reader.error(`recursors[${index}]`, `Invalid DNS recursor template ${JSON.stringify(item)}: ${error}`);
    }
    return text.split(/\s+/).filter((part) => part !== '');
  });
  return [...new Set(out)];
}

function recursorStrategy(reader: Reader): 'sequential' | 'random' {
  const word = reader.text('dns_config.recursor_strategy') || 'sequential';
  if (word === 'sequential' || word === 'random') return word;
  reader.problem(
    'dns_config.recursor_strategy',
    `dns_config.recursor_strategy: invalid strategy: ${JSON.stringify(word)}`,
  );
  return 'sequential';
}

export function buildServiceTtls(reader: Reader): Record<string, number> {
  const entries = Object.entries(reader.map('dns_config.service_ttl')).map(([name, text]): [string, number] => {
    const path = `dns_config.service_ttl[${name}]`;
    return [name, (reader.duration(text, `dns_config.service_ttl[${JSON.stringify(name)}]`, path) ?? 0) / 1e6];
  });
  return Object.fromEntries(entries);
}
