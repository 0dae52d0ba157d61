import type { Stream } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import type { Caller } from '@proconsul/endpoints';
import { nodeHttp2Layer, nodeTlsLayer, type ReloadableTlsLayer, type TlsLayerOptions } from '@proconsul/io-node';
import {
  externalServices,
  GrpcListener,
  GrpcServer,
  type GrpcTls,
  internalServices,
  type ReadyServer,
  type ServerWatch,
} from '@proconsul/rpc';
import type { ServerInfo } from '@proconsul/server';
import type { AgentContext } from '../context.ts';
import { tlsOptions } from '../tls-files.ts';

/** A client agent has one connection, with a request for each service that somebody there follows. */
const FOR_AGENTS = { streamsMax: 16_384, sessionMegabytes: 128 };

export interface ServerGrpcDependencies {
  readonly context: AgentContext;
  readonly caller: Caller;
  /** Servers of the datacenter that are alive. */
  readonly servers: () => readonly ServerInfo[];
  /** Where other datacenters reach a server; undefined: as we do. */
  readonly wanHost: (server: ServerInfo) => string | undefined;
}

/** What a server speaks over gRPC: with clients on a port of its own, with client agents on that of RPC. */
export class ServerGrpc implements ServerWatch {
  readonly #d: ServerGrpcDependencies;
  readonly #http2;
  readonly #internal: GrpcServer;
  readonly #listener: GrpcListener;
  readonly #watchers = new Set<() => void>();
  #layer: ReloadableTlsLayer | undefined;

  constructor(dependencies: ServerGrpcDependencies) {
    this.#d = dependencies;
    const { clock, network, log, config } = dependencies.context;
    const { grpcKeepaliveIntervalMs: pingMs, grpcKeepaliveTimeoutMs: pingTimeoutMs } = config();
    const grpcLog = log.named('grpc-api');
    const http2 = nodeHttp2Layer(grpcLog, { pingMs, pingTimeoutMs });
    this.#http2 = nodeHttp2Layer(grpcLog, { pingMs, pingTimeoutMs, ...FOR_AGENTS });
    this.#internal = new GrpcServer(internalServices(dependencies.caller), { clock, log: grpcLog });
    const server = new GrpcServer(externalServices(this), { clock, log: grpcLog });
    this.#listener = new GrpcListener({ network, http2, server, log: grpcLog });
  }

  /** Serves a connection that came over the port of RPC. */
  serve(stream: Stream): void {
    this.#http2.serve(stream, (exchange) => this.#internal.handle(exchange));
  }

  /** Opens the ports for clients. Rejects when one is taken, or a certificate cannot be read. */
  async listen(): Promise<void> {
    const config = this.#d.context.config();
    for (const address of config.grpcAddrs) await this.#open(address);
    const options = tlsLayerOptions(config);
    if (options !== undefined) this.#layer = nodeTlsLayer(options);
    // Without a certificate of its own there is nothing to show on the encrypted port.
    if (this.#layer === undefined) return;
    const tls: GrpcTls = {
      layer: this.#layer,
      verifyIncoming: config.tls.grpc.verifyIncoming,
      handshakeTimeoutMs: config.rpcHandshakeTimeoutMs,
    };
    for (const address of config.grpcTlsAddrs) await this.#open(address, tls);
  }

  /** New certificates for connections from now on. Throws when they cannot be read. */
  reload(next: RuntimeConfig): void {
    const options = this.#layer === undefined ? undefined : tlsLayerOptions(next);
    if (options !== undefined) this.#layer?.reload(options);
  }

  async #open(address: ReturnType<AgentContext['config']>['grpcAddrs'][number], tls?: GrpcTls): Promise<void> {
    if (address.network === 'unix') await this.#listener.listen({ host: '', port: 0, path: address.path }, tls);
    else await this.#listener.listen({ host: address.ip, port: address.port }, tls);
  }

  stop(): Promise<void> {
    return this.#listener.close();
  }

  current(wan: boolean): readonly ReadyServer[] {
    const { servers, wanHost } = this.#d;
    return servers().map((s) => ({ id: s.id, host: (wan ? wanHost(s) : undefined) ?? s.host, version: s.build }));
  }

  onChange(fn: () => void): () => void {
    this.#watchers.add(fn);
    return () => this.#watchers.delete(fn);
  }

  /** A server has come, gone or changed. */
  serversChanged(): void {
    for (const fn of this.#watchers) fn();
  }
}

function tlsLayerOptions(config: RuntimeConfig): TlsLayerOptions | undefined {
  const { key, cert, ca, minVersion, ciphers } = tlsOptions(config.tls.grpc);
  if (cert === undefined || key === undefined) return undefined;
  return {
    key,
    cert,
    verifyOutgoing: false,
    ...(ca === undefined ? {} : { ca }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
}
