import { type Clock, CONSUL_VERSION, type Disk, errorText, type Log, type Metrics, type Rng } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { AgentError } from '@proconsul/http-api';
import { msgpackConfiguration, noTransport, RAFT_DEFAULTS, RaftNode } from '@proconsul/raft';
import {
  AutopilotSetConfigRequest,
  CARequest,
  type Coordinate,
  FederationState,
  FederationStateRequest,
  HealthCheck,
  MessageType,
  NodeService,
  RegisterRequest,
  SystemMetadataEntry,
  SystemMetadataRequest,
} from '@proconsul/schema';
import {
  autopilotFromConfig,
  readArchive,
  SERVER_DEFAULTS,
  Server,
  type ServerFacts,
  writeArchive,
} from '@proconsul/server';
import { Store } from '@proconsul/store';
import { archiveCodec } from './archive-codec.ts';
import type { NodeIdentity } from './local/anti-entropy.ts';
import { RaftConsensus } from './raft-consensus.ts';
import type { Stats } from './self.ts';
import { storeMachine } from './store-machine.ts';

export interface LocalServerDependencies {
  readonly config: RuntimeConfig;
  readonly nodeId: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  identity(): NodeIdentity;
  tags(): Readonly<Record<string, string>>;
  /** Called whenever leadership is won and the first duties are done. */
  onLeading(): void;
}

/** Marks a moment as being in UTC. */
const UTC_OFFSET = -1;

const ORIGIN: Coordinate['Coord'] = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 1e-5 };

/** The server side of this process: the replicated state, its Raft node, its endpoints, and the duties of a leader. */
export class LocalServer {
  readonly #d: LocalServerDependencies;
  readonly store: Store;
  readonly raft: RaftNode;
  readonly server: Server;
  readonly #consensus: RaftConsensus;
  #stableSinceMs: number;

  constructor(d: LocalServerDependencies) {
    this.#d = d;
    const { config, clock, rng, log, metrics } = d;
    this.#stableSinceMs = clock.wallMs();
    this.store = new Store({ datacenter: config.datacenter });
    const serverLog = log.named('server');
    const address = `${config.rpcAdvertiseAddr.ip}:${config.rpcAdvertiseAddr.port}`;
    this.raft = new RaftNode(
      {
        ...RAFT_DEFAULTS,
        id: d.nodeId,
        address,
        heartbeatTimeoutMs: config.raft.heartbeatTimeoutMs,
        electionTimeoutMs: config.raft.electionTimeoutMs,
        leaderLeaseTimeoutMs: config.raft.leaderLeaseTimeoutMs,
        snapshotThreshold: config.raft.snapshotThreshold,
        snapshotIntervalMs: config.raft.snapshotIntervalMs,
        trailingLogs: config.raft.trailingLogs,
        preVote: !config.raft.preVoteDisabled,
      },
      {
        clock,
        rng,
        disk: d.disk,
        log: serverLog.named('raft'),
        metrics,
        transport: noTransport,
        codec: msgpackConfiguration,
        machine: storeMachine(this.store),
        onRole: (role) => this.#roleChanged(role),
      },
    );
    this.#consensus = new RaftConsensus(d.nodeId, this.raft);
    this.server = new Server(
      {
        ...SERVER_DEFAULTS,
        datacenter: config.datacenter,
        rpcHoldTimeoutMs: config.rpcHoldTimeoutMs,
        defaultQueryTimeMs: config.defaultQueryTimeMs,
        maxQueryTimeMs: config.maxQueryTimeMs,
        sessionTtlMinNs: (config.sessionTtlMinMs || 10_000) * 1e6,
      },
      {
        store: this.store,
        consensus: this.#consensus,
        clock,
        rng,
        log: serverLog,
        metrics,
        leaderCaller: () => undefined,
        datacenterCaller: () => undefined,
        servers: () => this.#facts(),
        wanCoordinates: () => [
          {
            Datacenter: config.datacenter,
            AreaID: 'wan',
            Coordinates: [{ Node: config.nodeName, Segment: '', Partition: '', Coord: ORIGIN }],
          },
        ],
        datacenters: () => [config.datacenter],
      },
    );
    this.store.setHooks({
      onSession: ({ kind, session }) => {
        if (!this.server.leads()) return;
        if (kind === 'created') this.server.sessionTimers.reset(session);
        else this.server.sessionTimers.clear(session.ID);
      },
      onLockDelay: (key, delayNs) => {
        if (this.server.leads()) this.server.lockDelays.close(key, delayNs / 1e6);
      },
    });
  }

