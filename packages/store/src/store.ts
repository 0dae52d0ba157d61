import { invariant } from '@proconsul/base';
import type {
  AutopilotConfig,
  CheckServiceNode,
  Coordinate,
  DirEntry,
  FederationState,
  HealthCheck,
  Node,
  NodeInfo,
  NodeServiceList,
  NodeServices,
  PreparedQuery,
  ServiceNode,
  Session,
  SystemMetadataEntry,
  TxnOp,
  TxnResponse,
} from '@proconsul/schema';
import { applyCommand } from './apply.ts';
import * as catalog from './catalog-reads.ts';
import * as checks from './check-lists.ts';
import type { Command } from './command.ts';
import * as config from './config-table.ts';
import { caConfiguration, caProviderStates, caRoots, legacyIntentions } from './connect-reads.ts';
import * as coordinates from './coordinates.ts';
import type { Dep, ReadResult } from './dep.ts';
import { type GatewayService, gatewayServices } from './gateway-services.ts';
import { Journal, type StoreHooks } from './journal.ts';
import * as kv from './kv-reads.ts';
import { PEERINGS } from './opaque-table.ts';
import * as queries from './prepared-queries.ts';
import type { ApplyResult } from './result.ts';
import * as services from './service-reads.ts';
import * as sessions from './session-reads.ts';
import { autopilotConfig, federationState, federationStates, systemMetadata } from './singletons.ts';
import { type TableSize, tableSizes } from './sizes.ts';
import { SnapshotReader } from './snapshot-read.ts';
import { writeSnapshot } from './snapshot-write.ts';
import { State } from './state.ts';
import { copyState } from './state-copy.ts';
import { RunningHash } from './state-hash.ts';
import { readTxn } from './txn.ts';
import { Watches } from './watches.ts';

type Pairs = Readonly<Record<string, string>> | null;

export interface StoreOptions {
  /** Datacenter of nodes that are registered without one. */
  readonly datacenter: string;
}

/** The tables of one moment, ready to be written. */
export interface StoreSnapshot {
  /** Raft index of the last command in it. */
  readonly index: number;
  /** state.bin. Each call starts from the front; writes that go on meanwhile are not seen. */
  chunks(): Iterable<Uint8Array>;
}

/** Takes the place of the tables once it is complete. */
export interface Restore {
  /** Throws SnapshotError; the tables in use are then untouched. */
  push(chunk: Uint8Array): void;
  /** Says that nothing follows. Throws SnapshotError unless {@link finish} will work. */
  complete(): void;
  /** Puts the restored tables in place and wakes every watcher at the next flush. Throws SnapshotError. */
  finish(): RestoreReport;
  /** Once complete: the value of the record on commands that are not complete yet. */
  chunking(): Uint8Array | undefined;
}

export interface RestoreReport {
  readonly index: number;
  readonly records: number;
  /** Records of types that this version does not know, passed over. */
  readonly skipped: number;
}

/**
 * The replicated tables as a finite-state machine: commands of the Raft log in, answers out. Pure: no clock, no chance,
 * no I/O, so that every server that applies the same commands holds the same tables.
 */
export class Store {
  readonly #watches = new Watches();
  #hooks: StoreHooks = {};
  readonly #journal = new Journal(this.#watches, () => this.#hooks);
  #state: State;

  constructor(options: StoreOptions) {
    this.#state = new State(options.datacenter);
  }

  /** Replaces the callbacks. They are called inside {@link Store.apply} and must not change the store. */
  setHooks(hooks: StoreHooks): void {
    this.#hooks = hooks;
  }

  /** Raft index of the last command applied (or restored). */
  get lastIndex(): number {
    return this.#state.lastIndex;
  }

