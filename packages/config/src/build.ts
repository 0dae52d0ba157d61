import { AddressReader } from './addresses.ts';
import { caConfigKeys, entryKeys } from './api-case.ts';
import { buildChecks, buildServices } from './definition-build.ts';
import type { CheckDefinition, ServiceDefinition, WatchDefinition } from './definitions.ts';
import { multiError } from './errors.ts';
import { formatCidr, parseCidr, parseIp } from './ip.ts';
import { buildNetwork } from './network-build.ts';
import type { Reader } from './reader.ts';
import type { GossipTiming, RuntimeConfig } from './runtime.ts';
import type { InterfaceAddress } from './sockaddr.ts';
import { buildTelemetry, filterPrefixes } from './telemetry-build.ts';
import { buildTls, checkTlsWords } from './tls-build.ts';

/** What resolving needs to know of the machine and of the command line. */
export interface BuildContext {
  readonly hostname: string;
  readonly interfaces: readonly InterfaceAddress[];
  readonly devMode: boolean;
  readonly introToken: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly configFiles: readonly string[];
  readonly services: readonly Parameters<typeof buildServices>[1][number][];
  readonly checks: readonly Parameters<typeof buildChecks>[1][number][];
  readonly warn: (text: string) => void;
}

const SECOND_NS = 1e9;
const HOUR_NS = 3600e9;
/** Raft's times before `raft_multiplier`, in milliseconds. */
const RAFT_BASE = { heartbeatTimeoutMs: 1000, electionTimeoutMs: 1000, leaderLeaseTimeoutMs: 500 };
const DEV_RAFT_BASE = { heartbeatTimeoutMs: 35, electionTimeoutMs: 52, leaderLeaseTimeoutMs: 20 };
const PROMETHEUS_PATHS = ['/api/v1/query', '/api/v1/query_range'];

/**
 * Resolves merged settings. Throws ConfigError for what Consul refuses while it builds the configuration; what it
 * collects stays in `reader.problems`, in its order.
 */
export function buildRuntime(reader: Reader, context: BuildContext): RuntimeConfig {
  const checks = buildChecks(reader, context.checks);
  const services = buildServices(reader, context.services);
  const addresses = new AddressReader(reader, context.interfaces);
  const network = buildNetwork(reader, addresses, context.interfaces);
  if (network.clientAddrs.length === 0 && reader.text('client_addr').trim() === '') {
    context.warn(
      'client_addr is empty, client services (DNS, HTTP, HTTPS, GRPC) will not be listening for connections',
    );
  }
  const recursors = expandRecursors(reader, addresses);
  const raftBase = scaledRaft(reader, context.devMode);
  const prefixes = filterPrefixes(reader, context.warn);
  const configEntryBootstrap = buildConfigEntries(reader);
  const serviceTtlMs = buildServiceTtls(reader);
  const autoConfig = buildAutoConfig(reader, addresses, context);
  warnSans(reader, context.warn);
  const serfAllowedCidrsLan = cidrs(reader, 'serf_lan_allowed_cidrs');
  const serfAllowedCidrsWan = cidrs(reader, 'serf_wan_allowed_cidrs');
  const tls = buildTls(reader);
  if (network.ports.grpc > 0 && network.ports.grpcTls < 0 && tls.grpc.certFile !== '') {
    throw reader.error('ports.grpc', GRPC_TLS_TEXT);
  }
  const gossipLan = gossip(reader, 'gossip_lan');
  const gossipWan = gossip(reader, 'gossip_wan');
  const runtime = {
    ...network,
    ...identity(reader, context),
    ...access(reader, context.devMode),
    ...dnsAndUi(reader, { recursors, serviceTtlMs, hcpEnabled: context.env['CONSUL_HCP_ENABLED'] === 'true' }),
    telemetry: buildTelemetry(reader, prefixes),
    autoConfig,
    gossipLan,
    gossipWan,
    serfAllowedCidrsLan,
    serfAllowedCidrsWan,
    tls,
    configEntryBootstrap,
    ...serving(reader, addresses, raftBase, context.devMode),
    ...process(reader),
    services: services as ServiceDefinition[],
    checks: checks as CheckDefinition[],
    watches: [...((reader.raw('watches') as WatchDefinition[] | undefined) ?? [])],
    configFiles: context.configFiles,
  };
  checkTlsWords(reader);
  checkCache(reader);
  return runtime;
}

