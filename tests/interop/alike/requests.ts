import type { Rng } from '@proconsul/base';

/** One request, with `{sessionN}` where the N-th session that the agent has made belongs. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;
const chance = (rng: Rng, p: number): boolean => rng.float() < p;

const KEYS = [
  ...['a', 'a/', 'a/b', 'a/b/c', 'a/c', 'b', 'ab', 'A', 'a%20b', 'a%2Fx', '%C3%A4', 'z/', ''],
  ...[
    'a+b',
    'a%2Bb',
    '%2F',
    '%2Fa',
    'a%25',
    'a%3Fb',
    'a%zz',
    'a%',
    '%FF',
    'a%00',
    'a%0Ab',
    '%E2%80%A8',
    'a/../b',
    'a/./b',
    'a//b',
  ],
  ...['a%2F..%2Fb', '*', 'a;b', 'a=b&c', '<a>', '%3Ca%3E', `${'long/'.repeat(300)}a`],
];
const NODES = ['agent-x', 'n1', 'n2', 'N1', 'nope', ''];
const SERVICES = ['web', 'web-2', 'db', 'Web', 'consul', 'api_v1', 'nope', ''];
const IDS = ['web', 'web-1', 'db', 'db1', 'x', ''];
const CHECKS = ['c1', 'c2', 'service:web', 'service:web-1', 'serfHealth', 'nope', ''];
const TAGS = ['v1', 'v2', 'V1', ''];
const STATES = ['passing', 'warning', 'critical', 'any', 'maintenance', 'odd', ''];
const NUMBERS = ['0', '1', '2', '-1', '18446744073709551615', 'abc', ''];
const SESSION = ['{session0}', '{session1}', '{session2}', '00000000-0000-0000-0000-000000000000', 'nope', ''];
const DURATIONS = ['10s', '1m', '15', '1ms', '0s', '-1s', '24h', '90000s', 'soon', ''];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', 'db.example.org', '::1', '', '0.0.0.0'];

const FILTERS = {
  node: [
    'Node == "n1"',
    'Meta.role == web',
    'Meta["role"] == "web"',
    '"role" in Meta',
    'Address matches "^10"',
    'TaggedAddresses.lan != ""',
  ],
  service: [
    'ServiceName == web',
    'ServiceID != "web"',
    '"v1" in ServiceTags',
    'ServiceTags contains v1',
    'ServicePort == 80',
    'ServiceMeta.version == "1"',
    'ServiceWeights.Passing > 1',
  ],
  health: [
    'Service.Service == web',
    'Node.Node == "n1"',
    'Checks is empty',
    'Checks.Status == passing',
    '"v1" in Service.Tags',
    'Service.Port != 80 and Node.Meta is empty',
  ],
  check: [
    'Status == passing',
    'CheckID == "c1"',
    'ServiceName is empty',
    'ServiceTags is not empty',
    'Name matches "c.*"',
    'Interval == "10s"',
  ],
  agent: ['Service == web', 'ID == "web"', '"v1" in Tags', 'Port == 80', 'Meta.version != "1"', 'Weights.Passing == 1'],
  odd: [
    '',
    'a',
    'Nope == 1',
    'Node ==',
    '(((',
    'Node == "a" and',
    'not Node == "n1"',
    'Port == abc',
    'ServicePort == 99999999999999999999',
    'Node matches "("',
    'Node == `n1`',
  ],
} as const;

type Kind = keyof typeof FILTERS;

function query(parts: readonly string[]): string {
  const given = parts.filter((part) => part !== '');
  return given.length === 0 ? '' : `?${given.join('&')}`;
}

const maybe = (rng: Rng, p: number, part: () => string): string => (chance(rng, p) ? part() : '');

function common(rng: Rng): string[] {
  return [
    maybe(rng, 0.04, () => `dc=${pick(rng, ['dc1', 'dc2', ''])}`),
    maybe(rng, 0.1, () => pick(rng, ['stale', 'consistent', 'stale&consistent'])),
    maybe(rng, 0.05, () => `index=${pick(rng, ['1', '0', 'abc', '-1'])}&wait=${pick(rng, ['1ms', 'x'])}`),
    maybe(rng, 0.05, () =>
      pick(rng, ['pretty', 'pretty=1', 'token=', 'max_stale=1s', 'ns=default', 'ns=team', 'partition=default']),
    ),
  ];
}

const filter = (rng: Rng, kind: Kind): string =>
  maybe(
    rng,
    0.25,
    () => `filter=${encodeURIComponent(chance(rng, 0.3) ? pick(rng, FILTERS.odd) : pick(rng, FILTERS[kind]))}`,
  );
const near = (rng: Rng): string => maybe(rng, 0.05, () => `near=${pick(rng, ['_agent', '_ip', 'n1', 'nope', ''])}`);
const nodeMeta = (rng: Rng): string =>
  maybe(rng, 0.1, () => `node-meta=${pick(rng, ['role:web', 'role', 'role:', ':'])}`);

const read =
  (path: (rng: Rng) => string, kind?: Kind, ...more: ((rng: Rng) => string)[]) =>
  (rng: Rng): Request => ({
    method: 'GET',
    path:
      path(rng) +
      query([...(kind === undefined ? [] : [filter(rng, kind)]), ...more.map((part) => part(rng)), ...common(rng)]),
  });

/** A value that is not what belongs there. */
function odd(rng: Rng): unknown {
  return pick(rng, [
    null,
    '',
    'x',
    0,
    1,
    -1,
    1.5,
    1e30,
    true,
    false,
    [],
    {},
    [1],
    [null],
    ['x'],
    { a: 1 },
    { a: 'b' },
    '10s',
    '5',
  ]);
}