  /** Opens what is on disk and takes part. Rejects with a clear error when a file is damaged. */
  async start(): Promise<void> {
    const { config } = this.#d;
    await this.raft.open();
    const isNew = this.raft.configuration().servers.length === 0;
    await this.raft.start();
    if (!isNew || !(config.bootstrap || config.devMode)) return;
    const address = `${config.rpcAdvertiseAddr.ip}:${config.rpcAdvertiseAddr.port}`;
    await this.raft.bootstrap({ servers: [{ id: this.#d.nodeId, address, suffrage: 'voter' }] });
  }

  async stop(): Promise<void> {
    this.server.stopLeading();
    await this.raft.stop();
  }

  #roleChanged(role: string): void {
    const log = this.#d.log.named('server');
    if (role !== 'leader') {
      this.server.stopLeading();
      return;
    }
    log.info('cluster leadership acquired');
    this.#lead().then(
      () => {
        log.info('New leader elected', { payload: this.#d.config.nodeName });
        this.#d.onLeading();
      },
      (error) => log.error('failed to establish leadership', { error: errorText(error) }),
    );
  }

  /** The first duties of a leader. Reads are served only after the barrier: then nothing committed is missing. */
  async #lead(): Promise<void> {
    await this.raft.barrier();
    this.server.startLeading();
    const { config } = this.#d;
    if (this.store.operator.autopilot().value === null) {
      const Config = autopilotFromConfig(config.autopilot);
      await this.#consensus.propose({
        type: MessageType.Autopilot,
        request: AutopilotSetConfigRequest.make({ Datacenter: config.datacenter, Config }),
      });
    }
    await this.#systemMetadata();
    if (config.connect.enabled) await this.#establishCa();
    await this.#registerSelf();
    await this.#federationState();
  }

  /** Facts that servers of the compatible release write when they lead. Source: recorded logs. */
  async #systemMetadata(): Promise<void> {
    const known = new Set(this.store.operator.systemMetadata().value.map((e) => e.Key));
    const wanted = { 'intention-format': 'config-entry', 'virtual-ips': 'true', 'virtual-ips-term-gateway': 'true' };
    for (const [Key, Value] of Object.entries(wanted)) {
      if (known.has(Key)) continue;
      const Entry = SystemMetadataEntry.make({ Key, Value });
      await this.#consensus.propose({
        type: MessageType.SystemMetadata,
        request: SystemMetadataRequest.make({ Datacenter: this.#d.config.datacenter, Op: 'upsert', Entry }),
      });
    }
  }