const GRPC_TLS_TEXT =
  'the `ports.grpc` listener no longer supports TLS. Use `ports.grpc_tls` instead. This message is appearing because ' +
  'GRPC is configured to use TLS, but `ports.grpc_tls` is not defined';

function identity(reader: Reader, context: BuildContext) {
  const datacenter = reader.text('datacenter').toLowerCase();
  const region = reader.text('locality.region');
  const zone = reader.text('locality.zone');
  const expect = reader.number('bootstrap_expect');
  return {
    nodeName: (reader.text('node_name') || context.hostname).trim(),
    nodeId: reader.text('node_id'),
    nodeMeta: reader.map('node_meta'),
    datacenter,
    primaryDatacenter: reader.text('primary_datacenter').toLowerCase() || datacenter,
    dataDir: context.devMode && !reader.has('data_dir') ? '' : reader.text('data_dir'),
    devMode: context.devMode,
    server: reader.bool('server'),
    bootstrap: reader.bool('bootstrap') || expect === 1,
    bootstrapExpect: expect === 1 ? 0 : expect,
    locality: region === '' && zone === '' ? undefined : { Region: region, Zone: zone },
    experiments: reader.list('experiments'),
    unixSockets: {
      user: reader.text('unix_sockets.user'),
      group: reader.text('unix_sockets.group'),
      mode: reader.text('unix_sockets.mode'),
    },
    translateWanAddrs: reader.bool('translate_wan_addrs'),
    encryptKey: reader.text('encrypt'),
    encryptVerifyIncoming: reader.bool('encrypt_verify_incoming'),
    encryptVerifyOutgoing: reader.bool('encrypt_verify_outgoing'),
    disableKeyringFile: reader.bool('disable_keyring_file'),
  };
}

function gossip(reader: Reader, pool: 'gossip_lan' | 'gossip_wan'): GossipTiming {
  return {
    gossipNodes: reader.number(`${pool}.gossip_nodes`),
    gossipIntervalMs: reader.ms(`${pool}.gossip_interval`),
    probeIntervalMs: reader.ms(`${pool}.probe_interval`),
    probeTimeoutMs: reader.ms(`${pool}.probe_timeout`),
    suspicionMult: reader.number(`${pool}.suspicion_mult`),
    retransmitMult: reader.number(`${pool}.retransmit_mult`),
  };
}

function access(reader: Reader, devMode: boolean) {
  const text = reader.text.bind(reader);
  return {
    acl: {
      enabled: reader.bool('acl.enabled'),
      defaultPolicy: text('acl.default_policy'),
      downPolicy: text('acl.down_policy'),
      policyTtlMs: reader.ms('acl.policy_ttl'),
      tokenTtlMs: reader.ms('acl.token_ttl'),
      roleTtlMs: reader.ms('acl.role_ttl'),
      enableKeyListPolicy: reader.bool('acl.enable_key_list_policy'),
      tokenReplication: reader.bool('acl.enable_token_replication'),
      enableTokenPersistence: reader.bool('acl.enable_token_persistence'),
      tokens: {
        initialManagement: text('acl.tokens.initial_management'),
        default: text('acl.tokens.default'),
        agent: text('acl.tokens.agent'),
        agentRecovery: text('acl.tokens.agent_recovery'),
        replication: text('acl.tokens.replication'),
        configFileRegistration: text('acl.tokens.config_file_service_registration'),
        dns: text('acl.tokens.dns'),
      },
    },
    autopilot: {
      cleanupDeadServers: reader.bool('autopilot.cleanup_dead_servers'),
      lastContactThresholdMs: reader.ms('autopilot.last_contact_threshold'),
      maxTrailingLogs: reader.number('autopilot.max_trailing_logs'),
      minQuorum: reader.number('autopilot.min_quorum'),
      serverStabilizationTimeMs: reader.ms('autopilot.server_stabilization_time'),
      serverHealthIntervalMs: devMode ? 10 : 2000,
    },
    connect: {
      enabled: reader.bool('connect.enabled') || reader.bool('auto_encrypt.allow_tls'),
      caProvider: text('connect.ca_provider'),
      caConfig: caConfigKeys((reader.raw('connect.ca_config') ?? {}) as Record<string, unknown>),
      meshGatewayWanFederation: reader.bool('connect.enable_mesh_gateway_wan_federation'),
    },
    autoEncrypt: {
      tls: reader.bool('auto_encrypt.tls'),
      allowTls: reader.bool('auto_encrypt.allow_tls'),
      dnsSan: reader.list('auto_encrypt.dns_san'),
      ipSan: reader.list('auto_encrypt.ip_san').filter((ip) => parseIp(ip) !== undefined),
    },
  };
}

