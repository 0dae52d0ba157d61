import {
  type Clock,
  EMPTY_BYTES,
  type Endpoint,
  errorText,
  type Log,
  type Metrics,
  type Millis,
  type Rng,
  shuffle,
} from '@proconsul/base';
import { addressBytes, addressText } from '@proconsul/gossip';
import { AskedQuery } from './asked-query.ts';
import { CountedNames } from './counted-names.ts';
import { SerfError } from './errors.ts';
import type { IncomingQuery, SerfMember } from './events.ts';
import { compileFilters, encodeNodeFilter, encodeTagFilter } from './filters.ts';
import { LamportClock, LTIME_MAX } from './lamport-clock.ts';
import {
  encodeQuery,
  encodeQueryResponse,
  encodeRelay,
  QUERY_ACK,
  QUERY_NO_BROADCAST,
  type QueryMessage,
  type QueryResponseMessage,
} from './messages.ts';
import type { SerfOptions } from './options.ts';
import type { QueryOptions } from './pool.ts';
import { QUERY_RING, QueryRing } from './query-ring.ts';

/** Queries of ours that wait for answers at one time. */
export const ASKED_MAX = 1024;

/** No query waits longer, whatever it says. */
export const QUERY_TIMEOUT_MAX_MS = 3_600_000;

/** Members that one answer is relayed through. */
export const RELAY_FACTOR_MAX = 255;

/** Members that understand relays speak at least this protocol. Source: gossip wire notes, section 4. */
const RELAY_PROTOCOL = 5;

export interface QueriesDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  self(): SerfMember;
  /** Members that may hear a query now. */
  alive(): readonly SerfMember[];
  /** Sends by packet; by a short way when it is to ourselves. */
  send(to: Endpoint, message: Uint8Array): void;
  spread(message: Uint8Array): void;
  /** A query that is meant for us. */
  deliver(query: IncomingQuery, time: number): void;
}

/** Questions to the members of the pool, and the answers that they send directly. Source: gossip wire notes, section 4. */
export class Queries {
  readonly clock = new LamportClock();
  /** Queries before this time are not for us. */
  minTime = 0;
  readonly #options: SerfOptions;
  readonly #d: QueriesDependencies;
  readonly #counted: CountedNames;
  readonly #seen = new QueryRing();
  /** By logical time. Two of ours never share one. */
  readonly #asked = new Map<number, AskedQuery>();

  constructor(options: SerfOptions, dependencies: QueriesDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#counted = new CountedNames(dependencies.metrics, 'serf.queries', options.metricLabels);
  }

