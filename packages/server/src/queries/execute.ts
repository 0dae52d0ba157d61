import { type Rng, shuffle } from '@proconsul/base';
import {
  type ArgsOf,
  EndpointError,
  invalid,
  type PreparedQueryMethods,
  type QueryExecuteReply,
} from '@proconsul/endpoints';
import type { CheckServiceNode, PreparedQuery } from '@proconsul/schema';
import type { Store } from '@proconsul/store';
import { bySegment, type NodeCoordinates, sortNear } from '../coordinates.ts';
import { uuidError } from '../validate.ts';
import { isTemplate, renderTemplate } from './template.ts';

/** What executions need besides the state. */
export interface QueryWorld {
  readonly store: Store;
  readonly rng: Rng;
  readonly datacenter: string;
}

type ExecuteArgs = ArgsOf<typeof PreparedQueryMethods.Execute>;

export const queryNotFound = () => new EndpointError('QUERY_NOT_FOUND', 'Query not found', 404);

/** Why an id cannot be one, or null. */
export function queryIdFault(id: string): string | null {
  const error = uuidError(id);
  if (error === null) return null;
  const text = error === 'uuid string is wrong length' ? 'UUID must be 36 characters' : error;
  return `failed prepared query lookup: index error: ${text}`;
}

/** Refuses to look up what is no id. Throws EndpointError. */
export function checkQueryId(id: string): void {
  const fault = queryIdFault(id);
  if (fault !== null) throw invalid(`Prepared Query lookup failed: ${fault}`);
}

/**
 * The query of an id or a name: exactly so named, else the template whose name is the longest beginning of it, already
 * rendered. Throws EndpointError. Source: prepared query documentation.
 */
export function resolveQuery(store: Store, idOrName: string, segment: string): PreparedQuery {
  if (idOrName === '') checkQueryId(idOrName);
  if (uuidError(idOrName) === null) {
    const byId = store.queries.get(idOrName.toLowerCase()).value[0];
    if (byId !== undefined) return isTemplate(byId) ? renderTemplate(byId, idOrName, segment) : byId;
  }
  const named = store.queries.named(idOrName);
  if (named !== undefined && !isTemplate(named)) return named;
  const template = longestTemplate(store.queries.list().value, idOrName);
  if (template === undefined) throw queryNotFound();
  return renderTemplate(template, idOrName, segment);
}

function longestTemplate(queries: readonly PreparedQuery[], name: string): PreparedQuery | undefined {
  const lower = name.toLowerCase();
  let best: PreparedQuery | undefined;
  for (const query of queries) {
    if (!isTemplate(query) || !lower.startsWith(query.Name.toLowerCase())) continue;
    if (best === undefined || query.Name.length > best.Name.length) best = query;
  }
  return best;
}

/** Runs a query against the state of this moment. */
export function executeQuery(world: QueryWorld, args: ExecuteArgs): QueryExecuteReply {
  const query = resolveQuery(world.store, args.QueryIDOrName, args.Agent.Segment);
  const base = { Service: query.Service.Service, DNS: query.DNS, PeerName: '', Datacenter: world.datacenter };
  if (query.Service.Peer !== '') {
    return { ...base, Datacenter: '', PeerName: query.Service.Peer, Nodes: [], Failovers: 0 };
  }
  const found = shuffle(world.rng, instances(world.store, query, args.Connect));
  const nodes = limited(nearest(world, query, args, found), args.Limit).map(withoutEmptyChecks);
  return { ...base, Nodes: nodes, Failovers: 0 };
}

/** Runs a query of another datacenter, whose names are resolved already. Nobody here is near to who asks there. */
export function executeRemote(
  world: QueryWorld,
  { Query, Limit, Connect }: ArgsOf<typeof PreparedQueryMethods.ExecuteRemote>,
): QueryExecuteReply {
  const found = shuffle(world.rng, instances(world.store, Query, Connect));
  const Nodes = limited(found, Limit).map(withoutEmptyChecks);
  const { Service, DNS } = Query;
  return { Service: Service.Service, Nodes, DNS, Datacenter: world.datacenter, PeerName: '', Failovers: 0 };
}

