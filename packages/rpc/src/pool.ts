import type { Clock, Log, Metrics, Millis, Network, Stream, TlsLayer } from '@proconsul/base';
import { YamuxSession } from '@proconsul/yamux';
import type { ClientCodec } from './client-codec.ts';
import { DIAL_RULES, type DialRules, dialServer } from './dialer.ts';
import { RemoteError, RpcError } from './errors.ts';
import { CLIENT_POOL, DIAL_MS, DOUBT_MS, type PoolSizes, SERVER_POOL } from './limits.ts';
import type { RpcClient, RpcPeer } from './peer.ts';
import { ServerConnection } from './server-connection.ts';

export interface RpcPoolOptions extends DialRules {
  /** Servers and client agents keep different numbers of streams. */
  readonly sizes: PoolSizes;
  readonly dialTimeoutMs: Millis;
}

export const RPC_POOL_DEFAULTS: RpcPoolOptions = { ...DIAL_RULES, sizes: CLIENT_POOL, dialTimeoutMs: DIAL_MS };

export interface RpcPoolDependencies {
  readonly network: Pick<Network, 'dial'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
  readonly tls?: TlsLayer;
  /** A connection over which calls go is gone, and we did not close it. */
  lost?(peer: RpcPeer): void;
}

/** What the pool has for one server: a connection, or one that is being made. */
interface Entry {
  connection: ServerConnection | undefined;
  dialling: Promise<ServerConnection> | undefined;
  readonly giveUp: AbortController;
}

/**
 * Calls to servers over one multiplexed connection each, dialled when it is first needed, kept while it is used, and
 * dialled again after it broke. Calls are never repeated here.
 */
export class RpcPool implements RpcClient {
  #options: RpcPoolOptions;
  readonly #d: RpcPoolDependencies;
  readonly #entries = new Map<string, Entry>();
  #seq = 0;
  #isClosed = false;

  constructor(options: Partial<RpcPoolOptions>, dependencies: RpcPoolDependencies) {
    this.#options = { ...RPC_POOL_DEFAULTS, ...options };
    this.#d = dependencies;
  }

  /** Servers with a connection at present, or one being made. */
  get serverCount(): number {
    return this.#entries.size;
  }

  /** Other rules for connections from now on; those that are open stay. */
  reload(options: Partial<RpcPoolOptions>): void {
    this.#options = { ...RPC_POOL_DEFAULTS, ...options };
  }

  async call(
    peer: RpcPeer,
    method: string,
    body: Uint8Array,
    options: { readonly timeoutMs: Millis; readonly signal?: AbortSignal },
  ): Promise<Uint8Array> {
    let connection = this.#isClosed ? undefined : this.#entries.get(keyOf(peer))?.connection;
    let left = options;
    if (!connection?.isOpen) {
      const startedAt = this.#d.clock.now();
      connection = await this.#connection(peer, options);
      left = { ...options, timeoutMs: Math.max(1, options.timeoutMs - (this.#d.clock.now() - startedAt)) };
    }
    const codec: ClientCodec = connection.take();
    try {
      return await codec.call(this.#nextSeq(), method, body, left);
    } catch (error) {
      if (!(error instanceof RemoteError)) this.#d.log.debug('call failed', { method, server: peer.name, error });
      throw error;
    } finally {
      connection.give(codec);
    }
  }

  dial(peer: RpcPeer, kind: 'raft' | 'snapshot' | 'grpc', options: { readonly timeoutMs: Millis }): Promise<Stream> {
    if (this.#isClosed) return Promise.reject(closedError());
    return dialServer(peer, kind, this.#options, this.#d, options.timeoutMs);
  }

  /** Drops the connection to a server that has left. Calls under way fail. */
  forget(peer: RpcPeer): void {
    this.#entries.get(keyOf(peer))?.connection?.close();
  }

  /**
   * A server is said to have failed. A dial under way is given up, so that those who wait for it need not wait for its time-out; an
   * open connection stays when the server answers on it: others may be wrong about it.
   */
  doubt(peer: RpcPeer): void {
    const entry = this.#entries.get(keyOf(peer));
    entry?.giveUp.abort();
    entry?.connection?.probe(DOUBT_MS);
  }

  /** Closes every connection; calls under way and later ones fail. */
  close(): void {
    this.#isClosed = true;
    for (const entry of [...this.#entries.values()]) entry.connection?.close();
    this.#entries.clear();
  }

  #nextSeq(): number {
    this.#seq = this.#seq >= Number.MAX_SAFE_INTEGER ? 1 : this.#seq + 1;
    return this.#seq;
  }

  async #connection(
    peer: RpcPeer,
    { timeoutMs, signal }: { readonly timeoutMs: Millis; readonly signal?: AbortSignal },
  ): Promise<ServerConnection> {
    if (this.#isClosed) throw closedError();
    const key = keyOf(peer);
    let entry = this.#entries.get(key);
    if (entry?.connection?.isOpen) return entry.connection;
    if (entry === undefined || entry.dialling === undefined) {
      // A connection that takes no more calls finishes those it has, and is forgotten here.
      entry = { connection: undefined, dialling: undefined, giveUp: new AbortController() };
      entry.dialling = this.#dial(peer, key, entry);
      this.#entries.set(key, entry);
    }
    return this.#patiently(entry.dialling, timeoutMs, signal);
  }

  async #dial(peer: RpcPeer, key: string, entry: Entry): Promise<ServerConnection> {
    const forget = () => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    try {
      const { clock, log } = this.#d;
      const { dialTimeoutMs } = this.#options;
      const stream = await dialServer(peer, 'multiplex', this.#options, this.#d, dialTimeoutMs, entry.giveUp.signal);
      if (this.#isClosed) {
        stream.destroy();
        throw closedError();
      }
      const session = new YamuxSession(stream, { role: 'dialler' }, { clock, log });
      // Servers open no streams towards their callers.
      session.onStream((unasked) => unasked.destroy());
      entry.connection = new ServerConnection(session, this.#options.sizes, clock, (lost) => {
        forget();
        if (lost) this.#d.lost?.(peer);
      });
      return entry.connection;
    } catch (error) {
      forget();
      throw error;
    } finally {
      entry.dialling = undefined;
    }
  }

  /** Several calls wait for one dial, each as long as it wants. */
  #patiently<T>(work: Promise<T>, timeoutMs: Millis, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const canceled = () => reject(new RpcError('RPC_CANCELED', 'context canceled', false));
      const timer = this.#d.clock.after(timeoutMs, () => reject(new RpcError('RPC_TIMEOUT', 'i/o timeout', false)));
      const done = () => {
        timer.cancel();
        signal?.removeEventListener('abort', canceled);
      };
      if (signal?.aborted) canceled();
      signal?.addEventListener('abort', canceled, { once: true });
      work.then(resolve, reject).finally(done);
    });
  }
}

/** Sizes of the pool of a server, or of a client agent. */
export const poolSizes = (isServer: boolean): PoolSizes => (isServer ? SERVER_POOL : CLIENT_POOL);

/** Keys of peers that are asked again and again: callers keep one object for each. */
const keys = new WeakMap<RpcPeer, string>();

function keyOf(peer: RpcPeer): string {
  let key = keys.get(peer);
  if (key === undefined) {
    const { address, datacenter } = peer;
    key = `${datacenter}/${address.host}/${address.port}`;
    keys.set(peer, key);
  }
  return key;
}

const closedError = (): RpcError => new RpcError('RPC_DIAL', 'rpc: pool is closed', false);
