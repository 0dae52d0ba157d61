import {
  type Clock,
  type Endpoint,
  errorText,
  type Listener,
  type ListenOptions,
  type Log,
  type Metrics,
  type Millis,
  type Network,
  noMetrics,
  type Stream,
  type TlsLayer,
  type TlsPeer,
} from '@proconsul/base';
import { SharedBytes, YamuxSession } from '@proconsul/yamux';
import { awaitValue } from './await-value.ts';
import { type AddressShare, ConnectionLimits } from './connection-limits.ts';
import { ALPN_BYTES, FIRST_BYTE_MAX, FirstByte, takeFirstByte } from './first-byte.ts';
import {
  CALLS_PER_CONNECTION_MAX,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_ADDRESS_MAX,
  HANDSHAKE_MS,
  REPLY_BUFFER_BYTES,
  REQUEST_ARRIVAL_MS,
  REQUEST_BUFFER_BYTES,
  SNAPSHOT_REQUEST_BYTES_MAX,
  STREAMS_MAX,
} from './limits.ts';
import type { RpcHandlers } from './peer.ts';
import { isVerifiedAs } from './peer-name.ts';
import { ReplayStream } from './replay-stream.ts';
import { type CallHandler, ServerCodec } from './server-codec.ts';

export interface RpcListenerOptions {
  /** `limits.rpc_handshake_timeout`. */
  readonly handshakeTimeoutMs: Millis;
  /** `limits.rpc_max_conns_per_client`; 0 or less: no limit. */
  readonly connectionsPerAddressMax: number;
  /** `tls.internal_rpc.verify_incoming`: only encrypted connections, and with a certificate of our authorities. */
  readonly verifyIncoming: boolean;
  /**
   * `server.DC.DOMAIN` when hostnames are verified too: raft is then spoken only with those whose certificate carries it.
   */
  readonly raftServerName?: string;
}

export const RPC_LISTENER_DEFAULTS: RpcListenerOptions = {
  handshakeTimeoutMs: HANDSHAKE_MS,
  connectionsPerAddressMax: CONNECTIONS_PER_ADDRESS_MAX,
  verifyIncoming: false,
};

export interface RpcListenerDependencies {
  readonly network: Pick<Network, 'listen'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Undefined: we have no certificate, and TLS is refused. */
  readonly tls?: TlsLayer;
  readonly handlers: RpcHandlers;
}

/** One accepted connection, through all its layers. */
interface Connection {
  readonly from: Endpoint;
  readonly share: AddressShare;
  /** Undefined until a TLS handshake has been done. */
  readonly peer?: TlsPeer;
  /** What became of it, through all layers. */
  readonly fate: { isServed: boolean };
}

/**
 * Port 8300: takes connections, finds out by their first byte (or by ALPN) what they want, and hands them on. Whatever
 * comes in, memory is bounded by the limits of `limits.ts`, and a connection that is dropped leaves a line in the log.
 * Source: the reference agent's port, probed and captured.
 */
export class RpcListener {
  #options: RpcListenerOptions;
  readonly #d: RpcListenerDependencies;
  readonly #metrics: Metrics;
  readonly #requests = new SharedBytes(REQUEST_BUFFER_BYTES);
  readonly #replies = new SharedBytes(REPLY_BUFFER_BYTES);
  readonly #limits = new ConnectionLimits(this.#requests);
  readonly #listeners: Listener[] = [];
  readonly #streams = new Set<ReplayStream>();
  #multiplexed = 0;
  #isClosed = false;

  constructor(options: Partial<RpcListenerOptions>, dependencies: RpcListenerDependencies) {
    this.#options = { ...RPC_LISTENER_DEFAULTS, ...options };
    this.#d = dependencies;
    this.#metrics = dependencies.metrics ?? noMetrics;
  }

  /** Connections open at present. */
  get connectionCount(): number {
    return this.#limits.total;
  }

  /** Streams of multiplexed connections open at present. */
  get streamCount(): number {
    return this.#multiplexed;
  }

  /** Bytes held for requests and answers at present. */
  get heldBytes(): number {
    return this.#requests.used + this.#replies.used;
  }

  /** Listens there too. Rejects with NetworkError. */
  async listen(options: ListenOptions): Promise<Listener> {
    const listener = await this.#d.network.listen(options, (stream) => this.accept(stream));
    this.#listeners.push(listener);
    return listener;
  }

