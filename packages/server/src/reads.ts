import type { Millis } from '@proconsul/base';
import {
  CHECK_FIELDS,
  CHECK_SERVICE_NODE_FIELDS,
  compileFilter,
  INTENTION_FIELDS,
  NODE_FIELDS,
  NODE_INFO_FIELDS,
  SERVICE_DEFAULTS_FIELDS,
  SERVICE_FIELDS,
  SERVICE_NODE_FIELDS,
} from '@proconsul/bexpr';
import {
  Catalog,
  type CommonArgs,
  ConfigEntryMethods,
  ConnectCA,
  CoordinateMethods,
  FederationState,
  Health,
  Intentions,
  Internal,
  invalid,
  KVS,
  Operator,
  PreparedQueryMethods,
  type QuerySource,
  type ReadMethod,
  SessionMethods,
  Txn,
} from '@proconsul/endpoints';
import { type CheckServiceNode, isConfigKind, type NodeService, type ServiceNode } from '@proconsul/schema';
import type { Dep, Store } from '@proconsul/store';
import { unknownKind } from './config-entries/apply.ts';
import { checkFilteredKind, complete } from './config-entries/filter.ts';
import { resolveServiceConfig } from './config-entries/resolve.ts';
import { intentionReads } from './intention-reads.ts';
import { intentionsOf } from './intentions.ts';
import { nearSource } from './near.ts';
import { queryIdFault, queryNotFound } from './queries/execute.ts';
import { checkReadOps } from './txn-ops.ts';
import type { Answer } from './views.ts';

/** Answers one read method from the state. Never waits. Throws EndpointError. */
export type ReadHandler = (store: Store, args: never, datacenter: string) => Answer<unknown, Dep>;

const FILTER_PREFIX = 'Failed to create boolean expression evaluator: ';

/** A predicate for a filter expression, for one request; null without one. It and this throw what clients know. */
export function filterOf<T>(
  text: string,
  fields: Parameters<typeof compileFilter>[1],
  now?: () => Millis,
): ((record: T) => boolean) | null {
  if (text === '') return null;
  const told = <R>(work: () => R): R => {
    try {
      return work();
    } catch (error) {
      const message = (error as Error).message;
      throw invalid(message.startsWith(FILTER_PREFIX) ? message : FILTER_PREFIX + message);
    }
  };
  const filter = told(() => compileFilter(text, fields, now));
  return (record) => told(() => filter.matches(record));
}

function refined<T>(
  answer: Answer<readonly T[], Dep>,
  filter: ((record: T) => boolean) | null,
  sort: (items: readonly T[]) => readonly T[],
): Answer<readonly T[], Dep> {
  const kept = filter === null ? answer.value : answer.value.filter(filter);
  return { index: answer.index, value: sort(kept), deps: answer.deps };
}

interface HasSource {
  readonly Source: QuerySource | null;
}

const near =
  <T>(state: Store, args: HasSource, dc: string, nodeOf: (item: T) => string) =>
  (items: readonly T[]): readonly T[] =>
    nearSource(items, args.Source, dc, { coordinatesOf: (node) => state.coordinates.ofNode(node).value }, nodeOf);

/** Highest index of the KV tables, tombstones included. */
export const kvIndex = (store: Store): number => Math.max(store.tableIndex('kvs'), store.tableIndex('tombstones'));

/** Names with tags of the instances that a filter keeps; a name without any disappears. */
function servicesKept(
  store: Store,
  meta: Readonly<Record<string, string>> | null,
  keep: ((instance: ServiceNode) => boolean) | null,
): Answer<Readonly<Record<string, readonly string[]>>, Dep> {
  const names = store.catalog.services(meta);
  if (keep === null) return names;
  const all = store.catalog.allServiceNodes(meta);
  const out: Record<string, string[]> = Object.create(null);
  for (const instance of all.value) {
    if (!keep(instance)) continue;
    out[instance.ServiceName] ??= [];
    const tags = out[instance.ServiceName] as string[];
    for (const tag of instance.ServiceTags ?? []) if (!tags.includes(tag)) tags.push(tag);
  }
  return { index: names.index, value: out, deps: all.deps };
}

/**
 * Readers of a service's mesh instances are told the index of the service itself, as recorded; waiters must not miss a
 * change of a proxy, so they are held to the real one.
 */
function connectIndex(store: Store, service: string, index: number): { index: number; waitIndex: number } {
  const own = store.catalog.serviceNodes({ ServiceName: service });
  return { index: own.value.length > 0 ? own.index : index, waitIndex: index };
}

/** Without a condition on nodes the index is that of checks alone: instances without any do not move it. As recorded. */
function serviceChecks(store: Store, service: string, meta: Readonly<Record<string, string>> | null) {
  const answer = store.health.serviceChecks(service, meta);
  if (meta !== null) return answer;
  const checks = store.tableIndex('checks');
  return checks > 0 && checks < answer.index ? { ...answer, index: checks, waitIndex: answer.index } : answer;
}

