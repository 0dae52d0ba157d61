import type { Usage } from '@proconsul/endpoints';
import type {
  AutopilotConfig,
  CheckServiceNode,
  Coordinate,
  DirEntry,
  HealthCheck,
  Node,
  NodeInfo,
  NodeServiceList,
  NodeServices,
  PreparedQuery,
  ServiceNode,
  Session,
  TxnError,
  TxnOp,
  TxnResult,
} from '@proconsul/schema';
import type { Answer } from './views.ts';

type Meta = Readonly<Record<string, string>> | null;

/** Which instances of a service are wanted. */
export interface InstanceQuery {
  readonly service: string;
  readonly tags: readonly string[];
  readonly tagFilter: boolean;
  readonly nodeMeta: Meta;
  readonly kind: 'service' | 'connect' | 'ingress';
  readonly onlyPassing: boolean;
}

/** What the server reads from the replicated tables. `D` is the store's handle for a part of the state. */
export interface State<D> {
  watch(deps: readonly D[], fn: () => void): () => void;
  nodes(meta: Meta): Answer<readonly Node[], D>;
  /** Names with the union of tags, of the instances that `keep` wants. */
  services(
    meta: Meta,
    keep: ((instance: ServiceNode) => boolean) | null,
  ): Answer<Readonly<Record<string, readonly string[]>>, D>;
  serviceNodes(query: InstanceQuery): Answer<readonly ServiceNode[], D>;
  nodeServices(node: string): Answer<NodeServices | null, D>;
  nodeServiceList(node: string): Answer<NodeServiceList, D>;
  gatewayServices(gateway: string): Answer<readonly unknown[], D>;
  nodeChecks(node: string): Answer<readonly HealthCheck[], D>;
  serviceChecks(service: string, meta: Meta): Answer<readonly HealthCheck[], D>;
  checksInState(state: string, meta: Meta): Answer<readonly HealthCheck[], D>;
  checkServiceNodes(query: InstanceQuery): Answer<readonly CheckServiceNode[], D>;
  kvGet(key: string): Answer<DirEntry | null, D>;
  /** Highest index of entries and tombstones. */
  kvIndex(): number;
  kvList(prefix: string): Answer<readonly DirEntry[] | null, D>;
  kvKeys(prefix: string, separator: string): Answer<readonly string[], D>;
  sessions(): Answer<readonly Session[], D>;
  session(id: string): Answer<Session | null, D>;
  nodeSessions(node: string): Answer<readonly Session[], D>;
  txnRead(ops: readonly TxnOp[]): { readonly results: readonly TxnResult[]; readonly errors: readonly TxnError[] };
  coordinates(): Answer<readonly Coordinate[], D>;
  coordinatesOf(node: string): readonly Coordinate[];
  nodeCoordinates(node: string): Answer<readonly Coordinate[], D>;
  nodeDump(): Answer<readonly NodeInfo[], D>;
  nodeInfo(node: string): Answer<readonly NodeInfo[], D>;
  serviceDump(kind: string | null): Answer<readonly CheckServiceNode[], D>;
  usage(): Answer<Usage, D>;
  autopilot(): AutopilotConfig | null;
  federationStates(): readonly Readonly<Record<string, unknown>>[];
  queries(): Answer<readonly PreparedQuery[], D>;
  query(id: string): Answer<PreparedQuery | null, D>;
}
