import type { AddressReader } from './addresses.ts';
import { formatCidr, parseCidr } from './ip.ts';
import type { Reader } from './reader.ts';
import type { RuntimeConfig } from './runtime.ts';

const SECOND_NS = 1e9;
const HOUR_NS = 3600e9;
/** Raft's times before `raft_multiplier`, in milliseconds. */
export const RAFT_BASE = { heartbeatTimeoutMs: 1000, electionTimeoutMs: 1000, leaderLeaseTimeoutMs: 500 };
const DEV_RAFT_BASE = { heartbeatTimeoutMs: 35, electionTimeoutMs: 52, leaderLeaseTimeoutMs: 20 };

/** Everything about serving requests. The order of the durations is that of Consul's messages. */
export function serving(reader: Reader, addresses: AddressReader, raftBase: typeof RAFT_BASE, devMode: boolean) {
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

export function scaledRaft(reader: Reader, devMode: boolean): typeof RAFT_BASE {
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

function requestMode(reader: Reader): 'disabled' | 'permissive' | 'enforcing' {
  const word = reader.text('limits.request_limits.mode');
  if (word === 'disabled' || word === 'permissive' || word === 'enforcing') return word;
  reader.problem('limits.request_limits.mode', `limits.request_limits.mode: invalid mode: ${JSON.stringify(word)}`);
  return 'disabled';
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

export function checkCache(reader: Reader): void {
  const burst = reader.number('cache.entry_fetch_max_burst');
  const rate = reader.number('cache.entry_fetch_rate', Number.POSITIVE_INFINITY);
  const positive = 'must be strictly positive, was:';
  if (burst <= 0) {
    throw reader.error('cache.entry_fetch_max_burst', `cache.entry_fetch_max_burst ${positive} ${burst}`);
  }
  if (rate <= 0) throw reader.error('cache.entry_fetch_rate', `cache.entry_fetch_rate ${positive} ${rate}`);
}
