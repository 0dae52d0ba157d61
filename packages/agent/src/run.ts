import { createHash } from 'node:crypto';
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import {
  BUILD_DATE,
  CONSUL_VERSION,
  type Disk,
  errorText,
  formatDuration,
  type Log,
  MemoryDisk,
  type Network,
  REVISION,
} from '@proconsul/base';
import { debugConfig, type RuntimeConfig } from '@proconsul/config';
import { DnsHandler, DnsServer, Recursors } from '@proconsul/dns';
import { AgentError, HttpApi, HttpFront } from '@proconsul/http-api';
import { NodeDisk, nodeGzip, nodeNetwork, systemClock, systemRng, tlsNetwork } from '@proconsul/io-node';
import { Agent } from './agent.ts';
import { apiSettings } from './api-settings.ts';
import { checkFromFile, serviceFromFile } from './definitions-from-files.ts';
import { dnsSettings } from './dns-settings.ts';
import { CatalogDnsSource } from './dns-source.ts';
import { UserEvents } from './events.ts';
import { hostInfo } from './host.ts';
import { AntiEntropy, type NodeIdentity } from './local/anti-entropy.ts';
import { CheckBoard } from './local/check-board.ts';
import { Persistence } from './local/persistence.ts';
import { Registry } from './local/registry.ts';
import { LocalState } from './local/state.ts';
import { LocalServer } from './local-server.ts';
import { LoneMembership, serverTags } from './membership.ts';
import type { LogHub } from './observe/index.ts';
import { ownHttp } from './own-http.ts';
import { isProfileName, takeProfile } from './profile.ts';
import { createCheckRunner } from './runners/index.ts';
import { Spawner } from './runners/spawner.ts';
import { SPAWNER_COMMAND } from './runners/spawner-main.ts';
import { processStats, selfReport } from './self.ts';
import { serverGauges } from './server-gauges.ts';
import { Telemetry } from './telemetry.ts';
import { tlsOptions } from './tls-files.ts';
import { unsupported } from './unsupported.ts';
import { readByHttp, WatchSet } from './watches/index.ts';

/** A running agent, in the hands of the process that started it. */
export interface RunningAgent {
  readonly agent: Agent;
  /** Leaves the pools, as far as there are any. */
  leave(): Promise<void>;
  stop(): Promise<void>;
  /** Takes a new configuration over, as far as it can be changed while running. */
  reload(config: RuntimeConfig): Promise<void>;
}

export interface RunOptions {
  readonly config: RuntimeConfig;
  readonly nodeId: string;
  readonly disk: Disk | null;
  readonly hub: LogHub;
  /** Reads the configuration again. Throws its error. */
  loadAgain(): RuntimeConfig;
  /** Somebody asked the agent to leave: the process should end with 0. */
  onLeave(): void;
}

/** Grace that requests in flight get when the agent stops. */
const HTTP_GRACE_MS = 1000;

function metaOf(config: RuntimeConfig): Readonly<Record<string, string>> {
  return { ...config.nodeMeta, 'consul-network-segment': '', 'consul-version': CONSUL_VERSION };
}

