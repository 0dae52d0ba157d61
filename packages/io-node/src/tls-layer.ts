import * as net from 'node:net';
import type * as tls from 'node:tls';
import {
  NetworkError,
  type Stream,
  type TlsAcceptOptions,
  type TlsConnectOptions,
  type TlsLayer,
  type TlsPeer,
} from '@proconsul/base';
import { certificateFault } from './certificate-fault.ts';
import { nodeTls } from './node-tls.ts';
import { NodeStream } from './stream.ts';
import { StreamDuplex } from './stream-duplex.ts';
import { contextOptions, secureContext } from './tls-context.ts';

/** Certificates and rules of a {@link TlsLayer}. PEM texts, several certificates one after the other where a chain is meant. */
export interface TlsLayerOptions {
  readonly key?: string;
  readonly cert?: string;
  /** Trusted authorities; left out, those that Node brings. */
  readonly ca?: string | readonly string[];
  /** Accepting: authorities of the other side's certificate beside `ca`. */
  readonly clientCa?: readonly string[];
  /** Dialling: the other side's certificate must come from `ca`. Without it anybody is talked to. */
  readonly verifyOutgoing: boolean;
  readonly minVersion?: tls.SecureVersion;
  /** OpenSSL names, separated by colons. */
  readonly ciphers?: string;
}

export interface ReloadableTlsLayer extends TlsLayer {
  /** Others for handshakes from now on. Throws NetworkError EINVAL and changes nothing if they cannot be used. */
  reload(options: TlsLayerOptions): void;
}

/** TLS over streams that are connected already. Throws NetworkError EINVAL when keys and certificates cannot be read. */
export function nodeTlsLayer(options: TlsLayerOptions): ReloadableTlsLayer {
  return new NodeTlsLayer(options);
}

/** Settings for accepting that are kept ready, of each kind. */
const IDLE_SERVERS_MAX = 32;

type Secured = { readonly stream: Stream; readonly peer: TlsPeer };

class NodeTlsLayer implements ReloadableTlsLayer {
  #options: TlsLayerOptions;
  #context: tls.SecureContext;
  /**
   * Settings made ready for accepting: making them takes longer than a handshake. Each does one handshake at a time, for
   * only so does Node tell which connection an event belongs to.
   */
  #idleServers = new Map<string, tls.Server[]>();

  constructor(options: TlsLayerOptions) {
    this.#options = options;
    this.#context = secureContext(options);
  }

  reload(options: TlsLayerOptions): void {
    secureContext(withClientCa(options));
    this.#context = secureContext(options);
    this.#options = options;
    // Those in use go back to the old map, and away with it.
    this.#idleServers = new Map();
  }

  accept(stream: Stream, options: TlsAcceptOptions): Promise<Secured> {
    if (this.#options.cert === undefined) {
      stream.destroy();
      return Promise.reject(new NetworkError('EINVAL', 'tls: no certificates configured'));
    }
    const { server, done } = this.#borrow(options);
    return new Promise((resolve, reject) => {
      const below = new StreamDuplex(stream);
      const fail = (error: Error & { code?: string }) => {
        release();
        below.destroy();
        reject(new NetworkError(error.code ?? 'EPROTO', `tls: ${faultText(error)}`));
      };
      // Only when Node has told how it ended: what it tells late would be taken for the next handshake.
      const release = () => {
        server.off('secureConnection', succeed);
        server.off('tlsClientError', fail);
        below.off('close', closed);
        below.off('end', ended);
        done();
      };
      const succeed = (socket: tls.TLSSocket) => {
        const refusal = options.clientCertificate === 'required' ? refusalOf(socket) : undefined;
        if (refusal !== undefined) {
          socket.on('error', () => undefined);
          socket.destroy();
          return fail(new Error(refusal));
        }
        release();
        resolve(secured(socket, stream));
      };
      // Node waits for the end of the handshake although nothing can come any more.
      const ended = () => below.destroy();
      const closed = () => reject(new NetworkError('ECONNRESET', 'tls: EOF'));
      server.on('secureConnection', succeed);
      server.on('tlsClientError', fail);
      below.on('error', () => undefined);
      below.on('close', closed);
      below.on('end', ended);
      server.emit('connection', below as unknown as net.Socket);
    });
  }

