import { firstBadBase64, quoteGo } from '@proconsul/base';
import { metaFault } from '@proconsul/schema';
import { isAnyAddress } from './addresses.ts';
import { checkClashes } from './network-build.ts';
import type { Reader } from './reader.ts';
import type { RuntimeConfig } from './runtime.ts';
import type { SettingKey } from './settings.ts';

/** What validation asks of the machine. */
export interface ValidateContext {
  readonly reader: Reader;
  /** What is at a path; undefined when nothing is. */
  readonly stat: (path: string) => 'file' | 'directory' | undefined;
  /** Most file descriptors that a process may open; undefined when not known. */
  readonly maxFileDescriptors: number | undefined;
  readonly warn: (text: string) => void;
}

const LABELS = ['service', 'connect', 'node', 'query', 'addr'];

/** What Consul checks before it reports collected problems. Throws ConfigError; order and texts are Consul's. */
export function validateBasics(config: RuntimeConfig, context: ValidateContext): void {
  const { reader } = context;
  const refuse = (key: SettingKey, isWrong: boolean, text: () => string) => {
    if (isWrong) throw reader.error(key, text());
  };
  refuse('raft_protocol', config.raftProtocol !== 3, () => {
    return `raft_protocol version ${config.raftProtocol} is not supported by this version of Consul`;
  });
  refuse('datacenter', config.datacenter === '', () => 'datacenter cannot be empty');
  refuse('datacenter', !/^[a-z0-9_-]+$/.test(config.datacenter), () => {
    const rule = 'datacenter can only contain lowercase alphanumeric, - or _ characters.';
    return `${rule} received: ${quoteGo(config.datacenter)}`;
  });
  refuse('data_dir', config.dataDir === '' && !config.devMode, () => 'data_dir cannot be empty');
  validateUi(config, refuse);
  validateDataDir(config, context);
  refuse('node_name', config.nodeName === '', () => 'node_name cannot be empty');
  refuse('locality.zone', config.locality?.Region === '', () => {
    return 'locality is invalid: zone cannot be set without region';
  });
  validateAddresses(config, context);
  validateBootstrap(config, context);
  validateLimits(config, context);
  validateFederation(config, context);
  validateLogStore(config, context);
  checkClashes(config);
}

type Refuse = (key: SettingKey, isWrong: boolean, text: () => string) => void;

/** Throws an error about a setting when something is wrong with it. */
export function refuser({ reader }: ValidateContext): Refuse {
  return (key, isWrong, text) => {
    if (isWrong) throw reader.error(key, text());
  };
}

function validateUi({ ui }: RuntimeConfig, refuse: Refuse): void {
  refuse('ui_config.content_path', !/^[A-Za-z0-9/_-]*$/.test(ui.contentPath), () => {
    return `ui-content-path can only contain alphanumeric, -, _, or /. received: ${quoteGo(ui.contentPath)}`;
  });
  refuse('ui_config.content_path', /v[0-9]/.test(ui.contentPath), () => {
    return `ui-content-path cannot have 'v[0-9]'. received: ${quoteGo(ui.contentPath)}`;
  });
  refuse('ui_config.metrics_provider', !/^[a-z0-9_-]*$/.test(ui.metricsProvider), () => {
    const rule = 'ui_config.metrics_provider can only contain lowercase alphanumeric, - or _ characters.';
    return `${rule} received: ${quoteGo(ui.metricsProvider)}`;
  });
  refuse('ui_config.metrics_provider_options_json', !isJsonObject(ui.metricsProviderOptionsJson), () => {
    const rule = 'ui_config.metrics_provider_options_json must be empty or a string containing a valid JSON object.';
    return `${rule} received: ${quoteGo(ui.metricsProviderOptionsJson)}`;
  });
  const { baseUrl, pathAllowlist } = ui.metricsProxy;
  refuse('ui_config.metrics_proxy.base_url', baseUrl !== '' && !/^https?:\/\/[^\s/]/i.test(baseUrl), () => {
    return `ui_config.metrics_proxy.base_url must be a valid http or https URL. received: ${quoteGo(baseUrl)}`;
  });
  for (const path of pathAllowlist) {
    refuse('ui_config.metrics_proxy.path_allowlist', !path.startsWith('/'), () => {
      return `ui_config.metrics_proxy.path_allowlist: path ${quoteGo(path)} is not an absolute path`;
    });
  }
  for (const [name, url] of Object.entries(ui.dashboardUrlTemplates)) {
    refuse('ui_config.dashboard_url_templates', !/^[a-z0-9_-]+$/.test(name), () => {
      const rule =
        'ui_config.dashboard_url_templates key names can only contain lowercase alphanumeric, - or _ characters.';
      return `${rule} received: ${quoteGo(name)}`;
    });
    refuse('ui_config.dashboard_url_templates', !/^https?:\/\/[^\s/]/i.test(url), () => {
      return `ui_config.dashboard_url_templates values must be a valid http or https URL. received: ${quoteGo(url)}`;
    });
  }
}

