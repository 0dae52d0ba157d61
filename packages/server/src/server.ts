import { type Clock, errorText, type Log, type Metrics, type Millis, type Rng } from '@proconsul/base';
import {
  type AutopilotHealth,
  type Caller,
  Catalog,
  type CommonArgs,
  CoordinateMethods,
  EndpointError,
  Internal,
  noLeader,
  noPathToDatacenter,
  Operator,
  PreparedQueryMethods,
  type QueryExecuteArgs,
  type ReadDone,
  type ReadMeta,
  type ReadMethod,
  type ReadOptions,
  Status,
  type View,
  type WriteMethod,
} from '@proconsul/endpoints';
import { type Coordinate, MessageType, Session, SessionRequest } from '@proconsul/schema';
import type { Dep, Store } from '@proconsul/store';
import { autopilotHealth, autopilotState, DEFAULT_AUTOPILOT, type ServerFacts } from './autopilot.ts';
import type { Consensus } from './consensus.ts';
import { CoordinateBatch } from './coordinate-batch.ts';
import { LockDelays } from './lock-delays.ts';
import { overviewOf } from './overview.ts';
import { executeQuery, resolveQuery } from './queries/execute.ts';
import { kvIndex, type ReadHandler, readHandlers } from './reads.ts';
import { SessionTimers } from './session-timers.ts';
import { TombstoneClock } from './tombstones.ts';
import { type Answer, Views } from './views.ts';
import { type WriteContext, type WriteHandler, writeHandlers } from './writes.ts';

/** Settings of a server; durations in milliseconds unless named otherwise. Sources: configuration reference. */
export interface ServerOptions {
  readonly datacenter: string;
  /** How long a call waits for a leader before it fails. */
  readonly rpcHoldTimeoutMs: Millis;
  readonly defaultQueryTimeMs: Millis;
  readonly maxQueryTimeMs: Millis;
  readonly sessionTtlMinNs: number;
}

export const SERVER_DEFAULTS: Omit<ServerOptions, 'datacenter'> = {
  rpcHoldTimeoutMs: 7000,
  defaultQueryTimeMs: 300_000,
  maxQueryTimeMs: 600_000,
  sessionTtlMinNs: 10e9,
};

/** Waits are stretched by up to this part, so that clients that asked together do not come back together. */
const JITTER_FRACTION = 16;

/** Pause before a call looks for a leader again. */
const LEADER_POLL_MS: Millis = 20;

export interface ServerDependencies {
  readonly store: Store;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The servers of this datacenter as autopilot sees them. */
  servers(): readonly ServerFacts[];
  /** WAN coordinates of the servers, by datacenter. */
  wanCoordinates(): readonly { Datacenter: string; AreaID: string; Coordinates: readonly Coordinate[] }[];
  /** Known datacenters, the nearest first. */
  datacenters(): readonly string[];
}

/** How often the console's counts are made anew. */
const OVERVIEW_PERIOD_MS: Millis = 30_000;

/**
 * The endpoints of a server: every read and write of the replicated state, whoever asks. Reads are views that all
 * askers of the same question share; writes go through Raft.
 */
export class Server implements Caller {
  readonly #options: ServerOptions;
  readonly #d: ServerDependencies;
  readonly #views: Views<Dep>;
  readonly #reads: ReadonlyMap<string, ReadHandler> = readHandlers();
  readonly #writes: ReadonlyMap<string, WriteHandler> = writeHandlers();
  /** Reads that are about this moment, not about the replicated state: never shared, never waited on. */
  readonly #momentary: ReadonlyMap<string, (args: never) => unknown>;
  readonly #context: WriteContext;
  readonly lockDelays: LockDelays;
  readonly sessionTimers: SessionTimers;
  readonly tombstones: TombstoneClock;
  readonly #coordinates: CoordinateBatch;
  #overview: unknown = { Nodes: null, Services: null, Checks: null };
  #overviewAt = 0;
  #leading = false;

  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    this.#options = options;
    this.#d = dependencies;
    const { clock, rng, store } = dependencies;
    this.#views = new Views(store, clock);
    this.lockDelays = new LockDelays(clock);
    this.sessionTimers = new SessionTimers(clock, (id) => this.#expireSession(id));
    this.tombstones = new TombstoneClock(clock, (index) => this.#reap(index));
    this.#coordinates = new CoordinateBatch(clock, rng, (batch) => this.#writeCoordinates(batch));
    this.#momentary = this.#momentaryReads();
    this.#overviewAt = clock.now();
    this.#context = {
      datacenter: options.datacenter,
      consensus: dependencies.consensus,
      clock,
      rng,
      lockDelays: this.lockDelays,
      sessionTimers: this.sessionTimers,
      sessionTtlMinNs: options.sessionTtlMinNs,
      session: (id) => store.sessions.get(id).value[0] ?? null,
      sessionExists: (id) => store.sessions.get(id).value.length > 0,
      hasQuery: (id) => store.queries.get(id).value.length > 0,
      configEntries: {
        get: (kind, name) => store.config.get(kind, name).value,
        list: (kind) => store.config.list(kind).value,
      },
      updateCoordinate: (coordinate) => this.#coordinates.add(coordinate),
    };
  }

