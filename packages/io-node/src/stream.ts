import type { Socket } from 'node:net';
import type { Endpoint, Stream } from '@proconsul/base';

const STREAM = Symbol('stream');
type OwnedSocket = Socket & { [STREAM]: NodeStream };

const NOWHERE: Endpoint = { host: '', port: 0 };

/**
 * A Stream over a socket of Node, plain or TLS. The listeners are shared functions that find their stream on the socket:
 * with thousands of idle connections every closure counts.
 */
export class NodeStream implements Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly socket: Socket;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error?: Error) => void) | undefined;
  #drain: (() => void) | undefined;
  #error: Error | undefined;
  #closed = false;

  /** `below` tells the two addresses when the socket itself has none, since it runs over another stream. */
  constructor(socket: Socket, below?: Stream) {
    this.socket = socket;
    (socket as OwnedSocket)[STREAM] = this;
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    this.remote = remoteAddress
      ? { host: plainHost(remoteAddress), port: remotePort ?? 0 }
      : (below?.remote ?? NOWHERE);
    this.local = localAddress ? { host: plainHost(localAddress), port: localPort ?? 0 } : (below?.local ?? NOWHERE);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  onData(fn: (bytes: Uint8Array) => void): void {
    // Only now does the socket begin to flow, so that no byte comes before the callback is there.
    if (this.#data === undefined) this.socket.on('data', onData);
    this.#data = fn;
  }

  onEnd(fn: () => void): void {
    this.#end = fn;
  }

  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
    if (this.#closed) queueMicrotask(() => fn(this.#error));
  }

  onDrain(fn: () => void): void {
    if (this.#drain === undefined) this.socket.on('drain', onDrain);
    this.#drain = fn;
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.writable ? this.socket.write(bytes) : true;
  }

  writeAll(chunks: readonly Uint8Array[]): boolean {
    if (!this.socket.writable) return true;
    let room = true;
    this.socket.cork();
    for (const chunk of chunks) room = this.socket.write(chunk);
    this.socket.uncork();
    return room;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.socket.destroy();
  }

  /** Called by the shared listeners below. */
  deliver(bytes: Uint8Array): void {
    if (!this.#closed && !this.socket.destroyed) this.#data?.(bytes);
  }

  ended(): void {
    if (this.#end) this.#end();
    else this.socket.end();
  }

  failed(error: Error): void {
    this.#error ??= error;
  }

  drained(): void {
    this.#drain?.();
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#close?.(this.#error);
  }
}

function onData(this: Socket, bytes: Buffer): void {
  (this as OwnedSocket)[STREAM].deliver(bytes);
}
function onEnd(this: Socket): void {
  (this as OwnedSocket)[STREAM].ended();
}
function onError(this: Socket, error: Error): void {
  (this as OwnedSocket)[STREAM].failed(error);
}
function onDrain(this: Socket): void {
  (this as OwnedSocket)[STREAM].drained();
}
function onClose(this: Socket): void {
  (this as OwnedSocket)[STREAM].closed();
}

/** An IPv4 peer of a socket that listens on `::` is written as IPv4. */
function plainHost(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
