import * as dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { BindOptions, Datagrams, Endpoint } from '@proconsul/base';
import { hostPort, networkError } from './network-error.ts';

/** Kernel buffers that are asked for, so that a burst of datagrams is not dropped. The kernel may give less. */
export const UDP_BUFFER_BYTES = 2 * 1024 * 1024;

/** Binds a UDP socket. Rejects with NetworkError. Sending never fails visibly: a datagram may always be lost. */
export async function bindUdp(
  options: BindOptions,
  onDatagram: (bytes: Uint8Array, from: Endpoint) => void,
): Promise<Datagrams> {
  const six = isIPv6(options.host);
  const socket = dgram.createSocket({
    type: six ? 'udp6' : 'udp4',
    // Addresses are literals; the default would go through the resolver for each datagram.
    lookup: (address, _options, callback) => callback(null, address, six ? 6 : 4),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: options.host, port: options.port }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    socket.close();
    throw networkError(error, `listen udp ${hostPort(options.host, options.port)}`, 'bind');
  }
  socket.on('error', () => undefined);
  socket.on('message', (bytes, from) => onDatagram(bytes, { host: from.address, port: from.port }));
  enlargeBuffers(socket);
  return new NodeDatagrams(socket);
}

function enlargeBuffers(socket: dgram.Socket): void {
  try {
    socket.setRecvBufferSize(UDP_BUFFER_BYTES);
    socket.setSendBufferSize(UDP_BUFFER_BYTES);
  } catch {
    // Without them a burst loses more; nothing else changes.
  }
}

class NodeDatagrams implements Datagrams {
  readonly local: Endpoint;
  readonly #socket: dgram.Socket;
  #closed = false;

  constructor(socket: dgram.Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.local = { host: address, port };
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#closed) return;
    try {
      this.#socket.send(bytes, to.port, to.host, ignore);
    } catch {
      // A port out of range or an address of the other family: as lost as any datagram.
    }
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

function ignore(): void {}
