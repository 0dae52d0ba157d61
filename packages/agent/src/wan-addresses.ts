import {
  type Caller,
  Catalog,
  type CommonArgs,
  Health,
  PreparedQueryMethods,
  type QueryExecuteReply,
  type ReadDone,
  type ReadMethod,
  type ReadOptions,
  type View,
  type WriteMethod,
} from '@proconsul/endpoints';
import type { CheckServiceNode, Node, NodeServices, ServiceNode } from '@proconsul/schema';

type Tagged = Readonly<Record<string, string>> | null;

const wanOf = (address: string, tagged: Tagged): string => tagged?.['wan'] || address;

function nodeSeen<T extends { readonly Address: string; readonly TaggedAddresses: Tagged }>(node: T): T {
  const Address = wanOf(node.Address, node.TaggedAddresses);
  return Address === node.Address ? node : { ...node, Address };
}

function serviceNodeSeen(row: ServiceNode): ServiceNode {
  const wan = row.ServiceTaggedAddresses?.['wan'];
  const seen = nodeSeen(row);
  return wan === undefined
    ? seen
    : { ...seen, ServiceAddress: wan.Address || row.ServiceAddress, ServicePort: wan.Port || row.ServicePort };
}

function instanceSeen(row: CheckServiceNode): CheckServiceNode {
  const { Node, Service } = row;
  const wan = Service?.TaggedAddresses?.['wan'];
  return {
    ...row,
    Node: Node === null ? null : nodeSeen(Node),
    Service:
      Service === null || wan === undefined
        ? Service
        : { ...Service, Address: wan.Address || Service.Address, Port: wan.Port || Service.Port },
  };
}

/** By the name of the method: its answer as one sees it from another datacenter. */
const SEEN: Readonly<Record<string, (value: never) => unknown>> = {
  [Catalog.ListNodes.name]: (nodes: readonly Node[]) => nodes.map(nodeSeen),
  [Catalog.NodeServices.name]: (found: NodeServices | null) =>
    found === null || found.Node === null ? found : { ...found, Node: nodeSeen(found.Node) },
  [Catalog.ServiceNodes.name]: (rows: readonly ServiceNode[]) => rows.map(serviceNodeSeen),
  [Health.ServiceNodes.name]: (rows: readonly CheckServiceNode[]) => rows.map(instanceSeen),
  [PreparedQueryMethods.Execute.name]: (reply: QueryExecuteReply) => ({
    ...reply,
    Nodes: reply.Nodes.map(instanceSeen),
  }),
};

/**
 * Shows the WAN addresses of nodes and services of other datacenters, for agents that cannot reach the others. Source:
 * configuration reference, translate_wan_addrs.
 */
export class WanAddresses implements Caller {
  readonly #caller: Caller;
  readonly #datacenter: string;

  constructor(caller: Caller, datacenter: string) {
    this.#caller = caller;
    this.#datacenter = datacenter;
  }

  leads(): boolean {
    return this.#caller.leads();
  }

  peek<A extends CommonArgs, T>(method: ReadMethod<A, T>, args: A): View<T> | undefined {
    return this.#caller.peek(method, args);
  }

  read<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    const seen = SEEN[method.name] as ((value: T) => T) | undefined;
    if (seen === undefined) return this.#caller.read(method, args, options, done);
    return this.#caller.read(method, args, options, (error, view, meta) => {
      done(error, view === null || !this.#isFar(args, view.value) ? view : far(view, seen), meta);
    });
  }

  /** A prepared query may have gone elsewhere by itself. */
  #isFar(args: CommonArgs, value: unknown): boolean {
    const answered = (value as { Datacenter?: unknown } | null)?.Datacenter;
    const datacenter = typeof answered === 'string' && answered !== '' ? answered : args.Datacenter;
    return datacenter !== '' && datacenter !== this.#datacenter;
  }

  write<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R> {
    return this.#caller.write(method, args);
  }
}

function far<T>(view: View<T>, seen: (value: T) => T): View<T> {
  return { index: view.index, value: seen(view.value), valid: false, memo: new Map() };
}
