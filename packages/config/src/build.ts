import { multiError } from '@proconsul/base';
import { AddressReader } from './addresses.ts';
import { caConfigKeys } from './api-case.ts';
import { buildAutoConfig, warnSans } from './auto-build.ts';
import { buildChecks, buildServices } from './definition-build.ts';
import type { CheckDefinition, ServiceDefinition, WatchDefinition } from './definitions.ts';
import { buildServiceTtls, dnsAndUi, expandRecursors } from './dns-ui-build.ts';
import { buildConfigEntries } from './entry-build.ts';
import { formatCidr, parseCidr, parseIp } from './ip.ts';
import { buildNetwork } from './network-build.ts';
import type { Reader } from './reader.ts';
import type { GossipTiming, RuntimeConfig } from './runtime.ts';
import { checkCache, scaledRaft, serving } from './serving-build.ts';
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
    ...aboutProcess(reader),
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

function aboutProcess(reader: Reader) {
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

function cidrs(reader: Reader, key: 'serf_lan_allowed_cidrs' | 'serf_wan_allowed_cidrs'): string[] {
  const list = reader.list(key);
  const wrong = list.filter((cidr) => parseCidr(cidr) === undefined);
  if (wrong.length === 0) return list.map((cidr) => formatCidr(parseCidr(cidr)!));
  throw reader.error(key, `${key}: ${multiError(wrong.map((cidr) => `invalid cidr: ${cidr}`))}`);
}
