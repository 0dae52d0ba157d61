import type { CheckDefinition, Locality, ServiceDefinition, WatchDefinition } from './definitions.ts';

/** A place to listen on or to announce. */
export type Address =
  | { readonly network: 'tcp' | 'udp'; readonly ip: string; readonly port: number }
  | { readonly network: 'unix'; readonly path: string };

/** An IP address and port. */
export interface IpPort {
  readonly ip: string;
  readonly port: number;
}

/** Words of `tls_min_version`. `TLS_AUTO` leaves the choice to the TLS library. */
export type TlsVersion = 'TLS_AUTO' | 'TLSv1_0' | 'TLSv1_1' | 'TLSv1_2' | 'TLSv1_3';

/** One of the protocols of the `tls` stanza, with `defaults` already filled in. Paths as written; "" when not set. */
export interface TlsProtocol {
  readonly caFile: string;
  readonly caPath: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly minVersion: TlsVersion;
  readonly cipherSuites: readonly string[];
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
  readonly verifyServerHostname: boolean;
  readonly useAutoCert: boolean;
}

export interface GossipTiming {
  readonly gossipIntervalMs: number;
  readonly gossipNodes: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly suspicionMult: number;
  readonly retransmitMult: number;
}

export interface RetryJoin {
  readonly addresses: readonly string[];
  readonly intervalMs: number;
  /** 0 tries for ever. */
  readonly maxAttempts: number;
}

/**
 * Every setting of an agent, resolved: defaults, files, flags and derived values together. All of it is plain data.
 * Durations end in `Ms` (milliseconds, may have a fraction); rates are per second with Infinity for "no limit"; ports
 * are -1 when disabled; strings are "" when not set. Settings that a reload applies are listed by `reloadableKeys`.
 */
export interface RuntimeConfig {
  // Who this agent is
  readonly nodeName: string;
  /** "" when not configured: the agent then reads or makes `node-id`. Not checked to be a UUID. */
  readonly nodeId: string;
  readonly nodeMeta: Readonly<Record<string, string>>;
  /** Lower case. */
  readonly datacenter: string;
  /** Lower case; equal to datacenter when not set. */
  readonly primaryDatacenter: string;
  /** "" in development mode. As written, may be relative. */
  readonly dataDir: string;
  readonly devMode: boolean;
  readonly server: boolean;
  readonly bootstrap: boolean;
  /** 0 when unused; 1 has become `bootstrap`. */
  readonly bootstrapExpect: number;
  readonly locality: Locality | undefined;
  readonly experiments: readonly string[];

  // Addresses and ports
  readonly bindAddr: string;
  /** Where DNS, HTTP and gRPC listen unless `addresses` says otherwise: IP addresses only. */
  readonly clientAddrs: readonly string[];
  readonly advertiseAddrLan: string;
  readonly advertiseAddrWan: string;
  readonly rpcBindAddr: IpPort;
  readonly rpcAdvertiseAddr: IpPort;
  readonly serfBindAddrLan: IpPort;
  /** Undefined when the WAN pool is disabled (`ports.serf_wan = -1`). */
  readonly serfBindAddrWan: IpPort | undefined;
  readonly serfAdvertiseAddrLan: IpPort;
  readonly serfAdvertiseAddrWan: IpPort | undefined;
  /** Empty when the port is disabled. Every address over TCP, then every address over UDP. */
  readonly dnsAddrs: readonly Address[];
  readonly httpAddrs: readonly Address[];
  readonly httpsAddrs: readonly Address[];
  readonly grpcAddrs: readonly Address[];
  readonly grpcTlsAddrs: readonly Address[];
  readonly ports: {
    readonly dns: number;
    readonly http: number;
    readonly https: number;
    readonly grpc: number;
    readonly grpcTls: number;
    readonly serfLan: number;
    readonly serfWan: number;
    readonly server: number;
    readonly sidecarMin: number;
    readonly sidecarMax: number;
    readonly exposeMin: number;
    readonly exposeMax: number;
  };
  readonly unixSockets: { readonly user: string; readonly group: string; readonly mode: string };
  /** Always holds `lan` and `wan`, and `lan_ipv4` and the like as far as they are known. */
  readonly taggedAddresses: Readonly<Record<string, string>>;
  readonly translateWanAddrs: boolean;
  /** CIDRs; empty allows all. */
  readonly serfAllowedCidrsLan: readonly string[];
  readonly serfAllowedCidrsWan: readonly string[];

