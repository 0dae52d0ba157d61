import type { RuntimeConfig } from '@proconsul/config';
import { type Caller, Status } from '@proconsul/endpoints';
import { nodeHttp2Post, type ReloadableTlsLayer, type TlsLayerOptions } from '@proconsul/io-node';
import {
  CLIENT_POOL,
  type DialRules,
  type GrpcUnary,
  grpcUnary,
  insecureCall,
  oneServer,
  RemoteCaller,
  type RpcHandlers,
  RpcListener,
  type RpcListenerOptions,
  type RpcPeer,
  RpcPool,
  SERVER_POOL,
  type ServerChoice,
  serverName,
} from '@proconsul/rpc';
import type { RaftStats } from '@proconsul/schema';
import type { AgentContext } from '../context.ts';
import { readNow } from './read-now.ts';
import { internalTls, internalTlsOptions } from './tls.ts';

/** Servers are asked how they do, whom they know, and whether they live; a later answer is of no use. */
const ASK_TIMEOUT_MS = 10_000;

const ANY_ADDRESS = new Set(['', '0.0.0.0', '::']);

const dialRules = ({ tls, dns, bindAddr }: RuntimeConfig): DialRules => ({
  verifyOutgoing: tls.internalRpc.verifyOutgoing,
  verifyServerHostname: tls.internalRpc.verifyServerHostname,
  domain: dns.domain,
  ...(ANY_ADDRESS.has(bindAddr) ? {} : { localHost: bindAddr }),
});

/** What an agent has learnt of certificates beside its configuration. */
export interface TlsOverlay {
  tls(options: TlsLayerOptions): TlsLayerOptions;
  readonly rules: Partial<DialRules>;
}

/** Calls to servers. */
export class RpcSide {
  readonly #context: AgentContext;
  #overlay: TlsOverlay = { tls: (options) => options, rules: {} };
  protected readonly tls: ReloadableTlsLayer | undefined;
  readonly client: RpcPool;
  readonly grpc: GrpcUnary;
  /** Told of the address when a connection to a server, or of an agent to us, is gone. */
  onLost: (host: string) => void = () => undefined;

  /** Throws when the certificates of `tls.internal_rpc` cannot be read. */
  constructor(context: AgentContext) {
    this.#context = context;
    const { clock, network, log, metrics } = context;
    const config = context.config();
    this.tls = internalTls(config);
    this.client = new RpcPool(
      { ...dialRules(config), sizes: config.server ? SERVER_POOL : CLIENT_POOL },
      {
        network,
        clock,
        log: log.named('rpc'),
        metrics,
        ...(this.tls === undefined ? {} : { tls: this.tls }),
        lost: (peer) => this.onLost(peer.address.host),
      },
    );
    this.grpc = grpcUnary(this.client, nodeHttp2Post);
  }

  /** A caller that always goes to the same server, and calls once. */
  to(peer: RpcPeer, failed: ServerChoice['failed'] = () => {}): Caller {
    const { clock, rng, config } = this.#context;
    const { rpcHoldTimeoutMs: holdTimeoutMs, rpcClientTimeoutMs: callTimeoutMs } = config();
    const servers = { ...oneServer(peer), failed };
    const { client, grpc } = this;
    return new RemoteCaller({ client, servers, clock, rng, holdTimeoutMs, callTimeoutMs, grpc });
  }

  #ask(peer: RpcPeer): Caller {
    const { clock, rng } = this.#context;
    const timeouts = { holdTimeoutMs: ASK_TIMEOUT_MS, callTimeoutMs: ASK_TIMEOUT_MS };
    return new RemoteCaller({ client: this.client, servers: oneServer(peer), clock, rng, ...timeouts });
  }

  /** Addresses of the Raft peers that a server knows. */
  peersOf(peer: RpcPeer): Promise<readonly string[]> {
    return readNow(this.#ask(peer), Status.Peers, about(peer));
  }

  statsOf(peer: RpcPeer): Promise<RaftStats> {
    return readNow(this.#ask(peer), Status.RaftStats, about(peer));
  }

  async ping(peer: RpcPeer): Promise<boolean> {
    try {
      await readNow(this.#ask(peer), Status.Ping, about(peer));
      return true;
    } catch {
      return false;
    }
  }

  /** A call to a server that wants no certificate of us. */
  insecureCall(peer: RpcPeer, method: string, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { clock, network, config } = this.#context;
    const rules = dialRules(config());
    const tls = this.tls === undefined ? {} : { tls: this.tls };
    const timeoutMs = config().rpcClientTimeoutMs;
    return insecureCall(peer, method, body, { network, clock, ...tls, rules, timeoutMs, signal });
  }

  /** Certificates and rules from now on, over reloads. Throws when they cannot be used. */
  overlay(next: TlsOverlay): void {
    this.#overlay = next;
    this.#configure(this.#context.config());
  }

  /** Throws when new certificates cannot be read; then the old ones stay. */
  reload(next: RuntimeConfig): void {
    this.#configure(next);
  }

  #configure(next: RuntimeConfig): void {
    const { tls, rules } = this.#overlay;
    const options = internalTlsOptions(next);
    if (options !== undefined) this.tls?.reload(tls(options));
    this.client.reload({ ...dialRules(next), ...rules, sizes: next.server ? SERVER_POOL : CLIENT_POOL });
  }

  async stop(): Promise<void> {
    this.client.close();
  }
}

const about = (peer: RpcPeer) => ({ Datacenter: peer.datacenter, Token: '' });

function listenerOptions(c: RuntimeConfig): Partial<RpcListenerOptions> {
  const { verifyIncoming, verifyServerHostname } = c.tls.internalRpc;
  return {
    handshakeTimeoutMs: c.rpcHandshakeTimeoutMs,
    connectionsPerAddressMax: c.rpcMaxConnsPerClient,
    verifyIncoming,
    ...(verifyIncoming && verifyServerHostname ? { raftServerName: serverName(c.datacenter, c.dns.domain) } : {}),
  };
}

/** Calls to other servers, and the port where they and the clients call us. */
export class ServerRpc extends RpcSide {
  readonly #server: AgentContext;
  #listener: RpcListener | undefined;

  constructor(context: AgentContext) {
    super(context);
    this.#server = context;
  }

  /** Rejects when the port is taken. */
  async listen(handlers: RpcHandlers): Promise<void> {
    const { clock, network, log, metrics } = this.#server;
    const config = this.#server.config();
    this.#listener = new RpcListener(listenerOptions(config), {
      network,
      clock,
      log: log.named('server').named('rpc'),
      metrics,
      handlers: { ...handlers, lost: ({ host }) => this.onLost(host) },
      ...(this.tls === undefined ? {} : { tls: this.tls }),
    });
    await this.#listener.listen({ host: config.rpcBindAddr.ip, port: config.rpcBindAddr.port });
  }

  override reload(next: RuntimeConfig): void {
    super.reload(next);
    this.#listener?.reload(listenerOptions(next));
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.#listener?.close();
  }
}
