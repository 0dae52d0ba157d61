import type { Clock } from '@proconsul/base';
import { Agent } from './agent.ts';
import { toBase64 } from './base64.ts';
import { Catalog, Health } from './catalog.ts';
import { Events } from './event.ts';
import { Http, type HttpDefaults } from './http.ts';
import { KV } from './kv.ts';
import { Lock, type LockOptions } from './lock.ts';
import { ConfigEntries, Coordinates, Operator, Snapshots, Status } from './operator.ts';
import type { ReadOptions } from './query.ts';
import { Semaphore } from './semaphore.ts';
import { Sessions } from './session.ts';
import { fetchTransport, type Transport } from './transport.ts';
import { applyTxn } from './txn.ts';
import type { TxnOperation, TxnOutcome } from './types.ts';

/** Where an agent listens unless something else is said. */
export const ADDRESS_DEFAULT = 'http://127.0.0.1:8500';

export interface ConsulOptions extends HttpDefaults {
  /** Origin of the agent; used when no transport is injected. Default: {@link ADDRESS_DEFAULT}. */
  readonly address?: string | undefined;
  /** User and password of HTTP basic authentication, for agents behind a proxy. */
  readonly basicAuth?: { readonly user: string; readonly password: string } | undefined;
}

export interface ConsulDependencies {
  /** How requests travel. Default: `fetch`. `@proconsul/client/node` has one with unix sockets and TLS options. */
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
}

/** One agent's HTTP API. Stateless: share it freely. */
export class Consul {
  readonly http: Http;
  readonly kv: KV;
  readonly catalog: Catalog;
  readonly health: Health;
  readonly agent: Agent;
  readonly sessions: Sessions;
  readonly events: Events;
  readonly coordinates: Coordinates;
  readonly status: Status;
  readonly operator: Operator;
  readonly snapshots: Snapshots;
  readonly config: ConfigEntries;
  readonly #clock: Clock | undefined;

  constructor(options: ConsulOptions = {}, dependencies: ConsulDependencies = {}) {
    const { basicAuth } = options;
    const headers = { ...options.headers };
    if (basicAuth) {
      const pair = new TextEncoder().encode(`${basicAuth.user}:${basicAuth.password}`);
      headers['Authorization'] = `Basic ${toBase64(pair)}`;
    }
    const transport = dependencies.transport ?? fetchTransport(options.address ?? ADDRESS_DEFAULT);
    const http = new Http({ ...options, headers }, transport);
    this.http = http;
    this.kv = new KV(http);
    this.catalog = new Catalog(http);
    this.health = new Health(http);
    this.agent = new Agent(http);
    this.sessions = new Sessions(http);
    this.events = new Events(http);
    this.coordinates = new Coordinates(http);
    this.status = new Status(http);
    this.operator = new Operator(http);
    this.snapshots = new Snapshots(http);
    this.config = new ConfigEntries(http);
    this.#clock = dependencies.clock;
  }

  /** Applies operations as one. */
  txn(operations: readonly TxnOperation[], options: ReadOptions = {}): Promise<TxnOutcome> {
    return applyTxn(this.http, operations, options);
  }

  /** A lock on `key`; nothing happens before it is acquired. */
  lock(key: string, options: LockOptions = {}): Lock {
    return new Lock(key, options, { kv: this.kv, sessions: this.sessions, clock: this.#clock });
  }

  /** A lock for up to `limit` holders under `prefix`. */
  semaphore(prefix: string, limit: number, options: LockOptions = {}): Semaphore {
    return new Semaphore(prefix, limit, options, { kv: this.kv, sessions: this.sessions, clock: this.#clock });
  }
}
