import { errorText, type Millis } from '@proconsul/base';
import {
  type AutopilotHealth,
  type Caller,
  Catalog,
  type CommonArgs,
  ConfigEntryMethods,
  type Consistency,
  CoordinateMethods,
  EndpointError,
  FederationState,
  KVS,
  noLeader,
  noPathToDatacenter,
  notReadyForConsistentReads,
  PreparedQueryMethods,
  type ReadDone,
  type ReadMeta,
  type ReadMethod,
  type ReadOptions,
  SessionMethods,
  Status,
  Txn,
  type View,
  type WriteMethod,
} from '@proconsul/endpoints';
import { type Coordinate, MessageType, Session, SessionRequest } from '@proconsul/schema';
import type { Dep } from '@proconsul/store';
import { autopilotHealth, DEFAULT_AUTOPILOT } from './autopilot.ts';
import { CoordinateBatch } from './coordinate-batch.ts';
import { type FarAnswer, FarReads } from './far-reads.ts';
import { type CallRoute, HeldRead, type ReadSteps } from './held-read.ts';
import { HoldRoom } from './hold.ts';
import { LockDelays } from './lock-delays.ts';
import { LockGate } from './lock-gate.ts';
import { momentaryReads } from './momentary.ts';
import { kvIndex, type ReadHandler, readHandlers } from './reads.ts';
import { isRetryable } from './retryable.ts';
import type { ServerDependencies, ServerOptions } from './server-options.ts';
import { SessionTimers } from './session-timers.ts';
import { TombstoneClock } from './tombstones.ts';
import { type Answer, Views } from './views.ts';
import { type WriteContext, type WriteHandler, writeHandlers } from './writes.ts';

/** Waits are stretched by up to this part, so that clients that asked together do not come back together. */
const JITTER_FRACTION = 16;

/** Any server answers these about itself or its pools, with or without a leader. */
const LOCAL_METHODS: ReadonlySet<string> = new Set([
  Status.Leader.name,
  Status.Peers.name,
  Status.Ping.name,
  Status.RaftStats.name,
  Catalog.ListDatacenters.name,
  CoordinateMethods.ListDatacenters.name,
]);

/** Calls of which the time is told. Source of the names: telemetry documentation. */
const TIMERS: ReadonlyMap<string, string> = new Map([
  [Catalog.Register.name, 'catalog.register'],
  [Catalog.Deregister.name, 'catalog.deregister'],
  [KVS.Apply.name, 'kvs.apply'],
  [SessionMethods.Apply.name, 'session.apply'],
  [SessionMethods.Renew.name, 'session.renew'],
  [Txn.Apply.name, 'txn.apply'],
  [Txn.Read.name, 'txn.read'],
  [PreparedQueryMethods.Apply.name, 'prepared-query.apply'],
  [PreparedQueryMethods.Execute.name, 'prepared-query.execute'],
  [PreparedQueryMethods.ExecuteRemote.name, 'prepared-query.execute_remote'],
  [PreparedQueryMethods.Explain.name, 'prepared-query.explain'],
  [ConfigEntryMethods.Apply.name, 'config_entry.apply'],
]);

/**
 * The endpoints of a server: every read and write of the replicated state, whoever asks. Reads are views that all
 * askers of the same question share; writes go through Raft.
 */