/** Starts every part of a server agent, in the order that lets each find what it needs. Rejects when one cannot start. */
export async function runAgent(options: RunOptions): Promise<RunningAgent> {
  const { nodeId, hub } = options;
  const missing = unsupported(options.config);
  if (missing !== undefined) throw new Error(missing);
  let config = options.config;
  const clock = systemClock;
  const rng = systemRng;
  const log = hub.logger('agent');
  const telemetry = new Telemetry(config, clock);
  const { metrics } = telemetry;
  const identity = (): NodeIdentity => ({
    id: nodeId,
    name: config.nodeName,
    address: config.advertiseAddrLan,
    taggedAddresses: config.taggedAddresses,
    meta: metaOf(config),
  });
  const tags = serverTags({
    datacenter: config.datacenter,
    nodeId,
    version: CONSUL_VERSION,
    serverPort: config.rpcAdvertiseAddr.port,
    grpcPort: config.ports.grpc,
    grpcTlsPort: config.ports.grpcTls,
    wanPort: config.serfAdvertiseAddrWan?.port ?? -1,
    aclEnabled: config.acl.enabled,
    bootstrap: config.bootstrap,
    bootstrapExpect: config.bootstrapExpect,
    useTls: false,
  });
  const membership = new LoneMembership({
    name: config.nodeName,
    datacenter: config.datacenter,
    lan: config.serfAdvertiseAddrLan,
    wan: config.serfAdvertiseAddrWan,
    tags,
  });
  log
    .named('server')
    .named('serf')
    .named('lan')
    .info(`serf: EventMemberJoin: ${config.nodeName} ${config.advertiseAddrLan}`);
  const local = new LocalState();
  const server = new LocalServer({
    config,
    nodeId,
    disk: options.disk ?? new MemoryDisk(),
    clock,
    rng,
    log,
    metrics,
    identity,
    tags: () => tags,
    onLeading: () => sync.serverUp(),
  });
  metrics.collectWith(
    serverGauges(metrics, server, {
      datacenter: config.datacenter,
      members: () => {
        const lan = membership.lan();
        const servers = lan.filter((m) => m.Tags['role'] === 'consul').length;
        return { servers, clients: lan.length - servers };
      },
    }),
  );
  await server.start();
  const caller = server.server;
  const sync = new AntiEntropy({
    local,
    caller,
    clock,
    rng,
    log: log.named('anti_entropy'),
    identity,
    clusterSize: () => membership.lan().length,
    token: () => config.acl.tokens.agent || config.acl.tokens.default,
  });
  const persistence =
    options.disk === null
      ? null
      : new Persistence({
          disk: options.disk,
          clock,
          log,
          sha256: (text) => createHash('sha256').update(text).digest('hex'),
        });
  await persistence?.prepare();
  const spawner = new Spawner({ entry: [process.argv[1] ?? '', SPAWNER_COMMAND] }, { clock });
  const board = new CheckBoard({
    local,
    nodeName: config.nodeName,
    clock,
    rng,
    log,
    run: createCheckRunner(
      { outputMaxSize: config.checkOutputMaxSizeBytes, dockerHost: process.env['DOCKER_HOST'] ?? '', spawner },
      { clock },
    ),
    changed: () => void sync.pushChanges(),
    reap: ({ serviceId, checkId, timeoutMs }) => {
      log.info(
        "deregistered service with critical health due to exceeding health check's 'deregister_critical_service_after' timeout",
        { service: serviceId, check: checkId, timeout: formatDuration(timeoutMs * 1e6) },
      );
      if (!local.services.has(serviceId)) return;
      registry.removeService(serviceId);
      void sync.pushChanges();
    },
    persistTtl: (state) => persistence?.saveTtl(state),
    options: () => ({
      outputMaxSize: config.checkOutputMaxSizeBytes,
      discardOutput: config.discardCheckOutput,
      updateIntervalMs: config.checkUpdateIntervalMs,
    }),
  });
  const registry = new Registry({
    nodeName: config.nodeName,
    local,
    checks: board,
    sync,
    log,
    persistence,
    options: () => ({
      allowRemoteScripts: config.enableRemoteScriptChecks,
      allowLocalScripts: config.enableLocalScriptChecks || config.enableRemoteScriptChecks,
      sidecarPortMin: config.ports.sidecarMin,
      sidecarPortMax: config.ports.sidecarMax,
    }),
  });
  await loadDefinitions(config, registry, local, board, persistence, log);
  const events = new UserEvents(config.nodeName, { clock, rng, local });
  const agent: Agent = new Agent({
    nodeName: config.nodeName,
    datacenter: config.datacenter,
    clock,
    log,
    local,
    registry,
    sync,
    events,
    membership,
    caller,
    self: async () =>
      selfReport({
        config,
        debugConfig: debugConfig(config, { nodeId, version: CONSUL_VERSION, buildDate: BUILD_DATE }),
        nodeId,
        member: membership.lan()[0] as never,
        stats: {
          ...processStats(),
          ...server.stats(),
          agent: {
            check_monitors: '0',
            check_ttls: String([...local.checks.keys()].filter((id) => board.isTtl(id)).length),
            checks: String(local.checks.size),
            services: String(local.services.size),
          },
          serf_lan: poolStats(membership.lan().length, config.encryptKey !== ''),
          serf_wan: poolStats(membership.wan().length, config.encryptKey !== ''),
        },
        meta: metaOf(config),
        coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 1e-5 },
      }),
    version: () => ({ SHA: REVISION, BuildDate: BUILD_DATE, HumanVersion: CONSUL_VERSION, FIPS: '' }),
    host: hostInfo,
    profile: async (name, seconds) => {
      if (!isProfileName(name)) throw new AgentError(404, `Unknown profile: ${name}`);
      return takeProfile(name, { seconds }, clock);
    },
    observe: {
      metrics: () => metrics.snapshot(),
      prometheus: () => telemetry.prometheusText(),
      metricsStream: (sink) => metrics.stream(sink),
      monitor: (o, sink) => hub.listen(o, sink),
    },
    reload: async () => running.reload(options.loadAgain()),
    leave: async () => {
      await running.leave();
      // The answer goes out first.
      clock.after(50, () => options.onLeave());
    },
    snapshotSave: () => server.save(),
    snapshotRestore: (archive) => server.restore(archive),
  });

  let settings = apiSettings(config);
  const api = new HttpApi({
    datacenter: config.datacenter,
    agent,
    caller,
    clock,
    log: log.named('http'),
    metrics,
    settings: () => settings,
    gzip: (body) => nodeGzip.compress(body),
  });
  const front = new HttpFront(
    { maxConnsPerClient: config.http.maxConnsPerClient },
    { clock, log: log.named('http'), gzip: nodeGzip },
    (req, res) => api.handle(req, res),
  );
  const https = config.httpsAddrs.length === 0 ? null : tlsNetwork(tlsOptions(config.tls.https), log.named('http'));
  const dnsLog = log.named('dns');
  const recursors = new Recursors(dnsSettings(config), { network: nodeNetwork, clock, rng, log: dnsLog });
  const source = new CatalogDnsSource(
    caller,
    () => config.acl.tokens.dns || config.acl.tokens.default,
    config.nodeName,
  );
  const handler = new DnsHandler(dnsSettings(config), { source, clock, rng, log: dnsLog, metrics, recursors });
  const dns = new DnsServer({ network: nodeNetwork, clock, log, handler, recursors });

  const http = ownHttp(config);
  const watches = new WatchSet({
    read: http === undefined ? undefined : readByHttp(http, () => config.acl.tokens.default),
    clock,
    log,
  });
  watches.check(config.watches);

  const running: RunningAgent = {
    agent,
    async leave() {
      log.named('server').info('server starting leave');
      await membership.leave();
    },
    async stop() {
      log.info('Requesting shutdown');
      log.named('server').info('shutting down server');
      sync.stop();
      watches.stop();
      board.stop();
      spawner.stop();
      telemetry.stop();
      await persistence?.flush();
      await server.stop();
      log.info('consul server down');
      log.info('shutdown complete');
      await dns.stop();
      for (const a of config.httpAddrs) {
        const address = a.network === 'unix' ? a.path : `${a.ip}:${a.port}`;
        log.info('Stopping server', { address, network: a.network === 'unix' ? 'unix' : 'tcp', protocol: 'http' });
      }
      log.info('Waiting for endpoints to shut down');
      await front.close(HTTP_GRACE_MS);
      log.info('Endpoints down');
      if (config.pidFile !== '') unlinkSync(config.pidFile);
    },
    async reload(next) {
      watches.check(next.watches);
      config = next;
      settings = apiSettings(next);
      https?.reload(tlsOptions(next.tls.https));
      api.forget();
      handler.reload(dnsSettings(next));
      front.configure({ maxConnsPerClient: next.http.maxConnsPerClient });
      telemetry.reload(next);
      await reloadDefinitions(next, registry, local, log);
      watches.set(next.watches);
      sync.nodeChanged();
      await sync.pushChanges();
    },
  };
  try {
    if (config.pidFile !== '') writePidFile(config.pidFile);
    const dnsEndpoints = config.dnsAddrs.flatMap((a) => (a.network === 'udp' ? [{ host: a.ip, port: a.port }] : []));
    await dns.start(dnsEndpoints);
    for (const a of config.httpAddrs) await listenHttp(front, nodeNetwork, 'http', a, config, log);
    if (https !== null) for (const a of config.httpsAddrs) await listenHttp(front, https, 'https', a, config, log);
    await telemetry.start(config, { clock, log });
    watches.set(config.watches);
  } catch (error) {
    await server.stop();
    await dns.stop();
    await front.close(0);
    throw error;
  }
  sync.start();
  board.start();
  log.info('started state syncer');
  log.info('Consul agent running!');
  return running;
}

