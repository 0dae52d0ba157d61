import {
  type Clock,
  type Disk,
  type Endpoint,
  errorText,
  invariant,
  type Log,
  type Metrics,
  type Rng,
  sleep,
  type Timer,
} from '@proconsul/base';
import { type Delegate, type GossipPool, hostPort, type Keyring, NodeState } from '@proconsul/gossip';
import { Conflicts } from './conflict.ts';
import { Coordinates } from './coordinates.ts';
import { SerfError } from './errors.ts';
import type { IncomingQuery, MemberEventKind, SerfEvent, SerfMember } from './events.ts';
import { every } from './every.ts';
import { answerInternal, isInternal } from './internal-queries.ts';
import { KeyManager } from './key-manager.ts';
import { InternalQuery } from './key-messages.ts';
import { memberOf } from './member-codec.ts';
import { MemberTable } from './member-table.ts';
import { encodeJoin, encodeLeave } from './messages.ts';
import type { SerfOptions } from './options.ts';
import type { KeyOperationResult, NetworkCoordinate, QueryOptions, SerfPool } from './pool.ts';
import { Queries } from './queries.ts';
import { Queues } from './queues.ts';
import { reconnect, rejoin } from './reconnect.ts';
import { ReturnCheck } from './return-check.ts';
import { SerfDelegate } from './serf-delegate.ts';
import { Snapshot } from './snapshot.ts';
import { encodeTags, META_MAX_BYTES } from './tags.ts';
import { UserEvents } from './user-events.ts';

export interface SerfDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Makes the gossip pool under us, with the same name. Called once, by the constructor. */
  pool(delegate: Delegate): GossipPool;
  /** Needed with a snapshot file. */
  readonly disk?: Disk;
  /** The keys of the pool; undefined when it is not encrypted. */
  readonly keyring?: Keyring;
  /** What happens, in order. Called synchronously; what it throws is logged. */
  onEvent(event: SerfEvent): void;
  /** The keys were changed by a query: base64, the primary first. A rejection is reported to who asked. */
  onKeyringChanged?(keys: readonly string[]): void | Promise<void>;
  /** Asked about members that want in, and about every alive message. A text refuses them. */
  refuse?(members: readonly SerfMember[]): string | undefined;
  /** Another member has our name and the pool knows it, not us: this one has stopped. */
  onQuit?(): void;
}

type State = 'new' | 'alive' | 'leaving' | 'left';

/** How often the logical time of the members is written to the snapshot. */
export const SNAPSHOT_CLOCK_INTERVAL_MS = 500;

