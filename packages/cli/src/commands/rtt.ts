import type { Coordinate, CoordinateDatacenter } from '@proconsul/client';
import { type Context, command } from '../command.ts';

const flags = { wan: { kind: 'bool', doc: 'Use the coordinates of servers between datacenters.' } } as const;

export const rtt = command({
  name: 'rtt',
  args: '[options] node1 [node2]',
  help:
    "Estimates the time of a round trip between two nodes from their network coordinates; one name means from the agent's\n" +
    'own node. With -wan names are written as NODE.DATACENTER.',
  http: {},
  flags,
  async run(c) {
    if (c.args.length < 1 || c.args.length > 2) return c.failWithHelp('One or two node names must be specified');
    return c.flags.wan ? betweenServers(c) : betweenNodes(c);
  },
});

type RttContext = Context<typeof flags>;

async function ownName(c: RttContext): Promise<{ NodeName: string; Datacenter: string }> {
  return (await c.attempt('Unable to look up agent info: ', () => c.consul.agent.self())).Config;
}

async function betweenNodes(c: RttContext): Promise<number> {
  const first = c.args[0]!;
  const second = c.args[1] ?? (await ownName(c)).NodeName;
  const { coordinates } = c.consul;
  const { value } = await c.attempt('Error getting coordinates: ', () => coordinates.nodes());
  const find = (name: string) => value.find((entry) => entry.Node === name)?.Coord;
  const a = find(first);
  const b = find(second);
  if (!a || !b) return c.fail(`Could not find a coordinate for node "${a ? second : first}"`);
  return show(c, first, second, distanceMs(a, b), 'LAN');
}

async function betweenServers(c: RttContext): Promise<number> {
  const first = c.args[0]!;
  let second = c.args[1];
  if (second === undefined) {
    const self = await ownName(c);
    second = `${self.NodeName}.${self.Datacenter}`;
  }
  const names = [first, second].map(splitName);
  if (names.some((name) => name === undefined)) {
    return c.fail('Node names must be specified as <node name>.<datacenter> with -wan');
  }
  const { coordinates } = c.consul;
  const datacenters = await c.attempt('Error getting coordinates: ', () => coordinates.datacenters());
  const a = findServer(datacenters, names[0]!);
  const b = findServer(datacenters, names[1]!);
  if (!a || !b) return c.fail(`Could not find a coordinate for node "${first}"`);
  if (a.area !== b.area) return c.fail(`Could not find coordinates for both nodes in a common area`);
  return show(c, first, second, distanceMs(a.coord, b.coord), 'WAN');
}

function splitName(name: string): [string, string] | undefined {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? undefined : [name.slice(0, dot), name.slice(dot + 1)];
}

function findServer(datacenters: readonly CoordinateDatacenter[], [node, datacenter]: [string, string]) {
  for (const dc of datacenters) {
    if (dc.Datacenter !== datacenter) continue;
    const entry = dc.Coordinates.find((e) => e.Node === node);
    if (entry) return { area: dc.AreaID, coord: entry.Coord };
  }
  return undefined;
}

/** Source: documentation, network coordinates: Euclidean distance, heights, and adjustments where the sum is positive. */
export function distanceMs(a: Coordinate, b: Coordinate): number {
  const squares = a.Vec.reduce((sum, x, i) => sum + (x - (b.Vec[i] ?? 0)) ** 2, 0);
  const raw = Math.sqrt(squares) + a.Height + b.Height;
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return (adjusted > 0 ? adjusted : raw) * 1000;
}

function show(c: RttContext, first: string, second: string, ms: number, area: 'LAN' | 'WAN'): number {
  // Nanoseconds are what the estimate is counted in before it is shown.
  const text = (Math.trunc(ms * 1e6) / 1e6).toFixed(3);
  c.print(`Estimated ${first} <-> ${second} rtt: ${text} ms (using ${area} coordinates)`);
  return 0;
}
