import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { type Body, eventually, freePort, run, type TestAgent } from '../e2e/harness.ts';
import { Agents, lan, letLead, nothingToCompare, real } from './reference.ts';

/*
 * A server of ours and one of the reference in one cluster, while every write of the API is used: through theirs as the
 * leader, also for what ours does not serve, and through ours. Their states stay the same, record by record.
 *     CONSUL_BIN=... npx vitest run tests/interop/mixed-writes.test.ts
 */

const LONG = 180_000;
const TOKEN = '11111111-2222-3333-4444-555555555555';
const headers = { 'X-Consul-Token': TOKEN };
const settled = { autopilot: { server_stabilization_time: '1s' }, performance: { raft_multiplier: 1 } };

interface Row {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: records of every type.
  readonly Data: any;
}

/** Every server counts these on its own, or keeps them apart in its own way. */
const OWN_INDEXES =
  /^(coordinates|connect-destination\..*|service-virtual-ips\..*|gateway-services|kind_service_names\.destination)$/;

function isCompared({ Type, Data }: Row): boolean {
  if (Type === 'SnapshotHeader' || Type === 'CoordinateBatchUpdate') return false;
  return Type !== 'Index' || !OWN_INDEXES.test(Data.Key);
}

/** A hash of the content is each server's own where the state machine computes it. */
function settledRow(row: Row): string {
  const entry = row.Type === 'ConfigEntry' ? row.Data.Entry : undefined;
  if (entry?.Kind === 'service-intentions') entry.Hash = 0;
  // Leaders of the reference sort what they keep while they work on it, which followers do not see.
  entry?.Status?.Conditions?.sort((a: { Type: string }, b: { Type: string }) => (a.Type < b.Type ? -1 : 1));
  return JSON.stringify(row);
}

/** The state of a server as the reference reads its archive, sorted. */
async function state(agent: TestAgent): Promise<string[]> {
  const archive = `${agent.dir}/state.snap`;
  const reply = await fetch(agent.url('/v1/snapshot?stale'), { headers });
  expect(reply.status).toBe(200);
  writeFileSync(archive, new Uint8Array(await reply.arrayBuffer()));
  const { code, stdout, stderr } = await run([...real, 'snapshot', 'decode', archive]);
  expect([code, stderr]).toEqual([0, '']);
  const rows = stdout.split('\n').filter((line) => line !== '');
  return rows
    .map((line) => JSON.parse(line) as Row)
    .filter(isCompared)
    .map(settledRow)
    .sort();
}

