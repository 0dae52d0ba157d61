import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noMetrics, silentLog } from '@proconsul/base';
import { KVS, READ_NOW, Status } from '@proconsul/endpoints';
import { type AgentApi, type ApiSettings, HttpApi } from '@proconsul/http-api';
import { nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { oneServer, RemoteCaller, RpcPool } from '@proconsul/rpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeExchange, type Seen } from '../../packages/http-api/src/testing/fake-front.ts';
import { eventually, pause } from '../e2e/eventually.ts';
import { freePort } from '../e2e/ports.ts';

/*
 * Our HTTP API over calls to a server of the reference, which CONSUL_BIN names: it must answer what the server's own API
 * answers.
 *     CONSUL_BIN=... npx vitest run tests/interop/rpc-calls.test.ts
 */

const REFERENCE = process.env['CONSUL_BIN'];
const NODE = 'reference';

const SETTINGS: ApiSettings = {
  ...{ indent: true, defaultAclPolicy: 'allow', aclEnabled: false, connectEnabled: true, responseHeaders: [] },
  ...{ translateWanAddrs: false, blockEndpoints: [], allowWriteFrom: [], useCache: true, discoveryMaxStaleMs: 0 },
  ...{ kvMaxValueSizeBytes: 512 * 1024, txnMaxBytes: 512 * 1024, disableUnprintableCharFilter: false },
  ...{ uiEnabled: false, uiContentPath: '/ui/', useStreamingBackend: false, enableDebug: false },
};

describe.skipIf(REFERENCE === undefined)('a server of the reference', () => {
  let child: ChildProcess;
  let http = '';
  let remote: RemoteCaller;
  let pool: RpcPool;
  let api: HttpApi;
  const dir = mkdtempSync(join(tmpdir(), 'rpc-interop-'));

  beforeAll(async () => {
    const [server, lan, wan, web, dns, grpc] = (await Promise.all([1, 2, 3, 4, 5, 6].map(freePort))) as number[];
    const ports = [
      `server=${server}`,
      `serf_lan=${lan}`,
      `serf_wan=${wan}`,
      `http=${web}`,
      `dns=${dns}`,
      `grpc=${grpc}`,
    ];
    child = spawn(
      REFERENCE as string,
      [
        ...['agent', '-dev', '-node', NODE, '-bind', '127.0.0.1', '-data-dir', dir, '-log-level', 'warn'],
        ...ports.flatMap((p) => {
          const [name, port] = p.split('=');
          return ['-hcl', `ports { ${name} = ${port} }`];
        }),
        ...['-hcl', 'ports { grpc_tls = -1 }', '-hcl', 'use_streaming_backend = false'],
      ],
      { stdio: 'ignore' },
    );
    http = `http://127.0.0.1:${web}`;
    const clock = systemClock;
    pool = new RpcPool({}, { network: nodeNetwork, clock, log: silentLog });
    const peer = {
      name: NODE,
      datacenter: 'dc1',
      address: { host: '127.0.0.1', port: server as number },
      useTls: false,
    };
    remote = new RemoteCaller({
      ...{ client: pool, servers: oneServer(peer), clock, rng: systemRng },
      ...{ holdTimeoutMs: 7000, callTimeoutMs: 60_000 },
    });
    api = new HttpApi({
      ...{ datacenter: 'dc1', caller: remote, clock, log: silentLog, metrics: noMetrics },
      agent: { nodeName: NODE, datacenter: 'dc1' } as AgentApi,
      settings: () => SETTINGS,
      gzip: async (body) => body,
    });
    await eventually(async () => {
      const leader = await fetch(`${http}/v1/status/leader`).then((r) => r.json());
      return leader !== '';
    });
  });

  afterAll(async () => {
    pool.close();
    child.kill('SIGKILL');
    await pause(100);
    rmSync(dir, { recursive: true, force: true });
  });

  async function ours(method: string, target: string, body = ''): Promise<Seen> {
    const exchange = new FakeExchange(method, target, { body });
    api.handle(exchange, exchange);
    await eventually(() => exchange.answers.length > 0);
    return exchange.answers[0] as Seen;
  }

  async function theirs(method: string, target: string, body?: string) {
    const answer = await fetch(`${http}${target}`, { method, ...(body === undefined ? {} : { body }) });
    return { status: answer.status, body: await answer.text(), index: answer.headers.get('x-consul-index') };
  }

  /** The numbers of the log differ between two changes that are otherwise the same. */
  const settled = (text: string): string =>
    text.replace(/"(Create|Modify|Lock)Index":\d+/g, '"$1Index":0').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID');

  const changes: readonly (readonly [method: string, target: string, body: string])[] = [
    ['PUT', '/v1/kv/a/b?flags=18446744073709551615', 'value'],
    ['PUT', '/v1/kv/a/c', ''],
    ['PUT', '/v1/kv/a/b?cas=1', 'x'],
    ['DELETE', '/v1/kv/none', ''],
    ['DELETE', '/v1/kv/a/b?cas=1', ''],
    ['PUT', '/v1/kv/a/b?acquire=00000000-0000-0000-0000-000000000000', 'x'],
    [
      'PUT',
      '/v1/catalog/register',
      JSON.stringify({
        ...{ Node: 'n1', Address: '10.0.0.1', NodeMeta: { rack: 'r1' }, TaggedAddresses: { lan: '10.0.0.1' } },
        Service: { ID: 'web1', Service: 'web', Tags: ['a', 'B'], Port: 80, Meta: { k: 'v' } },
        Checks: [
          { Node: 'n1', CheckID: 'c1', Name: 'c one', Status: 'warning', ServiceID: 'web1', Output: 'o', Notes: 'n' },
          { Node: 'n1', CheckID: 'node', Name: 'of the node', Status: 'passing', Definition: { Interval: '10s' } },
        ],
      }),
    ],
    [
      'PUT',
      '/v1/catalog/register',
      JSON.stringify({
        ...{ Node: 'n2', Address: '10.0.0.2' },
        Service: { ID: 'web2', Service: 'web', Port: 81 },
        Check: { CheckID: 'c2', Name: 'c two', Status: 'passing', ServiceID: 'web2' },
      }),
    ],
    [
      'PUT',
      '/v1/catalog/register',
      JSON.stringify({
        ...{ Node: 'n2', Address: '10.0.0.2' },
        Service: {
          ...{ Kind: 'connect-proxy', ID: 'web-proxy', Service: 'web-proxy', Port: 82 },
          Proxy: {
            ...{ DestinationServiceName: 'web', Config: { n: 1, f: 1.5, l: ['x'] } },
            Upstreams: [{ DestinationName: 'db', LocalBindPort: 1 }],
          },
        },
      }),
    ],
    ['PUT', '/v1/catalog/register', JSON.stringify({ Address: '10.0.0.2' })],
    ['PUT', '/v1/catalog/deregister', JSON.stringify({ Node: 'nobody' })],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({ Kind: 'service-defaults', Name: 'web', Protocol: 'http', Meta: { a: 'b' } }),
    ],
    ['PUT', '/v1/config', JSON.stringify({ Kind: 'proxy-defaults', Name: 'global', Config: { n: 1, f: 1.5, s: 'x' } })],
    ['PUT', '/v1/config', JSON.stringify({ Kind: 'mesh', TransparentProxy: { MeshDestinationsOnly: true } })],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({
        ...{ Kind: 'service-resolver', Name: 'web', ConnectTimeout: '5s', DefaultSubset: 'v1' },
        Subsets: { v1: { Filter: 'Service.Meta.k == v' } },
        LoadBalancer: {
          Policy: 'ring_hash',
          RingHashConfig: { MinimumRingSize: 5 },
          HashPolicies: [{ SourceIP: true }],
        },
      }),
    ],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({
        Kind: 'service-splitter',
        Name: 'web',
        Splits: [{ Weight: 33.3 }, { Weight: 66.7, Service: 'x' }],
      }),
    ],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({
        ...{ Kind: 'service-router', Name: 'web' },
        Routes: [
          {
            Match: { HTTP: { PathPrefix: '/x', Header: [{ Name: 'h', Exact: 'v' }], Methods: ['GET'] } },
            Destination: { Service: 'web', RequestTimeout: '3s', NumRetries: 3, RetryOnStatusCodes: [502, 503] },
          },
        ],
      }),
    ],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({
        ...{ Kind: 'service-intentions', Name: 'web', Sources: [{ Name: 'a', Action: 'allow' }] },
      }),
    ],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({ Kind: 'terminating-gateway', Name: 'tg', Services: [{ Name: 'web', SNI: 's' }] }),
    ],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({
        ...{ Kind: 'ingress-gateway', Name: 'ig' },
        Listeners: [{ Port: 8443, Protocol: 'http', Services: [{ Name: 'web', Hosts: ['*'], MaxConnections: 5 }] }],
      }),
    ],
    ['PUT', '/v1/config', JSON.stringify({ Kind: 'exported-services', Name: 'default', Services: [] })],
    [
      'PUT',
      '/v1/config',
      JSON.stringify({
        ...{ Kind: 'jwt-provider', Name: 'j', Issuer: 'i' },
        JSONWebKeySet: { Local: { JWKS: 'eyJrZXlzIjogW119' } },
      }),
    ],
    ['DELETE', '/v1/config/service-router/web', ''],
    ['DELETE', '/v1/config/service-splitter/web?cas=1', ''],
    ['PUT', '/v1/config', JSON.stringify({ Kind: 'service-defaults', Name: 'web', Protocol: 'tcp' })],
    [
      'PUT',
      '/v1/query',
      JSON.stringify({ Name: 'q1', Service: { Service: 'web', Near: '_agent' }, DNS: { TTL: '9s' } }),
    ],
    ['PUT', '/v1/query', JSON.stringify({ Name: 'q1', Service: { Service: 'web' } })],
    ['PUT', '/v1/session/create', JSON.stringify({ Node: 'nobody' })],
    ['PUT', '/v1/session/destroy/00000000-0000-0000-0000-000000000000', ''],
    ['PUT', '/v1/session/renew/00000000-0000-0000-0000-000000000000', ''],
    [
      'PUT',
      '/v1/txn',
      JSON.stringify([
        { KV: { Verb: 'set', Key: 't1', Value: 'djE=' } },
        { KV: { Verb: 'get', Key: 't1' } },
        { Node: { Verb: 'set', Node: { Node: 'txn1', Address: '10.1.1.1' } } },
        { Service: { Verb: 'set', Node: 'txn1', Service: { Service: 'sv', Port: 5 } } },
      ]),
    ],
    ['PUT', '/v1/txn', JSON.stringify([{ KV: { Verb: 'check-not-exists', Key: 't1' } }])],
    ['PUT', '/v1/txn', JSON.stringify([{ KV: { Verb: 'cas', Key: 't1', Index: 1, Value: '' } }])],
    [
      'PUT',
      '/v1/coordinate/update',
      JSON.stringify({
        Node: 'n1',
        Coord: { Vec: [1, 2, 3, 4, 5, 6, 7, 8], Error: 1.5, Adjustment: 0.25, Height: 1e-5 },
      }),
    ],
    [
      'PUT',
      '/v1/operator/autopilot/configuration',
      JSON.stringify({ MaxTrailingLogs: 500, LastContactThreshold: '300ms' }),
    ],
    ['PUT', '/v1/operator/autopilot/configuration?cas=1', JSON.stringify({ MaxTrailingLogs: 501 })],
    ['DELETE', '/v1/operator/raft/peer?id=nobody', ''],
    ['DELETE', '/v1/operator/raft/peer?address=10.0.0.9:8300', ''],
  ];

  test.for(changes)('%s %s %s is answered alike', async ([method, target, body]) => {
    const looped = await ours(method, target, body);
    const direct = await theirs(method, target, body);
    // A hop tells of itself.
    const text = looped.body.replace(/^rpc error making call: /, '').replace(/(failed: )rpc error making call: /, '$1');
    expect({ status: looped.status, body: settled(text) }).toEqual({
      status: direct.status,
      body: settled(direct.body),
    });
  });

  const reads: readonly string[] = [
    ...[
      '/v1/kv/a/b',
      '/v1/kv/a/b?raw',
      '/v1/kv/a/?recurse',
      '/v1/kv/?keys&separator=/',
      '/v1/kv/none',
      '/v1/kv/z?keys',
    ],
    ...['/v1/catalog/nodes', '/v1/catalog/nodes?node-meta=rack:r1', '/v1/catalog/nodes?filter=Node==n2'],
    ...['/v1/catalog/nodes?filter=Nope', '/v1/catalog/nodes?near=n1', '/v1/catalog/datacenters'],
    ...['/v1/catalog/services', '/v1/catalog/service/web', '/v1/catalog/service/web?tag=a&tag=b'],
    ...['/v1/catalog/service/web?tag=nope', '/v1/catalog/service/none', '/v1/catalog/connect/web'],
    ...['/v1/catalog/node/n1', '/v1/catalog/node/none', '/v1/catalog/node-services/n2'],
    ...['/v1/catalog/node-services/none', '/v1/catalog/gateway-services/ig', '/v1/catalog/gateway-services/tg'],
    ...['/v1/health/node/n1', '/v1/health/checks/web', '/v1/health/state/any', '/v1/health/state/warning'],
    ...['/v1/health/service/web', '/v1/health/service/web?passing', '/v1/health/service/none'],
    ...['/v1/health/service/sv', '/v1/health/service/sv?passing', '/v1/catalog/node/txn1', '/v1/internal/ui/node/txn1'],
    ...['/v1/health/node/txn1', '/v1/catalog/node-services/txn1', '/v1/internal/ui/nodes?filter=Node==txn1'],
    ...['/v1/health/connect/web', '/v1/health/ingress/web', '/v1/health/service/web?filter=Node.Node==n1'],
    ...['/v1/session/list', '/v1/session/info/00000000-0000-0000-0000-000000000000', '/v1/session/node/n1'],
    ...[
      '/v1/query',
      '/v1/query/00000000-0000-0000-0000-000000000000',
      '/v1/query/none/execute',
      '/v1/query/q1/explain',
    ],
    ...['/v1/coordinate/nodes', '/v1/coordinate/node/n1', '/v1/coordinate/datacenters'],
    ...['/v1/status/leader', '/v1/status/peers', '/v1/operator/raft/configuration'],
    ...['/v1/operator/autopilot/configuration', '/v1/operator/usage', '/v1/config/proxy-defaults', '/v1/config/mesh'],
    ...['/v1/config/service-defaults', '/v1/config/service-defaults/web', '/v1/config/proxy-defaults/global'],
    ...['/v1/config/mesh/mesh', '/v1/config/service-resolver/web', '/v1/config/service-splitter/web'],
    ...['/v1/config/service-router/web', '/v1/config/service-intentions/web', '/v1/config/terminating-gateway/tg'],
    ...['/v1/config/ingress-gateway/ig', '/v1/config/exported-services/default', '/v1/config/jwt-provider/j'],
    ...['/v1/config/nonsense', '/v1/config/nonsense/x', '/v1/connect/ca/roots', '/v1/connect/ca/configuration'],
    ...['/v1/internal/ui/nodes', '/v1/internal/ui/node/n1', '/v1/internal/ui/services'],
    ...['/v1/internal/federation-states', '/v1/internal/federation-state/dc1'],
    ...['/v1/kv/a/b?dc=nowhere', '/v1/catalog/nodes?dc=nowhere', '/v1/query/none', '/v1/health/state/any?stale'],
  ];

  test.for(reads)('GET %s is answered alike', async (target) => {
    let looped = await ours('GET', target);
    let direct = await theirs('GET', target);
    // The server writes to its log of its own accord.
    for (let again = 0; again < 3 && looped.body !== direct.body; again++) {
      looped = await ours('GET', target);
      direct = await theirs('GET', target);
    }
    const text = looped.body.replace('rpc error making call: ', '');
    // Rows that servers keep in no order come in any.
    const sorted = (body: string) => (/^[[{]/.test(body) ? JSON.stringify(inOrder(JSON.parse(body))) : body);
    expect([looped.status, looped.headers['x-consul-index'] ?? null]).toEqual([direct.status, direct.index]);
    expect(sorted(text)).toBe(sorted(direct.body));
  });

  function inOrder(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(inOrder).toSorted(byText);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inOrder(inner)]));
  }

  const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

  test('wakes a waiting read, and gives up one that was cancelled', async () => {
    const args = { Datacenter: '', Token: '', Key: 'wait' };
    const read = (minIndex: number) =>
      new Promise<number>((resolve, reject) => {
        remote.read(KVS.Get, args, { ...READ_NOW, minIndex, waitMs: 20_000 }, (error, view) => {
          if (view === null) reject(error);
          else resolve(view.index);
        });
      });
    await theirs('PUT', '/v1/kv/wait', '1');
    const index = await read(0);
    const waiting = read(index);
    let wasTold = false;
    const cancel = remote.read(KVS.Get, args, { ...READ_NOW, minIndex: index + 1000 }, () => {
      wasTold = true;
    });
    await pause(200);
    cancel();
    await theirs('PUT', '/v1/kv/wait', '2');
    expect(await waiting).toBeGreaterThan(index);
    await pause(100);
    expect(wasTold).toBe(false);
  });

  test('tells how far it is, and that it is there', async () => {
    const who = { Datacenter: '', Token: '' };
    const told = <T>(method: Parameters<RemoteCaller['read']>[0]) =>
      new Promise<T>((resolve, reject) => {
        remote.read(method, who, READ_NOW, (error, view) => (view === null ? reject(error) : resolve(view.value as T)));
      });
    expect(await told(Status.Ping)).toBe(null);
    expect(await told(Status.RaftStats)).toMatchObject({ LastContact: '0', LastTerm: expect.any(Number) });
  });
});