/** Changes something somewhere in a body: a value, the spelling of a name, a field more, a field less. */
function disturb(rng: Rng, body: unknown): unknown {
  if (Array.isArray(body) && body.length > 0 && chance(rng, 0.8)) {
    const at = rng.int(body.length);
    return body.map((item, i) => (i === at ? disturb(rng, item) : item));
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return odd(rng);
  const entries = Object.entries(body);
  if (entries.length === 0) return { [pick(rng, ['Name', 'ID', 'x'])]: odd(rng) };
  const at = rng.int(entries.length);
  const [name, value] = entries[at]!;
  switch (rng.int(6)) {
    case 0:
      entries[at] = [name, odd(rng)];
      break;
    case 1:
      entries[at] = [chance(rng, 0.5) ? name.toLowerCase() : snake(name), value];
      break;
    case 2:
      entries.push([pick(rng, ['Unknown', 'Extra', 'id', 'NAME', 'Namespace', 'Partition', 'Datacenter']), odd(rng)]);
      break;
    case 3:
      entries.splice(at, 1);
      break;
    default:
      entries[at] = [name, disturb(rng, value)];
  }
  return Object.fromEntries(entries);
}

const snake = (name: string): string => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();

/** A body as text: mostly right, sometimes disturbed, now and then broken. */
function text(rng: Rng, body: unknown): string {
  let value = body;
  for (let p = 0.35; chance(rng, p); p = 0.3) value = disturb(rng, value);
  const whole = JSON.stringify(value) ?? '';
  if (chance(rng, 0.03)) return whole.slice(0, rng.int(whole.length + 1));
  if (chance(rng, 0.01)) return pick(rng, ['', ' ', 'null', '[]', '{}', '"x"', '1', `${whole}x`, `${whole}${whole}`]);
  return whole;
}

const some = (rng: Rng, p: number, fields: () => Record<string, unknown>): Record<string, unknown> =>
  chance(rng, p) ? fields() : {};

function check(rng: Rng): Record<string, unknown> {
  const kind = pick(rng, [
    { TTL: pick(rng, ['10s', '1h', '90s', 'x']) },
    { HTTP: 'http://127.0.0.1:1/', Interval: pick(rng, ['1h', '10m', '', '0s']), Method: 'GET', Header: { A: ['b'] } },
    { TCP: '127.0.0.1:1', Interval: '1h', Timeout: pick(rng, ['1s', '', '5']) },
    { UDP: '127.0.0.1:1', Interval: '1h' },
    { GRPC: '127.0.0.1:1/x', Interval: '1h', GRPCUseTLS: true },
    { H2PING: '127.0.0.1:1', Interval: '1h' },
    { AliasService: 'web' },
    { AliasNode: 'n1' },
    { Args: ['/bin/true'], Interval: '1h' },
    { TTL: '10s', HTTP: 'http://127.0.0.1:1/', Interval: '1h' },
    {},
  ]);
  return {
    ...kind,
    ...some(rng, 0.3, () => ({ Name: pick(rng, ['one', '', 'Service check']) })),
    ...some(rng, 0.3, () => ({ CheckID: pick(rng, CHECKS) })),
    ...some(rng, 0.3, () => ({ Status: pick(rng, ['passing', 'critical', 'odd', '']) })),
    ...some(rng, 0.2, () => ({ Notes: 'n', DeregisterCriticalServiceAfter: pick(rng, ['1h', '10s', 'x', 60]) })),
    ...some(rng, 0.1, () => ({
      SuccessBeforePassing: 2,
      FailuresBeforeCritical: 3,
      FailuresBeforeWarning: pick(rng, [1, 4]),
    })),
  };
}

function agentService(rng: Rng): Record<string, unknown> {
  return {
    Name: pick(rng, SERVICES),
    ...some(rng, 0.6, () => ({ ID: pick(rng, IDS) })),
    ...some(rng, 0.5, () => ({ Tags: pick(rng, [['v1'], ['v1', 'v2'], [], ['V1', ''], ['a b']]) })),
    ...some(rng, 0.6, () => ({ Port: pick(rng, [80, 8080, 0, -1, 70000, '80']) })),
    ...some(rng, 0.4, () => ({ Address: pick(rng, ADDRESSES) })),
    ...some(rng, 0.3, () => ({ Meta: pick(rng, [{ version: '1' }, { 'bad key': 'x' }, {}, { 'consul-x': 'y' }]) })),
    ...some(rng, 0.2, () => ({
      TaggedAddresses: { lan: { Address: '10.1.1.1', Port: 1 }, wan: { address: '1.2.3.4' } },
    })),
    ...some(rng, 0.2, () => ({
      Weights: pick(rng, [{ Passing: 2, Warning: 1 }, { Passing: -1 }, { Passing: 70000 }, {}]),
    })),
    ...some(rng, 0.1, () => ({ EnableTagOverride: true })),
    ...some(rng, 0.1, () => ({ Kind: pick(rng, ['connect-proxy', 'mesh-gateway', 'odd', 'typical']) })),
    ...some(rng, 0.1, () => ({ Connect: pick(rng, [{ Native: true }, {}, { SidecarService: null }]) })),
    ...some(rng, 0.1, () => ({ Proxy: { DestinationServiceName: 'web', LocalServicePort: 1, Config: { a: 1 } } })),
    ...some(rng, 0.4, () => (chance(rng, 0.6) ? { Check: check(rng) } : { Checks: [check(rng), check(rng)] })),
    ...some(rng, 0.1, () => ({ Locality: { Region: 'r', Zone: 'z' } })),
  };
}

function catalogService(rng: Rng): Record<string, unknown> {
  const { Check: _, Checks: __, Name, ...rest } = agentService(rng);
  return { Service: Name, ...rest };
}

function catalogCheck(rng: Rng): Record<string, unknown> {
  return {
    CheckID: pick(rng, CHECKS),
    Name: pick(rng, ['one', '']),
    Status: pick(rng, STATES),
    ...some(rng, 0.3, () => ({ Node: pick(rng, NODES) })),
    ...some(rng, 0.5, () => ({ ServiceID: pick(rng, IDS) })),
    ...some(rng, 0.2, () => ({ Output: 'o', Notes: 'n', Type: 'ttl' })),
    ...some(rng, 0.2, () => ({ Definition: { Interval: '10s', TCP: '1.2.3.4:5', Timeout: '1s' } })),
  };
}

function registration(rng: Rng): Record<string, unknown> {
  return {
    Node: pick(rng, NODES.slice(1)),
    Address: pick(rng, ADDRESSES),
    ...some(rng, 0.1, () => ({
      ID: pick(rng, ['11111111-2222-3333-4444-555555555555', 'short', '99999999-2222-3333-4444-555555555555']),
    })),
    ...some(rng, 0.2, () => ({ TaggedAddresses: { lan: '10.0.0.9', wan: '1.1.1.1' } })),
    ...some(rng, 0.3, () => ({ NodeMeta: pick(rng, [{ role: 'web' }, {}, { 'bad key': '1' }]) })),
    ...some(rng, 0.05, () => ({ Datacenter: pick(rng, ['dc1', 'dc2']) })),
    ...some(rng, 0.1, () => ({ SkipNodeUpdate: true })),
    ...some(rng, 0.7, () => ({ Service: catalogService(rng) })),
    ...some(rng, 0.4, () =>
      chance(rng, 0.5) ? { Check: catalogCheck(rng) } : { Checks: [catalogCheck(rng), catalogCheck(rng)] },
    ),
  };
}

const base64 = (value: string): string => Buffer.from(value).toString('base64');
const KV_VERBS = [
  'set',
  'cas',
  'lock',
  'unlock',
  'get',
  'get-or-empty',
  'get-tree',
  'check-index',
  'check-session',
  'check-not-exists',
  'delete',
  'delete-tree',
  'delete-cas',
  'odd',
  '',
];
const VERBS = ['get', 'set', 'cas', 'delete', 'delete-cas', 'odd'];

function operation(rng: Rng): Record<string, unknown> {
  switch (rng.int(7)) {
    case 0:
      return {
        Node: {
          Verb: pick(rng, VERBS),
          Node: { Node: pick(rng, NODES.slice(1)), Address: pick(rng, ADDRESSES), Meta: { role: 'web' } },
        },
      };
    case 1:
      return { Service: { Verb: pick(rng, VERBS), Node: pick(rng, NODES.slice(1)), Service: catalogService(rng) } };
    case 2:
      return { Check: { Verb: pick(rng, VERBS), Check: { Node: pick(rng, NODES.slice(1)), ...catalogCheck(rng) } } };
    case 3:
      return { Session: { Verb: pick(rng, ['delete', 'get']), Session: { ID: pick(rng, SESSION) } } };
    default:
      return {
        KV: {
          Verb: pick(rng, KV_VERBS),
          Key: pick(rng, KEYS).replaceAll('%2F', '/'),
          ...some(rng, 0.6, () => ({ Value: pick(rng, [base64('one'), '', '!', null]) })),
          ...some(rng, 0.3, () => ({ Flags: pick(rng, [0, 7, -1]) })),
          ...some(rng, 0.4, () => ({ Index: pick(rng, [0, 1, 99999999]) })),
          ...some(rng, 0.3, () => ({ Session: pick(rng, SESSION) })),
        },
      };
  }
}

const kvPath = (rng: Rng): string => `/v1/kv/${pick(rng, KEYS)}`;
const path =
  (prefix: string, of: readonly string[]) =>
  (rng: Rng): string =>
    `${prefix}${encodeURIComponent(pick(rng, of)).replaceAll('%2F', '/').replaceAll('%7B', '{').replaceAll('%7D', '}')}`;
const write =
  (method: string, at: (rng: Rng) => string, body?: (rng: Rng) => unknown, ...parts: ((rng: Rng) => string)[]) =>
  (rng: Rng): Request => ({
    method,
    path:
      at(rng) + query([...parts.map((part) => part(rng)), maybe(rng, 0.02, () => `dc=${pick(rng, ['dc1', 'dc2'])}`)]),
    ...(body === undefined ? {} : { body: text(rng, body(rng)) }),
  });
const flag =
  (p: number, ...names: string[]) =>
  (rng: Rng): string =>
    maybe(rng, p, () => pick(rng, names));
const value =
  (p: number, name: string, of: readonly string[]) =>
  (rng: Rng): string =>
    maybe(
      rng,
      p,
      () =>
        `${name}=${encodeURIComponent(pick(rng, of)).replaceAll('%7B', '{').replaceAll('%7D', '}').replaceAll('%20', '+')}`,
    );
const at = (text: string) => (): string => text;

/** What may be asked, with how often. */
const KINDS: readonly (readonly [number, (rng: Rng) => Request])[] = [
  [
    8,
    (rng) => ({
      ...write(
        'PUT',
        kvPath,
        undefined,
        value(0.2, 'flags', NUMBERS),
        value(0.2, 'cas', NUMBERS),
        value(0.15, 'acquire', SESSION),
        value(0.15, 'release', SESSION),
      )(rng),
      body: pick(rng, ['', 'one', 'two', '{"a":1}', 'ä']),
    }),
  ],
  [
    5,
    read(
      kvPath,
      undefined,
      flag(0.3, 'recurse', 'keys', 'raw', 'recurse&keys', 'recurse=false', 'keys&raw'),
      value(0.2, 'separator', ['/', '', 'b', '//']),
    ),
  ],
  [3, write('DELETE', kvPath, undefined, flag(0.3, 'recurse'), value(0.2, 'cas', NUMBERS))],
  [
    4,
    write('PUT', at('/v1/session/create'), (rng) => ({
      ...some(rng, 0.3, () => ({ Name: 'lock' })),
      ...some(rng, 0.2, () => ({ Node: pick(rng, NODES) })),
      ...some(rng, 0.4, () => ({ TTL: pick(rng, DURATIONS) })),
      ...some(rng, 0.4, () => ({ LockDelay: pick(rng, [...DURATIONS, 0, 15, 60000000000]) })),
      ...some(rng, 0.4, () => ({ Behavior: pick(rng, ['release', 'delete', 'odd', '']) })),
      ...some(rng, 0.2, () => ({ Checks: pick(rng, [[], ['c1'], ['nope'], ['serfHealth'], null]) })),
      ...some(rng, 0.2, () => ({ NodeChecks: pick(rng, [['serfHealth'], ['c1'], []]) })),
      ...some(rng, 0.1, () => ({
        ServiceChecks: pick(rng, [[{ ID: 'service:web' }], [{ ID: 'nope', Namespace: '' }], []]),
      })),
    })),
  ],
  [2, write('PUT', path('/v1/session/destroy/', SESSION))],
  [2, write('PUT', path('/v1/session/renew/', SESSION))],
  [2, read(path('/v1/session/info/', SESSION))],
  [1, read(path('/v1/session/node/', NODES))],
  [1, read(at('/v1/session/list'))],
  [6, write('PUT', at('/v1/txn'), (rng) => Array.from({ length: 1 + rng.int(3) }, () => operation(rng)))],
  [8, write('PUT', at('/v1/catalog/register'), registration)],
  [
    4,
    write('PUT', at('/v1/catalog/deregister'), (rng) => ({
      Node: pick(rng, NODES.slice(1)),
      ...some(rng, 0.4, () => ({ ServiceID: pick(rng, IDS) })),
      ...some(rng, 0.3, () => ({ CheckID: pick(rng, CHECKS) })),
    })),
  ],
  [2, read(at('/v1/catalog/nodes'), 'node', near, nodeMeta)],
  [2, read(at('/v1/catalog/services'), 'service', nodeMeta)],
  [
    3,
    read(
      path('/v1/catalog/service/', SERVICES),
      'service',
      near,
      nodeMeta,
      value(0.3, 'tag', TAGS),
      value(0.1, 'tag', TAGS),
    ),
  ],
  [1, read(path('/v1/catalog/connect/', SERVICES), 'service')],
  [2, read(path('/v1/catalog/node/', NODES), 'agent')],
  [2, read(path('/v1/catalog/node-services/', NODES), 'agent', flag(0.2, 'merge-central-config'))],
  [1, read(at('/v1/catalog/datacenters'))],
  [1, read(path('/v1/catalog/gateway-services/', SERVICES))],
  [1, read(at('/v1/operator/usage'), undefined, flag(0.3, 'global'))],
  [1, read(at('/v1/internal/federation-states'))],
  [1, read(path('/v1/internal/federation-state/', ['dc1', 'dc2', '']))],
  [1, read(at('/v1/agent/version'))],
  [1, write('PUT', path('/v1/agent/token/', ['default', 'dns', 'nope', '']), () => ({ Token: 'x' }))],
  [
    1,
    write('PUT', path('/v1/query/', ['q1', '00000000-0000-0000-0000-000000000000', '']), (rng) => ({
      Service: { Service: pick(rng, SERVICES) },
    })),
  ],
  [1, write('DELETE', path('/v1/query/', ['q1', '00000000-0000-0000-0000-000000000000', 'q1/execute', '']))],
  [1, write('POST', at('/v1/operator/raft/transfer-leader'), undefined, value(0.9, 'id', ['x', '']))],
  [1, write('PUT', path('/v1/acl/', ['bootstrap', 'token', 'policy', 'login', 'nope']))],
  [1, write('PUT', at('/v1/snapshot'), () => 'x')],
  [
    4,
    read(
      path('/v1/health/service/', SERVICES),
      'health',
      near,
      nodeMeta,
      flag(0.3, 'passing', 'passing=false', 'passing=1', 'passing=x'),
      value(0.3, 'tag', TAGS),
      flag(0.1, 'cached', 'merge-central-config'),
    ),
  ],
  [1, read(path('/v1/health/connect/', SERVICES), 'health')],
  [1, read(path('/v1/health/ingress/', SERVICES), 'health')],
  [2, read(path('/v1/health/node/', NODES), 'check')],
  [2, read(path('/v1/health/checks/', SERVICES), 'check', near, nodeMeta)],
  [2, read(path('/v1/health/state/', STATES), 'check', near, nodeMeta)],
  [
    8,
    write(
      'PUT',
      at('/v1/agent/service/register'),
      agentService,
      flag(0.2, 'replace-existing-checks', 'replace-existing-checks=false'),
    ),
  ],
  [3, write('PUT', path('/v1/agent/service/deregister/', IDS))],
  [
    2,
    write(
      'PUT',
      path('/v1/agent/service/maintenance/', IDS),
      undefined,
      value(0.9, 'enable', ['true', 'false', 'x', '']),
      value(0.3, 'reason', ['why', 'a b']),
    ),
  ],
  [
    1,
    write(
      'PUT',
      at('/v1/agent/maintenance'),
      undefined,
      value(0.9, 'enable', ['true', 'false', 'x', '']),
      value(0.3, 'reason', ['why']),
    ),
  ],
  [
    3,
    write('PUT', at('/v1/agent/check/register'), (rng) => ({
      ...check(rng),
      ...some(rng, 0.5, () => ({ ID: pick(rng, CHECKS) })),
      ...some(rng, 0.5, () => ({ Name: pick(rng, ['c1', 'c2', '']) })),
      ...some(rng, 0.4, () => ({ ServiceID: pick(rng, IDS) })),
    })),
  ],
  [2, write('PUT', path('/v1/agent/check/deregister/', CHECKS))],
  [
    2,
    (rng) =>
      write(
        'PUT',
        path(`/v1/agent/check/${pick(rng, ['pass', 'warn', 'fail'])}/`, CHECKS),
        undefined,
        value(0.4, 'note', ['ok', 'a b', '']),
      )(rng),
  ],
  [2, write('PUT', path('/v1/agent/check/update/', CHECKS), (rng) => ({ Status: pick(rng, STATES), Output: 'out' }))],
  [2, read(at('/v1/agent/services'), 'agent')],
  [2, read(at('/v1/agent/checks'), 'check')],
  [
    2,
    read(
      path('/v1/agent/service/', IDS),
      undefined,
      value(0.1, 'hash', ['x', 'a4c8c1ab2c7a9f8e']),
      flag(0.05, 'wait=1ms'),
    ),
  ],
  [2, read(path('/v1/agent/health/service/id/', IDS), undefined, flag(0.2, 'format=text', 'format=json', 'format=x'))],
  [2, read(path('/v1/agent/health/service/name/', SERVICES), undefined, flag(0.2, 'format=text', 'format=json'))],
  [1, read(at('/v1/agent/members'), undefined, flag(0.3, 'wan=1', 'segment=_all', 'segment=x', 'wan'))],
  [1, write('PUT', path('/v1/agent/join/', ['127.0.0.1:1', '']), undefined, flag(0.2, 'wan=1'))],
  [1, write('PUT', path('/v1/agent/force-leave/', ['nope', 'n1', '']), undefined, flag(0.3, 'prune'))],
  [
    1,
    write(
      'PUT',
      path('/v1/event/fire/', ['deploy', 'x y', '']),
      undefined,
      value(0.2, 'node', ['n.*', '(']),
      value(0.2, 'service', ['web', '(']),
      value(0.2, 'tag', ['v1']),
    ),
  ],
  [
    1,
    read(
      at('/v1/event/list'),
      undefined,
      value(0.3, 'name', ['deploy', 'nope']),
      value(0.1, 'service', ['(', 'web']),
      value(0.1, 'node', ['(', 'n']),
    ),
  ],
  [
    1,
    // Of what is taken, both gather for seconds before it shows.
    write('PUT', at('/v1/coordinate/update'), (rng) => ({
      Node: pick(rng, ['nope', '']),
      Segment: '',
      Coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 0.00001 },
    })),
  ],
  [1, read(at('/v1/coordinate/datacenters'))],
  [1, read(path('/v1/coordinate/node/', NODES.slice(1)))],
  [1, read(at('/v1/status/leader'))],
  [1, read(at('/v1/status/peers'))],
  [1, read(at('/v1/operator/autopilot/configuration'))],
  [
    1,
    write(
      'PUT',
      at('/v1/operator/autopilot/configuration'),
      (rng) => ({
        CleanupDeadServers: true,
        LastContactThreshold: pick(rng, ['200ms', 'x', '5s']),
        MaxTrailingLogs: 250,
        MinQuorum: pick(rng, [0, 3, -1]),
        ServerStabilizationTime: '10s',
      }),
      value(0.2, 'cas', NUMBERS),
    ),
  ],
  [
    1,
    write(
      'DELETE',
      at('/v1/operator/raft/peer'),
      undefined,
      value(0.5, 'address', ['127.0.0.1:1', '']),
      value(0.3, 'id', ['x']),
    ),
  ],
  [1, read(at('/v1/operator/keyring'))],
  [
    3,
    write('POST', at('/v1/query'), (rng) => ({
      ...some(rng, 0.7, () => ({ Name: pick(rng, ['q1', 'q2', '', 'Q1']) })),
      Service: {
        Service: pick(rng, SERVICES),
        OnlyPassing: chance(rng, 0.5),
        Tags: pick(rng, [[], ['v1'], ['!v1']]),
        ...some(rng, 0.2, () => ({ Failover: { NearestN: pick(rng, [0, 3, -1]), Datacenters: ['dc2'] } })),
        ...some(rng, 0.1, () => ({ Near: '_agent' })),
      },
      ...some(rng, 0.2, () => ({ DNS: { TTL: pick(rng, ['10s', 'x']) } })),
      ...some(rng, 0.1, () => ({ Session: pick(rng, SESSION) })),
      ...some(rng, 0.1, () => ({
        Template: { Type: pick(rng, ['name_prefix_match', 'odd']), Regexp: pick(rng, ['', '^q(.*)$', '(']) },
      })),
    })),
  ],
  [1, read(at('/v1/query'))],
  [
    2,
    read(
      path('/v1/query/', ['q1', 'q2', 'nope', 'q1/execute', 'q1/explain', 'nope/execute']),
      undefined,
      value(0.2, 'limit', NUMBERS),
      near,
    ),
  ],
  [
    3,
    write(
      'PUT',
      at('/v1/config'),
      (rng) =>
        pick<unknown>(rng, [
          {
            Kind: 'service-defaults',
            Name: pick(rng, ['web', '', 'db']),
            Protocol: pick(rng, ['http', 'tcp', 'odd', '']),
            Meta: { a: 'b' },
          },
          { Kind: 'proxy-defaults', Name: pick(rng, ['global', 'x']), Config: { protocol: 'http', n: 1 } },
          {
            Kind: 'service-resolver',
            Name: 'web',
            DefaultSubset: 'v1',
            Subsets: { v1: { Filter: 'Service.Meta.version == v1' } },
          },
          {
            Kind: 'service-router',
            Name: 'web',
            Routes: [{ Match: { HTTP: { PathPrefix: '/x' } }, Destination: { Service: 'db' } }],
          },
          {
            Kind: 'service-splitter',
            Name: 'web',
            Splits: [
              { Weight: pick(rng, [50, 100]), Service: 'web' },
              { Weight: 50, Service: 'db' },
            ],
          },
          {
            Kind: 'service-intentions',
            Name: 'web',
            Sources: [{ Name: 'db', Action: pick(rng, ['allow', 'deny', 'odd']) }],
          },
          {
            Kind: 'ingress-gateway',
            Name: 'gw',
            Listeners: [{ Port: 80, Protocol: 'tcp', Services: [{ Name: 'web' }] }],
          },
          { Kind: 'mesh', TransparentProxy: { MeshDestinationsOnly: true } },
          { Kind: 'exported-services', Name: 'default', Services: [{ Name: 'web', Consumers: [{ Peer: 'p' }] }] },
          { Kind: 'odd', Name: 'x' },
        ]),
      value(0.15, 'cas', NUMBERS),
    ),
  ],
  [
    2,
    read(
      path('/v1/config/', [
        'service-defaults',
        'proxy-defaults',
        'service-defaults/web',
        'service-defaults/nope',
        'odd',
        'odd/x',
        'service-intentions',
        '',
      ]),
    ),
  ],
  [
    1,
    write(
      'DELETE',
      path('/v1/config/', [
        'service-defaults/web',
        'proxy-defaults/global',
        'odd/x',
        'service-defaults',
        'service-router/web',
        'service-splitter/web',
      ]),
      undefined,
      value(0.2, 'cas', NUMBERS),
    ),
  ],
  [1, read(at('/v1/internal/ui/services'), 'odd')],
  [1, read(at('/v1/internal/ui/nodes'), 'odd')],
  [1, read(path('/v1/internal/ui/node/', NODES))],
  [
    1,
    (rng) => ({
      method: pick(rng, ['POST', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'PUT', 'GET']),
      path: pick(rng, [
        '/v1/catalog/nodes',
        '/v1/kv/a',
        '/v1/agent/services',
        '/v1/session/create',
        '/v1/status/leader',
        '/v1/nope',
        '/nope',
        '/v1/txn',
        '/v1/health/service/web',
        '/v1/kv',
        '/v1//kv/a',
        '/v1/agent/self/',
      ]),
    }),
  ],
];

