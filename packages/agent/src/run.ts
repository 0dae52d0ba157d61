import { mkdirSync } from 'node:fs';
import { BUILD_DATE, type Clock, CONSUL_VERSION, type Disk, type Network, REVISION, type Rng } from '@proconsul/base';
import { debugConfig, type RuntimeConfig } from '@proconsul/config';
import { AgentError, type UserEvent } from '@proconsul/http-api';
import { NodeDisk, nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { Agent } from './agent.ts';
import { AgentTls } from './auto-encrypt/agent-tls.ts';
import { CoordinateSender } from './cluster/coordinate-sender.ts';
import type { RemoteExec } from './cluster/remote-exec.ts';
import { REMOTE_EXEC_EVENT } from './cluster/remote-exec-event.ts';
import type { ClusterSide, SideEvents } from './cluster/side.ts';
import { type AgentContext, nodeMeta } from './context.ts';
import { UserEvents } from './events.ts';
import { Fronts } from './fronts.ts';
import { hostInfo } from './host.ts';
import { LocalPart } from './local/local-part.ts';
import { LocalState } from './local/state.ts';
import type { LocalServer } from './local-server.ts';
import type { LogHub } from './observe/index.ts';
import { ownHttp } from './own-http.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { isProfileName, takeProfile } from './profile.ts';
import { processStats, selfReport } from './self.ts';
import { Telemetry } from './telemetry.ts';
import { unsupported } from './unsupported.ts';
import { readByHttp, WatchSet } from './watches/index.ts';

/** A running agent, in the hands of the process that started it. */
export interface RunningAgent {
  readonly agent: Agent;
  /** Its server side; undefined for a client. */
  readonly server: LocalServer | undefined;
  /** Leaves the pools, as far as there are any. */
  leave(): Promise<void>;
  stop(): Promise<void>;
  /** Takes a new configuration over, as far as it can be changed while running. */
  reload(config: RuntimeConfig): Promise<void>;
}

/** The machine on which an agent runs: the real one, or a simulated one. */
export interface AgentWorld {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly network: Network;
  /** Whether the agent has the process for itself, and reports on its memory. */
  readonly ownsProcess: boolean;
}

const SYSTEM: AgentWorld = { clock: systemClock, rng: systemRng, network: nodeNetwork, ownsProcess: true };

export interface RunOptions {
  /** Default: the real one. */
  readonly world?: AgentWorld;
  readonly config: RuntimeConfig;
  readonly nodeId: string;
  readonly disk: Disk | null;
  readonly hub: LogHub;
  /** Reads the configuration again. Throws its error. */
  loadAgain(): RuntimeConfig;
  /** The agent answers, and has joined whom its configuration tells it to join. Called at most once. */
  onReady?(): void;
  /** Somebody asked the agent to leave: the process should end with 0. */
  onLeave(): void;
  /** The agent cannot go on: the process should end with 1. */
  onFatal(what: string, error: Error): void;
}

/** The answer to a request to leave goes out before the process ends. */
const LEAVE_ANSWER_MS = 50;

/** Starts an agent. Rejects when a part of it cannot start. */
export async function runAgent(options: RunOptions): Promise<RunningAgent> {
  const missing = unsupported(options.config);
  if (missing !== undefined) throw new Error(missing);
  const assembly = new Assembly(options);
  await assembly.start();
  return assembly;
}

/** The parts of a running agent, put together in the order that lets each find what it needs. */
class Assembly implements RunningAgent {
  readonly #options: RunOptions;
  readonly #telemetry: Telemetry;
  readonly #context: AgentContext;
  readonly #local = new LocalState();
  readonly #events: UserEvents;
  #config: RuntimeConfig;
  #side!: ClusterSide;
  #part!: LocalPart;
  #fronts!: Fronts;
  #watches!: WatchSet;
  #agent!: Agent;
  #coordinates: CoordinateSender | undefined;
  #exec: RemoteExec | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#config = options.config;
    const { clock, rng, network, ownsProcess } = options.world ?? SYSTEM;
    this.#telemetry = new Telemetry(options.config, clock, ownsProcess);
    this.#context = {
      nodeId: options.nodeId,
      disk: options.disk,
      log: options.hub.logger('agent'),
      clock,
      rng,
      network,
      metrics: this.#telemetry.metrics,
      agentTls: new AgentTls(),
      config: () => this.#config,
    };
    this.#events = new UserEvents(options.config.nodeName, { clock, rng, local: this.#local });
  }

  get agent(): Agent {
    return this.#agent;
  }

  get server(): LocalServer | undefined {
    return this.#side.server;
  }

  async start(): Promise<void> {
    const config = this.#config;
    const { log, clock } = this.#context;
    this.#side = await this.#makeSide();
    await this.#side.start();
    const { caller, membership } = this.#side;
    this.#part = new LocalPart({
      context: this.#context,
      local: this.#local,
      caller,
      clusterSize: () => membership.lan().length,
    });
    try {
      await this.#part.load();
      this.#agent = this.#makeAgent();
      this.#fronts = new Fronts(this.#context, this.#agent, caller);
      this.#watches = this.#makeWatches();
      writePidFile(config.pidFile);
      await this.#fronts.start();
      await this.#telemetry.start(config, { clock, log });
      this.#watches.set(config.watches);
    } catch (error) {
      await this.#side.stop();
      await this.#fronts?.abandon();
      throw error;
    }
    this.#side.join();
    this.#part.start();
    log.info('Consul agent running!');
    if (config.retryJoinLan.addresses.length === 0) this.#options.onReady?.();
    if (!config.disableCoordinates) this.#sendCoordinates();
  }

  #sendCoordinates(): void {
    const { clock, rng, log } = this.#context;
    const { datacenter, nodeName, syncCoordinateRateTarget, syncCoordinateIntervalMinMs } = this.#config;
    const { caller, membership } = this.#side;
    this.#coordinates = new CoordinateSender({
      clock,
      rng,
      log,
      caller,
      datacenter,
      nodeName,
      rateTarget: syncCoordinateRateTarget,
      intervalMinMs: syncCoordinateIntervalMinMs,
      clusterSize: () => membership.lan().length,
      hasServers: () => membership.lan().some((m) => m.Tags['role'] === 'consul'),
      coordinate: () => this.#side.coordinate(),
      token: () => this.#config.acl.tokens.agent || this.#config.acl.tokens.default,
    });
    this.#coordinates.start();
  }

  async #makeSide(): Promise<ClusterSide> {
    const events: SideEvents = {
      serverUp: () => this.#part?.sync.serverUp(),
      joined: () => this.#options.onReady?.(),
      userEvent: (event) => this.#userEvent(event),
      fatal: (what, error) => this.#options.onFatal(what, error),
    };
    if (this.#config.server) {
      const { ServerSide } = await import('./cluster/server-side.ts');
      return new ServerSide(this.#context, events);
    }
    const { ClientSide } = await import('./cluster/client-side.ts');
    return new ClientSide(this.#context, events);
  }

  /** Events for remote execution are orders, not news: they are not shown. */
  #userEvent(event: UserEvent): void {
    if (event.Name !== REMOTE_EXEC_EVENT) {
      this.#events.deliver(event);
      return;
    }
    if (!this.#events.isForUs(event)) return;
    if (this.#config.disableRemoteExec) {
      this.#context.log.info('ignoring remote exec event, disabled.', { event_name: event.Name, event_id: event.ID });
      return;
    }
    void this.#remoteExec(event);
  }

  async #remoteExec(event: UserEvent): Promise<void> {
    const { RemoteExec } = await import('./cluster/remote-exec.ts');
    const { clock, log } = this.#context;
    this.#exec ??= new RemoteExec({
      caller: this.#side.caller,
      nodeName: this.#config.nodeName,
      clock,
      log,
      token: () => this.#config.acl.tokens.agent || this.#config.acl.tokens.default,
    });
    await this.#exec.handle(event);
  }

  #makeWatches(): WatchSet {
    const { clock, log } = this.#context;
    const http = ownHttp(this.#config);
    const token = () => this.#config.acl.tokens.default;
    const watches = new WatchSet({ read: http === undefined ? undefined : readByHttp(http, token), clock, log });
    watches.check(this.#config.watches);
    return watches;
  }

  #makeAgent(): Agent {
    const { nodeName, datacenter } = this.#config;
    const { clock, log, metrics } = this.#context;
    const { hub } = this.#options;
    return new Agent({
      nodeName,
      datacenter,
      clock,
      log,
      local: this.#local,
      registry: this.#part.registry,
      sync: this.#part.sync,
      events: this.#events,
      side: this.#side,
      self: async () => this.#self(),
      version: () => ({ SHA: REVISION, BuildDate: BUILD_DATE, HumanVersion: CONSUL_VERSION, FIPS: '' }),
      host: hostInfo,
      profile: async (name, seconds) => {
        if (!isProfileName(name)) throw new AgentError(404, `Unknown profile: ${name}`);
        return takeProfile(name, { seconds }, clock);
      },
      observe: {
        metrics: () => metrics.snapshot(),
        prometheus: () => this.#telemetry.prometheusText(),
        metricsStream: (sink) => metrics.stream(sink),
        monitor: (o, sink) => hub.listen(o, sink),
      },
      reload: async () => this.reload(this.#options.loadAgain()),
      leave: async () => {
        await this.leave();
        clock.after(LEAVE_ANSWER_MS, () => this.#options.onLeave());
      },
    });
  }

  #self(): Readonly<Record<string, unknown>> {
    const config = this.#config;
    const { nodeId } = this.#options;
    const me = this.#side.membership.lan().find((m) => m.Name === config.nodeName);
    return selfReport({
      config,
      debugConfig: debugConfig(config, { nodeId, version: CONSUL_VERSION, buildDate: BUILD_DATE }),
      nodeId,
      member: me as NonNullable<typeof me>,
      stats: { ...processStats(), agent: this.#part.stats(), ...this.#side.stats() },
      meta: nodeMeta(config),
      coord: { ...this.#side.coordinate() },
    });
  }

  async leave(): Promise<void> {
    const { sync } = this.#part;
    sync.stop();
    try {
      await this.#side.leave();
    } catch (error) {
      sync.start();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const { log } = this.#context;
    const kind = this.#config.server ? 'server' : 'client';
    log.info('Requesting shutdown');
    log.named(kind).info(`shutting down ${kind}`);
    this.#coordinates?.stop();
    this.#watches.stop();
    this.#telemetry.stop();
    await this.#part.stop();
    await this.#side.stop();
    log.info(`consul ${kind} down`);
    log.info('shutdown complete');
    await this.#fronts.stop();
    removePidFile(this.#config.pidFile);
  }

  async reload(next: RuntimeConfig): Promise<void> {
    this.#watches.check(next.watches);
    this.#config = next;
    this.#side.reload(next);
    this.#fronts.reload(next);
    this.#telemetry.reload(next);
    await this.#part.reload(next);
    this.#watches.set(next.watches);
  }
}

/** The disk of a data directory, made with its parents when missing. */
export function dataDisk(path: string): Disk {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return new NodeDisk(path);
}