  /** A server for one handshake. It holds nothing but settings, and does not listen. */
  #borrow({ timeoutMs, clientCertificate, alpn }: TlsAcceptOptions): { server: tls.Server; done: () => void } {
    const idle = this.#idleServers;
    const key = `${clientCertificate} ${timeoutMs} ${alpn?.join() ?? ''}`;
    const known = idle.get(key) ?? [];
    idle.set(key, known);
    const server =
      known.pop() ??
      nodeTls().createServer({
        ...contextOptions(withClientCa(this.#options)),
        requestCert: clientCertificate !== 'none',
        // `accept` refuses them itself: Node would not say why.
        rejectUnauthorized: false,
        handshakeTimeout: timeoutMs,
        ...(alpn ? { ALPNProtocols: [...alpn] } : {}),
      });
    const done = () => {
      if (known.length < IDLE_SERVERS_MAX) known.push(server);
    };
    return { server, done };
  }

  connect(stream: Stream, options: TlsConnectOptions): Promise<Secured> {
    const { serverName, timeoutMs, alpn } = options;
    const { verifyOutgoing } = this.#options;
    return new Promise((resolve, reject) => {
      const below = new StreamDuplex(stream);
      const socket = nodeTls().connect({
        socket: below,
        secureContext: this.#context,
        rejectUnauthorized: verifyOutgoing,
        ...(serverName !== undefined && net.isIP(serverName) === 0 ? { servername: serverName } : {}),
        checkServerIdentity: (_host, certificate) =>
          serverName === undefined ? undefined : nodeTls().checkServerIdentity(serverName, certificate),
        ...(alpn ? { ALPNProtocols: [...alpn] } : {}),
      });
      const finish = () => {
        clearTimeout(timer);
        socket.off('error', fail);
        socket.off('close', closed);
      };
      const fail = (error: Error & { code?: string }) => {
        finish();
        socket.on('error', () => undefined);
        socket.destroy();
        below.destroy();
        reject(new NetworkError(error.code ?? 'EPROTO', `tls: ${certificateFault(error) ?? faultText(error)}`));
      };
      const closed = () => fail(new NetworkError('ECONNRESET', 'EOF'));
      const timer = setTimeout(() => fail(new NetworkError('ETIMEDOUT', 'handshake timed out')), timeoutMs);
      socket.on('error', fail);
      socket.on('close', closed);
      below.on('error', () => undefined);
      socket.once('secureConnect', () => {
        finish();
        resolve(secured(socket, stream));
      });
    });
  }
}

/** What went wrong in one line: OpenSSL's reason alone, such as `wrong version number`, without the place in its source. */
const faultText = (error: Error & { reason?: string }): string => error.reason ?? error.message.trim();

/** Why whoever must show a certificate is not let in. */
function refusalOf(socket: tls.TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  if (socket.getPeerX509Certificate() === undefined) return "client didn't provide a certificate";
  const code = String(socket.authorizationError ?? '');
  return certificateFault(Object.assign(new Error(code), { code })) ?? `failed to verify certificate: ${code}`;
}

function secured(socket: tls.TLSSocket, below: Stream): Secured {
  const names = subjectAltNames(socket.getPeerX509Certificate()?.subjectAltName ?? '');
  return {
    stream: new NodeStream(socket, below),
    peer: {
      alpn: socket.alpnProtocol || '',
      verified: socket.authorized,
      dnsNames: names.filter(([kind]) => kind === 'DNS').map(([, name]) => name),
      uris: names.filter(([kind]) => kind === 'URI').map(([, name]) => name),
    },
  };
}

/**
 * Parts of `DNS:a, URI:"with, comma"` as Node prints them: a name with a character that could mislead stands in quotes
 * as a JSON string. Source: the documentation of `x509.subjectAltName`.
 */
export function subjectAltNames(text: string): [kind: string, name: string][] {
  const names: [string, string][] = [];
  for (const [, kind, quoted, plain] of text.matchAll(/(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g)) {
    if (quoted === undefined) names.push([kind!, plain!]);
    else names.push([kind!, JSON.parse(quoted) as string]);
  }
  return names;
}

function withClientCa(options: TlsLayerOptions): TlsLayerOptions {
  const { ca, clientCa = [] } = options;
  if (ca === undefined || clientCa.length === 0) return options;
  return { ...options, ca: [...(typeof ca === 'string' ? [ca] : ca), ...clientCa] };
}
