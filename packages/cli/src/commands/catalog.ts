import type { CatalogService, Node } from '@proconsul/client';
import { columns } from '../columns.ts';
import { command } from '../command.ts';

/** Characters of a node's ID in the short table. */
const SHORT_ID = 8;

/** Between the columns of services and tags. */
const TAGS_GAP = '      ';

const NODE_META = {
  kind: 'map',
  type: 'key=value',
  doc: 'Only nodes with this metadata. May be repeated.',
} as const;

const tooMany = (got: number): string => `Too many arguments (expected 0, got ${got})`;

export const catalogDatacenters = command({
  name: 'catalog datacenters',
  args: '[options]',
  help: 'Lists the datacenters that the agent knows, nearest first.\n\n    $ consul catalog datacenters',
  http: { server: true },
  flags: {},
  async run(c) {
    if (c.args.length > 0) return c.fail(tooMany(c.args.length));
    const { catalog } = c.consul;
    const datacenters = await c.attempt('Error listing datacenters: ', () => catalog.datacenters());
    for (const name of datacenters) c.print(name);
    return 0;
  },
});

export const catalogNodes = command({
  name: 'catalog nodes',
  args: '[options]',
  help:
    'Lists the nodes of a datacenter, or those with an instance of a service.\n\n' +
    '    $ consul catalog nodes\n    $ consul catalog nodes -service=redis\n    $ consul catalog nodes -near=_agent',
  http: { server: true, scope: 'partition' },
  flags: {
    detailed: { kind: 'bool', doc: 'Show whole IDs, tagged addresses and metadata.' },
    filter: { kind: 'string', doc: 'Filter expression that the agent applies.' },
    near: { kind: 'string', doc: 'Sort by estimated round-trip time from this node; _agent is the agent asked.' },
    'node-meta': NODE_META,
    service: { kind: 'string', type: 'id or name', doc: 'Only nodes with an instance of this service.' },
  },
  async run(c) {
    if (c.args.length > 0) return c.fail(tooMany(c.args.length));
    const { near, filter, service, detailed } = c.flags;
    const query = { near, filter, nodeMeta: c.flags['node-meta'] };
    const { catalog } = c.consul;
    const nodes = service
      ? (await c.attempt('Error listing nodes for service: ', () => catalog.service(service, query))).value.map(nodeOf)
      : (await c.attempt('Error listing nodes: ', () => catalog.nodes(query))).value;
    if (nodes.length === 0) {
      c.warn('No nodes match the given query - try expanding your search.');
      return 0;
    }
    if (near === '') nodes.sort((a, b) => (a.Node < b.Node ? -1 : a.Node > b.Node ? 1 : 0));
    c.print(columns(detailed ? detailedRows(nodes) : shortRows(nodes)));
    return 0;
  },
});

type NodeRow = Pick<Node, 'Node' | 'ID' | 'Address' | 'Datacenter' | 'TaggedAddresses' | 'Meta'>;

/** The node of an instance: one that has several is listed for each. */
const nodeOf = (instance: CatalogService): NodeRow => ({ ...instance, Meta: instance.NodeMeta });

function shortRows(nodes: readonly NodeRow[]): string[][] {
  return [
    ['Node', 'ID', 'Address', 'DC'],
    ...nodes.map((n) => [n.Node, n.ID.slice(0, SHORT_ID), n.Address, n.Datacenter]),
  ];
}

function detailedRows(nodes: readonly NodeRow[]): string[][] {
  return [
    ['Node', 'ID', 'Address', 'DC', 'TaggedAddresses', 'Meta'],
    ...nodes.map((n) => [n.Node, n.ID, n.Address, n.Datacenter, pairs(n.TaggedAddresses), pairs(n.Meta)]),
  ];
}

function pairs(map: Readonly<Record<string, string>> | null): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${map?.[key]}`)
    .join(', ');
}

export const catalogServices = command({
  name: 'catalog services',
  args: '[options]',
  help:
    'Lists the names of the services of a datacenter, or those of one node.\n\n' +
    '    $ consul catalog services\n    $ consul catalog services -tags\n    $ consul catalog services -node=web-1',
  http: { server: true, scope: 'namespace' },
  flags: {
    node: { kind: 'string', type: 'id or name', doc: 'Only services of this node.' },
    'node-meta': NODE_META,
    tags: { kind: 'bool', doc: 'Show the tags of each service.' },
  },
  async run(c) {
    if (c.args.length > 0) return c.fail(tooMany(c.args.length));
    const { node, tags } = c.flags;
    const { catalog } = c.consul;
    const query = { nodeMeta: c.flags['node-meta'] };
    const services = node
      ? servicesOf((await c.attempt('Error listing services for node: ', () => catalog.node(node, query))).value)
      : (await c.attempt('Error listing services: ', () => catalog.services(query))).value;
    const names = Object.keys(services).sort();
    if (names.length === 0) {
      c.warn('No services match the given query - try expanding your search.');
      return 0;
    }
    if (!tags) for (const name of names) c.print(name);
    else
      c.print(
        columns(
          names.map((name) => [name, [...services[name]!].sort().join(',')]),
          TAGS_GAP,
        ).trimEnd(),
      );
    return 0;
  },
});

/** Names of a node's services, each with the tags of all its instances there. */
function servicesOf(node: { Services: Record<string, { Service: string; Tags: string[] }> } | null) {
  const services: Record<string, string[]> = {};
  for (const { Service, Tags } of Object.values(node?.Services ?? {})) {
    services[Service] = [...(services[Service] ?? []), ...(Tags ?? [])];
  }
  return services;
}
