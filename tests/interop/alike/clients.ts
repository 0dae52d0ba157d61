import { createSocket } from 'node:dgram';
import { decodeMessage, encodeMessage, type Message } from '@proconsul/dns-wire';
import { eventually, TestAgent } from '../../e2e/harness.ts';
import { real } from '../reference.ts';
import type { Request } from './requests.ts';
import type { Alike } from './side.ts';

const PORTS = { http: 8500, dns: 8600, server: 8300, serf_lan: 8301, serf_wan: 8302 };
const DNS_WITHIN_MS = 15_000;

/** A server, and a client agent of its pool that is asked. */
export interface Duo {
  readonly server: TestAgent;
  readonly client: TestAgent;
}

/**
 * Two duos in which only the client agents are of different programs: ours and the reference's.
 * Calls that find no server are given up after 300 ms, so that questions to a pool without one do not take seven seconds each.
 */
export function duos(servers: 'reference' | 'ours'): readonly [Duo, Duo] {
  const duo = (net: string, program?: readonly string[]): Duo => {
    const both = { disable_update_check: true, enable_local_script_checks: true };
    const server = new TestAgent({
      node: 'srv',
      mode: 'server',
      host: `${net}.1`,
      ports: PORTS,
      config: { ...both, node_id: '99998888-3333-4444-5555-666677778888', disable_remote_exec: false },
      ...(servers === 'reference' ? { program: real } : {}),
    });
    const client = new TestAgent({
      node: 'agent-x',
      mode: 'client',
      host: `${net}.2`,
      ports: PORTS,
      config: {
        ...both,
        node_id: '11112222-3333-4444-5555-666677778888',
        retry_join: [`${net}.1`],
        retry_interval: '500ms',
        performance: { rpc_hold_timeout: '300ms' },
      },
      ...(program ? { program } : {}),
    });
    return { server, client };
  };
  return [duo('127.8.21'), duo('127.8.22', real)];
}

/** Starts both agents and returns when the servers' catalog knows the client. */
export async function startDuo({ server, client }: Duo): Promise<void> {
  await Promise.all([server.start(), client.start()]);
  await synced({ server, client });
}

/** Returns when the client is alive in the catalog. */
export async function synced({ client }: Duo): Promise<void> {
  const isAlive = async () => {
    const { text } = await client.get('/v1/health/service/consul?passing&consistent');
    if (!text.includes('"serfHealth"')) return false;
    // Its own account of itself follows its discovery by the leader.
    const { Node } = (await client.get('/v1/catalog/node/agent-x?consistent')).json() ?? {};
    return Node?.TaggedAddresses?.lan !== undefined;
  };
  await eventually(isAlive, {
    withinMs: 30_000,
    what: 'the client agent in the catalog',
  });
}

/** Returns when the client has heard that its server is dead. */
export async function serverFailed({ client }: Duo): Promise<void> {
  const isFailed = ({ Name, Status }: { Name: string; Status: number }) => Name === 'srv' && Status === 4;
  await eventually(async () => (await client.get('/v1/agent/members')).json().some(isFailed), {
    withinMs: 60_000,
    what: 'the death of the server',
  });
}

const get = (path: string): Request => ({ method: 'GET', path });
const put = (path: string, body?: unknown): Request =>
  body === undefined ? { method: 'PUT', path } : { method: 'PUT', path, body: JSON.stringify(body) };

/** A service that its agent gives up while there is no server. */
export const GONE = 'gone';

/** What a pool holds before its server goes. */
export const beforehand: readonly Request[] = [
  put('/v1/agent/service/register', {
    Name: 'web',
    Port: 80,
    Tags: ['v1'],
    Check: { CheckID: 'ttl', TTL: '1h', Status: 'passing' },
  }),
  put('/v1/agent/service/register', { Name: GONE, Port: 81 }),
  put('/v1/agent/check/register', { Name: 'c1', TTL: '1h' }),
  put('/v1/kv/a', 'one'),
  put('/v1/catalog/register', { Node: 'ext', Address: '10.0.0.1', Service: { Service: 'db', Port: 5432 } }),
  { method: 'POST', path: '/v1/query', body: JSON.stringify({ Name: 'q1', Service: { Service: 'web' } }) },
  get('/v1/health/service/web?cached'),
  get('/v1/health/service/db?cached&stale'),
  get('/v1/catalog/services?cached'),
  get('/v1/catalog/service/web?cached'),
  get('/v1/query/q1/execute?cached'),
];