  /**
   * Asks the pool. Resolves at the end of the time, or when all members that the filters mean have responded.
   * Throws SerfError QUERY_TOO_LARGE or TOO_MANY_QUERIES.
   */
  ask(name: string, payload: Uint8Array, options: QueryOptions): Promise<void> {
    if (this.#asked.size >= ASKED_MAX)
      throw new SerfError('TOO_MANY_QUERIES', 'too many queries are waiting for answers');
    const timeoutMs = Math.min(options.timeoutMs || this.defaultTimeoutMs(), QUERY_TIMEOUT_MAX_MS);
    const query = this.#message(name, payload, options, timeoutMs);
    const message = encodeQuery(query);
    const limit = this.#options.querySizeLimit;
    if (message.length > limit) throw new SerfError('QUERY_TOO_LARGE', `query exceeds limit of ${limit} bytes`);
    const time = this.clock.next();
    const expected = this.#d.alive().filter(this.#filter(query)).length;
    const asked = new AskedQuery(query.ID, options, expected, this.#d.clock, timeoutMs);
    this.#asked.set(time, asked);
    this.receive(query);
    this.#d.spread(message);
    return asked.done.finally(() => this.#asked.delete(time));
  }

  /** Ends all waiting. */
  close(): void {
    for (const asked of this.#asked.values()) asked.close();
  }

  /** Source: testdata of the gossip formulas: 3.2 s up to 9 members, 6.4 s up to 100, ... */
  defaultTimeoutMs(): Millis {
    const members = this.#d.alive().length;
    return this.#options.gossipIntervalMs * this.#options.queryTimeoutMult * Math.ceil(Math.log10(members + 1));
  }

  #message(name: string, payload: Uint8Array, options: QueryOptions, timeoutMs: Millis): QueryMessage {
    const self = this.#d.self();
    const filters: Uint8Array[] = [];
    if (options.nodes !== undefined && options.nodes.length > 0) filters.push(encodeNodeFilter(options.nodes));
    for (const [tag, expression] of Object.entries(options.tags ?? {})) filters.push(encodeTagFilter(tag, expression));
    return {
      Addr: addressBytes(self.address) ?? EMPTY_BYTES,
      Filters: filters.length === 0 ? null : filters,
      Flags: options.wantAck ? QUERY_ACK : 0,
      ID: this.#d.rng.int(2 ** 32),
      LTime: this.clock.time,
      Name: name,
      Payload: payload,
      Port: self.port,
      RelayFactor: Math.min(options.relayFactor ?? 0, RELAY_FACTOR_MAX),
      SourceNode: self.name,
      Timeout: Math.round(timeoutMs * 1e6),
    };
  }

  /** True when the query is to be spread further. Delivers it when it is meant for us. */
  receive(query: QueryMessage): boolean {
    this.clock.witness(query.LTime);
    if (query.LTime < this.minTime) return false;
    const now = this.clock.time;
    if (query.LTime < now - QUERY_RING) {
      this.#d.log.warn(`serf: received old query ${query.Name} from time ${query.LTime} (current: ${now})`);
      return false;
    }
    if (!this.#seen.add(query.LTime, query.ID)) return false;
    this.#counted.count(query.Name);
    if (this.#filter(query)(this.#d.self())) {
      if ((query.Flags & QUERY_ACK) !== 0) this.#answer(query, this.#response(query, QUERY_ACK, null));
      this.#d.deliver(this.#incoming(query), query.LTime);
    }
    return (query.Flags & QUERY_NO_BROADCAST) === 0;
  }

  /** An answer to one of ours, or what looks like it. */
  answered(message: QueryResponseMessage): void {
    const asked = this.#asked.get(message.LTime);
    if (asked === undefined) {
      this.#d.log.debug(
        `serf: reply for non-running query (LTime: ${message.LTime}, ID: ${message.ID}) From: ${message.From}`,
      );
      return;
    }
    if (asked.id === message.ID) asked.answered(message);
  }

  /** Whether a response with that payload keeps to the size limit, whatever its time and ID. */
  responseFits(payload: Uint8Array): boolean {
    const From = this.#d.self().name;
    const largest = { Flags: 0, From, ID: 2 ** 32 - 1, LTime: LTIME_MAX, Payload: payload };
    return encodeQueryResponse(largest).length <= this.#options.queryResponseSizeLimit;
  }

  #filter(query: QueryMessage): (member: SerfMember) => boolean {
    if (query.Filters === null) return () => true;
    try {
      return compileFilters(query.Filters);
    } catch (error) {
      this.#d.log.warn(`serf: failed to read filter of query ${query.Name}: ${errorText(error)}`);
      return () => false;
    }
  }

  #incoming(query: QueryMessage): IncomingQuery {
    const { clock } = this.#d;
    const timeoutMs = Math.min(Math.max(query.Timeout / 1e6, 0), QUERY_TIMEOUT_MAX_MS);
    const deadline = clock.now() + timeoutMs;
    const limit = this.#options.queryResponseSizeLimit;
    let responded = false;
    return {
      name: query.Name,
      payload: query.Payload ?? EMPTY_BYTES,
      from: query.SourceNode,
      deadline,
      respond: (payload) => {
        if (responded) throw new SerfError('ALREADY_RESPONDED', 'response already sent');
        if (clock.now() > deadline) throw new SerfError('RESPONSE_TOO_LATE', 'response is past the deadline');
        const message = this.#response(query, 0, payload);
        if (message.length > limit) {
          throw new SerfError('RESPONSE_TOO_LARGE', `response exceeds limit of ${limit} bytes`);
        }
        responded = true;
        this.#answer(query, message);
      },
    };
  }

  #response(query: QueryMessage, flags: number, payload: Uint8Array | null): Uint8Array {
    const From = this.#d.self().name;
    return encodeQueryResponse({ Flags: flags, From, ID: query.ID, LTime: query.LTime, Payload: payload });
  }

  #answer(query: QueryMessage, message: Uint8Array): void {
    const host = addressText(query.Addr);
    if (host === undefined || query.Port === 0) return;
    this.#d.send({ host, port: query.Port }, message);
    this.#relay(query, message);
  }

  /** Sends a copy through others, in case the direct way is blocked. */
  #relay(query: QueryMessage, message: Uint8Array): void {
    if (query.RelayFactor === 0) return;
    const self = this.#d.self().name;
    const able = this.#d.alive().filter(({ name, protocol }) => name !== self && protocol[1] >= RELAY_PROTOCOL);
    if (this.#d.alive().length < query.RelayFactor + 1) return;
    const relayed = encodeRelay({ address: query.Addr, port: query.Port, destination: query.SourceNode, message });
    for (const { address, port } of shuffle(this.#d.rng, able).slice(0, query.RelayFactor)) {
      this.#d.send({ host: address, port }, relayed);
    }
  }
}
