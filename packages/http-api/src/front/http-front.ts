import type { Clock, Gzip, Listener, ListenOptions, Log, Network, Stream, Timer } from '@proconsul/base';
import { DateText } from '@proconsul/http1';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { FrontExchange } from './front-exchange.ts';
import {
  CONNECTIONS_MAX,
  DEFAULT_FRONT_OPTIONS,
  type FrontOptions,
  SWEEP_MS,
  TOO_MANY_CONNECTIONS,
} from './options.ts';

export interface FrontDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly gzip: Gzip;
}

/** Called once for each request, in the turn in which its head came; answers now or later, exactly once. */
export type FrontHandler = (request: FrontExchange, response: FrontExchange) => void;

/**
 * The HTTP/1.1 server: listens on any number of addresses and networks (plain, unix-domain, TLS) and gives each request to
 * one handler. A handler that throws is answered 500 and logged.
 */
export class HttpFront {
  readonly #core: FrontCore;
  readonly #listeners: Listener[] = [];

  constructor(options: Partial<FrontOptions>, dependencies: FrontDependencies, handler: FrontHandler) {
    this.#core = new FrontCore({ ...DEFAULT_FRONT_OPTIONS, ...options }, dependencies, handler);
  }

  /** Open connections. */
  get connections(): number {
    return this.#core.connections.size;
  }

  /** Rejects with NetworkError. */
  async listen(network: Network, where: ListenOptions): Promise<Listener> {
    const listener = await network.listen(where, (stream) => this.accept(stream));
    this.#listeners.push(listener);
    return listener;
  }

  /** Serves a connection that came some other way. */
  accept(stream: Stream): void {
    this.#core.accept(stream);
  }

  /** Changes options for connections from now on (`limits.http_max_conns_per_client` can be reloaded). */
  configure(options: Partial<FrontOptions>): void {
    this.#core.options = { ...this.#core.options, ...options };
  }

  /** Refuses new connections, closes idle ones, lets requests in flight be answered, and cuts off what is left after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const core = this.#core;
    core.closing = true;
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
    for (const connection of [...core.connections.keys()]) connection.closeIfIdle();
    await core.emptied(graceMs);
    for (const connection of [...core.connections.keys()]) connection.destroy();
  }
}

class FrontCore implements ConnectionOwner {
  options: FrontOptions;
  closing = false;
  now: number;
  readonly gzip: Gzip;
  /** With the address that each counts for; empty when it counts for none. */
  readonly connections = new Map<Connection, string>();
  readonly #perClient = new Map<string, number>();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #handler: FrontHandler;
  readonly #date = new DateText();
  #sweeper: Timer | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: FrontOptions, { clock, log, gzip }: FrontDependencies, handler: FrontHandler) {
    this.options = options;
    this.gzip = gzip;
    this.#clock = clock;
    this.#log = log;
    this.#handler = handler;
    this.now = clock.now();
  }

  accept(stream: Stream): void {
    if (this.connections.size >= CONNECTIONS_MAX) {
      this.#log.debug('Too many connections', { client: stream.remote.host, limit: CONNECTIONS_MAX });
      stream.onClose(() => undefined);
      return stream.destroy();
    }
    if (this.#sweeper === undefined) this.#sweep(true);
    const client = stream.remote.host;
    const open = this.#perClient.get(client) ?? 0;
    const limit = this.options.maxConnsPerClient;
    const connection = new Connection(this, stream);
    // A unix-domain socket has no address to count by.
    if (client !== '' && limit > 0 && open >= limit) {
      this.connections.set(connection, '');
      this.#log.debug('Too many connections from one client', { client, limit });
      return connection.reject(TOO_MANY_CONNECTIONS);
    }
    this.connections.set(connection, client);
    if (client !== '') this.#perClient.set(client, open + 1);
    if (this.closing) connection.closeIfIdle();
  }

  closed(connection: Connection): void {
    const client = this.connections.get(connection);
    this.connections.delete(connection);
    if (client) {
      const left = (this.#perClient.get(client) ?? 1) - 1;
      if (left > 0) this.#perClient.set(client, left);
      else this.#perClient.delete(client);
    }
    if (this.connections.size > 0) return;
    this.#sweeper?.cancel();
    this.#sweeper = undefined;
    this.#onEmpty?.();
  }

  date(): DateText {
    return this.#date.update(this.#clock.wallMs());
  }

  handle(exchange: FrontExchange): void {
    // `OPTIONS *` asks the server itself, and there is nothing to tunnel to. Source: recorded from the reference agent.
    if (exchange.target === '*') return exchange.send(200, [], '');
    if (exchange.method === 'CONNECT') return exchange.send(404, NOT_FOUND_HEADERS, '404 page not found\n');
    try {
      this.#handler(exchange, exchange);
    } catch (error) {
      this.#log.error('Request failed', { method: exchange.method, url: exchange.target, error });
      exchange.fail();
    }
  }

  /** Resolves when no connection is left, or after `timeoutMs`. */
  emptied(timeoutMs: number): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** One timer for all deadlines, and only while there are connections. */
  #sweep(starting = false): void {
    this.now = this.#clock.now();
    for (const connection of this.connections.keys()) connection.sweep();
    this.#sweeper = undefined;
    if (this.connections.size > 0 || starting) this.#sweeper = this.#clock.after(SWEEP_MS, () => this.#sweep());
  }
}

const NOT_FOUND_HEADERS = [
  ['Content-Type', 'text/plain; charset=utf-8'],
  ['X-Content-Type-Options', 'nosniff'],
] as const;
