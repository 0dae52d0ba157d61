import { formatAddress, parseAddress } from '@proconsul/dns-wire';
import {
  type DnsSource,
  DnsSourceError,
  type NodeRecord,
  type PreparedAnswer,
  type PreparedQueryLookup,
  type Read,
  type ReadOptions,
  type ServiceAddress,
  type ServiceLookup,
  type ServiceNode,
  type View,
} from './source.ts';

/** What `/v1/catalog/register` takes, as far as DNS cares. */
export interface Registration {
  readonly Node: string;
  readonly Address: string;
  readonly NodeMeta?: Readonly<Record<string, string>>;
  readonly TaggedAddresses?: Readonly<Record<string, string>>;
  readonly Datacenter?: string;
  readonly Service?: { readonly ID?: string; readonly Service: string } & Partial<ServiceNode['Service']>;
  readonly Check?: { readonly Status: string; readonly ServiceID?: string };
}

class FixtureView<T> implements View<T> {
  readonly value: T;
  valid = true;
  constructor(value: T) {
    this.value = value;
  }
}

/** A small catalog for tests and measurements: every change invalidates every view. */
export class FixtureCatalog implements DnsSource {
  readonly nodes = new Map<string, NodeRecord>();
  readonly instances = new Map<string, ServiceNode>();
  readonly queries = new Map<string, Omit<PreparedAnswer, 'nodes'>>();
  readonly virtualIps = new Map<string, string>();
  readonly datacenters = new Set(['dc1']);
  serverNames: string[] = [];
  /** Every read fails so. */
  failure: DnsSourceError | undefined;
  /** Reads that reached the source. */
  reads = 0;
  lastQuery: PreparedQueryLookup | undefined;
  private views = new Map<string, FixtureView<unknown>>();

  register(body: Registration): void {
    const node: NodeRecord = {
      Node: body.Node,
      Address: body.Address,
      Datacenter: body.Datacenter ?? 'dc1',
      TaggedAddresses: body.TaggedAddresses,
      Meta: body.NodeMeta,
    };
    this.nodes.set(body.Node.toLowerCase(), node);
    if (body.Service !== undefined) {
      const Service = { Address: '', Port: 0, Weights: { Passing: 1, Warning: 1 }, ...body.Service };
      const Checks = body.Check === undefined ? [] : [{ Status: body.Check.Status }];
      this.instances.set(`${body.Node}/${body.Service.ID ?? body.Service.Service}`, { Node: node, Service, Checks });
    }
    this.changed();
  }

  changed(): void {
    for (const view of this.views.values()) view.valid = false;
    this.views.clear();
  }

  service(lookup: ServiceLookup): Read<readonly ServiceNode[]> {
    return this.view(lookup, `service ${lookup.kind} ${lookup.service} ${lookup.peer}`, () =>
      lookup.kind !== 'service'
        ? []
        : [...this.instances.values()].filter(
            ({ Service }) =>
              Service.Service.toLowerCase() === lookup.service && (Service.PeerName || undefined) === lookup.peer,
          ),
    );
  }

  node(name: string, options: ReadOptions): Read<NodeRecord | undefined> {
    return this.view(options, `node ${name}`, () => this.nodes.get(name));
  }

  nodesByAddress(address: string, options: ReadOptions): Read<readonly NodeRecord[]> {
    return this.view(options, `node-address ${address}`, () =>
      [...this.nodes.values()].filter(({ Address }) => canonical(Address) === address),
    );
  }

  servicesByAddress(address: string, options: ReadOptions): Read<readonly ServiceAddress[]> {
    return this.view(options, `service-address ${address}`, () =>
      [...this.instances.values()]
        .filter(({ Service }) => canonical(Service.Address) === address)
        .map(({ Service, Node }) => ({ Service: Service.Service, Datacenter: Node.Datacenter })),
    );
  }

  servers(options: ReadOptions): Read<readonly NodeRecord[]> {
    return this.view(options, 'servers', () => this.serverNames.map((name) => this.nodes.get(name)!));
  }

  preparedQuery(lookup: PreparedQueryLookup): Read<PreparedAnswer | undefined> {
    this.lastQuery = lookup;
    return this.view(lookup, `query ${lookup.name} ${lookup.sourceAddress}`, () => {
      const query = this.queries.get(lookup.name);
      const nodes = [...this.instances.values()].filter(({ Service }) => Service.Service === query?.service);
      return query === undefined ? undefined : { ...query, nodes };
    });
  }

  virtualIp(service: string, peer: string | undefined, options: ReadOptions): Read<string | undefined> {
    return this.view(options, `virtual ${service} ${peer}`, () => (peer ? undefined : this.virtualIps.get(service)));
  }

  private view<T>(options: ReadOptions, what: string, compute: () => T): View<T> {
    this.reads++;
    if (this.failure !== undefined) throw this.failure;
    const datacenter = options.datacenter ?? 'dc1';
    if (!this.datacenters.has(datacenter)) throw new DnsSourceError('NO_DATACENTER', 'No path to datacenter');
    const key = `${datacenter} ${what}`;
    const known = this.views.get(key);
    if (known !== undefined) return known as View<T>;
    const view = new FixtureView(compute());
    this.views.set(key, view);
    return view;
  }
}

function canonical(address: string): string | undefined {
  const bytes = parseAddress(address);
  return bytes === undefined ? undefined : formatAddress(bytes);
}
