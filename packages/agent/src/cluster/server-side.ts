import { errorText, formatDuration, MemoryDisk, type Stream, sleep } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import type { Caller } from '@proconsul/endpoints';
import type { UserEvent } from '@proconsul/http-api';
import { type RpcClient, serveCalls } from '@proconsul/rpc';
import type { NetworkCoordinate } from '@proconsul/serf';
import { BootstrapExpect, LimitedCaller, RequestLimits } from '@proconsul/server';
import type { RootsWatch } from '../auto-encrypt/roots-watch.ts';
import type { ServerCertificates } from '../auto-encrypt/server-certificates.ts';
import { serverCertificates } from '../auto-encrypt/server-side.ts';
import { type AgentContext, nodeIdentity } from '../context.ts';
import { LocalServer } from '../local-server.ts';
import type { Stats } from '../self.ts';
import { serverGauges } from '../server-gauges.ts';
import { discover } from './discovery.ts';
import type { Membership } from './membership.ts';
import { eventRequest, keyringRequest, restoreRequest, saveRequest } from './pool-requests.ts';
import { handleUserEvent } from './pool-user-events.ts';
import { RejoinAge } from './rejoin-age.ts';
import { resolveHost } from './resolve-host.ts';
import { RetryJoin } from './retry-join.ts';
import { ServerRpc } from './rpc.ts';
import { SerfMembership } from './serf-membership.ts';
import { ServerCalls } from './server-calls.ts';
import { ServerGrpc } from './server-grpc.ts';
import { peerOf, ServerLinks } from './server-links.ts';
import { ServerPools } from './server-pools.ts';
import type { ClusterSide, KeyringAnswer, KeyringOperation, SideEvents, SnapshotOptions } from './side.ts';
import { type SavedArchive, serveSnapshot } from './snapshot-stream.ts';
import { together } from './together.ts';

/** A server of its datacenter: the state, the pools, and the ways to the other servers. */
export class ServerSide implements ClusterSide {
  readonly #context: AgentContext;
  readonly #events: SideEvents;
  readonly #rpc: ServerRpc;
  readonly #links: ServerLinks;
  readonly #pools: ServerPools;
  readonly #server: LocalServer;
  readonly #limits: RequestLimits;
  readonly #limited: Caller;
  readonly #calls: ServerCalls;
  readonly #certificates: ServerCertificates;
  readonly #roots: RootsWatch | undefined;
  readonly #grpc: ServerGrpc;
  readonly #bootstrap: BootstrapExpect;
  readonly #age: RejoinAge | undefined;
  readonly #joins: RetryJoin[] = [];
  #membership: Membership | undefined;

