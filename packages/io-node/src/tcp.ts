import * as net from 'node:net';
import { type DialOptions, type Listener, type ListenOptions, NetworkError, type Stream } from '@proconsul/base';
import { hostPort, networkError } from './network-error.ts';
import { NodeStream } from './stream.ts';
import { applySocketOwner, removeStaleSocket } from './unix-socket.ts';

/** Connections that the kernel keeps for us until we accept them (the kernel's own limit may be lower). */
export const LISTEN_BACKLOG = 4096;

/** Listens on TCP or, with `path`, on a unix-domain socket. Rejects with NetworkError. */
export function listenTcp(options: ListenOptions, onConnection: (stream: Stream) => void): Promise<Listener> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: options.path === undefined });
  server.on('connection', (socket) => onConnection(new NodeStream(socket)));
  return startListening(server, options);
}

/** Makes `server` listen; the Listener's close refuses new connections and leaves open ones to their owners. */
export async function startListening(server: net.Server, options: ListenOptions): Promise<Listener> {
  const { path, host, port } = options;
  const operation = path === undefined ? `listen tcp ${hostPort(host, port)}` : `listen unix ${path}`;
  if (path !== undefined) removeStaleSocket(path);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const where = path === undefined ? { host, port } : { path };
      server.listen({ ...where, backlog: LISTEN_BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    if (path !== undefined) applySocketOwner(path, options);
  } catch (error) {
    server.close();
    throw networkError(error, operation, 'bind');
  }
  // Accepting can fail for want of file descriptors; the server goes on when there are some again.
  server.on('error', () => undefined);
  return new NodeListener(server);
}

class NodeListener implements Listener {
  readonly local: { readonly host: string; readonly port: number };
  readonly #server: net.Server;

  constructor(server: net.Server) {
    this.#server = server;
    const address = server.address();
    this.local =
      address !== null && typeof address === 'object'
        ? { host: address.address, port: address.port }
        : { host: '', port: 0 };
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => undefined);
      // Node calls back only when the last connection is gone, but the port is free at once: do not wait for those.
      setImmediate(resolve);
    });
  }
}

/** Opens a connection. Rejects with NetworkError: ETIMEDOUT after `timeoutMs`, ECANCELED when `signal` aborts. */
export function dialTcp(options: DialOptions): Promise<Stream> {
  const { path, host, port, localHost } = options;
  const from = localHost === undefined ? '' : `${hostPort(localHost, 0)}->`;
  const operation = path === undefined ? `dial tcp ${from}${hostPort(host, port)}` : `dial unix ${path}`;
  const local = localHost === undefined ? {} : { localAddress: localHost };
  const socket =
    path === undefined
      ? net.connect({ host, port, ...local, allowHalfOpen: true, noDelay: true })
      : net.connect({ path, allowHalfOpen: true });
  return connected(socket, 'connect', options, operation);
}

/** Waits for the event that says that `socket` is ready for use. */
export function connected(
  socket: net.Socket,
  event: 'connect' | 'secureConnect',
  options: DialOptions,
  operation: string,
): Promise<Stream> {
  const { timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off(event, onReady);
      socket.off('close', onClose);
    };
    const fail = (error: NetworkError): void => {
      finish();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onError = (error: Error): void => fail(networkError(error, operation, 'connect'));
    const onAbort = (): void => fail(new NetworkError('ECANCELED', `${operation}: operation was canceled`));
    const onClose = (): void => fail(new NetworkError('ECONNRESET', `${operation}: EOF`));
    const onReady = (): void => {
      finish();
      resolve(new NodeStream(socket));
    };
    const timer = setTimeout(
      () => fail(new NetworkError('ETIMEDOUT', `${operation}: i/o timeout`)),
      Math.min(timeoutMs, 2 ** 31 - 1),
    );
    socket.on('error', onError);
    socket.on(event, onReady);
    socket.on('close', onClose);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
