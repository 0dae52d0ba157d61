import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, type TestAgent } from '../e2e/harness.ts';
import { Agents, lan, letLead, nothingToCompare, unknownCalls, wan } from './reference.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');

/*
 * Two datacenters, one of ours and one of the reference's, joined over the WAN.
 *     CONSUL_BIN=... npx vitest run tests/interop/datacenters.test.ts
 */
describe.skipIf(nothingToCompare()).each([
  { first: 'ours', second: 'the reference' },
  { first: 'the reference', second: 'ours' },
])('dc1 of $first, dc2 of $second', ({ first }) => {
  const agents = new Agents();
  const isReal = { dc1: first !== 'ours', dc2: first === 'ours' };
  let one: TestAgent;
  let two: TestAgent;

  beforeAll(async () => {
    const start = (node: string, datacenter: 'dc1' | 'dc2', join: object) =>
      agents.start(
        { mode: 'server', node, config: { datacenter, primary_datacenter: 'dc1', encrypt: KEY, ...join } },
        isReal[datacenter],
      );
    one = await start('one', 'dc1', {});
    two = await start('two', 'dc2', { retry_join_wan: [wan(one)], retry_interval_wan: '500ms' });
    await eventually(async () => (await one.get('/v1/catalog/datacenters')).json().length === 2);
    await eventually(async () => (await two.get('/v1/catalog/datacenters')).json().length === 2);
  }, 60_000);
  afterAll(() => agents.stop());

  test('each reads and writes in the other, and knows no third', async () => {
    expect((await one.put('/v1/kv/x?dc=dc2', 'from one')).text).toBe('true');
    expect((await two.put('/v1/kv/x?dc=dc1', 'from two')).text).toBe('true');
    expect((await one.get('/v1/kv/x?raw')).text).toBe('from two');
    expect((await one.get('/v1/kv/x?raw&dc=dc2')).text).toBe('from one');
    expect((await two.get('/v1/kv/x?raw&dc=dc1&consistent')).text).toBe('from two');
    for (const agent of [one, two]) {
      const { status, text } = await agent.get('/v1/kv/x?dc=dc9');
      expect([status, text]).toEqual([500, 'No path to datacenter']);
    }
  });

  test('a read that waits in the other is woken', async () => {
    for (const [here, there, dc] of [
      [one, two, 'dc2'],
      [two, one, 'dc1'],
    ] as const) {
      const before = await here.get(`/v1/kv/waits?dc=${dc}`);
      const index = before.headers.get('x-consul-index');
      const waiting = here.get(`/v1/kv/waits?dc=${dc}&raw&wait=20s&index=${index}`);
      await there.mustPut('/v1/kv/waits', 'now');
      expect((await waiting).text).toBe('now');
    }
  });

  test('each saves the state of the other, and puts it back', async () => {
    for (const [here, dc] of [
      [one, 'dc2'],
      [two, 'dc1'],
    ] as const) {
      await here.mustPut(`/v1/kv/kept?dc=${dc}`, 'kept');
      const archive = await fetch(here.url(`/v1/snapshot?dc=${dc}`));
      const bytes = new Uint8Array(await archive.arrayBuffer());
      await here.delete(`/v1/kv/kept?dc=${dc}`);
      expect((await here.request('PUT', `/v1/snapshot?dc=${dc}`, bytes)).status).toBe(200);
      await eventually(async () => (await here.get(`/v1/kv/kept?raw&dc=${dc}`)).text === 'kept');
    }
  });

  test('a prepared query goes on to the other when there is nobody here', async () => {
    for (const [here, there, dc] of [
      [one, two, 'dc2'],
      [two, one, 'dc1'],
    ] as const) {
      const name = `only-${dc}`;
      await there.mustPut('/v1/agent/service/register', { Name: name, Port: 80 });
      const Service = { Service: name, Failover: { Datacenters: [dc] } };
      const query = await here.request('POST', '/v1/query', { Name: name, Service });
      expect(query.status).toBe(200);
      const found = await eventually(async () => {
        const reply = (await here.get(`/v1/query/${name}/execute`)).json();
        return reply.Nodes?.length === 1 && reply;
      });
      expect([found.Datacenter, found.Failovers]).toEqual([dc, 1]);
    }
  });

  test('both show the coordinates of both, and the keys of both', async () => {
    for (const agent of [one, two]) {
      const found = await eventually(async () => {
        const list = (await agent.get('/v1/coordinate/datacenters')).json<{ Datacenter: string }[]>();
        return list.length === 2 && list;
      });
      expect(found.map((d) => d.Datacenter).sort()).toEqual(['dc1', 'dc2']);
      const rings = (await agent.get('/v1/operator/keyring')).json<
        { WAN: boolean; Datacenter: string; Keys: Record<string, number> }[]
      >();
      const told = rings.map((r) => `${r.WAN ? 'wan' : 'lan'} ${r.Datacenter} ${r.Keys[KEY]}`);
      expect(told.sort()).toEqual([`lan dc1 1`, `lan dc2 1`, `wan ${agent === one ? 'dc1' : 'dc2'} 2`]);
    }
  });

  test('events reach the one that they are meant for', async () => {
    expect((await one.put('/v1/event/fire/go?dc=dc2')).status).toBe(200);
    await eventually(async () => (await two.get('/v1/event/list?name=go')).json().length === 1);
    expect((await one.get('/v1/event/list?name=go')).json()).toEqual([]);
  });

  test('a second server that joins the LAN alone comes into the WAN', async () => {
    // Of the other program than the one that is there.
    const config = { datacenter: 'dc2', primary_datacenter: 'dc1', encrypt: KEY, retry_join: [lan(two)] };
    await agents.start({ mode: 'peer', node: 'late', config }, !isReal.dc2);
    await eventually(
      async () => {
        const members = (await one.get('/v1/agent/members?wan=1')).json<{ Name: string; Status: number }[]>();
        return members.some((m) => m.Name === 'late.dc2' && m.Status === 1);
      },
      { withinMs: 70_000, what: 'late.dc2 in the WAN' },
    );
  }, 90_000);
});