function isJsonObject(text: string): boolean {
  if (text === '') return true;
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value);
  } catch {
    return false;
  }
}

function validateDataDir(config: RuntimeConfig, { reader, stat }: ValidateContext): void {
  if (config.dataDir === '') return;
  if (stat(config.dataDir) === 'file') {
    throw reader.error('data_dir', `data_dir ${quoteGo(config.dataDir)} is not a directory`);
  }
}

function validateAddresses(config: RuntimeConfig, context: ValidateContext): void {
  const { reader } = context;
  const refuse = refuser(context);
  refuse('advertise_addr', isAnyAddress(config.advertiseAddrLan), () => {
    return 'Advertise address cannot be 0.0.0.0, :: or [::]';
  });
  refuse('advertise_addr_wan', isAnyAddress(config.advertiseAddrWan), () => {
    return 'Advertise WAN address cannot be 0.0.0.0, :: or [::]';
  });
  const segments = (reader.raw('segments') as unknown[] | undefined) ?? [];
  const portless = (segments as { name?: string; port?: number }[]).find(({ port = 0 }) => port <= 0);
  refuse('segments', portless !== undefined, () => {
    return `Port for segment ${quoteGo(portless?.name ?? '')} cannot be <= 0`;
  });
  refuse('segments', segments.length > 0 || reader.text('segment') !== '', () => {
    return 'Network segments are not supported in this version of Consul';
  });
  refuse(
    'addresses.dns',
    config.dnsAddrs.some(({ network }) => network === 'unix'),
    () => {
      return 'DNS address cannot be a unix socket';
    },
  );
  for (const recursor of config.dns.recursors) {
    refuse('recursors', recursor.startsWith('unix://'), () => `DNS Recursors cannot be unix sockets: ${recursor}`);
    refuse('recursors', isAnyAddress(recursor), () => 'DNS recursor address cannot be 0.0.0.0, :: or [::]');
  }
  const label = config.dns.altDomain.split('.')[0] ?? '';
  refuse('alt_domain', [...LABELS, config.datacenter].includes(label), () => {
    return `alt_domain cannot start with {${LABELS.join(',')},${config.datacenter}}`;
  });
}

function validateBootstrap(config: RuntimeConfig, context: ValidateContext): void {
  const { reader, warn } = context;
  const refuse = refuser(context);
  const given = reader.number('bootstrap_expect');
  const isBootstrap = reader.bool('bootstrap');
  refuse('bootstrap', isBootstrap && !config.server, () => "'bootstrap = true' requires 'server = true'");
  refuse('bootstrap_expect', given < 0, () => {
    return `bootstrap_expect cannot be ${given}. Must be greater than or equal to zero`;
  });
  refuse('bootstrap_expect', given > 0 && !config.server, () => "'bootstrap_expect > 0' requires 'server = true'");
  refuse('bootstrap_expect', given > 0 && config.devMode, () => "'bootstrap_expect > 0' not allowed in dev mode");
  refuse('bootstrap_expect', config.bootstrapExpect > 0 && isBootstrap, () => {
    return "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive";
  });
  if (given === 1) warn('BootstrapExpect is set to 1; this is the same as Bootstrap mode.');
}