describe.skipIf(nothingToCompare())('a server of ours and one of the reference', () => {
  const agents = new Agents();
  afterEach(() => agents.stop(), 30_000);

  async function pair(): Promise<{ ours: TestAgent; theirs: TestAgent }> {
    const acl = { enabled: true, default_policy: 'allow', tokens: { initial_management: TOKEN } };
    const config = { ...settled, acl, ports: { grpc_tls: await freePort() } };
    const theirs = await agents.start({ mode: 'server', node: 'theirs', config }, true);
    const ours = await agents.start({ mode: 'peer', node: 'ours', config: { ...settled, retry_join: [lan(theirs)] } });
    await eventually(
      async () => {
        const { Servers } = (await theirs.get('/v1/operator/raft/configuration', headers)).json();
        return Servers.filter((s: { Voter: boolean }) => s.Voter).length === 2;
      },
      { withinMs: 40_000, what: 'both vote' },
    );
    return { ours, theirs };
  }

  /** Their states are the same as soon as both have applied the same. */
  async function expectAlike(theirs: TestAgent, ours: TestAgent, minRows: number): Promise<void> {
    let found: [string[], string[]] = [[], []];
    await eventually(
      async () => {
        found = [await state(theirs), await state(ours)];
        return found[0].join('\n') === found[1].join('\n');
      },
      { withinMs: 15_000 },
    ).catch(() => {});
    expect(found[1]).toEqual(found[0]);
    expect(found[0].length).toBeGreaterThan(minRows);
  }

  const writer = (agent: TestAgent) => async (method: string, path: string, body?: Body) => {
    const reply = await agent.request(method, path, body, headers);
    expect([path, reply.status, reply.status === 200 ? '' : reply.text]).toEqual([path, 200, '']);
    return reply;
  };
  type Write = ReturnType<typeof writer>;

  async function accessControl(write: Write): Promise<void> {
    const policy = (
      await write('PUT', '/v1/acl/policy', { Name: 'p', Rules: 'node_prefix "" { policy = "read" }' })
    ).json();
    const role = (await write('PUT', '/v1/acl/role', { Name: 'r', Policies: [{ ID: policy.ID }] })).json();
    const Policies = [{ ID: policy.ID }];
    const token = (await write('PUT', '/v1/acl/token', { Policies, Roles: [{ ID: role.ID }] })).json();
    await write('PUT', `/v1/acl/policy/${policy.ID}`, { ...policy, Name: 'p2' });
    await write('PUT', `/v1/acl/token/${token.AccessorID}`, { ...token, Description: 'changed' });
    await write('PUT', `/v1/acl/token/${token.AccessorID}/clone`, { Description: 'copy' });
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    for (const Name of ['kept', 'gone']) {
      const Config = { JWTValidationPubKeys: [pem], BoundIssuer: 'x' };
      await write('PUT', '/v1/acl/auth-method', { Name, Type: 'jwt', Config });
      await write('PUT', '/v1/acl/binding-rule', { AuthMethod: Name, BindType: 'service', BindName: 'web' });
    }
    await write('DELETE', '/v1/acl/auth-method/gone');
    await write('DELETE', `/v1/acl/role/${role.ID}`);
  }

  async function intentions(write: Write): Promise<void> {
    const at = '/v1/connect/intentions';
    await write('PUT', `${at}/exact?source=a&destination=web`, { Action: 'allow' });
    await write('PUT', `${at}/exact?source=*&destination=web`, { Action: 'deny' });
    await write('PUT', `${at}/exact?source=b&destination=web`, { Action: 'deny', Description: 'no' });
    await write('DELETE', `${at}/exact?source=a&destination=web`);
    await write('PUT', `${at}/exact?source=x&destination=empty`, { Action: 'allow' });
    await write('DELETE', `${at}/exact?source=x&destination=empty`);
    const old = { SourceType: 'consul', DestinationName: 'old', Action: 'allow' };
    const ids: string[] = [];
    for (const SourceName of ['o1', 'o2', '*']) {
      ids.push((await write('POST', at, { ...old, SourceName, Meta: { m: SourceName } })).json().ID);
    }
    await write('PUT', `${at}/${ids[0]}`, { ...old, SourceName: 'o1', Action: 'deny' });
    await write('DELETE', `${at}/${ids[1]}`);
  }

  async function configEntries(agent: TestAgent, write: Write): Promise<void> {
    const Listeners = [{ Port: 8080, Protocol: 'http', Services: [{ Name: 'web', Hosts: ['a.example'] }] }];
    const listener = { Name: 'l', Port: 9443, Protocol: 'tcp' };
    const jwks = { Local: { JWKS: Buffer.from('{"keys":[]}').toString('base64') } };
    for (const entry of [
      { Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'http', n: 1.5, list: [1, 'x', { a: true }] } },
      { Kind: 'service-defaults', Name: 'db', Protocol: 'tcp', Destination: { Addresses: ['db.example'], Port: 5432 } },
      { Kind: 'service-resolver', Name: 'web', Subsets: { v1: { OnlyPassing: true } }, ConnectTimeout: '3s' },
      { Kind: 'service-splitter', Name: 'web', Splits: [{ Weight: 50, ServiceSubset: 'v1' }, { Weight: 50 }] },
      { Kind: 'service-router', Name: 'web', Routes: [{ Match: { HTTP: { PathPrefix: '/a' } } }] },
      { Kind: 'ingress-gateway', Name: 'ig', Listeners },
      { Kind: 'terminating-gateway', Name: 'tg', Services: [{ Name: 'db' }, { Name: 'other' }] },
      { Kind: 'mesh', TransparentProxy: { MeshDestinationsOnly: true } },
      { Kind: 'jwt-provider', Name: 'okta', Issuer: 'i', JSONWebKeySet: jwks },
      { Kind: 'exported-services', Name: 'default', Services: [{ Name: 'db', Consumers: [{ Peer: 'far' }] }] },
      { Kind: 'api-gateway', Name: 'ag', Listeners: [listener] },
      { Kind: 'tcp-route', Name: 'tr', Parents: [{ Kind: 'api-gateway', Name: 'ag' }], Services: [{ Name: 'db' }] },
    ]) {
      await write('PUT', '/v1/config', entry);
    }
    // Refused when it is applied, not before.
    const ring = {
      Kind: 'service-splitter',
      Name: 'ring',
      Splits: [{ Weight: 100, Service: 'web', ServiceSubset: 'no' }],
    };
    expect((await agent.request('PUT', '/v1/config', ring, headers)).status).toBe(500);
    expect((await agent.request('DELETE', '/v1/config/proxy-defaults/global', undefined, headers)).status).toBe(500);
    await write('PUT', '/v1/config', { Kind: 'terminating-gateway', Name: 'tg', Services: [{ Name: 'other' }] });
    await write('DELETE', '/v1/config/service-router/web');
  }

  async function catalog(write: Write): Promise<void> {
    const register = (body: object) =>
      write('PUT', '/v1/catalog/register', { Node: 'n', Address: '10.0.0.1', ...body });
    const Check = { CheckID: 'c', Name: 'c', Status: 'passing', ServiceID: 'web' };
    await register({ Service: { Service: 'web', Connect: { Native: true }, Port: 80 }, Check });
    await register({ Service: { Service: 'tg', Kind: 'terminating-gateway', Port: 81 } });
    const sidecar = { DestinationServiceName: 'web', Upstreams: [{ DestinationName: 'db', LocalBindPort: 1 }] };
    await register({ Service: { Service: 'web-proxy', Kind: 'connect-proxy', Port: 82, Proxy: sidecar } });
    await write('PUT', '/v1/internal/service-virtual-ip', { Service: 'web', ManualVIPs: ['240.9.9.9', '240.9.9.1'] });
    await write('POST', '/v1/query', {
      Name: 'q',
      Service: { Service: 'web', Failover: { Targets: [{ Peer: 'far' }] } },
    });
    const { ID } = (await write('PUT', '/v1/session/create', { Node: 'n', NodeChecks: [] })).json();
    await write('PUT', `/v1/kv/lock?acquire=${ID}`, 'held');
  }

  test(
    'all that theirs writes as the leader is in ours, and what ours writes in theirs',
    async () => {
      const { ours, theirs } = await pair();
      const farPorts = { grpc_tls: await freePort() };
      const farConfig = { ...settled, datacenter: 'dc2', ports: farPorts };
      const far = await agents.start({ mode: 'server', node: 'far', config: farConfig }, true);
      await letLead(theirs, theirs);
      const write = writer(theirs);
      await accessControl(write);
      await catalog(write);
      await intentions(write);
      await configEntries(theirs, write);
      await write('PUT', '/v1/connect/ca/configuration', {
        Provider: 'consul',
        Config: { PrivateKeyType: 'ec', PrivateKeyBits: 384, LeafCertTTL: '48h' },
      });
      await write('PUT', '/v1/operator/autopilot/configuration', {
        CleanupDeadServers: false,
        ServerStabilizationTime: '1s',
      });
      await expectAlike(theirs, ours, 80);

      // A peering, and what the peer lets us see.
      const { PeeringToken } = (await far.request('POST', '/v1/peering/token', { PeerName: 'near' })).json();
      await write('POST', '/v1/peering/establish', { PeerName: 'far', PeeringToken });
      await write('POST', '/v1/peering/token', { PeerName: 'other' });
      const Service = { Service: 'imported', Port: 80, Connect: { Native: true } };
      await far.mustPut('/v1/catalog/register', { Node: 'n', Address: '10.1.1.1', Service });
      await far.mustPut('/v1/config', {
        Kind: 'exported-services',
        Name: 'default',
        Services: [{ Name: 'imported', Consumers: [{ Peer: 'near' }] }],
      });
      await eventually(async () => (await state(theirs)).some((row) => row.includes('"imported"')), {
        withinMs: 20_000,
        what: 'an imported service',
      });
      await write('DELETE', '/v1/peering/other');
      await expectAlike(theirs, ours, 80);
      expect((await ours.get('/v1/catalog/service/imported?stale')).json()).toEqual([]);

      // And the other way round.
      await letLead(ours, theirs);
      const second = writer(ours);
      await second('PUT', '/v1/config', { Kind: 'service-defaults', Name: 'late', Protocol: 'http' });
      await second('PUT', '/v1/config', {
        Kind: 'service-intentions',
        Name: 'web',
        Sources: [{ Name: 'z', Action: 'allow' }],
      });
      await second('DELETE', '/v1/config/service-splitter/web');
      await second('PUT', '/v1/kv/ours', 'leads');
      await expectAlike(theirs, ours, 80);
      await letLead(theirs, ours);
      await write('PUT', '/v1/connect/intentions/exact?source=y&destination=web', { Action: 'deny' });
      await expectAlike(theirs, ours, 80);
      for (const agent of [ours, theirs]) expect(agent.log).not.toMatch(/^panic:|FSM_UNKNOWN_COMMAND/m);

      // What ours saves, a fresh server of theirs takes.
      const archive = await fetch(ours.url('/v1/snapshot?stale'));
      const fresh = await agents.start({ mode: 'server', node: 'fresh', config: settled }, true);
      await fresh.mustPut('/v1/snapshot', new Uint8Array(await archive.arrayBuffer()));
      await eventually(async () => (await fresh.get('/v1/kv/ours?raw')).text === 'leads', { withinMs: 15_000 });
      expect((await fresh.get('/v1/peering/far')).json()).toMatchObject({ Name: 'far' });
      expect((await fresh.get('/v1/connect/intentions')).json()).toHaveLength(4);
      expect(fresh.log).not.toMatch(/^panic:/m);
    },
    LONG,
  );
});