  // Joining and leaving
  readonly retryJoinLan: RetryJoin;
  readonly retryJoinWan: RetryJoin;
  readonly rejoinAfterLeave: boolean;
  readonly leaveOnTerminate: boolean;
  readonly skipLeaveOnInterrupt: boolean;
  readonly leaveDrainTimeMs: number;
  /** 0 means the built-in 72 hours. */
  readonly reconnectTimeoutLanMs: number;
  readonly reconnectTimeoutWanMs: number;
  readonly advertiseReconnectTimeoutMs: number;
  readonly serverRejoinAgeMaxMs: number;
  readonly primaryGateways: readonly string[];
  readonly primaryGatewaysIntervalMs: number;

  // Gossip
  readonly gossipLan: GossipTiming;
  readonly gossipWan: GossipTiming;
  /** Base64; secret; "" when gossip is not encrypted. */
  readonly encryptKey: string;
  readonly encryptVerifyIncoming: boolean;
  readonly encryptVerifyOutgoing: boolean;
  readonly disableKeyringFile: boolean;

  // RPC, Raft and server duties
  readonly rpcProtocol: number;
  readonly raftProtocol: number;
  readonly rpcHoldTimeoutMs: number;
  readonly rpcHandshakeTimeoutMs: number;
  readonly rpcClientTimeoutMs: number;
  readonly rpcMaxConnsPerClient: number;
  readonly rpcRateLimit: number;
  readonly rpcMaxBurst: number;
  readonly rpcEnableStreaming: boolean;
  readonly requestLimits: {
    readonly mode: 'disabled' | 'permissive' | 'enforcing';
    readonly readRate: number;
    readonly writeRate: number;
  };
  readonly raft: {
    /** Scaled by `performance.raft_multiplier` already. */
    readonly heartbeatTimeoutMs: number;
    readonly electionTimeoutMs: number;
    readonly leaderLeaseTimeoutMs: number;
    readonly snapshotThreshold: number;
    readonly snapshotIntervalMs: number;
    readonly trailingLogs: number;
    readonly preVoteDisabled: boolean;
    readonly logStore: {
      /** `default` when not set. */
      readonly backend: 'default' | 'boltdb' | 'wal';
      readonly disableLogCache: boolean;
      readonly verificationEnabled: boolean;
      readonly verificationIntervalMs: number;
      readonly boltNoFreelistSync: boolean;
      readonly walSegmentSizeBytes: number;
    };
  };
  readonly autopilot: {
    readonly cleanupDeadServers: boolean;
    readonly lastContactThresholdMs: number;
    readonly maxTrailingLogs: number;
    readonly minQuorum: number;
    readonly serverStabilizationTimeMs: number;
    readonly serverHealthIntervalMs: number;
  };
  readonly coordinateUpdate: { readonly periodMs: number; readonly batchSize: number; readonly maxBatches: number };
  readonly grpcKeepaliveIntervalMs: number;
  readonly grpcKeepaliveTimeoutMs: number;
  readonly enableXdsLoadBalancing: boolean;
  readonly xdsUpdateRateLimit: number;
  readonly kvMaxValueSizeBytes: number;
  readonly txnMaxReqLenBytes: number;
  /** 0 means the built-in 10 seconds. */
  readonly sessionTtlMinMs: number;
  readonly defaultQueryTimeMs: number;
  readonly maxQueryTimeMs: number;
  readonly discoveryMaxStaleMs: number;
  readonly useStreamingBackend: boolean;
  readonly disableCoordinates: boolean;
  readonly disableRemoteExec: boolean;
  readonly peeringEnabled: boolean;
  readonly defaultIntentionPolicy: string;
  /** Config entries that a new leader writes when they are absent; keys in the API's CamelCase. */
  readonly configEntryBootstrap: readonly Readonly<Record<string, unknown>>[];

