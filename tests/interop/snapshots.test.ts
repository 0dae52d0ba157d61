import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, program, run, type TestAgent } from '../e2e/harness.ts';
import { Agents, nothingToCompare, real } from './reference.ts';

/*
 * Archives of the state, from one program to the other and back.
 *     CONSUL_BIN=... npx vitest run tests/interop/snapshots.test.ts
 */

/** Everything of the state that the API lists. */
const LISTS = [
  ...['/v1/catalog/nodes', '/v1/catalog/services', '/v1/catalog/service/web', '/v1/catalog/node/n1'],
  ...['/v1/health/state/any', '/v1/health/service/web', '/v1/health/connect/web', '/v1/coordinate/nodes'],
  ...['/v1/kv/?recurse', '/v1/session/list', '/v1/query', '/v1/connect/ca/roots', '/v1/connect/ca/configuration'],
  ...['/v1/config/service-defaults', '/v1/config/service-intentions', '/v1/config/service-resolver'],
  ...['/v1/config/proxy-defaults', '/v1/config/mesh', '/v1/operator/autopilot/configuration'],
  ...['/v1/internal/federation-states', '/v1/health/ingress/web', '/v1/catalog/gateway-services/tgw'],
];

async function fill(agent: TestAgent): Promise<void> {
  const register = (body: object) =>
    agent.mustPut('/v1/catalog/register', { Node: 'n1', Address: '10.0.0.1', ...body });
  await register({ NodeMeta: { rack: 'r1' }, TaggedAddresses: { wan: '1.2.3.4' } });
  const Check = { CheckID: 'c1', Name: 'c', Status: 'warning', ServiceID: 'web1', Output: 'hm' };
  await register({ Service: { Service: 'web', ID: 'web1', Tags: ['a', 'b'], Port: 80, Meta: { v: '1' } }, Check });
  const sidecar = { DestinationServiceName: 'web', Upstreams: [{ DestinationName: 'db', LocalBindPort: 9000 }] };
  await register({ Service: { Service: 'web-proxy', Kind: 'connect-proxy', Port: 81, Proxy: sidecar } });
  await register({ Service: { Service: 'igw', Kind: 'ingress-gateway', Port: 82 } });
  await register({ Service: { Service: 'tgw', Kind: 'terminating-gateway', Port: 83 } });
  const coordinate = { Node: 'n1', Coord: { Vec: [1, 2, 3, 4, 5, 6, 7, 8], Error: 0.5, Adjustment: 0, Height: 1e-5 } };
  await agent.mustPut('/v1/coordinate/update', coordinate);
  for (let i = 0; i < 20; i++) await agent.mustPut(`/v1/kv/k/${i}?flags=${i}`, i === 3 ? '' : `value ${i}`);
  await agent.delete('/v1/kv/k/7');
  const session = await agent.mustPut('/v1/session/create', { Node: 'n1', NodeChecks: [], Behavior: 'delete' });
  await agent.mustPut(`/v1/kv/lock?acquire=${session.json().ID}`, 'held');
  const Service = { Service: 'web', Failover: { NearestN: 2 }, Tags: ['a'] };
  await agent.request('POST', '/v1/query', { Name: 'q', Service });
  await agent.request('POST', '/v1/query', {
    Name: 'geo-',
    Template: { Type: 'name_prefix_match', Regexp: '^geo-(.*)$' },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of prepared queries.
    Service: { Service: '${match(1)}' },
  });
  const config = (entry: object) => agent.mustPut('/v1/config', entry);
  await config({ Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'http', n: 1.5 } });
  await config({ Kind: 'service-defaults', Name: 'web', Protocol: 'http', Meta: { a: 'b' } });
  await config({ Kind: 'service-intentions', Name: 'web', Sources: [{ Name: 'api', Action: 'allow' }] });
  await config({ Kind: 'service-intentions', Name: '*', Sources: [{ Name: '*', Action: 'deny' }] });
  await config({ Kind: 'service-resolver', Name: 'web', ConnectTimeout: '3s', Subsets: { v1: { OnlyPassing: true } } });
  await config({ Kind: 'mesh', TransparentProxy: { MeshDestinationsOnly: true } });
  const Listeners = [{ Port: 8080, Protocol: 'http', Services: [{ Name: 'web', Hosts: ['a.example'] }] }];
  await config({ Kind: 'ingress-gateway', Name: 'igw', Listeners });
  await config({ Kind: 'terminating-gateway', Name: 'tgw', Services: [{ Name: 'ext' }, { Name: '*' }] });
  await eventually(async () => (await agent.get('/v1/coordinate/node/n1')).status === 200, { withinMs: 15_000 });
}

interface Row {
  readonly Type: string;
  readonly Data: unknown;
}

