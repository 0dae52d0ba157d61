import { type Endpoint, utf8 } from '@proconsul/base';
import { type Caller, noPathToDatacenter } from '@proconsul/endpoints';
import { NetworkTransport } from '@proconsul/raft';
import type { RpcPeer } from '@proconsul/rpc';
import type { RaftStats } from '@proconsul/schema';
import type { SerfPool } from '@proconsul/serf';
import { ServerDirectory, type ServerInfo, WanRouter } from '@proconsul/server';
import type { AgentContext } from '../context.ts';
import type { ClusterLinks } from '../local-server.ts';
import { splitAddress } from './join-address.ts';
import { NEW_LEADER_EVENT } from './pool-user-events.ts';
import type { RpcSide } from './rpc.ts';

/** Callers that are kept, one for each server; beyond it the oldest goes. */
const CALLERS_MAX = 64;

export const peerOf = (server: ServerInfo): RpcPeer => ({
  name: server.shortName,
  datacenter: server.datacenter,
  address: { host: server.host, port: server.port },
  useTls: server.useTls,
});

export interface ServerLinksDependencies {
  readonly context: AgentContext;
  readonly rpc: RpcSide;
  lan(): SerfPool;
  /** Undefined: no WAN pool here. */
  wan(): SerfPool | undefined;
  /** Who leads, as Raft knows it. */
  leader(): { readonly id: string; readonly address: string } | undefined;
}

/** The other servers: who they are, as the pools tell, and the ways to them. */
export class ServerLinks implements ClusterLinks {
  readonly #d: ServerLinksDependencies;
  readonly directory: ServerDirectory;
  readonly router: WanRouter;
  readonly transport: NetworkTransport;
  readonly #callers = new Map<string, Caller>();
  /** The way to the leader that was asked last. */
  #leader: { readonly info: ServerInfo; readonly caller: Caller } | undefined;

  constructor(dependencies: ServerLinksDependencies) {
    this.#d = dependencies;
    const { context, rpc } = dependencies;
    const { clock, rng, log, metrics, nodeId } = context;
    const config = context.config();
    this.directory = new ServerDirectory(config.datacenter);
    this.router = new WanRouter(config.datacenter, {
      clock,
      rng,
      coordinate: () => dependencies.wan()?.coordinate(),
      coordinateOf: (name) => dependencies.wan()?.coordinateOf(name),
    });
    const { ip, port } = config.rpcAdvertiseAddr;
    this.transport = new NetworkTransport(
      { id: nodeId, address: `${ip}:${port}` },
      {
        clock,
        log: log.named('server').named('raft'),
        metrics,
        dial: (server, timeoutMs) => rpc.client.dial(this.#raftPeer(server.id, server.address), 'raft', { timeoutMs }),
      },
    );
  }

  /** Gossip knows where a server is now; the configuration where it was when it was added. */
  #raftPeer(id: string, address: string): RpcPeer {
    const { datacenter } = this.#d.context.config();
    const known = this.directory.byId(id) ?? this.directory.byAddress(address);
    if (known !== undefined) return peerOf(known);
    const useTls = this.#d.context.config().tls.internalRpc.verifyOutgoing;
    return { name: id, datacenter, address: endpointOf(address), useTls };
  }

  members() {
    return this.#d.lan().members();
  }

  /** The leader, when it is another server of the pool. */
  leaderPeer(): RpcPeer | undefined {
    const known = this.#leaderInfo();
    return known === undefined ? undefined : peerOf(known);
  }

  #leaderInfo(): ServerInfo | undefined {
    const leader = this.#d.leader();
    if (leader === undefined || leader.id === this.#d.context.nodeId) return undefined;
    return this.directory.byId(leader.id) ?? this.directory.byAddress(leader.address);
  }

  leaderCaller(): Caller | undefined {
    const known = this.#leaderInfo();
    if (known === undefined) return undefined;
    if (this.#leader?.info !== known) this.#leader = { info: known, caller: this.#caller(peerOf(known), () => {}) };
    return this.#leader.caller;
  }

  datacenterCaller(datacenter: string): Caller | undefined | 'unreachable' {
    const server = this.router.pick(datacenter);
    if (server === undefined || server === 'unreachable') return server;
    return this.#caller(peerOf(server), () => this.router.failed(server.name));
  }

  /** A server of another datacenter. Throws with the text of who cannot be reached. */
  datacenterPeer(datacenter: string): RpcPeer {
    const server = this.router.pick(datacenter);
    if (server === undefined) throw noPathToDatacenter();
    if (server === 'unreachable') throw new Error('Remote DC has no server currently reachable');
    return peerOf(server);
  }

  #caller(peer: RpcPeer, failed: () => void): Caller {
    const key = `${peer.datacenter}/${peer.name}/${peer.address.host}:${peer.address.port}/${peer.useTls}`;
    const kept = this.#callers.get(key);
    if (kept !== undefined) return kept;
    const made = this.#d.rpc.to(peer, failed);
    const oldest = this.#callers.keys().next().value;
    if (this.#callers.size >= CALLERS_MAX && oldest !== undefined) this.#callers.delete(oldest);
    this.#callers.set(key, made);
    return made;
  }

  wanCoordinates() {
    return this.router.coordinates();
  }

  datacenters(): readonly string[] {
    return this.router.datacenters();
  }

  statsOf(server: ServerInfo): Promise<RaftStats> {
    return this.#d.rpc.statsOf(peerOf(server));
  }

  forceLeave(server: ServerInfo): void {
    this.#d.lan().forceLeave(server.name, false);
    this.#d.wan()?.forceLeave(`${server.shortName}.${server.datacenter}`, false);
  }

  announceLeader(): void {
    this.#d.lan().userEvent(NEW_LEADER_EVENT, utf8(this.#d.context.config().nodeName), false);
  }
}

function endpointOf(address: string): Endpoint {
  return splitAddress(address, 8300);
}