const nothing = <T>(value: T) => ({ index: 0, value, deps: [] });
const nodeOfInstance = (n: CheckServiceNode): string => n.Node?.Node ?? '';

type Table = Map<string, ReadHandler>;

function add<A extends CommonArgs, T>(
  table: Table,
  method: ReadMethod<A, T>,
  handler: (state: Store, args: A, datacenter: string) => Answer<T, Dep>,
): void {
  table.set(method.name, handler as unknown as ReadHandler);
}

type Now = (() => Millis) | undefined;

export interface ReadHandlerOptions {
  readonly allowWithoutIntention?: boolean;
  /** The monotonic clock; with it filters whose patterns take too long are given up. */
  readonly now?: Now;
}

/** Read methods over the replicated tables, by name. */
export function readHandlers({
  allowWithoutIntention = true,
  now,
}: ReadHandlerOptions = {}): ReadonlyMap<string, ReadHandler> {
  const t: Table = new Map();
  addCatalog(t, now);
  addHealth(t, now);
  addKv(t);
  addCoordinatesAndQueries(t);
  addConnect(t, now);
  addConfig(t);
  addOperator(t);
  for (const [method, handler] of intentionReads(allowWithoutIntention)) t.set(method, handler);
  return t;
}

function addCatalog(t: Table, now: Now): void {
  add(t, Catalog.ListNodes, (s, a, dc) =>
    refined(
      s.catalog.nodes(a.NodeMetaFilters),
      filterOf(a.Filter, NODE_FIELDS, now),
      near(s, a, dc, (n) => n.Node),
    ),
  );
  add(t, Catalog.ServiceList, (s) => {
    const { value, ...answer } = s.catalog.services(null);
    return { ...answer, value: Object.keys(value).map((Name) => ({ Name })) };
  });
  add(t, Catalog.ListServices, (s, a) =>
    servicesKept(s, a.NodeMetaFilters, filterOf(a.Filter, SERVICE_NODE_FIELDS, now)),
  );
  add(t, Catalog.ServiceNodes, (s, a, dc) => {
    if (a.PeerName !== '') return nothing([]);
    const answer = s.catalog.serviceNodes(a);
    const kept = refined(
      answer,
      filterOf(a.Filter, SERVICE_NODE_FIELDS, now),
      near(s, a, dc, (n) => n.Node),
    );
    return a.Connect ? { ...kept, ...connectIndex(s, a.ServiceName, answer.index) } : kept;
  });
  add(t, Catalog.NodeServices, (s, a) => {
    const filter = filterOf<NodeService>(a.Filter, SERVICE_FIELDS, now);
    const answer = s.catalog.nodeServices(a.Node);
    if (filter === null || answer.value === null) return answer;
    const Services: Record<string, NodeService> = Object.create(null);
    for (const [id, service] of Object.entries(answer.value.Services ?? {}))
      if (filter(service)) Services[id] = service;
    return { ...answer, value: { ...answer.value, Services } };
  });
  add(t, Catalog.NodeServiceList, (s, a) => {
    const filter = filterOf<NodeService>(a.Filter, SERVICE_FIELDS, now);
    const answer = s.catalog.nodeServiceList(a.Node);
    if (filter === null) return answer;
    return { ...answer, value: { ...answer.value, Services: (answer.value.Services ?? []).filter(filter) } };
  });
  add(t, Catalog.GatewayServices, (s, a) => s.catalog.gatewayServices(a.ServiceName));
}

function addHealth(t: Table, now: Now): void {
  add(t, Health.NodeChecks, (s, a) =>
    refined(s.health.nodeChecks(a.Node), filterOf(a.Filter, CHECK_FIELDS, now), (x) => x),
  );
  add(t, Health.ServiceChecks, (s, a, dc) =>
    refined(
      serviceChecks(s, a.ServiceName, a.NodeMetaFilters),
      filterOf(a.Filter, CHECK_FIELDS, now),
      near(s, a, dc, (c) => c.Node),
    ),
  );
  add(t, Health.ChecksInState, (s, a, dc) =>
    refined(
      s.health.checksInState(a.State, a.NodeMetaFilters),
      filterOf(a.Filter, CHECK_FIELDS, now),
      near(s, a, dc, (c) => c.Node),
    ),
  );
  add(t, Health.ServiceNodes, (s, a, dc) => {
    if (a.PeerName !== '') return nothing([]);
    return refined(
      s.health.serviceNodes(a),
      filterOf(a.Filter, CHECK_SERVICE_NODE_FIELDS, now),
      near(s, a, dc, nodeOfInstance),
    );
  });
  add(t, Internal.NodeDump, (s, a, dc) =>
    refined(
      s.catalog.nodeDump(),
      filterOf(a.Filter, NODE_INFO_FIELDS, now),
      near(s, a, dc, (n) => n.Node),
    ),
  );
  add(t, Internal.NodeInfo, (s, a) => s.catalog.nodeInfo(a.Node));
  add(t, Internal.ServiceDump, (s, a, dc) =>
    refined(
      s.catalog.serviceDump(a.UseServiceKind ? a.ServiceKind : null),
      filterOf(a.Filter, CHECK_SERVICE_NODE_FIELDS, now),
      near(s, a, dc, nodeOfInstance),
    ),
  );
}

