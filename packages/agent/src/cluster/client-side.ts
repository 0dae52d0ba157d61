import { CONSUL_VERSION, errorText, formatDuration } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { type Caller, noServers } from '@proconsul/endpoints';
import type { UserEvent } from '@proconsul/http-api';
import { callError, RemoteCaller, type RpcPeer } from '@proconsul/rpc';
import { EventFireRequest, KeyringRequest, KeyringResponses } from '@proconsul/schema';
import type { NetworkCoordinate, Serf, SerfEvent } from '@proconsul/serf';
import { parseServerTags, type ServerInfo } from '@proconsul/server';
import { ClientCertificate } from '../auto-encrypt/client-certificate.ts';
import type { AgentContext } from '../context.ts';
import type { Stats } from '../self.ts';
import { discover } from './discovery.ts';
import type { Membership } from './membership.ts';
import { lanRefusal } from './merge-rules.ts';
import { eventRequest, keyringRequest, restoreRequest, saveRequest } from './pool-requests.ts';
import { handleUserEvent } from './pool-user-events.ts';
import { makePool } from './pools.ts';
import { resolveHost } from './resolve-host.ts';
import { RetryJoin } from './retry-join.ts';
import { RpcSide } from './rpc.ts';
import { SerfMembership } from './serf-membership.ts';
import { peerOf } from './server-links.ts';
import { ServerManager } from './server-manager.ts';
import type { ClusterSide, KeyringAnswer, KeyringOperation, SideEvents, SnapshotOptions } from './side.ts';
import { askForArchive, giveArchive, type SavedArchive } from './snapshot-stream.ts';
import { LAN_WRAPPING, startPool } from './start-pool.ts';
import { clientTags } from './tags.ts';
import { TokenBucket } from './token-bucket.ts';

/** A client agent: a member of the LAN pool that asks servers for everything that is not its own. */
export class ClientSide implements ClusterSide {
  readonly #context: AgentContext;
  readonly #events: SideEvents;
  readonly #rpc: RpcSide;
  readonly #manager: ServerManager;
  readonly #bucket: TokenBucket;
  readonly #certificate: ClientCertificate | undefined;
  readonly caller: Caller;
  readonly server = undefined;
  #pool: Serf | undefined;
  #membership: Membership | undefined;
  #join: RetryJoin | undefined;

