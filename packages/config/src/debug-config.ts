import { formatDuration } from '@proconsul/base';
import { HIDDEN, showLocality, showNodeCheck, showService, sorted } from './debug-definitions.ts';
import { joinHostPort, parseIp } from './ip.ts';
import type { Address, GossipTiming, IpPort, RuntimeConfig, TlsProtocol } from './runtime.ts';

/** What the configuration itself does not know. */
export interface DebugFacts {
  /** The node ID in use. */
  readonly nodeId: string;
  /** The Consul version that we are compatible with. */
  readonly version: string;
  readonly buildDate: string;
}

/** How Go's JSON encoder writes the largest float64, which stands for "no limit". */
const NO_LIMIT = 1.7976931348623157e308;
const REQUEST_MODES = ['disabled', 'permissive', 'enforcing'];

const duration = (ms: number): string => formatDuration(Math.round(ms * 1e6));
const rate = (value: number): number => (Number.isFinite(value) ? value : NO_LIMIT);

/**
 * `DebugConfig` of `/v1/agent/self`: every setting under the name that Consul gives it, keys in alphabetical order,
 * secrets hidden. Source: recorded answers of the reference agent (testdata/self.json).
 */
export function debugConfig(config: RuntimeConfig, facts: DebugFacts): Record<string, unknown> {
  const parts = {
    ...accessPart(config),
    ...addressPart(config),
    ...dnsPart(config),
    ...gossipPart('LAN', config.gossipLan),
    ...gossipPart('WAN', config.gossipWan),
    ...servingPart(config),
    ...meshPart(config),
    ...processPart(config, facts),
    TLS: tlsPart(config),
    Telemetry: telemetryPart(config),
    UIConfig: uiPart(config),
  };
  return Object.fromEntries(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function showAddress(address: Address): string {
  if (address.network === 'unix') return `unix://${address.path}`;
  return `${address.network}://${joinHostPort(address.ip, address.port)}`;
}

function showTcp(at: IpPort | undefined): string {
  return at === undefined ? '' : `tcp://${joinHostPort(at.ip, at.port)}`;
}

function accessPart({ acl, datacenter, nodeName, dataDir }: RuntimeConfig) {
  return {
    ACLEnableKeyListPolicy: acl.enableKeyListPolicy,
    ACLInitialManagementToken: HIDDEN,
    ACLResolverSettings: {
      ACLDefaultPolicy: acl.defaultPolicy,
      ACLDownPolicy: acl.downPolicy,
      ACLPolicyTTL: duration(acl.policyTtlMs),
      ACLRoleTTL: duration(acl.roleTtlMs),
      ACLTokenTTL: duration(acl.tokenTtlMs),
      ACLsEnabled: acl.enabled,
      Datacenter: datacenter,
      EnterpriseMeta: {},
      NodeName: nodeName,
    },
    ACLTokenReplication: acl.tokenReplication,
    ACLTokens: {
      ACLAgentRecoveryToken: HIDDEN,
      ACLAgentToken: HIDDEN,
      ACLConfigFileRegistrationToken: HIDDEN,
      ACLDNSToken: HIDDEN,
      ACLDefaultToken: HIDDEN,
      ACLReplicationToken: HIDDEN,
      DataDir: dataDir,
      EnablePersistence: acl.enableTokenPersistence,
      EnterpriseConfig: {},
    },
    ACLsEnabled: acl.enabled,
  };
}

function addressPart(config: RuntimeConfig) {
  const { ports } = config;
  return {
    AdvertiseAddrLAN: config.advertiseAddrLan,
    AdvertiseAddrWAN: config.advertiseAddrWan,
    BindAddr: config.bindAddr,
    ClientAddrs: config.clientAddrs,
    ConnectSidecarMaxPort: ports.sidecarMax,
    ConnectSidecarMinPort: ports.sidecarMin,
    ExposeMaxPort: ports.exposeMax,
    ExposeMinPort: ports.exposeMin,
    GRPCAddrs: config.grpcAddrs.map(showAddress),
    GRPCPort: ports.grpc,
    GRPCTLSAddrs: config.grpcTlsAddrs.map(showAddress),
    GRPCTLSPort: ports.grpcTls,
    HTTPAddrs: config.httpAddrs.map(showAddress),
    HTTPPort: ports.http,
    HTTPSAddrs: config.httpsAddrs.map(showAddress),
    HTTPSPort: ports.https,
    RPCAdvertiseAddr: showTcp(config.rpcAdvertiseAddr),
    RPCBindAddr: showTcp(config.rpcBindAddr),
    SerfAdvertiseAddrLAN: showTcp(config.serfAdvertiseAddrLan),
    SerfAdvertiseAddrWAN: showTcp(config.serfAdvertiseAddrWan),
    SerfAllowedCIDRsLAN: config.serfAllowedCidrsLan,
    SerfAllowedCIDRsWAN: config.serfAllowedCidrsWan,
    SerfBindAddrLAN: showTcp(config.serfBindAddrLan),
    SerfBindAddrWAN: showTcp(config.serfBindAddrWan),
    SerfPortLAN: ports.serfLan,
    SerfPortWAN: ports.serfWan,
    ServerPort: ports.server,
    TaggedAddresses: sorted(config.taggedAddresses),
    TranslateWANAddrs: config.translateWanAddrs,
    UnixSocketGroup: config.unixSockets.group,
    UnixSocketMode: config.unixSockets.mode,
    UnixSocketUser: config.unixSockets.user,
  };
}

function dnsPart({ dns, dnsAddrs, ports }: RuntimeConfig) {
  const ttls = Object.entries(dns.serviceTtlMs).map(([name, ms]) => [name, duration(ms)]);
  return {
    DNSARecordLimit: dns.aRecordLimit,
    DNSAddrs: dnsAddrs.map(showAddress),
    DNSAllowStale: dns.allowStale,
    DNSAltDomain: dns.altDomainWritten,
    DNSCacheMaxAge: duration(dns.cacheMaxAgeMs),
    DNSDisableCompression: dns.disableCompression,
    DNSDomain: dns.domainWritten,
    DNSEnableTruncate: dns.enableTruncate,
    DNSMaxStale: duration(dns.maxStaleMs),
    DNSNodeMetaTXT: dns.nodeMetaTxt,
    DNSNodeTTL: duration(dns.nodeTtlMs),
    DNSOnlyPassing: dns.onlyPassing,
    DNSPort: ports.dns,
    DNSRecursorStrategy: dns.recursorStrategy,
    DNSRecursorTimeout: duration(dns.recursorTimeoutMs),
    DNSRecursors: dns.recursors,
    DNSSOA: { Expire: dns.soa.expire, Minttl: dns.soa.minTtl, Refresh: dns.soa.refresh, Retry: dns.soa.retry },
    DNSServiceTTL: sorted(Object.fromEntries(ttls)),
    DNSUDPAnswerLimit: dns.udpAnswerLimit,
    DNSUseCache: dns.useCache,
  };
}

function gossipPart(pool: 'LAN' | 'WAN', timing: GossipTiming) {
  return {
    [`Gossip${pool}GossipInterval`]: duration(timing.gossipIntervalMs),
    [`Gossip${pool}GossipNodes`]: timing.gossipNodes,
    [`Gossip${pool}ProbeInterval`]: duration(timing.probeIntervalMs),
    [`Gossip${pool}ProbeTimeout`]: duration(timing.probeTimeoutMs),
    [`Gossip${pool}RetransmitMult`]: timing.retransmitMult,
    [`Gossip${pool}SuspicionMult`]: timing.suspicionMult,
  };
}

function servingPart(config: RuntimeConfig) {
  const { autopilot, cache, coordinateUpdate, http, raft, requestLimits } = config;
  return {
    AEInterval: duration(config.aeIntervalMs),
    AdvertiseReconnectTimeout: duration(config.advertiseReconnectTimeoutMs),
    AllowWriteHTTPFrom: http.allowWriteFrom,
    AutopilotCleanupDeadServers: autopilot.cleanupDeadServers,
    AutopilotDisableUpgradeMigration: false,
    AutopilotLastContactThreshold: duration(autopilot.lastContactThresholdMs),
    AutopilotMaxTrailingLogs: autopilot.maxTrailingLogs,
    AutopilotMinQuorum: autopilot.minQuorum,
    AutopilotRedundancyZoneTag: '',
    AutopilotServerStabilizationTime: duration(autopilot.serverStabilizationTimeMs),
    AutopilotUpgradeVersionTag: '',
    Cache: {
      EntryFetchMaxBurst: cache.entryFetchMaxBurst,
      EntryFetchRate: rate(cache.entryFetchRate),
      Logger: null,
    },
    CheckDeregisterIntervalMin: duration(config.checkDeregisterIntervalMinMs),
    CheckOutputMaxSize: config.checkOutputMaxSizeBytes,
    CheckReapInterval: duration(config.checkReapIntervalMs),
    CheckUpdateInterval: duration(config.checkUpdateIntervalMs),
    ConsulCoordinateUpdateBatchSize: coordinateUpdate.batchSize,
    ConsulCoordinateUpdateMaxBatches: coordinateUpdate.maxBatches,
    ConsulCoordinateUpdatePeriod: duration(coordinateUpdate.periodMs),
    ConsulRaftElectionTimeout: duration(raft.electionTimeoutMs),
    ConsulRaftHeartbeatTimeout: duration(raft.heartbeatTimeoutMs),
    ConsulRaftLeaderLeaseTimeout: duration(raft.leaderLeaseTimeoutMs),
    ConsulServerHealthInterval: duration(autopilot.serverHealthIntervalMs),
    DefaultQueryTime: duration(config.defaultQueryTimeMs),
    DisableCoordinates: config.disableCoordinates,
    DisableHTTPUnprintableCharFilter: http.disableUnprintableCharFilter,
    DisableRemoteExec: config.disableRemoteExec,
    DiscardCheckOutput: config.discardCheckOutput,
    DiscoveryMaxStale: duration(config.discoveryMaxStaleMs),
    EnableAgentTLSForChecks: config.enableAgentTlsForChecks,
    EnableCentralServiceConfig: config.enableCentralServiceConfig,
    EnableLocalScriptChecks: config.enableLocalScriptChecks,
    EnableRemoteScriptChecks: config.enableRemoteScriptChecks,
    EnableXDSLoadBalancing: config.enableXdsLoadBalancing,
    GRPCKeepaliveInterval: duration(config.grpcKeepaliveIntervalMs),
    GRPCKeepaliveTimeout: duration(config.grpcKeepaliveTimeoutMs),
    HTTPBlockEndpoints: http.blockEndpoints,
    HTTPMaxConnsPerClient: http.maxConnsPerClient,
    HTTPMaxHeaderBytes: http.maxHeaderBytes,
    HTTPResponseHeaders: sorted(http.responseHeaders),
    HTTPSHandshakeTimeout: duration(http.httpsHandshakeTimeoutMs),
    HTTPUseCache: http.useCache,
    KVMaxValueSize: config.kvMaxValueSizeBytes,
    LeaveDrainTime: duration(config.leaveDrainTimeMs),
    LeaveOnTerm: config.leaveOnTerminate,
    LocalProxyConfigResyncInterval: '30s',
    MaxQueryTime: duration(config.maxQueryTimeMs),
    RPCClientTimeout: duration(config.rpcClientTimeoutMs),
    RPCConfig: { EnableStreaming: config.rpcEnableStreaming },
    RPCHandshakeTimeout: duration(config.rpcHandshakeTimeoutMs),
    RPCHoldTimeout: duration(config.rpcHoldTimeoutMs),
    RPCMaxBurst: config.rpcMaxBurst,
    RPCMaxConnsPerClient: config.rpcMaxConnsPerClient,
    RPCProtocol: config.rpcProtocol,
    RPCRateLimit: rate(config.rpcRateLimit),
    RaftLogStoreConfig: raftLogStore(raft),
    RaftPreVoteDisabled: raft.preVoteDisabled,
    RaftProtocol: config.raftProtocol,
    RaftSnapshotInterval: duration(raft.snapshotIntervalMs),
    RaftSnapshotThreshold: raft.snapshotThreshold,
    RaftTrailingLogs: raft.trailingLogs,
    ReconnectTimeoutLAN: duration(config.reconnectTimeoutLanMs),
    ReconnectTimeoutWAN: duration(config.reconnectTimeoutWanMs),
    RejoinAfterLeave: config.rejoinAfterLeave,
    RequestLimitsMode: REQUEST_MODES.indexOf(requestLimits.mode),
    RequestLimitsReadRate: rate(requestLimits.readRate),
    RequestLimitsWriteRate: rate(requestLimits.writeRate),
    RetryJoinIntervalLAN: duration(config.retryJoinLan.intervalMs),
    RetryJoinIntervalWAN: duration(config.retryJoinWan.intervalMs),
    RetryJoinLAN: config.retryJoinLan.addresses,
    RetryJoinMaxAttemptsLAN: config.retryJoinLan.maxAttempts,
    RetryJoinMaxAttemptsWAN: config.retryJoinWan.maxAttempts,
    RetryJoinWAN: config.retryJoinWan.addresses,
    ServerRejoinAgeMax: duration(config.serverRejoinAgeMaxMs),
    SessionTTLMin: duration(config.sessionTtlMinMs),
    SkipLeaveOnInt: config.skipLeaveOnInterrupt,
    SyncCoordinateIntervalMin: duration(config.syncCoordinateIntervalMinMs),
    SyncCoordinateRateTarget: config.syncCoordinateRateTarget,
    TxnMaxReqLen: config.txnMaxReqLenBytes,
    UseStreamingBackend: config.useStreamingBackend,
    XDSUpdateRateLimit: config.xdsUpdateRateLimit,
  };
}

function raftLogStore({ logStore }: RuntimeConfig['raft']) {
  return {
    Backend: logStore.backend,
    BoltDB: { NoFreelistSync: logStore.boltNoFreelistSync },
    DisableLogCache: logStore.disableLogCache,
    Verification: { Enabled: logStore.verificationEnabled, Interval: duration(logStore.verificationIntervalMs) },
    WAL: { SegmentSize: logStore.walSegmentSizeBytes },
  };
}

function meshPart({ autoConfig, autoEncrypt, connect, ...config }: RuntimeConfig) {
  const { authorizer } = autoConfig;
  const orNull = <T>(list: readonly T[]) => (list.length === 0 ? null : list);
  const mapOrNull = (map: Readonly<Record<string, string>>) => (Object.keys(map).length === 0 ? null : sorted(map));
  return {
    AutoConfig: {
      Authorizer: {
        AllowReuse: authorizer.allowReuse,
        AuthMethod: {
          ACLAuthMethodEnterpriseFields: {},
          Config: {
            BoundAudiences: orNull(authorizer.boundAudiences),
            BoundIssuer: authorizer.boundIssuer,
            ClaimMappings: mapOrNull(authorizer.claimMappings),
            ClockSkewLeeway: authorizer.clockSkewLeewayMs * 1e6,
            ExpirationLeeway: authorizer.expirationLeewayMs * 1e6,
            JWKSCACert: authorizer.jwksCaCert,
            JWKSURL: authorizer.jwksUrl,
            JWTSupportedAlgs: orNull(authorizer.jwtSupportedAlgs),
            JWTValidationPubKeys: orNull(authorizer.jwtValidationPubKeys),
            ListClaimMappings: mapOrNull(authorizer.listClaimMappings),
            NotBeforeLeeway: authorizer.notBeforeLeewayMs * 1e6,
            OIDCDiscoveryCACert: authorizer.oidcDiscoveryCaCert,
            OIDCDiscoveryURL: authorizer.oidcDiscoveryUrl,
          },
          Description: '',
          DisplayName: '',
          EnterpriseMeta: {},
          MaxTokenTTL: '0s',
          Name: 'Auto Config Authorizer',
          RaftIndex: { CreateIndex: 0, ModifyIndex: 0 },
          TokenLocality: '',
          Type: 'jwt',
        },
        ClaimAssertions: authorizer.claimAssertions,
        Enabled: authorizer.enabled,
      },
      DNSSANs: autoConfig.dnsSans,
      Enabled: autoConfig.enabled,
      IPSANs: autoConfig.ipSans.map(ipBytes),
      IntroToken: HIDDEN,
      IntroTokenFile: autoConfig.introTokenFile,
      ServerAddresses: autoConfig.serverAddresses,
    },
    AutoEncryptAllowTLS: autoEncrypt.allowTls,
    AutoEncryptDNSSAN: autoEncrypt.dnsSan,
    AutoEncryptIPSAN: autoEncrypt.ipSan.map(ipBytes),
    AutoEncryptTLS: autoEncrypt.tls,
    ConfigEntryBootstrap: config.configEntryBootstrap,
    ConnectCAConfig: sorted(hideSecrets(connect.caConfig)),
    ConnectCAProvider: connect.caProvider,
    ConnectEnabled: connect.enabled,
    ConnectMeshGatewayWANFederationEnabled: connect.meshGatewayWanFederation,
    ConnectTestCALeafRootChangeSpread: '0s',
    DefaultIntentionPolicy: config.defaultIntentionPolicy,
    PeeringEnabled: config.peeringEnabled,
    PeeringTestAllowPeerRegistrations: false,
    PrimaryGateways: config.primaryGateways,
    PrimaryGatewaysInterval: duration(config.primaryGatewaysIntervalMs),
  };
}

/** Settings of a certificate authority that nobody should read: keys, tokens, passwords, and nested stanzas. */
function hideSecrets(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isSecret = ([key, value]: [string, unknown]) =>
    /key$|token|secret|password/i.test(key) || typeof value === 'object';
  return Object.fromEntries(Object.entries(config).map((entry) => [entry[0], isSecret(entry) ? HIDDEN : entry[1]]));
}

/** 16 bytes, as Go prints net.IP in a structure. */
function ipBytes(text: string): number[] {
  const bytes = parseIp(text)?.bytes ?? [];
  return bytes.length === 4 ? [...Array<number>(10).fill(0), 255, 255, ...bytes] : [...bytes];
}

function processPart(config: RuntimeConfig, facts: DebugFacts) {
  const { cloud, logging } = config;
  return {
    AutoReloadConfig: config.autoReloadConfig,
    AutoReloadConfigCoalesceInterval: '1s',
    Bootstrap: config.bootstrap,
    BootstrapExpect: config.bootstrapExpect,
    BuildDate: facts.buildDate,
    Checks: config.checks.map(showNodeCheck),
    Cloud: {
      AuthURL: cloud.authUrl,
      ClientID: cloud.clientId,
      ClientSecret: HIDDEN,
      Hostname: cloud.hostname,
      ManagementToken: HIDDEN,
      NodeID: '',
      NodeName: config.nodeName,
      ResourceID: cloud.resourceId,
      ScadaAddress: cloud.scadaAddress,
      TLSConfig: null,
    },
    DataDir: config.dataDir,
    Datacenter: config.datacenter,
    DevMode: config.devMode,
    DisableAnonymousSignature: config.disableAnonymousSignature,
    DisableHostNodeID: config.disableHostNodeId,
    DisableKeyringFile: config.disableKeyringFile,
    DisableUpdateCheck: config.disableUpdateCheck,
    EnableDebug: config.enableDebug,
    EncryptKey: HIDDEN,
    EnterpriseRuntimeConfig: {},
    Experiments: config.experiments,
    Locality: config.locality === undefined ? null : showLocality(config.locality),
    Logging: {
      EnableSyslog: logging.enableSyslog,
      LogFilePath: logging.filePath,
      LogJSON: logging.json,
      LogLevel: logging.level,
      LogRotateBytes: logging.rotateBytes,
      LogRotateDuration: duration(logging.rotateDurationMs),
      LogRotateMaxFiles: logging.rotateMaxFiles,
      Name: '',
      SyslogFacility: logging.syslogFacility,
    },
    NodeID: facts.nodeId,
    NodeMeta: sorted(config.nodeMeta),
    NodeName: config.nodeName,
    PidFile: config.pidFile,
    PrimaryDatacenter: config.primaryDatacenter,
    ReadReplica: false,
    Reporting: { License: { Enabled: false } },
    Revision: '',
    SegmentLimit: 64,
    SegmentName: '',
    SegmentNameLimit: 64,
    Segments: [],
    ServerMode: config.server,
    ServerName: config.tls.serverName,
    Services: config.services.map(showService),
    StaticRuntimeConfig: {
      EncryptVerifyIncoming: config.encryptVerifyIncoming,
      EncryptVerifyOutgoing: config.encryptVerifyOutgoing,
    },
    Version: facts.version,
    VersionMetadata: '',
    VersionPrerelease: '',
    // What is in a watch may hold a token, and the reference shows nothing of a watch that runs.
    Watches: config.watches.map(() => ({})),
  };
}

function tlsPart({ tls, ...config }: RuntimeConfig) {
  return {
    AutoTLS: tls.autoTls,
    Domain: config.dns.domainWritten,
    EnableAgentTLSForChecks: config.enableAgentTlsForChecks,
    GRPC: showTls(tls.grpc),
    HTTPS: showTls(tls.https),
    InternalRPC: showTls(tls.internalRpc),
    NodeName: config.nodeName,
    ServerMode: config.server,
    ServerName: tls.serverName,
  };
}

function showTls(tls: TlsProtocol) {
  return {
    CAFile: tls.caFile,
    CAPath: tls.caPath,
    CertFile: tls.certFile,
    CipherSuites: tls.cipherSuites,
    KeyFile: HIDDEN,
    TLSMinVersion: tls.minVersion,
    UseAutoCert: tls.useAutoCert,
    VerifyIncoming: tls.verifyIncoming,
    VerifyOutgoing: tls.verifyOutgoing,
    VerifyServerHostname: tls.verifyServerHostname,
  };
}

function telemetryPart({ telemetry }: RuntimeConfig) {
  const circonus = (key: string) => telemetry.circonus[key] ?? '';
  return {
    AllowedPrefixes: telemetry.allowedPrefixes,
    BlockedPrefixes: telemetry.blockedPrefixes,
    CirconusAPIApp: circonus('api_app'),
    CirconusAPIToken: HIDDEN,
    CirconusAPIURL: circonus('api_url'),
    CirconusBrokerID: circonus('broker_id'),
    CirconusBrokerSelectTag: circonus('broker_select_tag'),
    CirconusCheckDisplayName: circonus('check_display_name'),
    CirconusCheckForceMetricActivation: circonus('check_force_metric_activation'),
    CirconusCheckID: circonus('check_id'),
    CirconusCheckInstanceID: circonus('check_instance_id'),
    CirconusCheckSearchTag: circonus('check_search_tag'),
    CirconusCheckTags: circonus('check_tags'),
    CirconusSubmissionInterval: circonus('submission_interval'),
    CirconusSubmissionURL: circonus('submission_url'),
    Disable: false,
    DisableHostname: telemetry.disableHostname,
    DisablePerTenancyUsageMetrics: telemetry.disablePerTenancyUsageMetrics,
    DogstatsdAddr: telemetry.dogstatsdAddr,
    DogstatsdTags: telemetry.dogstatsdTags,
    EnableHostMetrics: telemetry.enableHostMetrics,
    FilterDefault: telemetry.filterDefault,
    MetricsPrefix: telemetry.metricsPrefix,
    PrometheusOpts: {
      CounterDefinitions: [],
      Expiration: duration(telemetry.prometheusRetentionMs),
      GaugeDefinitions: [],
      Name: telemetry.metricsPrefix,
      Registerer: null,
      SummaryDefinitions: [],
    },
    RetryFailedConfiguration: telemetry.retryFailedConnection,
    StatsdAddr: telemetry.statsdAddress,
    StatsiteAddr: telemetry.statsiteAddress,
  };
}

function uiPart({ ui }: RuntimeConfig) {
  return {
    ContentPath: ui.contentPath,
    DashboardURLTemplates: sorted(ui.dashboardUrlTemplates),
    Dir: ui.dir,
    Enabled: ui.enabled,
    HCPEnabled: ui.hcpEnabled,
    MetricsProvider: ui.metricsProvider,
    MetricsProviderFiles: ui.metricsProviderFiles,
    MetricsProviderOptionsJSON: ui.metricsProviderOptionsJson,
    MetricsProxy: {
      AddHeaders: ui.metricsProxy.addHeaders.map(({ name }) => ({ Name: name, Value: HIDDEN })),
      BaseURL: ui.metricsProxy.baseUrl,
      PathAllowlist: ui.metricsProxy.pathAllowlist,
    },
  };
}