  get views(): Views<Dep> {
    return this.#views;
  }

  /** Health of the servers as autopilot judges it now. */
  autopilot(): AutopilotHealth {
    return autopilotHealth(this.#d.servers(), this.#d.store.operator.autopilot().value ?? DEFAULT_AUTOPILOT);
  }

  leads(): boolean {
    return this.#leading && this.#d.consensus.leads();
  }

  /** The first duties of a new leader: everything before it may have been missed by its timers. */
  startLeading(): void {
    this.lockDelays.clear();
    this.sessionTimers.clearAll();
    for (const session of this.#d.store.sessions.list().value) this.sessionTimers.reset(session);
    const index = kvIndex(this.#d.store);
    if (index > 0) this.tombstones.deletedAt(index);
    this.#leading = true;
  }

  stopLeading(): void {
    this.#leading = false;
    this.sessionTimers.clearAll();
    this.tombstones.clear();
    this.#coordinates.stop();
    this.lockDelays.clear();
  }

  peek<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): View<T> | undefined {
    if (!this.#isOurs(args) || !this.leads()) return undefined;
    return this.#view(method, args);
  }

  read<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    const meta = (): ReadMeta => this.#meta();
    let cancelled = false;
    let cancel = () => {
      cancelled = true;
    };
    const proceed = () => {
      if (cancelled) return;
      try {
        cancel = this.#answer(method, args, options, done);
      } catch (error) {
        done(error as Error, null, meta());
      }
    };
    if (!this.#isOurs(args)) {
      done(noPathToDatacenter(), null, meta());
      return () => {};
    }
    const ready = this.#readiness(options);
    if (ready === null) proceed();
    else {
      ready.then(proceed, (error) => {
        if (!cancelled) done(error, null, meta());
      });
    }
    return () => {
      cancelled = true;
      cancel();
    };
  }

  async write<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R> {
    if (!this.#isOurs(args)) throw noPathToDatacenter();
    const handler = this.#writes.get(method.name);
    if (handler === undefined) throw new EndpointError('NO_METHOD', `rpc: can't find method ${method.name}`);
    if (!this.leads()) await this.#leader();
    return (await handler(this.#context, args as never)) as R;
  }

  #isOurs(args: CommonArgs): boolean {
    return args.Datacenter === '' || args.Datacenter === this.#options.datacenter;
  }

  #meta(): ReadMeta {
    const { consensus } = this.#d;
    const lastContactMs = consensus.leads() ? 0 : consensus.lastContactMs();
    return {
      knownLeader: consensus.leaderAddress() !== '',
      lastContactMs: Number.isFinite(lastContactMs) ? lastContactMs : 0,
    };
  }

  /** Null when the read may be answered now; else what has to happen first. */
  #readiness(options: ReadOptions): Promise<void> | null {
    if (options.consistency === 'stale') {
      if (Number.isFinite(this.#d.consensus.lastContactMs()) || this.#d.consensus.leads()) return null;
      return this.#leader();
    }
    if (options.consistency === 'consistent') return this.#verified();
    return this.leads() ? null : this.#leader();
  }

  async #verified(): Promise<void> {
    if (!this.leads()) await this.#leader();
    await this.#d.consensus.verifyLeader();
  }

  /** Waits until we lead, at most for the hold time. Throws `No cluster leader`. */
  async #leader(): Promise<void> {
    const { clock } = this.#d;
    const until = clock.now() + this.#options.rpcHoldTimeoutMs;
    while (!this.leads()) {
      if (clock.now() >= until) throw noLeader();
      await new Promise<void>((resolve) => clock.after(LEADER_POLL_MS, resolve));
    }
  }

  #answer<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    const { key, ask } = this.#question(method, args);
    if (options.minIndex <= 0 || !method.blocking) {
      done(null, this.#view(method, args), this.#meta());
      return () => {};
    }
    const waitMs = this.#waitMs(options.waitMs);
    return this.#views.wait<T>(key, ask as () => Answer<T, Dep>, options.minIndex, waitMs, (error, view) => {
      done(error, view, this.#meta());
    });
  }

  #waitMs(wanted: Millis): Millis {
    const { defaultQueryTimeMs, maxQueryTimeMs } = this.#options;
    const base = wanted <= 0 ? defaultQueryTimeMs : Math.min(wanted, maxQueryTimeMs);
    return base + this.#d.rng.float() * (base / JITTER_FRACTION);
  }

