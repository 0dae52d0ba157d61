import type { Entry, RaftEffect, RaftRequest, RaftResponse, Sent, ServerId } from '@proconsul/raft';
import type { SimSnapshot } from './disk.ts';
import type { ServerLog } from './server-log.ts';
import type { Host } from './world.ts';

/** Share of append-entries requests that carry fewer entries than planned, as when they are large. */
const PARTIAL_SENDS = 0.1;

interface Incoming {
  respond(response: RaftResponse): void;
  readonly state: SimSnapshot | undefined;
  /** Of the request; TimeoutNow has none. */
  readonly term: number;
  /** The leader asked for this election. */
  readonly isTransfer: boolean;
  readonly receivedAt: number;
}

/** What one life of a server says to the others, and what they ask it. */
export class ServerPeers {
  readonly #host: Host;
  readonly #log: ServerLog;
  readonly #requests = new Map<number, Incoming>();

  constructor(host: Host, log: ServerLog) {
    this.#host = host;
    this.#log = log;
  }

  // Their requests.

  receive(token: number, request: RaftRequest, state: SimSnapshot | undefined, respond: Incoming['respond']): void {
    const { world, clock } = this.#host;
    const term = request.kind === 'timeout-now' ? Number.POSITIVE_INFINITY : request.term;
    const isTransfer = request.kind === 'request-vote' && request.leadershipTransfer;
    this.#requests.set(token, { respond, state, term, isTransfer, receivedAt: world.events.now });
    this.#host.input({ kind: 'request', at: clock.now(), token, request });
  }

  stateOf(token: number): SimSnapshot | undefined {
    return this.#requests.get(token)?.state;
  }

  /** Nobody says yes to a request of a term that is over. Thesis section 3.3. */
  respond(token: number, response: RaftResponse): void {
    const incoming = this.#requests.get(token);
    this.#requests.delete(token);
    if (!incoming) return;
    // A snapshot may have been stored meanwhile; and a pre-vote is asked for the term to come.
    if (response.kind === 'append-entries' || response.kind === 'request-vote') this.#checkAnswer(incoming, response);
    incoming.respond(response);
  }

  #checkAnswer(
    incoming: Incoming,
    response: Extract<RaftResponse, { kind: 'append-entries' | 'request-vote' | 'request-pre-vote' }>,
  ): void {
    const { id, world } = this.#host;
    const { oracle, events } = world;
    const isYes = response.kind === 'append-entries' ? response.success : response.granted;
    oracle.check(
      !isYes || incoming.term >= response.term,
      () => `${id} in term ${response.term} agreed to a request of term ${incoming.term}`,
    );
    if (isYes && response.kind === 'append-entries') oracle.onHeard(id, incoming.receivedAt);
    else if (isYes && !incoming.isTransfer) oracle.onGrant(id, events.now);
  }

  // Ours.

  send(to: ServerId, request: RaftRequest, state: SimSnapshot | undefined, sent: Sent): void {
    const { id, world, core } = this.#host;
    world.network.call(id, to, { request, state }, (response) => {
      // Of this life, if it is not over.
      if (this.#host.core === core) this.#answered(to, sent, response);
    });
  }

  #answered(from: ServerId, sent: Sent, response: RaftResponse | undefined): void {
    this.#host.input({ kind: 'response', at: this.#host.clock.now(), from, sent, response });
  }

  sendEntries(e: Extract<RaftEffect, { kind: 'send-entries' }>): void {
    const entries: Entry[] = [];
    const { id, options, world } = this.#host;
    const { rng } = world;
    const planned = e.last - e.from + 1;
    const count = planned > 1 && rng.float() < PARTIAL_SENDS ? 1 + rng.int(planned) : planned;
    for (let index = e.from; index < e.from + count; index++) {
      const entry = this.#log.memory.entry(index);
      if (!entry) return this.#host.later(0, () => this.#answered(e.to.id, e.sent, undefined));
      entries.push(entry);
    }
    const { term, prevLogIndex, prevLogTerm, leaderCommit } = e;
    const header = { from: id, address: options.address, term };
    const request: RaftRequest = {
      kind: 'append-entries',
      ...header,
      prevLogIndex,
      prevLogTerm,
      entries,
      leaderCommit,
    };
    this.send(e.to.id, request, undefined, { ...e.sent, lastIndex: prevLogIndex + entries.length });
  }

  sendSnapshot({ to, term, sent }: Extract<RaftEffect, { kind: 'send-snapshot' }>): void {
    const { id, options, storage } = this.#host;
    const { latest } = storage;
    if (!latest) return this.#host.later(0, () => this.#answered(to.id, sent, undefined));
    const request: RaftRequest = {
      kind: 'install-snapshot',
      from: id,
      address: options.address,
      term,
      lastLogIndex: latest.index,
      lastLogTerm: latest.term,
      configuration: latest.configuration,
      configurationIndex: latest.configurationIndex,
      sizeBytes: 4,
    };
    this.send(to.id, request, latest, { ...sent, lastIndex: latest.index });
  }
}
