/** Sockets as a dependency. The real one is in io-node, the simulated one in sim. Addresses are IP literals. */
export interface Network {
  listen(options: ListenOptions, onConnection: (stream: Stream) => void): Promise<Listener>;
  /** Rejects with NetworkError. Aborting `signal` gives up. */
  dial(options: DialOptions): Promise<Stream>;
  bindUdp(options: BindOptions, onDatagram: (bytes: Uint8Array, from: Endpoint) => void): Promise<Datagrams>;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface ListenOptions extends Endpoint {
  /** A unix-domain socket instead of host and port. */
  readonly path?: string;
  /** Of the unix-domain socket: permission bits, and the owner and group by name or number. */
  readonly mode?: number;
  readonly user?: string;
  readonly group?: string;
}

export interface DialOptions extends Endpoint {
  /** A unix-domain socket instead of host and port. */
  readonly path?: string;
  /** The address to go out from. Default: what the system chooses. */
  readonly localHost?: string;
  /** The name that the other side's certificate must carry, and that is sent as SNI. Only for networks that encrypt. */
  readonly serverName?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type BindOptions = Endpoint;

export interface Listener {
  /** What was really bound: port 0 becomes the port that the system chose. */
  readonly local: Endpoint;
  close(): Promise<void>;
}

/** An ordered stream of bytes in both directions. Callbacks are set once, before the first byte is delivered. */
export interface Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  onData(fn: (bytes: Uint8Array) => void): void;
  /** The other side has finished sending. */
  onEnd(fn: () => void): void;
  /** Called exactly once, with an error if there was one. Nothing is delivered after it. */
  onClose(fn: (error?: Error) => void): void;
  /** Queues bytes. False means that more than a buffer's worth is waiting: write on after `onDrain`. */
  write(bytes: Uint8Array): boolean;
  onDrain(fn: () => void): void;
  /** Like one `write` of the chunks in order, without copying them together. Absent where it would gain nothing. */
  writeAll?(chunks: readonly Uint8Array[]): boolean;
  /** Stops (and resumes) the delivery of data: back-pressure towards the sender. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends our direction. */
  end(): void;
  /** Drops the connection at once. */
  destroy(error?: Error): void;
}

export interface Datagrams {
  readonly local: Endpoint;
  send(bytes: Uint8Array, to: Endpoint): void;
  close(): Promise<void>;
}

export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
