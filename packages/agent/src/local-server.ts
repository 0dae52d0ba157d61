import { type Clock, type Disk, errorText, type Log, type Metrics, type Rng } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { AgentError } from '@proconsul/http-api';
import {
  isConsulStore,
  msgpackConfiguration,
  noTransport,
  RAFT_DEFAULTS,
  RaftNode,
  type StateMachine,
  type Transport,
} from '@proconsul/raft';
import type { Coordinate, RaftStats } from '@proconsul/schema';
import {
  Autopilot,
  autopilotFromConfig,
  DEFAULT_AUTOPILOT,
  LeaderDuties,
  type MemberChange,
  MemberReconciler,
  type PoolMember,
  parseServerTags,
  readArchive,
  SERVER_DEFAULTS,
  Server,
  type ServerDependencies,
  type ServerInfo,
  writeArchive,
} from '@proconsul/server';
import { type Command, Store } from '@proconsul/store';
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
  /** Raft takes no part any more: the disk failed, or a command is not understood. */
  onFailure(error: Error): void;
  /** What there is beside this server; without it, it is alone. */
  readonly cluster?: ClusterLinks;
}

/** The other servers, as the server side of an agent reaches them. */
export interface ClusterLinks
  extends Pick<ServerDependencies, 'leaderCaller' | 'datacenterCaller' | 'wanCoordinates' | 'datacenters'> {
  readonly transport: Transport;
  /** The LAN pool, ourselves included. */
  members(): readonly PoolMember[];
  /** `Status.RaftStats` of another server. */
  statsOf(server: ServerInfo): Promise<RaftStats>;
  /** Marks a failed server as left in both pools. */
  forceLeave(server: ServerInfo): void;
  /** Fires `consul:new-leader` with our node name. */
  announceLeader(): void;
}

const ORIGIN: Coordinate['Coord'] = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 1e-5 };

/** The server side of this process: the replicated state, its Raft node, its endpoints, and the duties of a leader. */
export class LocalServer {
  readonly #d: LocalServerDependencies;
  readonly #log: Log;
  readonly store: Store;
  readonly raft: RaftNode;
  readonly server: Server;
  readonly #consensus: RaftConsensus;
  readonly autopilot: Autopilot;
  readonly reconciler: MemberReconciler;
  readonly duties: LeaderDuties;

  constructor(d: LocalServerDependencies) {
    this.#d = d;
    this.#log = d.log.named('server');
    const { config, clock, metrics } = d;
    this.store = new Store({ datacenter: config.datacenter });
    this.raft = this.#makeRaft();
    this.#consensus = new RaftConsensus(d.nodeId, this.raft);
    this.server = this.#makeServer();
    this.autopilot = this.#makeAutopilot();
    this.reconciler = new MemberReconciler(
      { datacenter: config.datacenter, nodeName: config.nodeName, nodeId: d.nodeId },
      {
        clock,
        log: this.#log,
        metrics,
        store: this.store,
        consensus: this.#consensus,
        members: () => this.#members(),
      },
    );
    this.duties = this.#makeDuties();
  }

