import { compileFilter } from '@proconsul/bexpr';
import {
  Catalog,
  type CommonArgs,
  CoordinateMethods,
  checkFields,
  checkServiceNodeFields,
  Health,
  Internal,
  invalid,
  KVS,
  nodeFields,
  nodeInfoFields,
  Operator,
  PreparedQueryMethods,
  type QuerySource,
  type ReadMethod,
  type ServiceArgs,
  SessionMethods,
  serviceFields,
  serviceNodeFields,
  Txn,
} from '@proconsul/endpoints';
import type { CheckServiceNode, NodeService } from '@proconsul/schema';
import { nearSource } from './near.ts';
import type { InstanceQuery, State } from './state.ts';
import { checkReadOps } from './txn-ops.ts';
import { uuidError } from './validate.ts';
import type { Answer } from './views.ts';

/** Answers one read method from the state. Never waits. Throws EndpointError. */
export type ReadHandler<D> = (state: State<D>, args: never, datacenter: string) => Answer<unknown, D>;

const FILTER_PREFIX = 'Failed to create boolean expression evaluator: ';

/** A predicate for a filter expression; null without one. Throws what clients know. */
export function filterOf<T>(
  text: string,
  fields: Parameters<typeof compileFilter>[1],
): ((record: T) => boolean) | null {
  if (text === '') return null;
  try {
    const filter = compileFilter(text, fields);
    return (record) => filter.matches(record as never);
  } catch (error) {
    const message = (error as Error).message;
    throw invalid(message.startsWith(FILTER_PREFIX) ? message : FILTER_PREFIX + message);
  }
}

function refined<T, D>(
  answer: Answer<readonly T[], D>,
  filter: ((record: T) => boolean) | null,
  sort: (items: readonly T[]) => readonly T[],
): Answer<readonly T[], D> {
  const kept = filter === null ? answer.value : answer.value.filter(filter);
  return { index: answer.index, value: sort(kept), deps: answer.deps };
}

interface HasSource {
  readonly Source: QuerySource | null;
}

const near =
  <T, D>(state: State<D>, args: HasSource, dc: string, nodeOf: (item: T) => string) =>
  (items: readonly T[]): readonly T[] =>
    nearSource(items, args.Source, dc, state, nodeOf);

function instanceQuery(args: ServiceArgs): InstanceQuery {
  return {
    service: args.ServiceName,
    tags: args.ServiceTags,
    tagFilter: args.TagFilter,
    nodeMeta: args.NodeMetaFilters,
    kind: args.Ingress ? 'ingress' : args.Connect ? 'connect' : 'service',
    onlyPassing: args.OnlyPassing,
  };
}

const nothing = <T>(value: T) => ({ index: 0, value, deps: [] });
const nodeOfInstance = (n: CheckServiceNode): string => n.Node?.Node ?? '';

type Table<D> = Map<string, ReadHandler<D>>;

function add<D, A extends CommonArgs, T>(
  table: Table<D>,
  method: ReadMethod<A, T>,
  handler: (state: State<D>, args: A, datacenter: string) => Answer<T, D>,
): void {
  table.set(method.name, handler as unknown as ReadHandler<D>);
}

/** Read methods over the replicated tables, by name. */
export function readHandlers<D>(): ReadonlyMap<string, ReadHandler<D>> {
  const t: Table<D> = new Map();
  addCatalog(t);
  addHealth(t);
  addKv(t);
  addRest(t);
  return t;
}

function addCatalog<D>(t: Table<D>): void {
  add(t, Catalog.ListNodes, (s, a, dc) =>
    refined(
      s.nodes(a.NodeMetaFilters),
      filterOf(a.Filter, nodeFields),
      near(s, a, dc, (n) => n.Node),
    ),
  );
  add(t, Catalog.ListServices, (s, a) => s.services(a.NodeMetaFilters, filterOf(a.Filter, serviceNodeFields)));
  add(t, Catalog.ServiceNodes, (s, a, dc) => {
    if (a.PeerName !== '') return nothing([]);
    return refined(
      s.serviceNodes(instanceQuery(a)),
      filterOf(a.Filter, serviceNodeFields),
      near(s, a, dc, (n) => n.Node),
    );
  });
  add(t, Catalog.NodeServices, (s, a) => {
    const filter = filterOf<NodeService>(a.Filter, serviceFields);
    const answer = s.nodeServices(a.Node);
    if (filter === null || answer.value === null) return answer;
    const Services: Record<string, NodeService> = Object.create(null);
    for (const [id, service] of Object.entries(answer.value.Services ?? {}))
      if (filter(service)) Services[id] = service;
    return { ...answer, value: { ...answer.value, Services } };
  });
  add(t, Catalog.NodeServiceList, (s, a) => {
    const filter = filterOf<NodeService>(a.Filter, serviceFields);
    const answer = s.nodeServiceList(a.Node);
    if (filter === null || answer.value.Services === null) return answer;
    return { ...answer, value: { ...answer.value, Services: answer.value.Services.filter(filter) } };
  });
  add(t, Catalog.GatewayServices, (s, a) => s.gatewayServices(a.ServiceName));
}