  /** Other rules for connections from now on. */
  reload(options: Partial<RpcListenerOptions>): void {
    this.#options = { ...RPC_LISTENER_DEFAULTS, ...options };
  }

  /** Serves a connection that somebody else has accepted. */
  accept(base: Stream): void {
    const from = base.remote;
    if (this.#isClosed) {
      base.destroy();
      return;
    }
    this.#metrics.count('rpc.accept_conn');
    const perAddress = this.#options.connectionsPerAddressMax;
    const share = this.#limits.enter(
      from.host,
      perAddress > 0 ? perAddress : Number.POSITIVE_INFINITY,
      CONNECTIONS_MAX,
    );
    if (share === undefined) {
      this.#d.log.warn('connection refused, too many are open', { from: from.host });
      base.destroy();
      return;
    }
    const fate = { isServed: false };
    const stream: ReplayStream = new ReplayStream(base, () => {
      share.leave();
      this.#streams.delete(stream);
      if (fate.isServed && !this.#isClosed) this.#d.handlers.lost?.(from);
    });
    this.#streams.add(stream);
    void this.#run(stream, { from, share, fate });
  }

  /** Stops listening and drops every connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stream of [...this.#streams]) stream.destroy();
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
  }

  async #run(stream: ReplayStream, connection: Connection): Promise<void> {
    try {
      const { clock, tls } = this.#d;
      // Only a listener with certificates takes such a byte for the start of TLS.
      const keep = (byte: number) => tls !== undefined && byte > FIRST_BYTE_MAX;
      const byte = await takeFirstByte(stream, clock, this.#options.handshakeTimeoutMs, keep);
      // Whoever only looks whether the port is open is no news.
      if (byte === undefined) stream.destroy();
      else if (keep(byte)) await this.#nativeTls(stream, connection, tls!);
      else await this.#dispatch(byte, stream, connection);
    } catch (error) {
      this.#drop(stream, connection, errorText(error));
    }
  }

  async #nativeTls(stream: ReplayStream, connection: Connection, tls: TlsLayer): Promise<void> {
    const inner = await tls.accept(stream, {
      timeoutMs: this.#options.handshakeTimeoutMs,
      clientCertificate: this.#options.verifyIncoming ? 'required' : 'none',
      alpn: [...ALPN_BYTES.keys()],
    });
    const byte = ALPN_BYTES.get(inner.peer.alpn);
    if (byte === undefined) this.#drop(inner.stream, connection, 'TLS without a protocol');
    else this.#serve(byte, inner.stream, { ...connection, peer: inner.peer });
  }

  async #dispatch(byte: number, stream: ReplayStream, connection: Connection): Promise<void> {
    const isTls = byte === FirstByte.tls || byte === FirstByte.tlsInsecure;
    if (isTls && connection.peer !== undefined) this.#drop(stream, connection, 'TLS inside TLS');
    else if (isTls && this.#d.tls === undefined) {
      this.#drop(stream, connection, 'TLS connection attempted, server not configured for TLS');
    } else if (byte === FirstByte.tls) await this.#tls(stream, connection, this.#d.tls!);
    else if (byte === FirstByte.tlsInsecure) await this.#tlsInsecure(stream, connection, this.#d.tls!);
    else if (this.#options.verifyIncoming && connection.peer === undefined) {
      this.#drop(stream, connection, 'non-TLS connection attempted with VerifyIncoming set');
    } else this.#serve(byte, stream, connection);
  }

  async #tls(stream: ReplayStream, connection: Connection, tls: TlsLayer): Promise<void> {
    const { verifyIncoming, handshakeTimeoutMs } = this.#options;
    const { stream: plain, peer } = await tls.accept(stream, {
      timeoutMs: handshakeTimeoutMs,
      clientCertificate: verifyIncoming ? 'required' : 'none',
    });
    const inner = new ReplayStream(plain);
    try {
      const byte = await takeFirstByte(inner, this.#d.clock, handshakeTimeoutMs);
      if (byte === undefined) inner.destroy();
      else await this.#dispatch(byte, inner, { ...connection, peer });
    } catch (error) {
      this.#drop(inner, connection, errorText(error));
    }
  }

  /** For agents that have no certificate yet: only the methods that give them one. */
  async #tlsInsecure(stream: ReplayStream, connection: Connection, tls: TlsLayer): Promise<void> {
    const { insecureCall } = this.#d.handlers;
    if (insecureCall === undefined) {
      this.#drop(stream, connection, 'nothing is offered without a certificate');
      return;
    }
    const inner = await tls.accept(stream, {
      timeoutMs: this.#options.handshakeTimeoutMs,
      clientCertificate: 'none',
    });
    this.#codec(inner.stream, connection, insecureCall.bind(this.#d.handlers), { calls: 0 });
  }

  #serve(byte: number, stream: Stream, connection: Connection): void {
    const { handlers } = this.#d;
    const refused = this.#refusal(byte, connection);
    connection.fate.isServed = refused === undefined && (byte === FirstByte.multiplex || byte === FirstByte.raft);
    if (refused !== undefined) this.#drop(stream, connection, refused);
    else if (byte === FirstByte.single) this.#codec(stream, connection, handlers.call.bind(handlers), { calls: 0 });
    else if (byte === FirstByte.multiplex) this.#multiplex(stream, connection);
    else if (byte === FirstByte.snapshot) void this.#snapshot(stream, connection);
    else if (byte === FirstByte.raft) {
      this.#metrics.count('rpc.raft_handoff');
      handlers.raft(stream);
    } else handlers.grpc?.(stream);
  }

  /** Hands over a snapshot connection, as a whole, once its request is there. */
  async #snapshot(stream: Stream, connection: Connection): Promise<void> {
    const whole = stream instanceof ReplayStream ? stream : new ReplayStream(stream);
    try {
      await awaitValue(whole, SNAPSHOT_REQUEST_BYTES_MAX, this.#d.clock, REQUEST_ARRIVAL_MS);
      this.#d.handlers.snapshot(whole);
    } catch (error) {
      this.#drop(whole, connection, errorText(error));
    }
  }

  /** Why a connection of this kind is not served, or undefined. */
  #refusal(byte: number, { peer }: Connection): string | undefined {
    switch (byte) {
      case FirstByte.single:
      case FirstByte.multiplex:
      case FirstByte.snapshot:
        return undefined;
      case FirstByte.raft: {
        const { verifyIncoming, raftServerName: name } = this.#options;
        const isFree = !verifyIncoming || name === undefined;
        return isFree || (peer && isVerifiedAs(peer, name)) ? undefined : `raft without a certificate for ${name}`;
      }
      case FirstByte.grpc:
        return this.#d.handlers.grpc === undefined ? 'gRPC is not served' : undefined;
      default:
        return `unrecognized RPC byte: ${byte}`;
    }
  }

  #multiplex(stream: Stream, connection: Connection): void {
    const { clock, log, handlers } = this.#d;
    const session = new YamuxSession(
      stream,
      { role: 'listener' },
      { clock, log, budget: connection.share.budget, admit: () => this.#multiplexed < STREAMS_MAX },
    );
    const counter = { calls: 0 };
    session.onStream((inner) => {
      this.#multiplexed++;
      this.#codec(inner, connection, handlers.call.bind(handlers), counter, () => this.#multiplexed--);
    });
  }

  #codec(
    stream: Stream,
    connection: Connection,
    call: CallHandler,
    counter: { calls: number },
    closed?: () => void,
  ): void {
    new ServerCodec(stream, {
      clock: this.#d.clock,
      call,
      requestBudget: connection.share.budget,
      replyBudget: this.#replies,
      callBegins: () => {
        this.#metrics.count('rpc.request');
        if (counter.calls >= CALLS_PER_CONNECTION_MAX) return false;
        counter.calls++;
        return true;
      },
      callEnded: (failed) => {
        counter.calls--;
        if (failed) this.#metrics.count('rpc.request_error');
      },
      cut: (reason) => this.#report(connection, reason),
      closed: closed ?? (() => undefined),
    });
  }

  #drop(stream: Stream, connection: Connection, reason: string): void {
    if (!this.#isClosed) this.#report(connection, reason);
    stream.destroy();
  }

  #report({ from }: Connection, reason: string): void {
    this.#d.log.warn('closing the connection', { from: `${from.host}:${from.port}`, reason });
  }
}