/** One member's hold on a Serf pool. Source: gossip wire notes, section 4. */
export class Serf implements SerfPool {
  readonly #options: SerfOptions;
  readonly #d: SerfDependencies;
  readonly #pool: GossipPool;
  readonly #members: MemberTable;
  readonly #events: UserEvents;
  readonly #queries: Queries;
  readonly #queues: Queues;
  readonly #coordinates: Coordinates;
  readonly #keys: KeyManager;
  readonly #conflicts: Conflicts;
  readonly #returnCheck: ReturnCheck | undefined;
  readonly #delegate: SerfDelegate;
  readonly #snapshot: Snapshot | undefined;
  readonly #stopped = new AbortController();
  #meta: Uint8Array;
  #state: State = 'new';
  #ignoreOldEvents = false;
  #timers: Timer[] = [];
  #joins: Promise<unknown> = Promise.resolve();
  #leaving: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** Throws SerfError TAGS_TOO_LARGE. */
  constructor(options: SerfOptions, dependencies: SerfDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#meta = encodedTags(options.tags);
    this.#members = this.#makeMembers();
    const { clock, rng, log, metrics, disk } = dependencies;
    this.#events = new UserEvents(options, { log, metrics, emit: (event) => this.#emit(event) });
    this.#queries = this.#makeQueries();
    this.#queues = new Queues(options, { log, metrics, aliveCount: () => this.#pool.aliveCount() });
    const isMember = (name: string) => this.#members.get(name) !== undefined;
    this.#coordinates = new Coordinates(options, { rng, log, metrics, isMember });
    this.#keys = new KeyManager({
      ask: (name, payload, query) => this.#queries.ask(name, payload, query),
      aliveCount: () => this.#pool.aliveCount(),
    });
    if (options.snapshotPath !== '') {
      invariant(disk !== undefined, 'a snapshot file needs a disk');
      this.#snapshot = new Snapshot({ ...options, path: options.snapshotPath }, { clock, disk, log, metrics });
    }
    this.#conflicts = new Conflicts(options.resolveConflicts, {
      log,
      self: () => this.self,
      ask: (name, payload, query) => this.#queries.ask(name, payload, query),
      quit: () => void this.stop().then(() => this.#d.onQuit?.()),
    });
    if (options.returnCheckIntervalMs > 0) this.#returnCheck = this.#makeReturnCheck(options);
    this.#delegate = this.#makeDelegate();
    this.#pool = dependencies.pool(this.#delegate);
  }

  #makeMembers(): MemberTable {
    const { clock, log, metrics } = this.#d;
    return new MemberTable(this.#options, {
      clock,
      log,
      metrics,
      emit: (what, member) => this.#memberEvent(what, member),
      isStaying: () => this.#state === 'alive',
      refuteLeave: () => this.#announceJoin(),
      returned: () => this.#returnCheck?.returned(),
      // The pool keeps its own memory of it: that guards against late news that it is alive.
      erased: (name) => this.#coordinates.forget(name),
    });
  }

  #makeQueries(): Queries {
    const { clock, rng, log, metrics } = this.#d;
    return new Queries(this.#options, {
      clock,
      rng,
      log,
      metrics,
      self: () => this.self,
      alive: () => this.#members.all().filter(({ status }) => status === 'alive' || status === 'leaving'),
      send: (to, message) => this.#send(to, message),
      spread: (message) => this.#queues.add(this.#queues.queries, message),
      deliver: (query, time) => this.#deliver(query, time),
    });
  }

  #makeReturnCheck({ returnCheckIntervalMs, recentFailureMs }: SerfOptions): ReturnCheck {
    const { clock, rng, log } = this.#d;
    return new ReturnCheck(returnCheckIntervalMs, {
      clock,
      rng,
      log,
      candidates: () => (this.#state === 'alive' ? this.#members.failedWithin(recentFailureMs) : []),
      alive: () => this.members().filter(({ name, status }) => status === 'alive' && name !== this.#options.name),
      ping: (member) => this.#pool.ping(member),
      join: (address) => this.#tryJoin(address),
    });
  }

  #makeDelegate(): SerfDelegate {
    return new SerfDelegate({
      log: this.#d.log,
      metrics: this.#d.metrics,
      labels: this.#options.metricLabels,
      members: this.#members,
      events: this.#events,
      queries: this.#queries,
      queues: this.#queues,
      coordinates: this.#coordinates,
      meta: () => this.#meta,
      isStopped: () => this.#stopped.signal.aborted,
      ignoresOldEvents: () => this.#ignoreOldEvents,
      send: (to, message) => this.#send(to, message),
      refuse: (members) => this.#d.refuse?.(members),
      conflict: (existing, other) => this.#conflicts.seen(existing, other),
    });
  }

  /** Rejects when the sockets cannot be bound or the snapshot cannot be read. Joins again in the background. */
  async start(): Promise<void> {
    invariant(this.#state === 'new', 'a pool is started once');
    const previous = await this.#snapshot?.open();
    if (previous !== undefined) {
      const { clocks } = previous;
      this.#members.clock.witness(clocks.clock);
      this.#events.clock.witness(clocks['event-clock']);
      this.#queries.clock.witness(clocks['query-clock']);
      this.#events.minTime = clocks['event-clock'] + 1;
      this.#queries.minTime = clocks['query-clock'] + 1;
    }
    this.#state = 'alive';
    await this.#pool.start();
    if (this.#members.get(this.#options.name) === undefined) this.#members.joined(this.#pool.self);
    this.#startTimers();
    if (previous !== undefined && previous.alive.size > 0) void this.#rejoin(previous.alive);
  }

  #startTimers(): void {
    const { clock, rng, log } = this.#d;
    const o = this.#options;
    const tryJoin = (address: Endpoint) => this.#tryJoin(address);
    this.#timers = [
      every(clock, o.reapIntervalMs, () => this.#members.reap()),
      every(clock, o.reconnectIntervalMs, () => void reconnect(this.members(), rng, log, tryJoin)),
      every(clock, o.queueCheckIntervalMs, () => this.#queues.check()),
    ];
    if (this.#snapshot === undefined) return;
    this.#timers.push(every(clock, SNAPSHOT_CLOCK_INTERVAL_MS, () => this.#snapshotClock()));
  }

  #snapshotClock(): void {
    this.#snapshot?.seen('clock', this.#members.clock.time - 1);
  }

  async #rejoin(alive: ReadonlyMap<string, string>): Promise<void> {
    const others = new Map(alive);
    others.delete(this.#options.name);
    const { rng, log } = this.#d;
    const isStopped = () => this.#state !== 'alive' || this.#stopped.signal.aborted;
    const joined = await rejoin(others, rng, log, (address) => this.#tryJoin(address), isStopped);
    if (joined && !isStopped()) this.#announceJoin();
  }

  async #tryJoin(address: Endpoint): Promise<boolean> {
    try {
      return (await this.#pool.join([address])).joined > 0;
    } catch (error) {
      this.#d.log.debug(`serf: Failed to join: ${errorText(error)}`);
      return false;
    }
  }

  members(): readonly SerfMember[] {
    return this.#members.all();
  }

  get self(): SerfMember {
    return this.#members.get(this.#options.name) ?? memberOf(this.#pool.self);
  }

  /** One join at a time. Rejects with SerfError NOT_ALIVE after a leave. */
  join(
    addresses: readonly Endpoint[],
    options: { readonly ignoreOldEvents: boolean },
  ): Promise<{ readonly joined: number; readonly errors: readonly Error[] }> {
    const turn = this.#joins.then(async () => {
      if (this.#state !== 'alive' || this.#stopped.signal.aborted) {
        throw new SerfError('NOT_ALIVE', "Serf can't Join after Leave or Shutdown");
      }
      this.#ignoreOldEvents = options.ignoreOldEvents;
      try {
        const result = await this.#pool.join(addresses);
        if (result.joined > 0) this.#announceJoin();
        return result;
      } finally {
        this.#ignoreOldEvents = false;
      }
    });
    this.#joins = turn.catch(() => {});
    return turn;
  }

  /** Tells everybody that we have come, or are still here. */
  #announceJoin(): void {
    this.#queues.add(this.#queues.intents, encodeJoin(this.#members.announceSelf()));
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    if (this.#state !== 'alive') throw new SerfError('NOT_ALIVE', 'Leave called before the pool was started');
    this.#state = 'leaving';
    this.#snapshot?.leave();
    const { broadcastTimeoutMs, leavePropagateDelayMs, name } = this.#options;
    const intent = { LTime: this.#members.clock.next(), Node: name, Prune: false };
    this.#members.leaveIntent(intent);
    if (this.#pool.aliveCount() > 1 && !(await this.#spread(encodeLeave(intent)))) {
      this.#d.log.warn('serf: timeout while waiting for graceful leave');
    }
    await this.#pool.leave(broadcastTimeoutMs).catch((error: unknown) => {
      this.#d.log.warn(`serf: timeout waiting for leave broadcast: ${errorText(error)}`);
    });
    this.#members.gone({ ...this.#pool.self, state: NodeState.left });
    await sleep(this.#d.clock, leavePropagateDelayMs, this.#stopped.signal);
    this.#state = 'left';
  }

  /** Queues an intent; true when it was sent often enough within the time for that. */
  #spread(message: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      void sleep(this.#d.clock, this.#options.broadcastTimeoutMs, this.#stopped.signal).then(() => resolve(false));
      this.#queues.add(this.#queues.intents, message, () => resolve(true));
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#state === 'alive' || this.#state === 'leaving') this.#d.log.warn('serf: Shutdown without a Leave');
    this.#snapshotClock();
    this.#stopped.abort();
    for (const timer of this.#timers) timer.cancel();
    this.#returnCheck?.stop();
    this.#queries.close();
    await this.#pool.stop();
    await this.#snapshot?.close();
  }

  lookAt(host: string): void {
    this.#pool.lookAt(host);
  }

  forceLeave(name: string, prune: boolean): boolean {
    if (this.#members.get(name) === undefined) return false;
    const intent = { LTime: this.#members.clock.next(), Node: name, Prune: prune };
    this.#members.leaveIntent(intent);
    if (this.#pool.aliveCount() > 1) this.#queues.add(this.#queues.intents, encodeLeave(intent));
    return true;
  }

  /** Throws SerfError TAGS_TOO_LARGE. */
  setTags(tags: Readonly<Record<string, string>>): void {
    this.#meta = encodedTags(tags);
    if (this.#state === 'new') return;
    this.#pool.updateMeta();
    const { self } = this.#pool;
    if (!sameTags(this.self.tags, tags)) this.#members.updated({ ...self, meta: this.#meta });
  }

  userEvent(name: string, payload: Uint8Array, coalesce: boolean): void {
    this.#queues.add(this.#queues.events, this.#events.create(name, payload.slice(), coalesce));
  }

  async query(name: string, payload: Uint8Array, options: QueryOptions): Promise<void> {
    if (isInternal(name) && name !== InternalQuery.ping) {
      throw new SerfError('RESERVED_NAME', `Queries cannot contain the '${InternalQuery.prefix}' prefix`);
    }
    await this.#queries.ask(name, payload, options);
  }

  coordinate(): NetworkCoordinate {
    return this.#coordinates.own;
  }

  coordinateOf(name: string): NetworkCoordinate | undefined {
    return name === this.#options.name ? this.#coordinates.own : this.#coordinates.of(name);
  }

  installKey(key: string, relayFactor: number): Promise<KeyOperationResult> {
    return this.#keys.install(key, relayFactor);
  }

  useKey(key: string, relayFactor: number): Promise<KeyOperationResult> {
    return this.#keys.use(key, relayFactor);
  }

  removeKey(key: string, relayFactor: number): Promise<KeyOperationResult> {
    return this.#keys.remove(key, relayFactor);
  }

  listKeys(relayFactor: number): Promise<KeyOperationResult> {
    return this.#keys.list(relayFactor);
  }

  isEncrypted(): boolean {
    return (this.#d.keyring?.keys.length ?? 0) > 0;
  }

  stats(): Readonly<Record<string, string>> {
    return {
      coordinate_resets: String(this.#coordinates.resets),
      encrypted: String(this.isEncrypted()),
      event_queue: String(this.#queues.events.size),
      event_time: String(this.#events.clock.time),
      failed: String(this.#members.count('failed')),
      health_score: String(this.#pool.healthScore()),
      intent_queue: String(this.#queues.intents.size),
      left: String(this.#members.count('left')),
      member_time: String(this.#members.clock.time),
      members: String(this.#members.size),
      query_queue: String(this.#queues.queries.size),
      query_time: String(this.#queries.clock.time),
    };
  }

  #memberEvent(what: MemberEventKind, member: SerfMember): void {
    if (what === 'join') this.#snapshot?.alive(member.name, hostPort(member.address, member.port));
    else if (what === 'leave' || what === 'failed') this.#snapshot?.notAlive(member.name);
    if (what === 'failed') this.#returnCheck?.begin();
    this.#emit({ kind: 'member', what, member });
  }

  #deliver(query: IncomingQuery, time: number): void {
    this.#snapshot?.seen('query-clock', time);
    if (!isInternal(query.name)) {
      this.#emit({ kind: 'query', query });
      return;
    }
    void answerInternal(query, {
      log: this.#d.log,
      selfName: this.#options.name,
      member: (name) => this.#members.get(name),
      keys: () => ({
        log: this.#d.log,
        keyring: this.#d.keyring,
        save: (keys) => this.#d.onKeyringChanged?.(keys),
        fits: (payload) => this.#queries.responseFits(payload),
      }),
    });
  }

  #emit(event: SerfEvent): void {
    if (event.kind === 'user') this.#snapshot?.seen('event-clock', event.time);
    try {
      this.#d.onEvent(event);
    } catch (error) {
      this.#d.log.error(`serf: A handler of events has failed: ${errorText(error)}`);
    }
  }

  /** To ourselves the short way: our advertised address need not be reachable from here. */
  #send(to: Endpoint, message: Uint8Array): void {
    const { address, port } = this.#pool.self;
    if (to.host !== address || to.port !== port) this.#pool.sendPacket(to, message);
    else this.#d.clock.after(0, () => this.#delegate.onMessage(message));
  }
}

function encodedTags(tags: Readonly<Record<string, string>>): Uint8Array {
  const meta = encodeTags(tags);
  if (meta.length > META_MAX_BYTES) {
    throw new SerfError('TAGS_TOO_LARGE', `Encoded length of tags exceeds limit of ${META_MAX_BYTES} bytes`);
  }
  return meta;
}

function sameTags(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(b);
  return names.length === Object.keys(a).length && names.every((name) => a[name] === b[name]);
}
