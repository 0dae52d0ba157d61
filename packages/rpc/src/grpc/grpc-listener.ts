import {
  errorText,
  type Http2Layer,
  type Listener,
  type ListenOptions,
  type Log,
  type Millis,
  type Network,
  type Stream,
  type TlsLayer,
} from '@proconsul/base';
import { ReplayStream } from '../replay-stream.ts';
import type { GrpcServer } from './grpc-server.ts';

/** Connections of one port of gRPC. */
export const GRPC_CONNECTIONS_MAX = 4_096;
/** Of one client address. */
export const GRPC_CONNECTIONS_PER_ADDRESS_MAX = 200;

export interface GrpcListenerDependencies {
  readonly network: Pick<Network, 'listen'>;
  readonly http2: Http2Layer;
  readonly server: GrpcServer;
  readonly log: Log;
}

/** The encrypted port (8503). */
export interface GrpcTls {
  readonly layer: TlsLayer;
  /** `tls.grpc.verify_incoming`. */
  readonly verifyIncoming: boolean;
  readonly handshakeTimeoutMs: Millis;
}

/** The port where clients speak gRPC, in the clear or encrypted. */
export class GrpcListener {
  readonly #d: GrpcListenerDependencies;
  readonly #listeners: Listener[] = [];
  readonly #streams = new Set<Stream>();
  readonly #addresses = new Map<string, number>();

  constructor(dependencies: GrpcListenerDependencies) {
    this.#d = dependencies;
  }

  get connectionCount(): number {
    return this.#streams.size;
  }

  /** Listens there too. Rejects with NetworkError. */
  async listen(options: ListenOptions, tls?: GrpcTls): Promise<Listener> {
    const listener = await this.#d.network.listen(options, (stream) => this.#accept(stream, tls));
    this.#listeners.push(listener);
    return listener;
  }

  /** Stops listening and drops every connection. */
  async close(): Promise<void> {
    for (const stream of [...this.#streams]) stream.destroy();
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
  }

  #accept(base: Stream, tls: GrpcTls | undefined): void {
    const { host } = base.remote;
    const count = this.#addresses.get(host) ?? 0;
    if (this.#streams.size >= GRPC_CONNECTIONS_MAX || count >= GRPC_CONNECTIONS_PER_ADDRESS_MAX) {
      this.#d.log.warn('connection refused, too many are open', { from: host });
      base.destroy();
      return;
    }
    this.#addresses.set(host, count + 1);
    const stream: ReplayStream = new ReplayStream(base, () => this.#left(stream, host));
    this.#streams.add(stream);
    if (tls === undefined) this.#serve(stream);
    else void this.#encrypt(stream, tls);
  }

  #left(stream: Stream, host: string): void {
    this.#streams.delete(stream);
    const left = (this.#addresses.get(host) ?? 1) - 1;
    if (left > 0) this.#addresses.set(host, left);
    else this.#addresses.delete(host);
  }

  async #encrypt(stream: Stream, { layer, verifyIncoming, handshakeTimeoutMs }: GrpcTls): Promise<void> {
    try {
      const inner = await layer.accept(stream, {
        timeoutMs: handshakeTimeoutMs,
        clientCertificate: verifyIncoming ? 'required' : 'none',
        alpn: ['h2'],
      });
      this.#serve(inner.stream);
    } catch (error) {
      this.#d.log.debug('TLS handshake failed', { from: stream.remote.host, error: errorText(error) });
      stream.destroy();
    }
  }

  #serve(stream: Stream): void {
    this.#d.http2.serve(stream, (exchange) => this.#d.server.handle(exchange));
  }
}