function validateLimits(config: RuntimeConfig, context: ValidateContext): void {
  const refuse = refuser(context);
  const notNegative = (key: SettingKey, value: number) => {
    refuse(key, value < 0, () => `${key} cannot be ${value}. Must be greater than or equal to zero`);
  };
  refuse('check_output_max_size', config.checkOutputMaxSizeBytes < 1, () => {
    return 'check_output_max_size must be positive, to discard check output use the discard_check_output flag';
  });
  notNegative('autopilot.max_trailing_logs', config.autopilot.maxTrailingLogs);
  refuse('ui_config.dir', config.ui.enabled && config.ui.dir !== '', () => UI_TWICE);
  notNegative('dns_config.udp_answer_limit', config.dns.udpAnswerLimit);
  notNegative('dns_config.a_record_limit', config.dns.aRecordLimit);
  const badMeta = metaFault(config.nodeMeta);
  refuse('node_meta', badMeta !== undefined, () => `node_meta invalid: ${badMeta}`);
  const badByte = firstBadBase64(config.encryptKey);
  refuse('encrypt', badByte >= 0, () => `encrypt has invalid key: illegal base64 data at input byte ${badByte}`);
}

const UI_TWICE = `Both the ui_config.enabled and ui_config.dir (or -ui and -ui-dir) were specified, please provide only one.
If trying to use your own web UI resources, use ui_config.dir or the -ui-dir flag.
The web UI is included in the binary so use ui_config.enabled or the -ui flag to enable it`;

function validateFederation(config: RuntimeConfig, context: ValidateContext): void {
  const refuse = refuser(context);
  const key = 'connect.enable_mesh_gateway_wan_federation';
  const isOn = config.connect.meshGatewayWanFederation;
  refuse(key, isOn && !config.connect.enabled, () => `'${key}=true' requires 'connect.enabled=true'`);
  refuse(key, isOn && !config.server, () => `'${key} = true' requires 'server = true'`);
  refuse(key, isOn && config.nodeName.includes('/'), () => {
    return `'${key} = true' requires that 'node_name' not contain '/' characters`;
  });
  refuse(key, isOn && config.retryJoinWan.addresses.length > 0, () => {
    return `'retry_join_wan' is incompatible with '${key} = true'`;
  });
  const hasGateways = config.primaryGateways.length > 0;
  refuse('primary_gateways', hasGateways && !config.server, () => "'primary_gateways' requires 'server = true'");
  refuse('primary_gateways', hasGateways && config.primaryDatacenter === config.datacenter, () => {
    return "'primary_gateways' should only be configured in a secondary datacenter";
  });
}

function validateLogStore(config: RuntimeConfig, context: ValidateContext): void {
  if (!config.server) return;
  const { reader, stat } = context;
  const refuse = refuser(context);
  const old = `${config.dataDir}/mdb`;
  if (config.dataDir !== '' && stat(old) !== undefined) {
    const text = [
      `CRITICAL: Deprecated data folder found at ${quoteGo(old)}!`,
      'Consul will refuse to boot with this directory present.',
      'See https://developer.hashicorp.com/docs/upgrade-specific.html for more information.',
    ];
    throw reader.error('data_dir', text.join('\n'));
  }
  const { backend } = config.raft.logStore;
  refuse('raft_logstore.backend', !['default', 'boltdb', 'wal'].includes(backend), () => {
    return "raft_logstore.backend must be one of 'boltdb' or 'wal'";
  });
  const segmentMb = reader.number('raft_logstore.wal.segment_size_mb');
  const key = 'raft_logstore.wal.segment_size_mb';
  refuse(key, segmentMb < 1, () => `${key} cannot be less than 1MB`);
  refuse(key, segmentMb > 1024, () => `${key} cannot be greater than 1024 (1GiB)`);
}