  constructor(context: AgentContext, events: SideEvents) {
    this.#context = context;
    this.#events = events;
    const { clock, rng, log, metrics } = context;
    const config = context.config();
    this.#rpc = new RpcSide(context);
    this.#manager = new ServerManager({
      clock,
      rng,
      log: log.named('router').named('manager'),
      clusterSize: () => this.#pool?.members().length ?? 1,
      ping: (peer) => this.#rpc.ping(peer),
    });
    this.#bucket = new TokenBucket(config.rpcRateLimit, config.rpcMaxBurst, clock);
    this.caller = new RemoteCaller({
      client: this.#rpc.client,
      grpc: this.#rpc.grpc,
      servers: {
        pick: (datacenter) => this.#manager.pick(datacenter),
        failed: (peer) => {
          metrics.count('client.rpc.failed', 1, { server: peer.name });
          this.#manager.failed(peer);
        },
      },
      clock,
      rng,
      holdTimeoutMs: config.rpcHoldTimeoutMs,
      callTimeoutMs: config.rpcClientTimeoutMs,
      admits: () => {
        metrics.count('client.rpc');
        const isAdmitted = this.#bucket.take();
        if (!isAdmitted) metrics.count('client.rpc.exceeded');
        return isAdmitted;
      },
    });
    const known = () => this.#manager.pick('');
    this.#certificate = config.autoEncrypt.tls
      ? new ClientCertificate({ context, rpc: this.#rpc, caller: this.caller, known })
      : undefined;
  }

  get #lan(): Serf {
    return this.#pool as Serf;
  }

  get membership(): Membership {
    this.#membership ??= new SerfMembership({
      lan: { pool: this.#lan, port: this.#context.config().serfBindAddrLan.port },
      wan: undefined,
      isServer: false,
      resolve: resolveHost,
      log: this.#context.log,
      gossipLog: this.#context.log.named('client').named('memberlist').named('lan'),
    });
    return this.#membership;
  }

  async start(): Promise<void> {
    await this.#certificate?.obtain();
    const config = this.#context.config();
    const { nodeId } = this.#context;
    const us = { nodeName: config.nodeName, nodeId, datacenter: config.datacenter };
    const timeout = config.advertiseReconnectTimeoutMs;
    this.#pool = await makePool('lan', this.#context, {
      tags: clientTags({
        datacenter: config.datacenter,
        nodeId,
        version: CONSUL_VERSION,
        reconnectTimeout: timeout > 0 ? formatDuration(timeout * 1e6) : '',
      }),
      onEvent: (event) => this.#onEvent(event),
      refuse: (members) => lanRefusal(members, us),
      onQuit: () => this.#events.fatal('Left the pool', new Error('another agent has the name of this node')),
    });
    await this.#startPool(this.#pool);
    this.#rpc.onLost = (host) => this.#pool?.lookAt(host);
    this.#manager.start();
    this.#certificate?.keep();
  }

  async #startPool(pool: Serf): Promise<void> {
    try {
      await startPool(pool, 'lan serf', this.#context.config().serfBindAddrLan, LAN_WRAPPING);
    } catch (error) {
      await this.stop();
      throw new Error(`Failed to start Consul client: ${errorText(error)}`);
    }
  }

  #onEvent(event: SerfEvent): void {
    const log = this.#context.log.named('client');
    if (event.kind === 'user') {
      const { serverUp, userEvent } = this.#events;
      handleUserEvent(event, log, { newLeader: serverUp, userEvent });
      return;
    }
    if (event.kind !== 'member') return;
    const { what, member } = event;
    const server = parseServerTags(member);
    if (server === undefined || server.datacenter !== this.#context.config().datacenter) return;
    const text = `${server.shortName} (Addr: tcp/${server.address}) (DC: ${server.datacenter})`;
    if (what === 'join' || what === 'update') {
      if (what === 'join') log.info('adding server', { server: text });
      this.#add(server);
    } else {
      log.info('removing server', { server: text });
      this.#manager.remove(server.shortName);
      this.#rpc.client.doubt(peerOf(server));
    }
  }

  #add(server: ServerInfo): void {
    if (this.#manager.put(peerOf(server))) this.#events.serverUp();
  }

  join(): void {
    const { clock, log, config } = this.#context;
    this.#join = new RetryJoin('LAN', config().retryJoinLan, {
      clock,
      log,
      discover,
      join: (addresses) => this.membership.join(addresses, false),
      joined: () => this.#events.joined(),
      exhausted: (error) => this.#events.fatal('Retry join failed', error),
    });
    this.#join.start();
  }

  async leave(): Promise<void> {
    this.#context.log.named('client').info('client starting leave');
    this.#join?.stop();
    await this.#lan.leave();
  }

  async stop(): Promise<void> {
    this.#join?.stop();
    this.#certificate?.stop();
    this.#manager.stop();
    await this.#pool?.stop();
    await this.#rpc.stop();
  }

  reload(next: RuntimeConfig): void {
    this.#bucket.configure(next.rpcRateLimit, next.rpcMaxBurst);
    this.#rpc.reload(next);
  }

  stats(): Stats {
    const { acl } = this.#context.config();
    return {
      consul: {
        acl: acl.enabled ? 'enabled' : 'disabled',
        known_servers: String(this.#manager.count),
        server: 'false',
      },
      serf_lan: this.#lan.stats(),
    };
  }

  coordinate(): NetworkCoordinate {
    return this.#lan.coordinate();
  }

  async fireEvent(event: UserEvent, datacenter: string, token: string): Promise<void> {
    const request = eventRequest(event, this.#datacenter(datacenter), token);
    await this.#call('Internal.EventFire', EventFireRequest.encodeWire(request));
  }

  async keyring(operation: KeyringOperation): Promise<readonly KeyringAnswer[]> {
    const request = KeyringRequest.encodeWire(keyringRequest(operation));
    return KeyringResponses.decodeWire(await this.#call('Internal.KeyringOperation', request)).Responses ?? [];
  }

  /** Calls a server; the next one when there is no connection to the first. */
  async #call(method: string, body: Uint8Array): Promise<Uint8Array> {
    const timeoutMs = this.#context.config().rpcClientTimeoutMs;
    for (let left = this.#manager.count; ; left--) {
      const peer = this.#server();
      try {
        return await this.#rpc.client.call(peer, method, body, { timeoutMs });
      } catch (error) {
        const fault = callError(error);
        if (fault.code !== 'RPC_DIAL' || left <= 1) throw fault;
        this.#manager.failed(peer);
      }
    }
  }

  #server(): RpcPeer {
    const peer = this.#manager.pick('');
    if (peer === undefined) throw noServers();
    return peer;
  }

  #datacenter(asked: string): string {
    return asked || this.#context.config().datacenter;
  }

  async snapshotSave(o: SnapshotOptions): Promise<SavedArchive> {
    return await askForArchive(() => this.#dialSnapshot(), saveRequest(o, this.#datacenter(o.datacenter)));
  }

  async snapshotRestore(archive: AsyncIterable<Uint8Array>, o: Omit<SnapshotOptions, 'stale'>): Promise<void> {
    await giveArchive(await this.#dialSnapshot(), restoreRequest(o, this.#datacenter(o.datacenter)), archive);
  }

  #dialSnapshot() {
    const timeoutMs = this.#context.config().rpcClientTimeoutMs;
    return this.#rpc.client.dial(this.#server(), 'snapshot', { timeoutMs });
  }
}