  // DNS
  readonly dns: {
    /** With a final dot. */
    readonly domain: string;
    /** With a final dot; "" when not set. */
    readonly altDomain: string;
    /** As written, for `/v1/agent/self`. */
    readonly domainWritten: string;
    readonly altDomainWritten: string;
    readonly allowStale: boolean;
    readonly maxStaleMs: number;
    readonly nodeTtlMs: number;
    /** By service name; `*` matches every name, `prefix*` every name that starts so. */
    readonly serviceTtlMs: Readonly<Record<string, number>>;
    readonly enableTruncate: boolean;
    readonly onlyPassing: boolean;
    /** As written, each once, in order: an address, with a port or not (then 53). */
    readonly recursors: readonly string[];
    readonly recursorStrategy: 'sequential' | 'random';
    readonly recursorTimeoutMs: number;
    readonly disableCompression: boolean;
    readonly udpAnswerLimit: number;
    readonly aRecordLimit: number;
    readonly nodeMetaTxt: boolean;
    readonly soa: {
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minTtl: number;
    };
    readonly useCache: boolean;
    readonly cacheMaxAgeMs: number;
  };

  // HTTP and console
  readonly http: {
    readonly blockEndpoints: readonly string[];
    /** CIDRs; empty allows all. */
    readonly allowWriteFrom: readonly string[];
    readonly responseHeaders: Readonly<Record<string, string>>;
    readonly useCache: boolean;
    /** 0 means the library's default. */
    readonly maxHeaderBytes: number;
    readonly maxConnsPerClient: number;
    readonly httpsHandshakeTimeoutMs: number;
    readonly disableUnprintableCharFilter: boolean;
  };
  readonly ui: {
    readonly enabled: boolean;
    readonly dir: string;
    /** Starts and ends with `/`. */
    readonly contentPath: string;
    readonly metricsProvider: string;
    readonly metricsProviderFiles: readonly string[];
    readonly metricsProviderOptionsJson: string;
    readonly metricsProxy: {
      readonly baseUrl: string;
      readonly addHeaders: readonly { readonly name: string; readonly value: string }[];
      readonly pathAllowlist: readonly string[];
    };
    readonly dashboardUrlTemplates: Readonly<Record<string, string>>;
    readonly hcpEnabled: boolean;
  };
  readonly enableDebug: boolean;

  // Checks
  readonly checkUpdateIntervalMs: number;
  readonly checkOutputMaxSizeBytes: number;
  readonly discardCheckOutput: boolean;
  /** Scripts registered through the API may run. */
  readonly enableRemoteScriptChecks: boolean;
  /** Scripts from files may run. */
  readonly enableLocalScriptChecks: boolean;
  readonly enableAgentTlsForChecks: boolean;
  readonly enableCentralServiceConfig: boolean;
  readonly checkReapIntervalMs: number;
  readonly checkDeregisterIntervalMinMs: number;
  readonly aeIntervalMs: number;
  readonly syncCoordinateRateTarget: number;
  readonly syncCoordinateIntervalMinMs: number;
  readonly cache: {
    readonly entryFetchRate: number;
    readonly entryFetchMaxBurst: number;
  };