/** Header fields that any request may have. */
const HEADERS: readonly Readonly<Record<string, string>>[] = [
  { 'x-consul-token': 'some' },
  { authorization: 'Bearer some' },
  { authorization: 'Basic c29tZQ==' },
  { 'x-consul-namespace': 'default' },
  { 'x-consul-namespace': '' },
  { 'x-consul-partition': 'p' },
  { 'accept-encoding': 'gzip' },
  { 'accept-encoding': 'identity;q=1, gzip;q=0' },
  { 'cache-control': 'max-age=0' },
  { 'cache-control': 'max-age=x' },
  { 'cache-control': 'no-cache, must-revalidate' },
  { 'cache-control': 'stale-if-error=5, max-age=1' },
  { accept: 'text/plain' },
  { 'content-type': 'text/plain' },
  { 'x-forwarded-for': '10.0.0.1, 10.0.0.2' },
  { range: 'bytes=0-1' },
  { 'if-none-match': '*' },
  { expect: '100-continue' },
];
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'get'];
/** Left out of what another method is tried on: their answers are of the machine, endless, or end the agent. */
const NOT_TURNED = /^\/v1\/agent\/(join|force-leave|maintenance)|\/v1\/operator/;

/** The same request with another method, in another spelling, or with header fields. */
function turned(rng: Rng, request: Request): Request {
  switch (rng.int(5)) {
    case 0:
      return NOT_TURNED.test(request.path) ? request : { ...request, method: pick(rng, METHODS) };
    case 1: {
      const [path = '', ...rest] = request.path.split('?');
      const other = pick(rng, [
        `${path}/`,
        path.replace('/v1/', '/v1//'),
        path.replace('/v1/', '/V1/'),
        path.replace('/v1/', '/v1/./'),
        path.replace(/[a-z]$/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
        path.toUpperCase().replace('/V1', '/v1').replaceAll('{SESSION', '{session'),
      ]);
      return { ...request, path: [other, ...rest].join('?') };
    }
    case 2: {
      const more = pick(rng, [
        '?',
        '&&',
        '&=',
        '&%zz',
        '&a;b',
        '&pretty',
        '&pretty=false',
        '&filter=&filter=a',
        '&dc=dc1&dc=dc2',
        '&token=a&token=',
      ]);
      return {
        ...request,
        path: request.path.includes('?') ? request.path + more : request.path + more.replace(/^&/, '?'),
      };
    }
    default:
      return { ...request, headers: pick(rng, HEADERS) };
  }
}

const total = KINDS.reduce((sum, [weight]) => sum + weight, 0);

/** Any request that a client might send, or should not have sent. */
export function anyRequest(rng: Rng): Request {
  let at = rng.int(total);
  for (const [weight, make] of KINDS) {
    at -= weight;
    if (at < 0) return chance(rng, 0.12) ? turned(rng, make(rng)) : make(rng);
  }
  throw new Error('the weights do not add up');
}
