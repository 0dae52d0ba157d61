import { type Clock, type Millis, parseDuration } from '@proconsul/base';
import {
  constantView,
  type DnsSource,
  DnsSourceError,
  type View as DnsView,
  type NodeRecord,
  type PreparedAnswer,
  type PreparedQueryLookup,
  type Read,
  type ReadOptions,
  type ServiceAddress,
  type ServiceLookup,
  type ServiceNode,
} from '@proconsul/dns';
import {
  boundedRead,
  type Caller,
  Catalog,
  type CommonArgs,
  EndpointError,
  Health,
  Internal,
  PreparedQueryMethods,
  type QueryExecuteArgs,
  type QueryExecuteReply,
  type ReadMethod,
  type ServiceArgs,
  type View,
} from '@proconsul/endpoints';
import type { CheckServiceNode } from '@proconsul/schema';

/**
 * A view of something that follows from another view, and is made once for it. Where nobody leads any more, or never did, the state
 * that it was made from gets older without changing: then it holds only for as long as an answer may be old.
 */
class DerivedView<S, T> implements DnsView<T> {
  readonly value: T;
  readonly memo: NonNullable<DnsView<T>['memo']> = new Map();
  readonly #from: View<S>;
  readonly #isFresh: (until: Millis) => boolean;
  #freshUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(from: View<S>, value: T, isFresh: (until: Millis) => boolean) {
    this.value = value;
    this.#from = from;
    this.#isFresh = isFresh;
  }

  get valid(): boolean {
    return this.#from.valid && this.#isFresh(this.#freshUntil);
  }

  /** It was read again just now: it is not too old before `until`. */
  seen(until: Millis): this {
    this.#freshUntil = Math.max(this.#freshUntil, until);
    return this;
  }
}

/** Of several that answer at one address the first is told. Source: answers of the reference. */
function byNodeAndId(a: CheckServiceNode, b: CheckServiceNode): number {
  const [x, y] = [a, b].map(({ Node, Service }) => `${Node?.Node}\0${Service?.ID}`.toLowerCase()) as [string, string];
  return x < y ? -1 : x > y ? 1 : 0;
}

function dnsError(error: unknown): DnsSourceError {
  if (error instanceof EndpointError && error.code === 'NO_PATH_TO_DC')
    return new DnsSourceError('NO_DATACENTER', error.message);
  if (error instanceof EndpointError && error.status === 403)
    return new DnsSourceError('PERMISSION_DENIED', error.message);
  return new DnsSourceError('UNAVAILABLE', error instanceof Error ? error.message : String(error));
}

/** An execution is of its moment: it is shuffled anew and may be near to the asker, so nobody else gets it. */
function executed(reply: QueryExecuteReply): DnsView<PreparedAnswer> {
  const ns = reply.DNS.TTL === '' ? undefined : parseDuration(reply.DNS.TTL);
  return {
    value: {
      nodes: reply.Nodes.map((instance) => ({ ...instance, Checks: instance.Checks ?? [] })) as readonly ServiceNode[],
      service: reply.Service,
      datacenter: reply.Datacenter,
      ttl: ns === undefined ? undefined : Math.floor(ns / 1e9),
      ordered: true,
      perClient: true,
    },
    valid: false,
    memo: new Map(),
  };
}

const list = (options: ReadOptions, token: string) => ({
  Datacenter: options.datacenter ?? '',
  Token: options.token ?? token,
  NodeMetaFilters: null,
  Filter: '',
  Source: null,
});

/** DNS answers come from the same reads as HTTP's. */
export class CatalogDnsSource implements DnsSource {
  readonly #caller: Caller;
  readonly #token: () => string;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #isFresh = (until: Millis): boolean => this.#caller.leads() || this.#clock.now() <= until;

  /** `node` is the name of this agent's node, which queries near `_agent` mean. */
  constructor(caller: Caller, token: () => string, node: string, clock: Clock) {
    this.#caller = caller;
    this.#token = token;
    this.#node = node;
    this.#clock = clock;
  }