  // Access control and trust
  readonly acl: {
    readonly enabled: boolean;
    /** Not checked here: an unknown word stops the server when it starts. */
    readonly defaultPolicy: string;
    readonly downPolicy: string;
    readonly tokenTtlMs: number;
    readonly policyTtlMs: number;
    readonly roleTtlMs: number;
    readonly enableKeyListPolicy: boolean;
    readonly tokenReplication: boolean;
    readonly enableTokenPersistence: boolean;
    /** Secrets; "" when not set. */
    readonly tokens: {
      readonly initialManagement: string;
      readonly default: string;
      readonly agent: string;
      readonly agentRecovery: string;
      readonly replication: string;
      readonly configFileRegistration: string;
      readonly dns: string;
    };
  };
  readonly tls: {
    readonly internalRpc: TlsProtocol;
    readonly https: TlsProtocol;
    readonly grpc: TlsProtocol;
    /** `server_name`: overrides the name in the node's certificate. */
    readonly serverName: string;
    /** auto_encrypt.tls or auto_config.enabled. */
    readonly autoTls: boolean;
  };
  readonly connect: {
    readonly enabled: boolean;
    /** "" means the built-in provider. */
    readonly caProvider: string;
    /** Keys in the API's CamelCase. May hold secrets. */
    readonly caConfig: Readonly<Record<string, unknown>>;
    readonly meshGatewayWanFederation: boolean;
  };
  readonly autoEncrypt: {
    readonly tls: boolean;
    readonly allowTls: boolean;
    readonly dnsSan: readonly string[];
    readonly ipSan: readonly string[];
  };
  readonly autoConfig: {
    readonly enabled: boolean;
    readonly introToken: string;
    readonly introTokenFile: string;
    readonly serverAddresses: readonly string[];
    readonly dnsSans: readonly string[];
    readonly ipSans: readonly string[];
    readonly authorizer: {
      readonly enabled: boolean;
      readonly allowReuse: boolean;
      readonly claimAssertions: readonly string[];
      readonly jwtSupportedAlgs: readonly string[];
      readonly boundAudiences: readonly string[];
      readonly claimMappings: Readonly<Record<string, string>>;
      readonly listClaimMappings: Readonly<Record<string, string>>;
      readonly oidcDiscoveryUrl: string;
      readonly oidcDiscoveryCaCert: string;
      readonly jwksUrl: string;
      readonly jwksCaCert: string;
      readonly jwtValidationPubKeys: readonly string[];
      readonly boundIssuer: string;
      readonly expirationLeewayMs: number;
      readonly notBeforeLeewayMs: number;
      readonly clockSkewLeewayMs: number;
    };
  };
  readonly cloud: {
    readonly resourceId: string;
    readonly clientId: string;
    readonly clientSecret: string;
    readonly hostname: string;
    readonly authUrl: string;
    readonly scadaAddress: string;
  };

  // Process
  readonly logging: {
    /** As written; checked by the agent. */
    readonly level: string;
    readonly json: boolean;
    /** "" when logs go to standard output only. */
    readonly filePath: string;
    /** 0 when not set: then 24 hours. */
    readonly rotateDurationMs: number;
    readonly rotateBytes: number;
    readonly rotateMaxFiles: number;
    readonly enableSyslog: boolean;
    readonly syslogFacility: string;
  };
  readonly pidFile: string;
  readonly disableUpdateCheck: boolean;
  readonly disableAnonymousSignature: boolean;
  readonly disableHostNodeId: boolean;
  readonly autoReloadConfig: boolean;
  readonly telemetry: {
    readonly metricsPrefix: string;
    readonly disableHostname: boolean;
    readonly filterDefault: boolean;
    readonly allowedPrefixes: readonly string[];
    readonly blockedPrefixes: readonly string[];
    /** 0 turns the Prometheus form off. */
    readonly prometheusRetentionMs: number;
    readonly statsdAddress: string;
    readonly statsiteAddress: string;
    readonly dogstatsdAddr: string;
    readonly dogstatsdTags: readonly string[];
    /** By key without `circonus_`, e.g. `api_token` (a secret). */
    readonly circonus: Readonly<Record<string, string>>;
    readonly retryFailedConnection: boolean;
    readonly disablePerTenancyUsageMetrics: boolean;
    readonly enableHostMetrics: boolean;
  };

  // Definitions from files
  readonly services: readonly ServiceDefinition[];
  readonly checks: readonly CheckDefinition[];
  readonly watches: readonly WatchDefinition[];

  /** Files that were read, in order, and directories that were named: what `auto_reload_config` watches. */
  readonly configFiles: readonly string[];
}