function addKv(t: Table): void {
  add(t, KVS.Get, (s, a) => {
    const answer = s.kv.get(a.Key);
    // A missing key tells the index of the whole table, but is touched only by writes to itself.
    return answer.value === null ? { ...answer, liveIndex: () => kvIndex(s) } : answer;
  });
  add(t, KVS.List, (s, a) => s.kv.list(a.Key));
  add(t, KVS.ListKeys, (s, a) => s.kv.keys(a.Prefix, a.Seperator));
  add(t, SessionMethods.List, (s) => s.sessions.list());
  add(t, SessionMethods.Get, (s, a) => s.sessions.get(a.SessionID));
  add(t, SessionMethods.NodeSessions, (s, a) => s.sessions.ofNode(a.Node));
  add(t, Txn.Read, (s, a) => {
    const refused = checkReadOps(a.Ops);
    if (refused.length > 0) return nothing({ Results: null, Errors: refused, Answered: false });
    return nothing({ ...s.txnRead(a.Ops), Answered: true });
  });
}

function addCoordinatesAndQueries(t: Table): void {
  add(t, CoordinateMethods.ListNodes, (s, a, dc) =>
    refined(
      s.coordinates.list(),
      null,
      near(s, a, dc, (c) => c.Node),
    ),
  );
  add(t, CoordinateMethods.Node, (s, a) => s.coordinates.ofNode(a.Node));
  add(t, PreparedQueryMethods.List, (s) => s.queries.list());
  add(t, PreparedQueryMethods.Get, (s, a) => {
    const fault = queryIdFault(a.QueryID);
    if (fault !== null) throw invalid(fault);
    const answer = s.queries.get(a.QueryID.toLowerCase());
    if (answer.value.length === 0) throw queryNotFound();
    return answer;
  });
}

function addConnect(t: Table, now: Now): void {
  add(t, ConnectCA.Roots, (s) => {
    const answer = s.connect.roots();
    const active = answer.value.find((r) => r.Active);
    const TrustDomain = active === undefined ? '' : `${active.ExternalTrustDomain}.consul`;
    // The key that signs leaves never leaves the servers.
    const Roots = answer.value.map((r) => ({ ...r, SigningKey: '' }));
    return { ...answer, value: { ActiveRootID: active?.ID ?? '', TrustDomain, Roots } };
  });
  add(t, ConnectCA.ConfigurationGet, (s) => s.connect.configuration());
  add(t, Intentions.List, (s, a) => {
    const { value, ...answer } = refined(
      a.Legacy ? s.connect.legacyIntentions() : intentionsOf(s.config.list('service-intentions')),
      filterOf(a.Filter, INTENTION_FIELDS, now),
      (found) => found,
    );
    return { ...answer, value: { DataOrigin: a.Legacy ? 'legacy' : 'config', Intentions: value } };
  });
}

function addConfig(t: Table): void {
  add(t, ConfigEntryMethods.Get, (s, a) => {
    if (!isConfigKind(a.Kind)) throw unknownKind(a.Kind);
    return s.config.get(a.Kind, a.Name);
  });
  add(t, ConfigEntryMethods.List, (s, a) => {
    if (a.Kind !== '' && !isConfigKind(a.Kind)) throw unknownKind(a.Kind);
    const answer = s.config.list(a.Kind);
    if (a.Filter === '') return answer;
    checkFilteredKind(a.Kind);
    const keep = filterOf<Record<string, unknown>>(a.Filter, SERVICE_DEFAULTS_FIELDS);
    return keep === null ? answer : { ...answer, value: answer.value.filter((entry) => keep(complete(entry))) };
  });
  add(t, ConfigEntryMethods.ResolveServiceConfig, (s, a) => {
    const deps: Dep[] = [];
    const entry = (kind: string, name: string) => {
      const answer = s.config.get(kind, name);
      deps.push(...answer.deps);
      return answer.value;
    };
    const value = resolveServiceConfig({ get: entry, list: () => [] }, a);
    return { index: s.tableIndex('config-entries'), value, deps };
  });
}

function addOperator(t: Table): void {
  add(t, FederationState.List, (s) => s.federation.list());
  add(t, FederationState.Get, (s, a) => s.federation.get(a.Target));
  add(t, Operator.Usage, (s, _a, dc) => {
    const answer = s.catalog.usage();
    return { ...answer, value: { [dc]: answer.value } };
  });
}