async function listenHttp(
  front: HttpFront,
  network: Network,
  protocol: 'http' | 'https',
  a: RuntimeConfig['httpAddrs'][number],
  config: RuntimeConfig,
  log: Log,
): Promise<void> {
  if (a.network === 'unix') {
    const { user, group, mode } = config.unixSockets;
    await front.listen(network, {
      host: '',
      port: 0,
      path: a.path,
      ...(mode === '' ? {} : { mode: Number.parseInt(mode, 8) }),
      ...(user === '' ? {} : { user }),
      ...(group === '' ? {} : { group }),
    });
    log.info('Starting server', { address: a.path, network: 'unix', protocol });
    return;
  }
  await front.listen(network, { host: a.ip, port: a.port });
  log.info('Starting server', { address: `${a.ip}:${a.port}`, network: 'tcp', protocol });
}

function writePidFile(path: string): void {
  try {
    writeFileSync(path, String(process.pid), { mode: 0o644 });
  } catch (error) {
    throw new Error(`Could not open pid file: open ${path}: ${goErrno(error)}`);
  }
}

function goErrno(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === 'ENOENT') return 'no such file or directory';
  if (code === 'EACCES') return 'permission denied';
  return errorText(error);
}

function poolStats(members: number, encrypted: boolean): Readonly<Record<string, string>> {
  return {
    coordinate_resets: '0',
    encrypted: String(encrypted),
    event_queue: '0',
    event_time: '1',
    failed: '0',
    health_score: '0',
    intent_queue: '0',
    left: '0',
    member_time: '1',
    members: String(members),
    query_queue: '0',
    query_time: '1',
  };
}