/** Records of an archive as the reference reads them, sorted. */
async function decoded(archive: string): Promise<Row[]> {
  const { code, stdout, stderr } = await run([...real, 'snapshot', 'decode', archive]);
  expect([code, stderr]).toEqual([0, '']);
  const rows = stdout.split('\n').filter((line) => line !== '');
  return rows.sort().map((line) => JSON.parse(line));
}

/** Counts by type that `snapshot inspect` prints. */
async function inspected(command: readonly string[], archive: string): Promise<Record<string, number>> {
  const { code, stdout } = await run([...command, 'snapshot', 'inspect', '-format=json', archive]);
  expect(code).toBe(0);
  const { Stats } = JSON.parse(stdout) as { Stats: { Name: string; Count: number }[] };
  return Object.fromEntries(Stats.map(({ Name, Count }) => [Name, Count]));
}

describe.skipIf(nothingToCompare()).each([
  { from: 'ours', to: 'the reference' },
  { from: 'the reference', to: 'ours' },
])('a state of $from restored in $to', ({ from }) => {
  const agents = new Agents();
  let source: TestAgent;
  let target: TestAgent;
  let first: string;
  let second: string;

  beforeAll(async () => {
    source = await agents.start({ mode: 'server', node: 'node' }, from !== 'ours');
    target = await agents.start({ mode: 'server', node: 'node' }, from === 'ours');
    first = `${source.dir}/first.snap`;
    second = `${target.dir}/second.snap`;
    await fill(source);
    writeFileSync(first, new Uint8Array(await (await fetch(source.url('/v1/snapshot'))).arrayBuffer()));
    expect((await target.request('PUT', '/v1/snapshot', new Uint8Array(readFileSync(first)))).status).toBe(200);
    writeFileSync(second, new Uint8Array(await (await fetch(target.url('/v1/snapshot'))).arrayBuffer()));
  }, 90_000);
  afterAll(() => agents.stop());

  /** The new leader writes itself down: its own addresses, ids and times differ, and so does what it touches. */
  const settled = (text: string): string =>
    text
      .replace(/"(Create|Modify|PrimaryModify|Lock)?Index":\d+/g, '"$1Index":0')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'ID')
      // Each restore of the reference computes them anew, in its own way.
      .replace(/"Hash":\d+/g, '"Hash":0')
      .replace(/127\.0\.0\.1:\d+/g, 'ADDRESS')
      .replace(/"(grpc_port|Port|port|wan_join_port|serf_\w+)":("?)\d+"?/g, '"$1":$2PORT$2');

  const inOrder = (text: string): string =>
    (JSON.parse(text) as unknown[])
      .map((row) => settled(JSON.stringify(row)))
      .sort()
      .join('\n');

  /** Tags come in no order there. */
  const sortedTexts = (_: string, value: unknown): unknown => (Array.isArray(value) ? value.toSorted() : value);

  test.for(LISTS)('%s is the same', async (path) => {
    const [theirs, ours] = await Promise.all([source.get(path), target.get(path)]);
    expect(ours.status).toBe(theirs.status);
    // Gateways come after the proxies there, and among them here.
    const rows = (text: string) => {
      if (path === '/v1/catalog/services') return JSON.stringify(JSON.parse(text, sortedTexts));
      return path.includes('/health/connect/') ? inOrder(text) : settled(text);
    };
    expect(rows(ours.text)).toBe(rows(theirs.text));
  });

  test('both programs count the same records in both archives', async () => {
    const ours = program();
    const counts = await inspected(real, first);
    expect(await inspected(ours, first)).toEqual(counts);
    const again = await inspected(real, second);
    expect(await inspected(ours, second)).toEqual(again);
    // Rows of indexes come as the state needs them.
    const { Index: _a, ...before } = counts;
    const { Index: _b, ...after } = again;
    expect(after).toEqual(before);
  });

  test('record by record, the second archive holds what the first did', async () => {
    const [before, after] = await Promise.all([decoded(first), decoded(second)]);
    const own = (row: Row) => row.Type === 'Register' && JSON.stringify(row.Data).includes('"Node":"node"');
    const texts = (rows: Row[]) =>
      rows
        .filter((row) => row.Type !== 'Index' && row.Type !== 'SnapshotHeader' && !own(row))
        .map((row) => settled(JSON.stringify(row)))
        .sort();
    expect(texts(after)).toEqual(texts(before));
    const keys = (rows: Row[]) => rows.filter((r) => r.Type === 'Index').map((r) => (r.Data as { Key: string }).Key);
    // None of the indexes by which clients go on is lost.
    expect(keys(before).filter((key) => !keys(after).includes(key))).toEqual([]);
  });
});