  constructor(context: AgentContext, events: SideEvents) {
    this.#context = context;
    this.#events = events;
    const { clock, disk, log } = context;
    const config = context.config();
    this.#rpc = new ServerRpc(context);
    const client: RpcClient = this.#rpc.client;
    this.#links = new ServerLinks({
      context,
      rpc: this.#rpc,
      lan: () => this.#pools.lan,
      wan: () => this.#pools.wan,
      leader: () => this.#server.raft.leader(),
    });
    this.#pools = this.#makePools();
    this.#server = this.#makeServer();
    this.#limits = new RequestLimits(config.requestLimits, {
      clock: context.clock,
      log: context.log.named('server').named('rpc-rate-limit'),
      metrics: context.metrics,
    });
    this.#limited = new LimitedCaller(this.#server.server, this.#limits);
    this.#calls = new ServerCalls({
      datacenter: config.datacenter,
      callTimeoutMs: config.rpcClientTimeoutMs,
      client,
      links: this.#links,
      pools: this.#pools,
      server: this.#server,
    });
    const { certificates, roots } = serverCertificates(context, this.#server, this.#rpc, this.#links);
    this.#certificates = certificates;
    this.#roots = roots;
    this.#grpc = new ServerGrpc({
      context,
      caller: this.#server.server,
      servers: () => this.#links.directory.alive(),
      wanHost: ({ name, datacenter }) =>
        this.#pools.wan?.members().find((m) => m.name === `${name}.${datacenter}`)?.address,
    });
    this.#bootstrap = this.#makeBootstrap();
    this.#age = disk === null ? undefined : new RejoinAge({ disk, clock, log });
    this.#collectGauges();
  }

  #makePools(): ServerPools {
    const log = this.#context.log.named('server');
    const { serverUp, userEvent, fatal } = this.#events;
    return new ServerPools(this.#context, {
      directory: this.#links.directory,
      router: this.#links.router,
      lanChanged: (what, member) => {
        const failed = what === 'failed' ? this.#links.directory.byName(member.name) : undefined;
        if (failed !== undefined) this.#rpc.client.doubt(peerOf(failed));
        this.#server.memberChanged(what, member);
        this.#bootstrap.check();
        this.#grpc.serversChanged();
      },
      userEvent: (event) => handleUserEvent(event, log, { newLeader: serverUp, userEvent }),
      quit: () => fatal('Left the pool', new Error('another agent has the name of this node')),
    });
  }

  #makeServer(): LocalServer {
    const { nodeId, disk, clock, rng, log, metrics, config } = this.#context;
    return new LocalServer({
      config: config(),
      nodeId,
      disk: disk ?? new MemoryDisk(),
      clock,
      rng,
      log,
      metrics,
      identity: () => nodeIdentity(this.#context),
      tags: () => this.#pools.lan.self.tags,
      onLeading: () => this.#events.serverUp(),
      // Alive for gossip and of no use to anybody, it would keep the clients that call it: who restarts it mends it.
      onFailure: (error) => this.#events.fatal('Raft cannot go on', error),
      cluster: this.#links,
    });
  }

  #makeBootstrap(): BootstrapExpect {
    const { clock, log, config } = this.#context;
    const { datacenter, nodeName, bootstrapExpect } = config();
    return new BootstrapExpect(
      { datacenter, nodeName, expect: bootstrapExpect },
      {
        clock,
        log: log.named('server'),
        members: () => this.#pools.lan.members(),
        peersOf: (server) => this.#rpc.peersOf(peerOf(server)),
        isFresh: () => this.#server.isFresh(),
        bootstrap: (configuration) => this.#server.raft.bootstrap(configuration),
      },
    );
  }

  #collectGauges(): void {
    const { metrics, config, clock } = this.#context;
    const members = () => {
      const alive = this.#pools.lan.members().filter((m) => m.status === 'alive');
      const servers = alive.filter((m) => m.tags['role'] === 'consul').length;
      return { servers, clients: alive.length - servers };
    };
    metrics.collectWith(serverGauges(metrics, this.#server, clock, { datacenter: config().datacenter, members }));
  }

  get server(): LocalServer {
    return this.#server;
  }

  get caller(): Caller {
    return this.#limited;
  }

  get membership(): Membership {
    this.#membership ??= new SerfMembership({
      lan: { pool: this.#pools.lan, port: this.#context.config().serfBindAddrLan.port },
      wan: this.#wanAt(),
      isServer: true,
      resolve: resolveHost,
      log: this.#context.log,
      gossipLog: this.#context.log.named('server').named('memberlist').named('lan'),
    });
    return this.#membership;
  }

  #wanAt() {
    const { wan } = this.#pools;
    const bind = this.#context.config().serfBindAddrWan;
    return wan === undefined || bind === undefined ? undefined : { pool: wan, port: bind.port };
  }

  async start(): Promise<void> {
    await this.#age?.check(this.#context.config().serverRejoinAgeMaxMs);
    try {
      await together([this.#listen(), this.#server.open()]);
      await this.#pools.start();
      this.#rpc.onLost = (host) => this.#pools.lan.lookAt(host);
      await this.#server.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#age?.start();
    this.#roots?.start();
    this.#bootstrap.check();
  }

  async #listen(): Promise<void> {
    const handlers = {
      call: serveCalls(this.#limited, new Map([...this.#calls.extra, ...this.#certificates.extra])),
      insecureCall: this.#certificates.insecureCall,
      raft: (stream: Stream) => this.#links.transport.serve(stream),
      snapshot: (stream: Stream) => void serveSnapshot(stream, this.#calls),
      grpc: (stream: Stream) => this.#grpc.serve(stream),
    };
    await this.#rpc.listen(handlers).catch((error) => {
      throw new Error(`Failed to start Consul server: Failed to start RPC layer: ${errorText(error)}`);
    });
    await this.#grpc.listen();
  }

  join(): void {
    const { clock, log, config } = this.#context;
    const { retryJoinLan, retryJoinWan } = config();
    for (const [cluster, settings] of [
      ['LAN', retryJoinLan],
      ['WAN', retryJoinWan],
    ] as const) {
      const loop = new RetryJoin(cluster, settings, {
        clock,
        log,
        discover,
        join: (addresses) => this.membership.join(addresses, cluster === 'WAN'),
        joined: () => cluster === 'LAN' && this.#events.joined(),
        exhausted: (error) => this.#events.fatal('Retry join failed', error),
      });
      this.#joins.push(loop);
      loop.start();
    }
  }

  /** Calls are answered for `leave_drain_time` after the others know that they shall go elsewhere. */
  async leave(): Promise<void> {
    const log = this.#context.log.named('server');
    log.info('server starting leave');
    for (const loop of this.#joins) loop.stop();
    await this.#server.handOver();
    let drained: Promise<void> | undefined;
    await this.#pools.leave(() => {
      drained ??= this.#drain();
    });
    await drained;
  }

  async #drain(): Promise<void> {
    const { clock, log, config } = this.#context;
    const { leaveDrainTimeMs } = config();
    const drain_time = formatDuration(leaveDrainTimeMs * 1e6);
    log.named('server').info('Waiting to drain RPC traffic', { drain_time });
    await sleep(clock, leaveDrainTimeMs);
  }

  async stop(): Promise<void> {
    for (const loop of this.#joins) loop.stop();
    this.#bootstrap.stop();
    this.#age?.stop();
    this.#roots?.stop();
    await this.#pools.stop();
    await this.#server.stop();
    this.#links.transport.close();
    await this.#grpc.stop();
    await this.#rpc.stop();
  }

  reload(next: RuntimeConfig): void {
    this.#limits.reload(next.requestLimits);
    this.#rpc.reload(next);
    this.#grpc.reload(next);
  }

  stats(): Stats {
    const { consul, ...rest } = this.#server.stats();
    const { wan, lan } = this.#pools;
    return {
      ...rest,
      consul: { ...consul, known_datacenters: String(this.#links.datacenters().length) },
      serf_lan: lan.stats(),
      ...(wan === undefined ? {} : { serf_wan: wan.stats() }),
    };
  }

  coordinate(): NetworkCoordinate {
    return this.#pools.lan.coordinate();
  }

  async fireEvent(event: UserEvent, datacenter: string, token: string): Promise<void> {
    await this.#calls.fire(eventRequest(event, this.#datacenter(datacenter), token));
  }

  keyring(operation: KeyringOperation): Promise<readonly KeyringAnswer[]> {
    return this.#calls.keyring().run(keyringRequest(operation));
  }

  snapshotSave(o: SnapshotOptions): Promise<SavedArchive> {
    return this.#calls.save(saveRequest(o, this.#datacenter(o.datacenter)));
  }

  snapshotRestore(archive: AsyncIterable<Uint8Array>, o: Omit<SnapshotOptions, 'stale'>): Promise<void> {
    return this.#calls.restore(restoreRequest(o, this.#datacenter(o.datacenter)), archive);
  }

  #datacenter(asked: string): string {
    return asked || this.#context.config().datacenter;
  }
}