  /** The first leader makes the root of trust of the mesh; later ones find it. */
  async #establishCa(): Promise<void> {
    if (this.store.connect.roots().value.some((r) => r.Active)) return;
    const { firstAuthority } = await import('./connect-ca.ts');
    const { clock, rng, config } = this.#d;
    for (const request of firstAuthority(config, { clock, rng })) {
      await this.#consensus.propose({ type: MessageType.ConnectCA, request: CARequest.encodeWire(request) });
    }
  }

  /** What this datacenter tells the others. Written once: without mesh gateways nothing of it changes. */
  async #federationState(): Promise<void> {
    const { config, clock } = this.#d;
    if (this.store.federation.get(config.datacenter).value !== null) return;
    const wallMs = clock.wallMs();
    const seconds = Math.floor(wallMs / 1000);
    const UpdatedAt = { seconds, nanos: Math.floor((wallMs - seconds * 1000) * 1e6), offsetMinutes: UTC_OFFSET };
    const State = FederationState.make({ Datacenter: config.datacenter, UpdatedAt });
    const request = FederationStateRequest.make({ Datacenter: config.datacenter, Op: 'upsert', State });
    await this.#consensus.propose({
      type: MessageType.FederationState,
      request: FederationStateRequest.encodeWire(request),
    });
  }

  /** This server as a service in the catalog, with the check that stands for its membership. */
  async #registerSelf(): Promise<void> {
    const { config, nodeId } = this.#d;
    const me = this.#d.identity();
    const tags = this.#d.tags();
    const Service = NodeService.make({
      ID: 'consul',
      Service: 'consul',
      Port: config.rpcAdvertiseAddr.port,
      Weights: { Passing: 1, Warning: 1 },
      Meta: {
        ...(tags['grpc_port'] === undefined ? {} : { grpc_port: tags['grpc_port'] }),
        ...(tags['grpc_tls_port'] === undefined ? {} : { grpc_tls_port: tags['grpc_tls_port'] }),
        non_voter: 'false',
        raft_version: '3',
        read_replica: 'false',
        serf_protocol_current: '2',
        serf_protocol_max: '5',
        serf_protocol_min: '1',
        version: CONSUL_VERSION,
      },
    });
    const check = HealthCheck.make({
      Node: config.nodeName,
      CheckID: 'serfHealth',
      Name: 'Serf Health Status',
      Status: 'passing',
      Output: 'Agent alive and reachable',
    });
    // The rest of the node's record is the agent's to write.
    const known = this.store.catalog.node(config.nodeName);
    const request = RegisterRequest.make({
      Datacenter: config.datacenter,
      ID: nodeId,
      Node: config.nodeName,
      Address: me.address,
      SkipNodeUpdate: known !== undefined && known.ID === nodeId && known.Address === me.address,
      Service,
      Checks: [check],
    });
    const result = await this.#consensus.propose({ type: MessageType.Register, request });
    if (typeof result === 'object' && result !== null && 'error' in result) {
      this.#d.log.named('server').error('failed to reconcile member', {
        member: config.nodeName,
        error: String((result as { error: unknown }).error),
      });
    }
  }

  #facts(): readonly ServerFacts[] {
    const { config, nodeId } = this.#d;
    return [
      {
        id: nodeId,
        name: config.nodeName,
        address: `${config.rpcAdvertiseAddr.ip}:${config.rpcAdvertiseAddr.port}`,
        version: CONSUL_VERSION,
        serfStatus: 'alive',
        leader: this.#consensus.leaderId() === nodeId,
        voter: true,
        lastContactMs: 0,
        lastTerm: this.#consensus.lastTerm(),
        lastIndex: this.#consensus.lastIndex(),
        stableSinceMs: this.#stableSinceMs,
        meta: this.#d.identity().meta,
      },
    ];
  }

  stats(): Stats {
    const { config } = this.#d;
    return {
      consul: {
        acl: config.acl.enabled ? 'enabled' : 'disabled',
        bootstrap: String(config.bootstrap),
        known_datacenters: '1',
        leader: String(this.#consensus.leads()),
        leader_addr: this.#consensus.leaderAddress(),
        server: 'true',
      },
      raft: this.raft.stats(),
    };
  }

  /** A verified archive of the state of this moment. */
  async save(): Promise<{ index: number; chunks: AsyncIterable<Uint8Array> }> {
    if (!this.server.leads()) throw new AgentError(500, 'No cluster leader');
    const { clock } = this.#d;
    const capture = this.store.snapshot();
    const index = Math.max(capture.index, 1);
    const wallMs = clock.wallMs();
    const term = this.#consensus.lastTerm();
    const servers = this.raft
      .configuration()
      .servers.map((s) => ({ Suffrage: s.suffrage === 'voter' ? 0 : 1, ID: s.id, Address: s.address }));
    const meta = {
      ID: `${term}-${index}-${Math.floor(wallMs)}`,
      Index: index,
      Term: term,
      Configuration: { Servers: servers },
      ConfigurationIndex: 1,
    };
    return { index, chunks: writeArchive(meta, capture.chunks(), archiveCodec, wallMs) };
  }

  /** Replaces the whole state. Nothing changes unless the archive verifies and decodes. */
  async restore(archive: AsyncIterable<Uint8Array>): Promise<void> {
    const { meta, state } = await readArchive(archive, archiveCodec).catch((error) => {
      throw new AgentError(500, errorText(error));
    });
    const { store } = this;
    const replacement = store.restore();
    try {
      for (const chunk of state) replacement.push(chunk);
      replacement.complete();
    } catch (error) {
      throw new AgentError(500, `failed to restore snapshot: ${errorText(error)}`);
    }
    await this.raft.restoreUserSnapshot(state, meta.Index, () => {
      replacement.finish();
      store.flush();
    });
    this.server.startLeading();
    await this.#lead();
    this.server.views.refresh();
  }
}