export class Server implements Caller {
  readonly #options: ServerOptions;
  readonly #d: ServerDependencies;
  readonly #views: Views<Dep>;
  readonly #reads: ReadonlyMap<string, ReadHandler>;
  readonly #writes: ReadonlyMap<string, WriteHandler> = writeHandlers();
  /** Reads that are about this moment, not about the replicated state: never shared, never waited on. */
  readonly #momentary: ReadonlyMap<string, (args: never) => unknown>;
  readonly #far: FarReads;
  readonly #context: WriteContext;
  readonly lockDelays: LockDelays;
  readonly sessionTimers: SessionTimers;
  readonly tombstones: TombstoneClock;
  readonly #coordinates: CoordinateBatch;
  readonly #room: HoldRoom;
  /** Waiting reads that only a leader may answer: they go to the next one. */
  readonly #deposed = new Set<() => void>();
  /** Sessions whose time is over and whose end is under way: a renewal that was granted now would be worth nothing. */
  readonly #ending = new Map<string, Promise<void>>();
  /** Reads that another server answers. */
  readonly #forwarded = new Set<() => void>();
  readonly #readSteps: ReadSteps;
  #leading = false;

  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    this.#options = options;
    this.#d = dependencies;
    const { clock, rng, store } = dependencies;
    this.#reads = readHandlers({ ...options, now: () => clock.now() });
    this.#views = new Views(store, clock);
    this.lockDelays = new LockDelays(clock);
    this.sessionTimers = new SessionTimers(clock, (id) => this.#expireSession(id));
    this.tombstones = new TombstoneClock(clock, (index) => this.#reap(index));
    this.#coordinates = new CoordinateBatch(clock, rng, (batch) => this.#writeCoordinates(batch));
    this.#room = new HoldRoom(clock, rng, options.rpcHoldTimeoutMs);
    this.#readSteps = this.#makeReadSteps();
    this.#momentary = momentaryReads(dependencies, options.datacenter);
    this.#far = new FarReads(dependencies, options.datacenter, {
      callerTo: (datacenter) => this.#elsewhere(datacenter),
      momentary: (name) => this.#momentary.get(name)?.(null as never),
    });
    this.#followStore();
    this.#context = this.#makeWriteContext();
  }

  #makeReadSteps(): ReadSteps {
    const { clock, consensus } = this.#d;
    return {
      clock,
      hold: () => this.#room.hold(),
      route: (name, consistency) => this.#route(name, consistency),
      answer: (method, args, left, told) => this.#answer(method, args, left, told),
      verify: () => this.#verifyLeader(),
      mayAnswer: (name, consistency) => consistency === 'stale' || LOCAL_METHODS.has(name) || this.leads(),
      meta: () => this.#meta(),
      deposed: this.#deposed,
      forwarded: this.#forwarded,
      leaderId: () => consensus.leaderId(),
      waitMs: (wanted) => this.#baseWaitMs(wanted),
    };
  }

  /** A leader keeps the time of sessions and of lock delays. */
  #followStore(): void {
    this.#d.store.setHooks({
      onSession: ({ kind, session }) => {
        if (!this.#leading) return;
        if (kind === 'created') this.sessionTimers.reset(session);
        else this.sessionTimers.clear(session.ID);
      },
      onLockDelay: (key, delayNs) => {
        if (this.#leading) this.lockDelays.close(key, delayNs / 1e6);
      },
    });
  }

  #makeWriteContext(): WriteContext {
    const { clock, rng, store, consensus } = this.#d;
    const { datacenter, sessionTtlMinNs } = this.#options;
    return {
      datacenter,
      consensus,
      clock,
      rng,
      lockGate: new LockGate({
        leads: () => this.leads(),
        isClosed: (key) => this.lockDelays.isClosed(key),
        holder: (key) => store.kv.get(key).value?.Session ?? '',
      }),
      sessionTimers: this.sessionTimers,
      sessionTtlMinNs,
      session: (id) => store.sessions.get(id).value[0] ?? null,
      sessionEnding: (id) => this.#ending.get(id),
      sessionExists: (id) => store.sessions.get(id).value.length > 0,
      hasQuery: (id) => store.queries.get(id).value.length > 0,
      queryConflict: (query) => store.queries.conflict(query),
      configEntries: {
        get: (kind, name) => store.config.get(kind, name).value,
        list: (kind) => store.config.list(kind).value,
        datacenter,
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
    this.#room.wake();
  }

  /** There is another leader, or none: calls that wait for one look again. */
  leaderChanged(): void {
    this.#room.wake();
    for (const look of [...this.#forwarded]) look();
  }

  stopLeading(): void {
    this.#leading = false;
    this.sessionTimers.clearAll();
    this.tombstones.clear();
    this.#coordinates.stop();
    this.lockDelays.clear();
    for (const leave of [...this.#deposed]) leave();
  }

  peek<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): View<T> | undefined {
    if (!this.#isOurs(args) || !this.leads()) return undefined;
    const far = this.#far.answer(method as never, args);
    if (far === undefined) return this.#view(method, args);
    return 'now' in far ? momentaryView(far.now as T, far.index) : undefined;
  }

  read<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    if (!this.#isOurs(args)) return this.#readElsewhere(method, args, options, done);
    const read = new HeldRead(method, args, options, this.#timed(method.name, done), this.#readSteps);
    read.attempt();
    return () => read.cancel();
  }

  async write<A extends CommonArgs, R>(method: WriteMethod<A, R>, given: A): Promise<R> {
    const args = this.#forPrimary(method, given);
    if (!this.#isOurs(args)) return await this.#elsewhere(args.Datacenter).write(method, args);
    const hold = this.#room.hold();
    for (;;) {
      const route = this.#route(method.name, 'default');
      let fault: unknown;
      try {
        if (route.kind === 'local') return await this.#writeHere(method, args);
        if (route.kind === 'forward') return await route.to.write(method, args);
        fault = route.kind === 'wait' ? route.error : noLeader();
      } catch (error) {
        if (!isRetryable(error, 'write')) throw error;
        fault = error;
      }
      if (!(await hold.passed())) throw fault;
    }
  }

  async #writeHere<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R> {
    const handler = this.#writes.get(method.name);
    if (handler === undefined) throw new EndpointError('NO_METHOD', `rpc: can't find method ${method.name}`);
    const startedAt = this.#d.clock.now();
    const result = (await handler(this.#context, args as never)) as R;
    const timer = TIMERS.get(method.name);
    if (timer !== undefined) this.#d.metrics.sample(timer, this.#d.clock.now() - startedAt);
    return result;
  }

  /** What all datacenters share is written in the primary one: config entries there, wherever they are sent. */
  #forPrimary<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): A {
    const { primaryDatacenter = '', datacenter } = this.#options;
    if (method.name === ConfigEntryMethods.Apply.name && primaryDatacenter === datacenter) {
      return { ...args, Datacenter: '' };
    }
    if (method.name !== FederationState.Apply.name || primaryDatacenter === '') return args;
    return { ...args, Datacenter: primaryDatacenter };
  }

  #isOurs(args: CommonArgs): boolean {
    return args.Datacenter === '' || args.Datacenter === this.#options.datacenter;
  }

  /** The way into another datacenter. Throws EndpointError when there is none. */
  #elsewhere(datacenter: string): Caller {
    const to = this.#d.datacenterCaller(datacenter);
    if (to === undefined) throw noPathToDatacenter();
    if (to === 'unreachable') throw remoteUnreachable();
    return to;
  }

  #readElsewhere<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    try {
      return this.#elsewhere(args.Datacenter).read(method, args, options, done);
    } catch (error) {
      done(error as Error, null, this.#meta());
      return () => {};
    }
  }

  /** What is known of the answer's freshness. Told too old rather than too young. */
  #meta(): ReadMeta {
    const { consensus } = this.#d;
    const age = consensus.leads() ? 0 : Math.max(consensus.lastContactMs(), consensus.stateAgeMs());
    return { knownLeader: consensus.leaderAddress() !== '', lastContactMs: Number.isFinite(age) ? age : 0 };
  }

  /** Who answers a call of our datacenter at this moment. Source: RPC wire, forwarding and consistency. */
  #route(name: string, consistency: Consistency): CallRoute {
    if (LOCAL_METHODS.has(name)) return { kind: 'local' };
    if (this.leads()) return { kind: consistency === 'consistent' ? 'verify' : 'local' };
    const { consensus } = this.#d;
    // Before we hold what was committed when we first heard of the leader, things would seem to be deleted that are not.
    if (consistency === 'stale' && Number.isFinite(consensus.stateAgeMs())) {
      return { kind: 'local' };
    }
    const leader = consensus.leaderId();
    if (leader === '') return { kind: 'wait', error: noLeader() };
    if (leader === consensus.id()) {
      // Elected, but what earlier leaders committed is not all applied yet; or the lease has to be confirmed.
      return { kind: 'wait', error: consistency === 'consistent' ? notReadyForConsistentReads() : noLeader() };
    }
    const to = this.#d.leaderCaller();
    return to === undefined ? { kind: 'wait', error: leaderNotFound() } : { kind: 'forward', to };
  }

  #answer<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    const far = this.#far.answer(method as never, args);
    if (far !== undefined) return this.#answerFar(far, done);
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

  #answerFar<T>(far: FarAnswer, done: ReadDone<T>): () => void {
    if ('now' in far) {
      done(null, momentaryView(far.now as T, far.index), this.#meta());
      return () => {};
    }
    let isCancelled = false;
    far.later().then(
      (value) => isCancelled || done(null, momentaryView(value as T, far.index), this.#meta()),
      (error: Error) => isCancelled || done(error, null, this.#meta()),
    );
    return () => {
      isCancelled = true;
    };
  }

  async #verifyLeader(): Promise<void> {
    const startedAt = this.#d.clock.now();
    await this.#d.consensus.verifyLeader();
    this.#d.metrics.sample('rpc.consistentRead', this.#d.clock.now() - startedAt);
  }

  /** Reads that are measured from here to their answer. */
  #timed<T>(name: string, done: ReadDone<T>): ReadDone<T> {
    const timer = TIMERS.get(name);
    if (timer === undefined) return done;
    const startedAt = this.#d.clock.now();
    return (error, view, meta) => {
      this.#d.metrics.sample(timer, this.#d.clock.now() - startedAt);
      done(error, view, meta);
    };
  }

  #baseWaitMs(wanted: Millis): Millis {
    const { defaultQueryTimeMs, maxQueryTimeMs } = this.#options;
    return wanted <= 0 ? defaultQueryTimeMs : Math.min(wanted, maxQueryTimeMs);
  }

  #waitMs(wanted: Millis): Millis {
    const base = this.#baseWaitMs(wanted);
    return base + this.#d.rng.float() * (base / JITTER_FRACTION);
  }

  #view<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): View<T> {
    const momentary = this.#momentary.get(method.name);
    if (momentary !== undefined) return momentaryView(momentary(args as never) as T);
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
    const startedAt = this.#d.clock.now();
    const ended = this.#d.consensus
      .propose(command)
      .then(() => this.#d.metrics.sample('session_ttl.invalidate', this.#d.clock.now() - startedAt), retry)
      .finally(() => this.#ending.delete(id));
    this.#ending.set(id, ended);
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

/** An answer that is of this moment and shared with nobody. */
const momentaryView = <T>(value: T, index = 1): View<T> => ({ index, value, valid: false, memo: new Map() });

const leaderNotFound = () => new EndpointError('LEADER_NOT_FOUND', 'Raft leader not found in server lookup mapping');
const remoteUnreachable = () => new EndpointError('DC_UNREACHABLE', 'Remote DC has no server currently reachable');

function sessionDestroy(Datacenter: string, ID: string) {
  return SessionRequest.make({ Datacenter, Op: 'destroy', Session: Session.make({ ID }) });
}