/** Asked while the server is there, while it is not, and when it is back. */
export const questions: readonly Request[] = [
  ...[
    '/v1/catalog/nodes',
    '/v1/catalog/services',
    '/v1/catalog/service/web',
    '/v1/catalog/node/agent-x',
    '/v1/catalog/node-services/agent-x',
    '/v1/catalog/datacenters',
    '/v1/health/service/web',
    '/v1/health/node/agent-x',
    '/v1/health/state/any',
    '/v1/health/checks/web',
    '/v1/kv/a',
    '/v1/kv/nope',
    '/v1/session/list',
    '/v1/config/service-defaults',
    '/v1/query',
    '/v1/query/q1/execute',
    '/v1/coordinate/node/nope',
    '/v1/internal/ui/services',
  ].flatMap((path) =>
    ['', '?stale', '?consistent', '?dc=dc1', '?dc=nope', '?index=1&wait=10ms', '?pretty'].map((query) =>
      get(path + query),
    ),
  ),
  ...[
    '/v1/health/service/web?cached',
    '/v1/health/service/db?cached&stale',
    '/v1/health/service/web?cached&consistent',
    '/v1/health/service/other?cached',
    '/v1/health/service/web?cached&passing&index=1&wait=10ms',
    '/v1/catalog/services?cached',
    '/v1/catalog/service/web?cached',
    '/v1/catalog/service/other?cached',
    '/v1/query/q1/execute?cached',
    '/v1/query/q1/explain',
    '/v1/kv/?keys',
    '/v1/kv/a?raw',
    '/v1/status/leader',
    '/v1/status/peers',
    '/v1/status/leader?dc=nope',
    '/v1/operator/raft/configuration',
    '/v1/operator/raft/configuration?stale',
    '/v1/operator/autopilot/configuration',
    '/v1/operator/autopilot/health',
    '/v1/operator/autopilot/state',
    '/v1/operator/keyring',
    '/v1/internal/ui/nodes',
    '/v1/internal/ui/node/agent-x',
    '/v1/internal/ui/catalog-overview',
    '/v1/coordinate/datacenters',
    '/v1/agent/services',
    '/v1/agent/service/web',
    '/v1/agent/checks',
    '/v1/agent/health/service/id/web',
    '/v1/agent/health/service/name/web',
    '/v1/event/list',
    '/v1/event/list?name=deploy',
    '/v1/snapshot?dc=nope',
  ].map(get),
  put('/v1/kv/a', 'two'),
  put('/v1/kv/b?dc=nope', 'two'),
  { method: 'DELETE', path: '/v1/kv/b' },
  put('/v1/txn', [{ KV: { Verb: 'get', Key: 'a' } }]),
  put('/v1/txn', [{ KV: { Verb: 'set', Key: 'a', Value: 'YQ==' } }]),
  put('/v1/session/create', { Name: 's' }),
  put('/v1/session/create', { Name: 's', Node: 'nope' }),
  put('/v1/session/renew/88888888-0000-0000-0000-000000000000'),
  put('/v1/session/destroy/88888888-0000-0000-0000-000000000000'),
  put('/v1/catalog/register', { Node: 'ext2', Address: '10.0.0.2' }),
  put('/v1/catalog/deregister', { Node: 'ext2' }),
  put('/v1/config', { Kind: 'service-defaults', Name: 'web', Protocol: 'http' }),
  { method: 'DELETE', path: '/v1/config/service-defaults/web' },
  put('/v1/event/fire/deploy', 'payload'),
  put('/v1/event/fire/deploy?dc=nope', 'payload'),
  put('/v1/coordinate/update', { Node: 'ext', Coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1, Height: 1 } }),
  put('/v1/operator/autopilot/configuration', { CleanupDeadServers: true, MaxTrailingLogs: 250 }),
  { method: 'DELETE', path: '/v1/operator/raft/peer?id=x' },
  put('/v1/operator/raft/transfer-leader'),
  put('/v1/agent/check/pass/ttl?note=fine'),
  put('/v1/agent/check/warn/c1'),
  put('/v1/agent/check/pass/nope'),
  put('/v1/agent/force-leave/nope'),
  put('/v1/agent/join/127.0.0.1:1'),
  put('/v1/agent/service/maintenance/web?enable=true&reason=r'),
  put('/v1/agent/service/maintenance/web?enable=false'),
  put('/v1/agent/maintenance?enable=true'),
  put('/v1/agent/maintenance?enable=false'),
  put('/v1/agent/reload'),
];