function dnsAndUi(
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

function buildHttp(
  reader: Reader,
  given: { allowWriteFrom: string[]; httpsHandshakeTimeoutMs: number },
): RuntimeConfig['http'] {
  return {
    ...given,
    blockEndpoints: reader.list('http_config.block_endpoints'),
    responseHeaders: reader.map('http_config.response_headers'),
    useCache: reader.bool('http_config.use_cache'),
    maxHeaderBytes: reader.number('http_config.max_header_bytes'),
    maxConnsPerClient: reader.number('limits.http_max_conns_per_client'),
    disableUnprintableCharFilter: reader.bool('disable_http_unprintable_char_filter'),
  };
}

function buildLogging(reader: Reader, rotateDurationMs: number): RuntimeConfig['logging'] {
  return {
    level: reader.text('log_level'),
    json: reader.bool('log_json'),
    filePath: reader.text('log_file'),
    rotateDurationMs,
    rotateBytes: reader.number('log_rotate_bytes'),
    rotateMaxFiles: reader.number('log_rotate_max_files'),
    enableSyslog: reader.bool('enable_syslog'),
    syslogFacility: reader.text('syslog_facility'),
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

/** Everything about serving requests. The order of the durations is that of Consul's messages. */
function serving(reader: Reader, addresses: AddressReader, raftBase: typeof RAFT_BASE, devMode: boolean) {
  const number = reader.number.bind(reader);
  const ms = reader.ms.bind(reader);
  const isServer = reader.bool('server');
  const scripts = reader.bool('enable_script_checks');
  const writers = allowWriteFrom(reader);
  const times = {
    advertiseReconnectTimeoutMs: ms('advertise_reconnect_timeout'),
    checkUpdateIntervalMs: ms('check_update_interval'),
    defaultQueryTimeMs: ms('default_query_time'),
    discoveryMaxStaleMs: ms('discovery_max_stale'),
    grpcKeepaliveIntervalMs: ms('performance.grpc_keepalive_interval', SECOND_NS),
    grpcKeepaliveTimeoutMs: ms('performance.grpc_keepalive_timeout', SECOND_NS),
    httpsHandshakeTimeoutMs: ms('limits.https_handshake_timeout'),
    leaveDrainTimeMs: ms('performance.leave_drain_time'),
    logRotateDurationMs: ms('log_rotate_duration'),
    maxQueryTimeMs: ms('max_query_time'),
    primaryGateways: addresses.list('primary_gateways'),
    primaryGatewaysIntervalMs: ms('primary_gateways_interval'),
    rpcHandshakeTimeoutMs: ms('limits.rpc_handshake_timeout'),
    rpcHoldTimeoutMs: ms('performance.rpc_hold_timeout'),
    rpcClientTimeoutMs: ms('limits.rpc_client_timeout'),
  };
  const { httpsHandshakeTimeoutMs, logRotateDurationMs, ...kept } = times;
  return {
    ...kept,
    http: buildHttp(reader, { allowWriteFrom: writers, httpsHandshakeTimeoutMs }),
    logging: buildLogging(reader, logRotateDurationMs),
    raft: {
      ...raftBase,
      snapshotThreshold: number('raft_snapshot_threshold'),
      snapshotIntervalMs: ms('raft_snapshot_interval'),
      trailingLogs: number('raft_trailing_logs'),
      preVoteDisabled: reader.bool('raft_prevote_disabled'),
      logStore: {
        backend: (reader.text('raft_logstore.backend') || 'default') as 'default' | 'boltdb' | 'wal',
        disableLogCache: reader.bool('raft_logstore.disable_log_cache'),
        verificationEnabled: reader.bool('raft_logstore.verification.enabled'),
        verificationIntervalMs: ms('raft_logstore.verification.interval'),
        boltNoFreelistSync: reader.bool('raft_logstore.boltdb.no_freelist_sync'),
        walSegmentSizeBytes: number('raft_logstore.wal.segment_size_mb') * 1024 * 1024,
      },
    },
    reconnectTimeoutLanMs: ms('reconnect_timeout'),
    reconnectTimeoutWanMs: ms('reconnect_timeout_wan'),
    requestLimits: {
      mode: requestMode(reader),
      readRate: reader.rate('limits.request_limits.read_rate'),
      writeRate: reader.rate('limits.request_limits.write_rate'),
    },
    ...joining(reader, addresses),
    serverRejoinAgeMaxMs: ms('server_rejoin_age_max', 6 * HOUR_NS),
    sessionTtlMinMs: ms('session_ttl_min'),
    rejoinAfterLeave: reader.bool('rejoin_after_leave'),
    leaveOnTerminate: reader.bool('leave_on_terminate', !isServer),
    skipLeaveOnInterrupt: reader.bool('skip_leave_on_interrupt', isServer),
    rpcProtocol: number('protocol'),
    raftProtocol: number('raft_protocol'),
    rpcMaxConnsPerClient: number('limits.rpc_max_conns_per_client'),
    rpcRateLimit: reader.rate('limits.rpc_rate'),
    rpcMaxBurst: number('limits.rpc_max_burst'),
    rpcEnableStreaming: reader.bool('rpc.enable_streaming', isServer),
    coordinateUpdate: { periodMs: devMode ? 100 : 5000, batchSize: 128, maxBatches: 5 },
    enableXdsLoadBalancing: reader.bool('performance.enable_xds_load_balancing'),
    xdsUpdateRateLimit: number('xds.update_max_per_second'),
    kvMaxValueSizeBytes: number('limits.kv_max_value_size'),
    txnMaxReqLenBytes: number('limits.txn_max_req_len'),
    useStreamingBackend: reader.bool('use_streaming_backend'),
    disableCoordinates: reader.bool('disable_coordinates'),
    disableRemoteExec: reader.bool('disable_remote_exec'),
    peeringEnabled: reader.bool('peering.enabled'),
    defaultIntentionPolicy: reader.text('default_intention_policy'),
    enableDebug: reader.bool('enable_debug'),
    checkOutputMaxSizeBytes: number('check_output_max_size'),
    discardCheckOutput: reader.bool('discard_check_output'),
    enableRemoteScriptChecks: scripts,
    enableLocalScriptChecks: reader.bool('enable_local_script_checks', scripts),
    enableAgentTlsForChecks: reader.bool('enable_agent_tls_for_checks'),
    enableCentralServiceConfig: reader.bool('enable_central_service_config'),
    checkReapIntervalMs: ms('check_reap_interval'),
    checkDeregisterIntervalMinMs: ms('check_deregister_interval_min'),
    aeIntervalMs: ms('ae_interval'),
    syncCoordinateRateTarget: number('sync_coordinate_rate_target'),
    syncCoordinateIntervalMinMs: ms('sync_coordinate_interval_min'),
    cache: {
      entryFetchRate: number('cache.entry_fetch_rate', Number.POSITIVE_INFINITY),
      entryFetchMaxBurst: number('cache.entry_fetch_max_burst'),
    },
  };
}

function joining(reader: Reader, addresses: AddressReader) {
  const intervalMs = reader.ms('retry_interval');
  const wanIntervalMs = reader.ms('retry_interval_wan');
  return {
    retryJoinLan: { addresses: addresses.list('retry_join'), intervalMs, maxAttempts: reader.number('retry_max') },
    retryJoinWan: {
      addresses: addresses.list('retry_join_wan'),
      intervalMs: wanIntervalMs,
      maxAttempts: reader.number('retry_max_wan'),
    },
  };
}

function process(reader: Reader) {
  return {
    pidFile: reader.text('pid_file'),
    disableUpdateCheck: reader.bool('disable_update_check'),
    disableAnonymousSignature: reader.bool('disable_anonymous_signature'),
    disableHostNodeId: reader.bool('disable_host_node_id'),
    autoReloadConfig: reader.bool('auto_reload_config'),
    cloud: {
      resourceId: reader.text('cloud.resource_id'),
      clientId: reader.text('cloud.client_id'),
      clientSecret: reader.text('cloud.client_secret'),
      hostname: reader.text('cloud.hostname'),
      authUrl: reader.text('cloud.auth_url'),
      scadaAddress: reader.text('cloud.scada_address'),
    },
  };
}

function scaledRaft(reader: Reader, devMode: boolean): typeof RAFT_BASE {
  const multiplier = reader.number('performance.raft_multiplier');
  if (multiplier < 1 || multiplier > 10) {
    const text = `performance.raft_multiplier cannot be ${multiplier}. Must be between 1 and 10`;
    throw reader.error('performance.raft_multiplier', text);
  }
  const base = devMode ? DEV_RAFT_BASE : RAFT_BASE;
  return {
    heartbeatTimeoutMs: base.heartbeatTimeoutMs * multiplier,
    electionTimeoutMs: base.electionTimeoutMs * multiplier,
    leaderLeaseTimeoutMs: base.leaderLeaseTimeoutMs * multiplier,
  };
}

function expandRecursors(reader: Reader, addresses: AddressReader): string[] {
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

function requestMode(reader: Reader): 'disabled' | 'permissive' | 'enforcing' {
  const word = reader.text('limits.request_limits.mode');
  if (word === 'disabled' || word === 'permissive' || word === 'enforcing') return word;
  reader.problem('limits.request_limits.mode', `limits.request_limits.mode: invalid mode: ${JSON.stringify(word)}`);
  return 'disabled';
}

function buildServiceTtls(reader: Reader): Record<string, number> {
  const entries = Object.entries(reader.map('dns_config.service_ttl')).map(([name, text]): [string, number] => {
    const path = `dns_config.service_ttl[${name}]`;
    return [name, (reader.duration(text, `dns_config.service_ttl[${JSON.stringify(name)}]`, path) ?? 0) / 1e6];
  });
  return Object.fromEntries(entries);
}

function allowWriteFrom(reader: Reader): string[] {
  const path = (index: number) => `http_config.allow_write_http_from[${index}]`;
  return reader.list('http_config.allow_write_http_from').flatMap((text, index) => {
    const cidr = parseCidr(text);
    if (cidr !== undefined) return [formatCidr(cidr)];
    reader.problem(path(index), `allow_write_http_from: invalid cidr: ${text}`);
    return [];
  });
}

function cidrs(reader: Reader, key: 'serf_lan_allowed_cidrs' | 'serf_wan_allowed_cidrs'): string[] {
  const list = reader.list(key);
  const wrong = list.filter((cidr) => parseCidr(cidr) === undefined);
  if (wrong.length === 0) return list.map((cidr) => formatCidr(parseCidr(cidr)!));
  throw reader.error(key, `${key}: ${multiError(wrong.map((cidr) => `invalid cidr: ${cidr}`))}`);
}

function checkCache(reader: Reader): void {
  const burst = reader.number('cache.entry_fetch_max_burst');
  const rate = reader.number('cache.entry_fetch_rate', Number.POSITIVE_INFINITY);
  const positive = 'must be strictly positive, was:';
  if (burst <= 0) {
    throw reader.error('cache.entry_fetch_max_burst', `cache.entry_fetch_max_burst ${positive} ${burst}`);
  }
  if (rate <= 0) throw reader.error('cache.entry_fetch_rate', `cache.entry_fetch_rate ${positive} ${rate}`);
}

/** Kinds of config entries. Source: https://developer.hashicorp.com/consul/docs/fundamentals/config-entry */
const ENTRY_KINDS: ReadonlySet<string> = new Set([
  ...['service-defaults', 'proxy-defaults', 'service-router', 'service-splitter', 'service-resolver'],
  ...['ingress-gateway', 'terminating-gateway', 'service-intentions', 'mesh', 'exported-services', 'sameness-group'],
  ...['api-gateway', 'inline-certificate', 'file-system-certificate', 'http-route', 'tcp-route', 'jwt-provider'],
  ...['control-plane-request-limit'],
]);

function buildConfigEntries(reader: Reader): Record<string, unknown>[] {
  const given = (reader.raw('config_entries.bootstrap') ?? []) as Record<string, unknown>[];
  return given.map((entry, index) => {
    const path = `config_entries.bootstrap[${index}]`;
    const kind = entry['kind'] ?? entry['Kind'];
    const fail = (text: string) => reader.error(path, `${path}: ${text}`);
    if (kind === undefined) throw fail('Payload does not contain a kind/Kind key at the top level');
    if (typeof kind !== 'string') throw fail(`Kind value in payload is not a string`);
    if (!ENTRY_KINDS.has(kind)) throw fail(`invalid config entry kind: ${kind}`);
    const entries = entryKeys(entry) as Record<string, unknown>;
    if (kind !== 'mesh' && (entries['Name'] ?? '') === '') throw fail('Name is required');
    return entries;
  });
}

function buildAutoConfig(reader: Reader, addresses: AddressReader, context: BuildContext): RuntimeConfig['autoConfig'] {
  const fromEnv = context.introToken ?? '';
  if (fromEnv !== '' && reader.text('auto_config.intro_token') !== '') {
    const both = 'Both auto_config.intro_token and the CONSUL_INTRO_TOKEN environment variable are set';
    context.warn(`${both}. Using the value from the environment variable`);
  }
  const path = 'auto_config.authorization.static' as const;
  const authorizationEnabled = reader.bool('auto_config.authorization.enabled');
  return {
    enabled: reader.bool('auto_config.enabled'),
    introToken: fromEnv || reader.text('auto_config.intro_token'),
    introTokenFile: reader.text('auto_config.intro_token_file'),
    serverAddresses: addresses.list('auto_config.server_addresses'),
    dnsSans: reader.list('auto_config.dns_sans'),
    ipSans: reader.list('auto_config.ip_sans').filter((ip) => parseIp(ip) !== undefined),
    authorizer: {
      enabled: authorizationEnabled,
      allowReuse: reader.bool(`${path}.allow_reuse`),
      claimAssertions: reader.list(`${path}.claim_assertions`),
      jwtSupportedAlgs: reader.list(`${path}.jwt_supported_algs`),
      boundAudiences: reader.list(`${path}.bound_audiences`),
      claimMappings: reader.map(`${path}.claim_mappings`),
      listClaimMappings: reader.map(`${path}.list_claim_mappings`),
      oidcDiscoveryUrl: reader.text(`${path}.oidc_discovery_url`),
      oidcDiscoveryCaCert: reader.text(`${path}.oidc_discovery_ca_cert`),
      jwksUrl: reader.text(`${path}.jwks_url`),
      jwksCaCert: reader.text(`${path}.jwks_ca_cert`),
      jwtValidationPubKeys: reader.list(`${path}.jwt_validation_pub_keys`),
      boundIssuer: reader.text(`${path}.bound_issuer`),
      expirationLeewayMs: reader.ms(`${path}.expiration_leeway`),
      notBeforeLeewayMs: reader.ms(`${path}.not_before_leeway`),
      clockSkewLeewayMs: reader.ms(`${path}.clock_skew_leeway`),
    },
  };
}

function warnSans(reader: Reader, warn: (text: string) => void): void {
  for (const [key, shown] of [
    ['auto_encrypt.ip_san', 'AutoEncrypt.IPSAN'],
    ['auto_config.ip_sans', 'auto_config.ip_sans'],
  ] as const) {
    for (const ip of reader.list(key)) {
      if (parseIp(ip) === undefined) warn(`Cannot parse ip ${JSON.stringify(ip)} from ${shown}`);
    }
  }
}