/** Definitions from files win over persisted ones of the same id. */
async function loadDefinitions(
  config: RuntimeConfig,
  registry: Registry,
  local: LocalState,
  board: CheckBoard,
  persistence: Persistence | null,
  log: Log,
): Promise<void> {
  await reloadDefinitions(config, registry, local, log);
  if (persistence === null) return;
  for (const { service, token, origin } of await persistence.services()) {
    if (local.services.has(service.ID) || origin === 'local') {
      persistence.removeService(service.ID);
      continue;
    }
    const sidecarOf = service.LocallyRegisteredAsSidecar ? service.ID.replace(/-sidecar-proxy$/, '') : '';
    local.putService(service, { token, origin, sidecarOf });
    log.debug('restored service definition from file', { service: service.ID });
  }
  for (const { check, definition, token, origin } of await persistence.checks()) {
    const gone = check.ServiceID !== '' && !local.services.has(check.ServiceID);
    if (gone || (local.checks.has(check.CheckID) && local.checks.get(check.CheckID)?.origin === 'local')) {
      persistence.removeCheck(check.CheckID);
      continue;
    }
    local.putCheck({ ...check, Status: definition === null ? check.Status : 'critical' }, definition, {
      token,
      origin,
    });
    const row = local.checks.get(check.CheckID);
    if (row === undefined) continue;
    const kept =
      definition !== null && definition.TTL > 0
        ? await persistence.ttl(check.CheckID, systemClock.wallMs())
        : undefined;
    if (kept !== undefined) local.setResult(check.CheckID, kept.Status, kept.Output);
    board.watch(row);
  }
}

/** Makes the definitions from files be those of `config`; what came by the API stays. */
async function reloadDefinitions(
  config: RuntimeConfig,
  registry: Registry,
  local: LocalState,
  log: Log,
): Promise<void> {
  const services = config.services.map(serviceFromFile);
  const checks = config.checks.map(checkFromFile);
  const wanted = new Set(services.map((s) => s.ID || s.Name));
  for (const row of [...local.services.values()]) {
    if (row.origin === 'local' && row.sidecarOf === '' && !wanted.has(row.service.ID))
      registry.removeService(row.service.ID);
  }
  const wantedChecks = new Set(checks.map((c) => c.ID || c.Name));
  for (const row of [...local.checks.values()]) {
    const id = row.check.CheckID;
    if (row.origin === 'local' && row.check.ServiceID === '' && row.definition !== null && !wantedChecks.has(id))
      registry.removeCheck(id);
  }
  for (const service of services) {
    try {
      registry.addService(service, {
        token: service.Token,
        origin: 'local',
        replaceExistingChecks: true,
        persist: false,
      });
    } catch (error) {
      throw new Error(`Failed to register service ${JSON.stringify(service.Name)}: ${errorText(error)}`);
    }
  }
  for (const check of checks) {
    try {
      registry.addCheck(check, { token: check.Token, origin: 'local', persist: false });
    } catch (error) {
      throw new Error(`Failed to register check '${check.ID || check.Name}': ${errorText(error)}`);
    }
  }
  log.debug('loaded definitions', { services: services.length, checks: checks.length });
}

/** The disk of a data directory, made with its parents when missing. */
export function dataDisk(path: string): Disk {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return new NodeDisk(path);
}