/** What is changed at the client agent while its pool has no server. */
export const meanwhile: readonly Request[] = [
  put('/v1/agent/service/register', { Name: 'late', Port: 82, Check: { TTL: '1h', Status: 'passing' } }),
  put('/v1/agent/service/register', { Name: 'web', Port: 8080, Tags: ['v2'] }),
  put(`/v1/agent/service/deregister/${GONE}`),
  put('/v1/agent/service/deregister/nope'),
  put('/v1/agent/check/register', { Name: 'c2', TTL: '1h', ServiceID: 'late' }),
  put('/v1/agent/check/register', { Name: 'c3', TTL: '1h', ServiceID: 'nope' }),
  put('/v1/agent/check/deregister/c1'),
  put('/v1/agent/check/pass/c2?note=fine'),
  put('/v1/agent/maintenance?enable=true&reason=why'),
  get('/v1/agent/services'),
  get('/v1/agent/checks'),
];

/** What the server must know of it when it is back. */
export const afterwards: readonly Request[] = [
  '/v1/catalog/node/agent-x',
  '/v1/health/node/agent-x',
  '/v1/health/service/late',
  '/v1/health/service/web',
  '/v1/catalog/service/gone',
  '/v1/catalog/services',
].map((path) => get(`${path}?consistent`));

/** Names and types that are asked over DNS. */
export const names: readonly (readonly [string, number])[] = [
  'web.service.consul',
  'v1.web.service.consul',
  '_web._tcp.service.consul',
  'db.service.consul',
  'nope.service.consul',
  'other.service.dc1.consul',
  'web.service.nope.consul',
  'agent-x.node.consul',
  'srv.node.consul',
  'nope.node.consul',
  'agent-x.node.nope.consul',
  'q1.query.consul',
  'nope.query.consul',
  'consul.service.consul',
  'consul',
  '1.0.0.10.in-addr.arpa',
  '9.9.9.10.in-addr.arpa',
  'example.org',
  '0a000001.addr.consul',
].flatMap((name) => [1, 2, 6, 33, 255].map((type) => [name, type] as const));

/** Asks a client agent over UDP. The status is the answer's code; -1 when there is none. */
export async function askDns({ client }: Duo, name: string, type: number): Promise<Alike> {
  const socket = createSocket('udp4');
  try {
    const questions = [{ name: `${name}.`, type, class: 1 }];
    const query: Message = { id: 4711, recursionDesired: true, questions, answers: [], authority: [], additional: [] };
    const answer = new Promise<Uint8Array | null>((resolve, reject) => {
      const timer = setTimeout(() => resolve(null), DNS_WITHIN_MS);
      socket.on('error', reject);
      socket.on('message', (bytes) => {
        clearTimeout(timer);
        resolve(bytes);
      });
    });
    socket.send(encodeMessage(query, { maxBytes: 512 }), client.ports.dns, client.host);
    const bytes = await answer;
    if (bytes === null) return { status: -1, headers: {}, body: '' };
    const message = decodeMessage(bytes);
    const byText = (list: readonly unknown[]) => list.map((item) => JSON.stringify(item, printable)).sort();
    const { answers, authority, additional, rcode = 0, ...head } = message;
    const body = JSON.parse(JSON.stringify(head, printable));
    return {
      status: rcode,
      headers: {},
      body: { ...body, answers: byText(answers), authority: byText(authority), additional: byText(additional) },
    };
  } finally {
    socket.close();
  }
}

/** Addresses of the two networks become one; the serial of SOA is a moment. */
function printable(key: string, value: unknown): unknown {
  if (key === 'serial') return 'serial';
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return printable('', [...value].join('.'));
  return typeof value === 'string' ? value.replaceAll(/127\.8\.2\d\.|7f08[01][0-9a-f]/g, 'NET.') : value;
}