  /**
   * Applies the command of a log entry. `command` is its decoded form where the caller has it, exactly what `data` says;
   * it is not kept and not changed. Never throws for any bytes: what cannot be read or done answers `{error}` and
   * changes nothing. Commands come with rising indexes.
   */
  apply(index: number, data: Uint8Array, command?: Command): ApplyResult {
    invariant(index > this.#state.lastIndex, 'log entries are applied once and in order');
    this.#journal.index = index;
    const result = applyCommand(this.#state, this.#journal, data, command);
    this.#state.lastIndex = index;
    return result;
  }

  /** Notes the index of a log entry without a command: a barrier, a new configuration. */
  skipTo(index: number): void {
    invariant(index >= this.#state.lastIndex, 'log entries are applied in order');
    this.#state.lastIndex = index;
  }

  /** Calls the watchers of everything that commands touched since the last call. */
  flush(): void {
    this.#watches.flush();
  }

  /** Calls `fn` once, at the first flush after a command touched one of `deps`. Returns how to stop waiting. */
  watch(deps: readonly Dep[], fn: () => void): () => void {
    return this.#watches.watch(deps, fn);
  }

  get watcherCount(): number {
    return this.#watches.size;
  }

  /** `chunking` is the value of the record on commands that are not complete yet, where there are any. */
  snapshot(chunking?: Uint8Array): StoreSnapshot {
    const copy = copyState(this.#state);
    return { index: copy.lastIndex, chunks: () => writeSnapshot(copy, chunking) };
  }

  /** Starts reading a snapshot beside the tables in use. */
  restore(): Restore {
    const reader = new SnapshotReader(this.#state.datacenter);
    let complete: State | undefined;
    const read = (): State => {
      complete ??= reader.finish();
      return complete;
    };
    return {
      push: (chunk) => reader.push(chunk),
      complete: () => void read(),
      finish: () => {
        const state = read();
        this.#state = state;
        this.#watches.touchEverything();
        return { index: state.lastIndex, records: reader.records, skipped: reader.skipped };
      },
      chunking: () => reader.chunking,
    };
  }

  /** Equal for two stores exactly when all their tables are equal (up to chance). Walks everything: for tests. */
  stateHash(): string {
    const hash = new RunningHash();
    for (const chunk of this.snapshot().chunks()) hash.update(chunk);
    return hash.digest();
  }

  /** Rows and estimated memory by table. */
  sizes(): Readonly<Record<string, TableSize>> {
    return tableSizes(this.#state);
  }

  /** Key and value stores. */
  readonly kv = {
    count: (): number => this.#state.kv.size,
    get: (key: string): ReadResult<DirEntry | null> => kv.getKey(this.#state, key),
    list: (prefix: string): ReadResult<readonly DirEntry[] | null> => kv.listKeys(this.#state, prefix),
    keys: (prefix: string, separator: string): ReadResult<readonly string[]> =>
      kv.keyNames(this.#state, prefix, separator),
    page: (prefix: string, after: string, limit: number): ReadResult<readonly DirEntry[]> =>
      kv.pageKeys(this.#state, prefix, after, limit),
  };

  readonly catalog = {
    nodes: (meta: Pairs = null): ReadResult<readonly Node[]> => catalog.listNodes(this.#state, meta),
    services: (meta: Pairs = null) => catalog.listServices(this.#state, meta),
    /** Every instance of every service, for filters over the list of services. */
    allServiceNodes: (meta: Pairs = null): ReadResult<readonly ServiceNode[]> =>
      catalog.allServiceNodes(this.#state, meta),
    serviceNodes: (want: services.ServiceSelection): ReadResult<readonly ServiceNode[]> =>
      services.serviceNodes(this.#state, want),
    nodeServices: (node: string): ReadResult<NodeServices | null> => catalog.nodeServices(this.#state, node),
    nodeServiceList: (node: string): ReadResult<NodeServiceList> => catalog.nodeServiceList(this.#state, node),
    gatewayServices: (gateway: string): ReadResult<readonly GatewayService[]> => gatewayServices(this.#state, gateway),
    nodeDump: (): ReadResult<readonly NodeInfo[]> => catalog.nodeDump(this.#state),
    nodeInfo: (node: string): ReadResult<readonly NodeInfo[]> => catalog.nodeInfoOf(this.#state, node),
    /** Instances of a kind; null is every kind. */
    serviceDump: (kind: string | null = null): ReadResult<readonly CheckServiceNode[]> =>
      services.serviceDump(this.#state, kind),
    usage: (): ReadResult<catalog.CatalogUsage> => catalog.usage(this.#state),
    /** The node as it is stored, by name in any case; not a blocking read. */
    node: (name: string): Node | undefined => this.#state.catalog.node(name)?.row,
    nodeById: (id: string): Node | undefined => this.#state.catalog.nodeById(id)?.row,
    service: (node: string, id: string) => this.#state.catalog.node(node)?.services.get(id)?.row,
    check: (node: string, id: string): HealthCheck | undefined => this.#state.catalog.node(node)?.checks.get(id),
  };

  readonly health = {
    nodeChecks: (node: string): ReadResult<readonly HealthCheck[]> => checks.nodeChecks(this.#state, node),
    serviceChecks: (service: string, meta: Pairs = null): ReadResult<readonly HealthCheck[]> =>
      services.serviceChecks(this.#state, service, meta),
    checksInState: (wanted: string, meta: Pairs = null): ReadResult<readonly HealthCheck[]> =>
      checks.checksInState(this.#state, wanted, meta),
    serviceNodes: (want: services.ServiceSelection): ReadResult<readonly CheckServiceNode[]> =>
      services.serviceHealth(this.#state, want),
  };

  readonly sessions = {
    get: (id: string): ReadResult<readonly Session[]> => sessions.getSession(this.#state, id),
    list: (): ReadResult<readonly Session[]> => sessions.listSessions(this.#state),
    ofNode: (node: string): ReadResult<readonly Session[]> => sessions.nodeSessions(this.#state, node),
  };

  readonly coordinates = {
    list: (): ReadResult<readonly Coordinate[]> => coordinates.listCoordinates(this.#state),
    ofNode: (node: string): ReadResult<readonly Coordinate[]> => coordinates.nodeCoordinates(this.#state, node),
  };

  readonly queries = {
    get: (id: string): ReadResult<readonly PreparedQuery[]> => queries.getQuery(this.#state, id),
    list: (): ReadResult<readonly PreparedQuery[]> => queries.listQueries(this.#state),
    named: (name: string): PreparedQuery | undefined => this.#state.queries.named(name),
    /** What stands against storing it beside the others; null when nothing does. */
    conflict: (query: PreparedQuery): string | null => queries.queryConflict(this.#state, query),
  };

  readonly config = {
    get: (kind: string, name: string): ReadResult<config.ConfigEntryValue | null> =>
      config.getConfig(this.#state, kind, name),
    /** The empty kind lists every entry. */
    list: (kind: string): ReadResult<readonly config.ConfigEntryValue[]> => config.listConfig(this.#state, kind),
    count: (kind: string): number => this.#state.config.ofKind(kind).length,
  };

  readonly connect = {
    roots: () => caRoots(this.#state),
    configuration: () => caConfiguration(this.#state),
    providerStates: () => caProviderStates(this.#state),
    legacyIntentions: () => legacyIntentions(this.#state),
    peeringCount: (): number => this.#state.opaque.count(PEERINGS),
  };

  readonly federation = {
    list: (): ReadResult<readonly FederationState[]> => federationStates(this.#state),
    get: (datacenter: string): ReadResult<FederationState | null> => federationState(this.#state, datacenter),
  };

  readonly operator = {
    autopilot: (): ReadResult<AutopilotConfig | null> => autopilotConfig(this.#state),
    systemMetadata: (): ReadResult<readonly SystemMetadataEntry[]> => systemMetadata(this.#state),
  };

  /** Answers a transaction that only reads; with one that writes, an error for each operation that does. */
  txnRead(ops: readonly TxnOp[]): TxnResponse {
    return readTxn(this.#state, this.#journal, ops);
  }

  /** A Raft index by name: `kvs`, `tombstones`, `nodes`, ... 0 when never used. */
  tableIndex(name: string): number {
    return this.#state.indexes.get(name);
  }
}
