import * as net from 'node:net';
import type * as tls from 'node:tls';
import {
  type DialOptions,
  type Listener,
  type ListenOptions,
  type Log,
  type Network,
  type Stream,
  silentLog,
} from '@proconsul/base';
import { hostPort } from './network-error.ts';
import { nodeTls } from './node-tls.ts';
import { NodeStream } from './stream.ts';
import { connected, startListening } from './tcp.ts';
import { contextOptions, secureContext } from './tls-context.ts';
import { bindUdp } from './udp.ts';

/** Certificates and rules. PEM texts, several certificates one after the other where a chain or a bundle is meant. */
export interface TlsOptions {
  readonly key?: string;
  readonly cert?: string;
  /** Trusted authorities; left out, those that Node brings. */
  readonly ca?: string | readonly string[];
  /** Listeners: refuse clients without a certificate of `ca`. */
  readonly verifyIncoming?: boolean;
  /** Dialling: check the other side's certificate against `ca`. Default true. */
  readonly verifyOutgoing?: boolean;
  /** Dialling: also check that the certificate carries `serverName` (or the host). Default true. */
  readonly verifyServerName?: boolean;
  readonly serverName?: string;
  readonly minVersion?: tls.SecureVersion;
  /** OpenSSL names, separated by colons. */
  readonly ciphers?: string;
  readonly alpn?: readonly string[];
  /** Longest handshake of a listener's connection. Default {@link TLS_HANDSHAKE_MS}. */
  readonly handshakeTimeoutMs?: number;
}

/** Time for the handshake of an incoming connection: Consul's default of `limits.https_handshake_timeout`. */
export const TLS_HANDSHAKE_MS = 5_000;

/** A network whose streams are encrypted. Datagrams are not. */
export interface TlsNetwork extends Network {
  /**
   * New certificates for connections from now on, on open listeners too (whether those ask for a client's certificate
   * stays as it was). Throws NetworkError `EINVAL` and changes nothing if key and certificate do not fit together.
   */
  reload(options: TlsOptions): void;
}

/** Streams over TLS. Throws NetworkError `EINVAL` when key, certificate and authorities cannot be read. */
export function tlsNetwork(options: TlsOptions, log: Log = silentLog): TlsNetwork {
  return new NodeTlsNetwork(options, log);
}

class NodeTlsNetwork implements TlsNetwork {
  #options: TlsOptions;
  #context: tls.SecureContext;
  readonly #log: Log;
  readonly #servers = new Set<tls.Server>();

  constructor(options: TlsOptions, log: Log) {
    this.#options = options;
    this.#context = secureContext(options);
    this.#log = log;
  }

  reload(options: TlsOptions): void {
    const context = secureContext(options);
    this.#options = options;
    this.#context = context;
    for (const server of this.#servers) server.setSecureContext(contextOptions(options));
  }

  async listen(options: ListenOptions, onConnection: (stream: Stream) => void): Promise<Listener> {
    const server = nodeTls().createServer({
      ...contextOptions(this.#options),
      allowHalfOpen: true,
      noDelay: true,
      requestCert: this.#options.verifyIncoming ?? false,
      rejectUnauthorized: this.#options.verifyIncoming ?? false,
      handshakeTimeout: this.#options.handshakeTimeoutMs ?? TLS_HANDSHAKE_MS,
      ...(this.#options.alpn ? { ALPNProtocols: [...this.#options.alpn] } : {}),
    } as tls.TlsOptions);
    server.on('secureConnection', (socket) => onConnection(new NodeStream(socket)));
    server.on('tlsClientError', (error, socket) => {
      this.#log.debug('TLS handshake failed', { from: socket.remoteAddress, error: error.message });
      socket.destroy();
    });
    const listener = await startListening(server, options);
    this.#servers.add(server);
    server.on('close', () => this.#servers.delete(server));
    return listener;
  }

  async dial(options: DialOptions): Promise<Stream> {
    const { host, port, path } = options;
    const rules = this.#options;
    const name = options.serverName ?? rules.serverName ?? host;
    const socket = nodeTls().connect({
      ...(path === undefined ? { host, port } : { path }),
      secureContext: this.#context,
      rejectUnauthorized: rules.verifyOutgoing ?? true,
      ...(net.isIP(name) === 0 ? { servername: name } : {}),
      checkServerIdentity: (_host, certificate) =>
        rules.verifyServerName === false ? undefined : nodeTls().checkServerIdentity(name, certificate),
      ...(rules.alpn ? { ALPNProtocols: [...rules.alpn] } : {}),
    });
    socket.setNoDelay(true);
    const operation = path === undefined ? `dial tcp ${hostPort(host, port)}` : `dial unix ${path}`;
    return connected(socket, 'secureConnect', options, operation);
  }

  bindUdp = bindUdp;
}
