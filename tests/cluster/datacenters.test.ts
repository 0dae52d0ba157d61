import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, programMissing, skipBecause, startAgent, type TestAgent } from '../e2e/harness.ts';

describe.skipIf(skipBecause(programMissing()))('two datacenters', () => {
  const agents: TestAgent[] = [];
  const start = async (node: string, datacenter: string, config: object) => {
    const agent = await startAgent({ mode: 'server', node, config: { datacenter, ...config } });
    agents.push(agent);
    return agent;
  };
  let one: TestAgent;
  let two: TestAgent;

  beforeAll(async () => {
    [one, two] = await Promise.all([
      start('agent01', 'dc1', {}),
      start('agent02', 'dc2', { primary_datacenter: 'dc1' }),
    ]);
  }, 60_000);
  afterAll(() => Promise.all(agents.map((agent) => agent.stop())));

  test('do not know each other before they are joined', async () => {
    expect((await one.get('/v1/kv/a?dc=dc2')).text).toBe('No path to datacenter');
    expect((await one.get('/v1/catalog/datacenters')).json()).toEqual(['dc1']);
  });

  test('are joined over the WAN', async () => {
    const joined = await two.cli(['join', '-wan', `127.0.0.1:${one.ports.serf_wan}`]);
    expect(joined.stdout).toBe('Successfully joined cluster by contacting 1 nodes.\n');
    await eventually(
      async () => (await one.cli(['members', '-wan'])).stdout.match(/^agent0\d\.dc\d .*alive/gm)?.length === 2,
    );
    await eventually(
      async () => (await two.cli(['catalog', 'datacenters'])).stdout.split('\n').sort().join() === ',dc1,dc2',
    );
  });

  test('keep their keys apart, and reach those of the other', async () => {
    await one.mustPut('/v1/kv/name', 'first');
    const missing = await two.cli(['kv', 'get', 'name']);
    expect([missing.code, missing.stderr]).toEqual([1, 'Error! No key exists at: name\n']);
    expect((await two.cli(['kv', 'get', '-datacenter=dc1', 'name'])).stdout).toBe('first\n');
    expect((await two.put('/v1/kv/name?dc=dc1', 'second')).text).toBe('true');
    expect((await one.get('/v1/kv/name?raw')).text).toBe('second');
    const services = (await one.get('/v1/catalog/service/consul?dc=dc2')).json();
    expect(services.map((s: { Node: string; Datacenter: string }) => [s.Node, s.Datacenter])).toEqual([
      ['agent02', 'dc2'],
    ]);
  });

  test('find the services of the other by DNS', async () => {
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${one.ports.dns}`]);
    expect(await resolver.resolve4('consul.service.dc2.consul')).toEqual(['127.0.0.1']);
    const [found] = await resolver.resolveSrv('consul.service.dc2.consul');
    expect(found).toMatchObject({ name: 'agent02.node.dc2.consul', port: two.ports.server });
    await expect(resolver.resolve4('consul.service.dc9.consul')).rejects.toThrow('ENOTFOUND');
  });

  test('wake a reader of the other', async () => {
    const index = (await two.get('/v1/kv/name?dc=dc1')).headers.get('x-consul-index');
    const waiting = two.get(`/v1/kv/name?dc=dc1&raw&wait=20s&index=${index}`);
    await one.mustPut('/v1/kv/name', 'third');
    expect((await waiting).text).toBe('third');
  });

  test('hear the events that are meant for them', async () => {
    expect((await one.put('/v1/event/fire/deploy?dc=dc2')).status).toBe(200);
    await eventually(async () => (await two.get('/v1/event/list')).json().length === 1);
    expect((await one.get('/v1/event/list')).json()).toEqual([]);
    expect((await one.put('/v1/event/fire/deploy?dc=dc9')).text).toBe('No path to datacenter');
  });

  test('save the state of the other', async () => {
    const file = `${one.dir}/dc2.snap`;
    await two.mustPut('/v1/kv/only-two', 'x');
    expect((await one.cli(['snapshot', 'save', '-datacenter=dc2', file])).code).toBe(0);
    expect((await one.cli(['snapshot', 'decode', file])).stdout).toContain('only-two');
    await two.delete('/v1/kv/only-two');
    expect((await one.cli(['snapshot', 'restore', '-datacenter=dc2', file])).stdout).toContain('Restored snapshot');
    expect((await two.get('/v1/kv/only-two?raw')).text).toBe('x');
  });

  test('tell that the other is out of reach', async () => {
    await two.kill();
    const reply = await one.get('/v1/kv/a?dc=dc2');
    expect(reply.status).toBe(500);
    expect(reply.text).toMatch(
      /rpc error getting client|Remote DC has no server currently reachable|rpc error making call/,
    );
  });
});