  #view<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): View<T> {
    const momentary = this.#momentary.get(method.name);
    if (momentary !== undefined) {
      return { index: 1, value: momentary(args as never) as T, valid: false, memo: new Map() };
    }
    const { key, ask } = this.#question(method, args);
    if (!method.blocking) {
      const answer = ask();
      return { index: Math.max(1, answer.index), value: answer.value as T, valid: false, memo: new Map() };
    }
    return this.#views.get<T>(key, ask as () => Answer<T, Dep>);
  }

  #question<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
  ): { key: string; ask: () => Answer<unknown, Dep> } {
    const handler = this.#reads.get(method.name);
    const { store } = this.#d;
    const datacenter = this.#options.datacenter;
    return {
      key: method.blocking ? `${method.name}${JSON.stringify(args)}` : method.name,
      ask: () => {
        if (handler === undefined) throw new EndpointError('NO_METHOD', `rpc: can't find method ${method.name}`);
        return handler(store, args as never, datacenter);
      },
    };
  }

  #momentaryReads(): ReadonlyMap<string, (args: never) => unknown> {
    const d = this.#d;
    const config = () => d.store.operator.autopilot().value ?? DEFAULT_AUTOPILOT;
    return new Map<string, (args: never) => unknown>([
      [Status.Leader.name, () => d.consensus.leaderAddress()],
      [
        Status.Peers.name,
        () =>
          d.consensus
            .members()
            .filter((m) => m.voter)
            .map((m) => m.address),
      ],
      [Catalog.ListDatacenters.name, () => d.datacenters()],
      [CoordinateMethods.ListDatacenters.name, () => d.wanCoordinates()],
      [Operator.RaftGetConfiguration.name, () => ({ Servers: this.#raftServers(), Index: 0 })],
      [Operator.AutopilotGetConfiguration.name, config],
      [Operator.ServerHealth.name, () => this.autopilot()],
      [Operator.AutopilotState.name, () => autopilotState(d.servers(), config())],
      [Internal.CatalogOverview.name, () => this.#catalogOverview()],
      [
        PreparedQueryMethods.Execute.name,
        (args: QueryExecuteArgs) =>
          executeQuery({ store: d.store, rng: d.rng, datacenter: this.#options.datacenter }, args),
      ],
      [
        PreparedQueryMethods.Explain.name,
        (args: QueryExecuteArgs) => resolveQuery(d.store, args.QueryIDOrName, args.Agent.Segment),
      ],
    ]);
  }

  #raftServers() {
    const facts = new Map(this.#d.servers().map((s) => [s.id, s]));
    const leader = this.#d.consensus.leaderId();
    return this.#d.consensus.members().map((m) => ({
      ID: m.id,
      Node: facts.get(m.id)?.name ?? '(unknown)',
      Address: m.address,
      Leader: m.id === leader,
      ProtocolVersion: '3',
      Voter: m.voter,
      LastIndex: facts.get(m.id)?.lastIndex ?? 0,
    }));
  }

  #catalogOverview(): unknown {
    const { clock, store } = this.#d;
    if (clock.now() - this.#overviewAt >= OVERVIEW_PERIOD_MS) {
      this.#overviewAt = clock.now();
      this.#overview = overviewOf(store.catalog.nodeDump().value);
    }
    return this.#overview;
  }

  #background(what: string, work: Promise<unknown>): void {
    work.catch((error) => {
      if (this.#leading) this.#d.log.error(what, { error: errorText(error) });
    });
  }

  #expireSession(id: string): void {
    this.#d.log.debug('Session TTL expired', { session: id });
    const command = { type: MessageType.Session, request: sessionDestroy(this.#options.datacenter, id) };
    const retry = (error: unknown) => {
      if (!this.#leading) return;
      this.#d.log.error('Session destroy failed', { session: id, error: errorText(error) });
      const session = this.#d.store.sessions.get(id).value[0] ?? null;
      if (session !== null) this.sessionTimers.reset(session);
    };
    this.#d.consensus.propose(command).catch(retry);
  }

  #reap(index: number): void {
    const request = { Datacenter: this.#options.datacenter, Token: '', Op: 'reap', ReapIndex: index };
    this.#background('failed to reap tombstones', this.#d.consensus.propose({ type: MessageType.Tombstone, request }));
  }

  #writeCoordinates(batch: readonly Coordinate[]): void {
    const command = { type: MessageType.CoordinateBatchUpdate, request: batch };
    this.#background('Batch update failed', this.#d.consensus.propose(command));
  }
}

function sessionDestroy(Datacenter: string, ID: string) {
  return SessionRequest.make({ Datacenter, Op: 'destroy', Session: Session.make({ ID }) });
}
