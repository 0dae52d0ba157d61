import { sortKeys } from '@proconsul/gojson';

/** What can be watched from the configuration of an agent. */
export type WatchType = 'key' | 'keyprefix' | 'services' | 'nodes' | 'service' | 'checks' | 'event' | 'agent_service';

type Row = Readonly<Record<string, unknown>>;

const sortedMap = (row: Row): Row => Object.fromEntries(sortKeys(Object.keys(row)).map((key) => [key, row[key]]));

/** How a member is shown: always with a zero value where it is missing, or only when it says something. */
type Member = readonly [name: string, zero: unknown] | readonly [name: string];

/**
 * Handlers see the members of Consul's Go client in its order, whatever order and extras the agent sends.
 * Source: recorded output of `watch` for each type, and of handlers of an agent's own watches.
 */
const KEY: readonly Member[] = [
  ['Key', ''],
  ['CreateIndex', 0],
  ['ModifyIndex', 0],
  ['LockIndex', 0],
  ['Flags', 0],
  ['Value', null],
  ['Session', ''],
  ['Namespace'],
  ['Partition'],
];

const NODE: readonly Member[] = [
  ['ID', ''],
  ['Node', ''],
  ['Address', ''],
  ['Datacenter', ''],
  ['TaggedAddresses', null],
  ['Meta', null],
  ['CreateIndex', 0],
  ['ModifyIndex', 0],
  ['Partition'],
  ['PeerName'],
  ['Locality'],
];

const SERVICE: readonly Member[] = [
  ['Kind'],
  ['ID', ''],
  ['Service', ''],
  ['Tags', null],
  ['Meta', null],
  ['Port', 0],
  ['Address', ''],
  ['SocketPath'],
  ['TaggedAddresses'],
  ['Weights', null],
  ['EnableTagOverride', false],
  ['CreateIndex', 0],
  ['ModifyIndex', 0],
  ['ContentHash'],
  ['Proxy'],
  ['Connect'],
  ['PeerName'],
  ['Locality'],
];

const CHECK: readonly Member[] = [
  ['Node', ''],
  ['CheckID', ''],
  ['Name', ''],
  ['Status', ''],
  ['Notes', ''],
  ['Output', ''],
  ['ServiceID', ''],
  ['ServiceName', ''],
  ['ServiceTags', null],
  ['Type', ''],
  ['ExposedPort', 0],
  ['Definition', null],
  ['CreateIndex', 0],
  ['ModifyIndex', 0],
  ['PeerName'],
];

const DEFINITION: readonly Member[] = [
  ['Interval', '0s'],
  ['Timeout', '0s'],
  ['DeregisterCriticalServiceAfter', '0s'],
  ['HTTP', ''],
  ['Header', null],
  ['Method', ''],
  ['Body', ''],
  ['TLSServerName', ''],
  ['TLSSkipVerify', false],
  ['TCP', ''],
  ['TCPUseTLS', false],
  ['UDP', ''],
  ['GRPC', ''],
  ['OSService', ''],
  ['GRPCUseTLS', false],
];

const EVENT: readonly Member[] = [
  ['ID', ''],
  ['Name', ''],
  ['Payload', null],
  ['NodeFilter', ''],
  ['ServiceFilter', ''],
  ['TagFilter', ''],
  ['Version', 0],
  ['LTime', 0],
];

function pick(row: Row, members: readonly Member[], replace: Row = {}): Row {
  const out: Record<string, unknown> = {};
  for (const [name, ...zero] of members) {
    const value = name in replace ? replace[name] : row[name];
    const empty = value === undefined || value === null || value === '';
    if (zero.length > 0) out[name] = value ?? zero[0];
    else if (!empty) out[name] = value;
  }
  return out;
}

const map = (value: unknown): unknown => (value === null || value === undefined ? value : sortedMap(value as Row));

const node = (row: Row): Row =>
  pick(row, NODE, { TaggedAddresses: map(row['TaggedAddresses']) ?? null, Meta: map(row['Meta']) ?? null });

function check(row: Row): Row {
  return pick(row, CHECK, { Definition: pick((row['Definition'] ?? {}) as Row, DEFINITION) });
}

function service(row: Row): Row {
  const proxy = row['Proxy'] as Row | undefined;
  return pick(row, SERVICE, {
    Meta: map(row['Meta']) ?? null,
    TaggedAddresses: map(row['TaggedAddresses']),
    Proxy: proxy && proxyShape(proxy),
  });
}

function proxyShape(proxy: Row): Row {
  const kept = Object.entries(proxy).filter(([name, value]) => name !== 'Mode' || value !== '');
  const shaped: Record<string, unknown> = {};
  for (const [name, value] of kept) shaped[name] = name === 'Config' ? map(value) : value;
  return ordered(shaped, [
    'DestinationServiceName',
    'DestinationServiceID',
    'LocalServiceAddress',
    'LocalServicePort',
    'LocalServiceSocketPath',
    'Mode',
    'TransparentProxy',
    'Config',
    'Upstreams',
    'MeshGateway',
    'Expose',
    'AccessLogs',
  ]);
}

/** The named members first, in that order, then the others as they come. */
function ordered(row: Row, names: readonly string[]): Row {
  const rank = (name: string) => (names.includes(name) ? names.indexOf(name) : names.length);
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => rank(a) - rank(b)));
}

/** What turns the answer of a watch type into what is shown. */
export function shapeOf(type: WatchType): (value: unknown) => unknown {
  const rows = (value: unknown): readonly Row[] => (value ?? []) as readonly Row[];
  switch (type) {
    case 'key':
      return (value) => (value === null ? null : pick(rows(value)[0] ?? {}, KEY));
    case 'keyprefix':
      return (value) => (value === null ? null : rows(value).map((row) => pick(row, KEY)));
    case 'services':
      return map;
    case 'nodes':
      return (value) => rows(value).map(node);
    case 'service':
      return (value) =>
        rows(value).map((row) => ({
          Node: node(row['Node'] as Row),
          Service: service(row['Service'] as Row),
          Checks: rows(row['Checks']).map(check),
        }));
    case 'checks':
      return (value) => rows(value).map(check);
    case 'event':
      return (value) => rows(value).map((row) => pick(row, EVENT));
    case 'agent_service':
      return (value) => value;
  }
}