function addHealth<D>(t: Table<D>): void {
  add(t, Health.NodeChecks, (s, a) => refined(s.nodeChecks(a.Node), filterOf(a.Filter, checkFields), (x) => x));
  add(t, Health.ServiceChecks, (s, a, dc) =>
    refined(
      s.serviceChecks(a.ServiceName, a.NodeMetaFilters),
      filterOf(a.Filter, checkFields),
      near(s, a, dc, (c) => c.Node),
    ),
  );
  add(t, Health.ChecksInState, (s, a, dc) =>
    refined(
      s.checksInState(a.State, a.NodeMetaFilters),
      filterOf(a.Filter, checkFields),
      near(s, a, dc, (c) => c.Node),
    ),
  );
  add(t, Health.ServiceNodes, (s, a, dc) => {
    if (a.PeerName !== '') return nothing([]);
    return refined(
      s.checkServiceNodes(instanceQuery(a)),
      filterOf(a.Filter, checkServiceNodeFields),
      near(s, a, dc, nodeOfInstance),
    );
  });
  add(t, Internal.NodeDump, (s, a, dc) =>
    refined(
      s.nodeDump(),
      filterOf(a.Filter, nodeInfoFields),
      near(s, a, dc, (n) => n.Node),
    ),
  );
  add(t, Internal.NodeInfo, (s, a) => s.nodeInfo(a.Node));
  add(t, Internal.ServiceDump, (s, a, dc) =>
    refined(
      s.serviceDump(a.UseServiceKind ? a.ServiceKind : null),
      filterOf(a.Filter, checkServiceNodeFields),
      near(s, a, dc, nodeOfInstance),
    ),
  );
}

function addKv<D>(t: Table<D>): void {
  add(t, KVS.Get, (s, a) => {
    const answer = s.kvGet(a.Key);
    // A missing key tells the index of the whole table, but is touched only by writes to itself.
    return answer.value === null ? { ...answer, liveIndex: () => s.kvIndex() } : answer;
  });
  add(t, KVS.List, (s, a) => s.kvList(a.Key));
  add(t, KVS.ListKeys, (s, a) => s.kvKeys(a.Prefix, a.Seperator));
  add(t, SessionMethods.List, (s) => s.sessions());
  add(t, SessionMethods.Get, (s, a) => {
    const answer = s.session(a.SessionID);
    return { ...answer, value: answer.value === null ? [] : [answer.value] };
  });
  add(t, SessionMethods.NodeSessions, (s, a) => s.nodeSessions(a.Node));
  add(t, Txn.Read, (s, a) => {
    const refused = checkReadOps(a.Ops);
    if (refused.length > 0) return nothing({ Results: null, Errors: refused, Answered: false });
    const { results, errors } = s.txnRead(a.Ops);
    return nothing({ Results: results, Errors: errors, Answered: true });
  });
}

function addRest<D>(t: Table<D>): void {
  add(t, CoordinateMethods.ListNodes, (s, a, dc) =>
    refined(
      s.coordinates(),
      null,
      near(s, a, dc, (c) => c.Node),
    ),
  );
  add(t, CoordinateMethods.Node, (s, a) => s.nodeCoordinates(a.Node));
  add(t, PreparedQueryMethods.List, (s) => s.queries());
  add(t, PreparedQueryMethods.Get, (s, a) => {
    const error = uuidError(a.QueryID);
    if (error !== null) throw invalid(`failed prepared query lookup: index error: ${queryIdText(error)}`);
    const answer = s.query(a.QueryID);
    return { ...answer, value: answer.value === null ? [] : [answer.value] };
  });
  add(t, Operator.Usage, (s, _a, dc) => {
    const answer = s.usage();
    return { ...answer, value: { [dc]: answer.value } };
  });
}

const queryIdText = (error: string): string =>
  error === 'uuid string is wrong length' ? 'UUID must be 36 characters' : error;