  #makeRaft(): RaftNode {
    const d = this.#d;
    const { config, clock, rng, metrics } = d;
    const { heartbeatTimeoutMs, electionTimeoutMs, leaderLeaseTimeoutMs } = config.raft;
    const { snapshotThreshold, snapshotIntervalMs, trailingLogs, preVoteDisabled } = config.raft;
    return new RaftNode(
      {
        ...RAFT_DEFAULTS,
        id: d.nodeId,
        address: `${config.rpcAdvertiseAddr.ip}:${config.rpcAdvertiseAddr.port}`,
        ...{ heartbeatTimeoutMs, electionTimeoutMs, leaderLeaseTimeoutMs },
        ...{ snapshotThreshold, snapshotIntervalMs, trailingLogs },
        preVote: !preVoteDisabled,
      },
      {
        clock,
        rng,
        disk: d.disk,
        log: this.#log.named('raft'),
        metrics,
        transport: d.cluster?.transport ?? noTransport,
        codec: msgpackConfiguration,
        machine: this.#machine(),
        onRole: (role) => this.duties.roleChanged(role),
        onLeader: () => this.server.leaderChanged(),
        onFailure: (error) => d.onFailure(error),
      },
    );
  }

  #makeServer(): Server {
    const d = this.#d;
    const { config, clock, rng, metrics } = d;
    return new Server(
      {
        ...SERVER_DEFAULTS,
        datacenter: config.datacenter,
        primaryDatacenter: config.primaryDatacenter,
        rpcHoldTimeoutMs: config.rpcHoldTimeoutMs,
        defaultQueryTimeMs: config.defaultQueryTimeMs,
        maxQueryTimeMs: config.maxQueryTimeMs,
        sessionTtlMinNs: (config.sessionTtlMinMs || 10_000) * 1e6,
        allowWithoutIntention: config.defaultIntentionPolicy !== 'deny',
      },
      {
        store: this.store,
        consensus: this.#consensus,
        clock,
        rng,
        log: this.#log,
        metrics,
        leaderCaller: () => d.cluster?.leaderCaller(),
        datacenterCaller: (datacenter) => d.cluster?.datacenterCaller(datacenter),
        servers: () => this.autopilot.facts(),
        askServers: () => this.autopilot.observe(),
        wanCoordinates: () => d.cluster?.wanCoordinates() ?? this.#ownCoordinates(),
        datacenters: () => d.cluster?.datacenters() ?? [config.datacenter],
      },
    );
  }

  #makeAutopilot(): Autopilot {
    const d = this.#d;
    return new Autopilot({
      clock: d.clock,
      log: this.#log.named('autopilot'),
      consensus: this.#consensus,
      config: () => this.store.operator.autopilot().value ?? DEFAULT_AUTOPILOT,
      servers: () => this.#servers(),
      statsOf: (server) => d.cluster?.statsOf(server) ?? Promise.reject(new Error('no other servers')),
      forceLeave: (server) => d.cluster?.forceLeave(server),
      nodeMeta: (name) => this.store.catalog.node(name)?.Meta ?? {},
    });
  }

  #makeDuties(): LeaderDuties {
    const d = this.#d;
    const { config, clock, rng, metrics } = d;
    const log = this.#log;
    return new LeaderDuties(
      {
        datacenter: config.datacenter,
        autopilot: autopilotFromConfig(config.autopilot),
        connectEnabled: config.connect.enabled,
      },
      {
        clock,
        log,
        metrics,
        store: this.store,
        consensus: this.#consensus,
        server: this.server,
        reconciler: this.reconciler,
        autopilot: this.autopilot,
        firstAuthority: async () => {
          const { firstAuthority } = await import('./connect-ca.ts');
          return firstAuthority(config, { clock, rng, known: this.store.connect.configuration().value });
        },
        announce: () => {
          if (d.cluster !== undefined) d.cluster.announceLeader();
          else log.info('New leader elected', { payload: config.nodeName });
        },
        established: () => d.onLeading(),
      },
    );
  }

  /** The store; when a leader replaces all of it, whoever waits is answered, since indexes may have gone back. */
  #machine(): StateMachine {
    const { clock, metrics } = this.#d;
    const machine = storeMachine(this.store, { clock, metrics });
    return {
      ...machine,
      restore: async (pieces) => {
        await machine.restore(pieces);
        this.server.views.refresh();
      },
    };
  }

  /** Commits a command and answers what the store made of it. Rejects when we do not lead. */
  propose(command: Command): Promise<unknown> {
    return this.#consensus.propose(command);
  }

  /** A member of the LAN pool changed. */
  memberChanged(what: MemberChange, member: PoolMember): void {
    this.reconciler.changed(what, member);
  }

  #members(): readonly PoolMember[] {
    const { cluster, config, identity, tags } = this.#d;
    if (cluster !== undefined) return cluster.members();
    const { address } = identity();
    return [{ name: config.nodeName, address, port: config.rpcAdvertiseAddr.port, status: 'alive', tags: tags() }];
  }

  #servers(): readonly ServerInfo[] {
    return this.#members().flatMap((member) => parseServerTags(member) ?? []);
  }

  #ownCoordinates(): ReturnType<ServerDependencies['wanCoordinates']> {
    const { config } = this.#d;
    const Coordinates = [{ Node: config.nodeName, Segment: '', Partition: '', Coord: ORIGIN }];
    return [{ Datacenter: config.datacenter, AreaID: 'wan', Coordinates }];
  }

  /** Reads what is on disk. Rejects with a clear error when a file is damaged. */
  async open(): Promise<void> {
    const { config, disk, clock, rng } = this.#d;
    if (!config.devMode) {
      if (await isConsulStore(disk, RAFT_DEFAULTS.directory)) {
        const { takeOverConsul } = await import('./taking-over.ts');
        await takeOverConsul({ disk, clock, rng, log: this.#log, dataDir: config.dataDir });
      }
      const { recoverFromPeersFile } = await import('./peers-recovery.ts');
      const machine = () => storeMachine(new Store({ datacenter: config.datacenter }));
      await recoverFromPeersFile({ disk, clock, rng, log: this.#log, machine });
    }
    await this.raft.open();
  }

  /** Whether this server has never been in a cluster. */
  isFresh(): boolean {
    return this.raft.lastIndex === 0 && this.raft.configuration().servers.length === 0;
  }

  /** Takes part. */
  async start(): Promise<void> {
    const { config } = this.#d;
    const isNew = this.isFresh();
    await this.raft.start();
    if (!isNew || !(config.bootstrap || config.devMode)) return;
    const address = `${config.rpcAdvertiseAddr.ip}:${config.rpcAdvertiseAddr.port}`;
    await this.raft.bootstrap({ servers: [{ id: this.#d.nodeId, address, suffrage: 'voter' }] });
  }

  /** Before a leave: somebody else shall lead. */
  async handOver(): Promise<void> {
    const voters = this.#consensus.members().filter((m) => m.voter);
    if (!this.server.leads() || voters.length < 2) return;
    await this.#consensus.transferLeadership('').catch((error) => {
      this.#log.error('failed to transfer leadership', { error: errorText(error) });
    });
  }

  async stop(): Promise<void> {
    this.duties.stop();
    await this.raft.stop();
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

  /** A verified archive of the state of this moment, as this server has it. */
  async save(): Promise<{ index: number; chunks: AsyncIterable<Uint8Array> }> {
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
    await this.duties.stateReplaced();
    this.server.views.refresh();
  }
}