/** Unlike health reads, executions print null for an instance without checks. */
const withoutEmptyChecks = (instance: CheckServiceNode): CheckServiceNode =>
  instance.Checks?.length === 0 ? { ...instance, Checks: null } : instance;

function instances(store: Store, query: PreparedQuery, connect: boolean): CheckServiceNode[] {
  const { Service } = query;
  const ignored = new Set(Service.IgnoreCheckIDs ?? []);
  return store.health
    .serviceNodes({ ServiceName: Service.Service, TagFilter: false, Connect: connect || Service.Connect })
    .value.filter(
      (instance) =>
        isHealthy(instance, Service.OnlyPassing, ignored) &&
        holdsPairs(instance.Node?.Meta ?? null, Service.NodeMeta) &&
        holdsPairs(instance.Service?.Meta ?? null, Service.ServiceMeta) &&
        hasTags(instance.Service?.Tags ?? null, Service.Tags),
    );
}

function isHealthy({ Checks }: CheckServiceNode, onlyPassing: boolean, ignored: ReadonlySet<string>): boolean {
  return (Checks ?? []).every(
    ({ CheckID, Status }) => ignored.has(CheckID) || (Status !== 'critical' && (!onlyPassing || Status === 'passing')),
  );
}

type Pairs = Readonly<Record<string, string>> | null;

function holdsPairs(meta: Pairs, wanted: Pairs): boolean {
  for (const [key, value] of Object.entries(wanted ?? {})) {
    if (meta === null || !Object.hasOwn(meta, key) || meta[key] !== value) return false;
  }
  return true;
}

/** Every wanted tag must be there, and none of those with a `!` before them; without regard to case. */
function hasTags(tags: readonly string[] | null, wanted: readonly string[] | null): boolean {
  const have = new Set((tags ?? []).map((tag) => tag.toLowerCase()));
  return (wanted ?? []).every((tag) => {
    const lower = tag.toLowerCase();
    return lower.startsWith('!') ? !have.has(lower.slice(1)) : have.has(lower);
  });
}

const limited = <T>(items: readonly T[], limit: number): readonly T[] =>
  limit > 0 && items.length > limit ? items.slice(0, limit) : items;

const nodeName = (instance: CheckServiceNode): string => instance.Node?.Node ?? '';

/** Sorts by round-trip time from the wanted node; the node itself comes first. Unsorted when it is not known. */
function nearest(
  { store }: QueryWorld,
  query: PreparedQuery,
  args: ExecuteArgs,
  found: readonly CheckServiceNode[],
): readonly CheckServiceNode[] {
  const node = nearNode(store, query, args);
  if (node === '') return found;
  const known = new Map<string, NodeCoordinates>();
  const lookup = (name: string): NodeCoordinates => {
    let coordinates = known.get(name);
    if (coordinates === undefined) {
      coordinates = bySegment(store.coordinates.ofNode(name).value);
      known.set(name, coordinates);
    }
    return coordinates;
  };
  const sorted = sortNear(found, lookup(node), (instance) => lookup(nodeName(instance)));
  const own = sorted.filter((instance) => nodeName(instance) === node);
  return own.length === 0 ? sorted : [...own, ...sorted.filter((instance) => nodeName(instance) !== node)];
}

/** The asker's wish goes before the query's. `_agent` is the asking agent, `_ip` the node at the client's address. */
function nearNode(store: Store, query: PreparedQuery, args: ExecuteArgs): string {
  const near = args.Source.Node !== '' ? args.Source.Node : query.Service.Near;
  if (near === '_agent') return args.Agent.Node;
  if (near !== '_ip') return near;
  const ip = args.Source.Ip;
  return ip === '' ? '' : (store.catalog.nodes().value.find((node) => node.Address === ip)?.Node ?? '');
}