describe.skipIf(nothingToCompare())('a secondary datacenter of the reference', () => {
  const agents = new Agents();
  let primary: TestAgent;
  let follower: TestAgent;
  let secondary: TestAgent;

  beforeAll(async () => {
    const autopilot = { server_stabilization_time: '500ms' };
    primary = await agents.start({ mode: 'server', node: 'p1', config: { autopilot } });
    follower = await agents.start({ mode: 'peer', node: 'p2', config: { retry_join: [lan(primary)] } }, true);
    const config = {
      ...{ datacenter: 'dc2', primary_datacenter: 'dc1', log_level: 'debug' },
      ...{ retry_join_wan: [wan(primary)], retry_interval_wan: '500ms' },
    };
    secondary = await agents.start({ mode: 'server', node: 'd1', config }, true);
  }, 60_000);
  afterAll(() => agents.stop());

  test('gets the certificate of its authority from our leader, below our root', async () => {
    const { Roots } = (await primary.get('/v1/connect/ca/roots')).json();
    const root = new X509Certificate(Roots[0].RootCert);
    const theirs = await eventually(
      async () => {
        const found = (await secondary.get('/v1/connect/ca/roots')).json();
        return found.Roots?.[0]?.IntermediateCerts?.length === 1 && found.Roots[0];
      },
      { withinMs: 40_000, what: 'an intermediate certificate' },
    );
    expect(theirs.RootCert.trim()).toBe(Roots[0].RootCert.trim());
    const intermediate = new X509Certificate(theirs.IntermediateCerts[0]);
    expect(intermediate.verify(root.publicKey)).toBe(true);
    const { CertPEM } = (await secondary.get('/v1/agent/connect/ca/leaf/web')).json();
    expect(new X509Certificate(CertPEM).verify(intermediate.publicKey)).toBe(true);
  }, 60_000);

  test('takes over entries and intentions, and tells of itself', async () => {
    const Sources = [{ Name: 'api', Action: 'allow' }];
    await primary.mustPut('/v1/config', { Kind: 'service-intentions', Name: 'web', Sources });
    await primary.mustPut('/v1/config', { Kind: 'service-defaults', Name: 'web', Protocol: 'http' });
    await eventually(async () => (await secondary.get('/v1/connect/intentions')).json().length === 1, {
      withinMs: 40_000,
    });
    const entry = await eventually(
      async () => {
        const reply = await secondary.get('/v1/config/service-defaults/web');
        return reply.status === 200 && reply.json();
      },
      { withinMs: 40_000, what: 'the entry' },
    );
    expect(entry.Protocol).toBe('http');
    // Through a server of the reference that asks our leader.
    const [intention] = (await follower.get('/v1/connect/intentions')).json();
    expect(intention).toMatchObject({ SourceName: 'api', DestinationName: 'web', Action: 'allow', Precedence: 9 });
    await eventually(async () => (await primary.get('/v1/internal/federation-states')).json().length === 2, {
      withinMs: 40_000,
      what: 'the state of dc2',
    });
    for (const agent of [secondary, follower]) expect(unknownCalls(agent)).toEqual([]);
  }, 120_000);

  test('and a leader of the reference goes on with the authority that ours made', async () => {
    const before = (await primary.get('/v1/connect/ca/roots')).json().ActiveRootID;
    await letLead(follower, primary);
    await eventually(() => /initialized primary datacenter CA from existing CARoot/.test(follower.log), {
      withinMs: 15_000,
    });
    expect((await follower.get('/v1/connect/ca/roots')).json().ActiveRootID).toBe(before);
    await letLead(primary, follower);
    expect((await primary.get('/v1/connect/ca/roots')).json().ActiveRootID).toBe(before);
    expect(follower.log).not.toMatch(/\[ERROR\] connect.ca/);
  }, 90_000);
});