  #derived<S, T>(
    from: View<S>,
    name: string,
    make: (value: S) => T,
    { allowStale, maxStaleMs }: ReadOptions,
    ageMs: Millis,
  ): DnsView<T> {
    const key = `dns:${name}`;
    let view = from.memo.get(key) as DerivedView<S, T> | undefined;
    if (view === undefined) {
      view = new DerivedView(from, make(from.value), this.#isFresh);
      from.memo.set(key, view);
    }
    return allowStale ? view.seen(this.#clock.now() + maxStaleMs - ageMs) : view;
  }

  /** At once where we lead; else by a read that may be stale, as the settings allow. */
  #read<A extends CommonArgs, S, T>(
    method: ReadMethod<A, S>,
    args: A,
    options: ReadOptions,
    name: string,
    make: (value: S) => T,
  ): Read<T> {
    try {
      const view = this.#caller.peek(method, args);
      if (view !== undefined) return this.#derived(view, name, make, options, 0);
    } catch (error) {
      throw dnsError(error);
    }
    return new Promise((resolve, reject) => {
      const consistency = options.allowStale ? 'stale' : 'default';
      const now = { consistency, minIndex: 0, waitMs: 0 } as const;
      boundedRead(this.#caller, method, args, now, options.maxStaleMs, (_, error, view, meta) => {
        if (error !== null || view === null) reject(dnsError(error));
        else resolve(this.#derived(view, name, make, options, meta.lastContactMs));
      });
    });
  }

  #serviceArgs(
    service: string,
    options: ReadOptions,
    kind: 'service' | 'connect' | 'ingress',
    peer: string,
  ): ServiceArgs {
    return {
      ...list(options, this.#token()),
      ServiceName: service,
      ServiceTags: [],
      TagFilter: false,
      Connect: kind === 'connect',
      Ingress: kind === 'ingress',
      PeerName: peer,
      OnlyPassing: false,
      MergeCentralConfig: false,
    };
  }

  service(lookup: ServiceLookup): Read<readonly ServiceNode[]> {
    const args = this.#serviceArgs(lookup.service, lookup, lookup.kind, lookup.peer ?? '');
    return this.#read(
      Health.ServiceNodes,
      args,
      lookup,
      'instances',
      (found) => found as unknown as readonly ServiceNode[],
    );
  }

  node(name: string, options: ReadOptions): Read<NodeRecord | undefined> {
    const args = {
      Datacenter: options.datacenter ?? '',
      Token: options.token ?? this.#token(),
      Node: name,
      Filter: '',
    };
    return this.#read(Catalog.NodeServices, args, options, 'node', (found) => found?.Node ?? undefined);
  }

  nodesByAddress(address: string, options: ReadOptions): Read<readonly NodeRecord[]> {
    return this.#read(Catalog.ListNodes, list(options, this.#token()), options, `address:${address}`, (nodes) =>
      nodes.filter((n) => n.Address === address),
    );
  }

  servicesByAddress(address: string, options: ReadOptions): Read<readonly ServiceAddress[]> {
    const args = { ...list(options, this.#token()), ServiceKind: '', UseServiceKind: false, NodesOnly: false };
    return this.#read(Internal.ServiceDump, args, options, `address:${address}`, (found) =>
      found
        .filter((i) => i.Service?.Address === address)
        .sort(byNodeAndId)
        .map((i) => ({ Service: i.Service?.Service ?? '', Datacenter: i.Node?.Datacenter ?? '' })),
    );
  }

  servers(options: ReadOptions): Read<readonly NodeRecord[]> {
    const args = this.#serviceArgs('consul', options, 'service', '');
    return this.#read(Health.ServiceNodes, args, options, 'servers', (found) =>
      found.flatMap((i) => (i.Node === null ? [] : [i.Node])),
    );
  }

  preparedQuery(lookup: PreparedQueryLookup): Read<PreparedAnswer | undefined> {
    const args: QueryExecuteArgs = {
      Datacenter: lookup.datacenter ?? '',
      Token: lookup.token ?? this.#token(),
      QueryIDOrName: lookup.name,
      Limit: 0,
      Connect: false,
      Agent: { Node: this.#node, Segment: '' },
      Source: { Node: '', Ip: lookup.sourceAddress },
    };
    const consistency = lookup.allowStale ? 'stale' : 'default';
    return new Promise((resolve, reject) => {
      const now = { consistency, minIndex: 0, waitMs: 0 } as const;
      boundedRead(this.#caller, PreparedQueryMethods.Execute, args, now, lookup.maxStaleMs, (_, error, view) => {
        if (error instanceof EndpointError && error.status === 404) resolve(constantView(undefined));
        else if (error !== null || view === null) reject(dnsError(error));
        else resolve(executed(view.value));
      });
    });
  }

  virtualIp(service: string, peer: string | undefined, options: ReadOptions): Read<string | undefined> {
    const args = this.#serviceArgs(service, options, 'connect', peer ?? '');
    return this.#read(Health.ServiceNodes, args, options, 'virtual', (found) => {
      for (const { Service } of found) {
        const tagged = Service?.TaggedAddresses?.['consul-virtual'];
        if (tagged !== undefined) return tagged.Address;
      }
      return undefined;
    });
  }
}
