import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentOptions, eventually, programMissing, skipBecause, TestAgent } from '../e2e/harness.ts';

describe.skipIf(skipBecause(programMissing()))('agents that have not joined yet', () => {
  const agents: TestAgent[] = [];
  const start = async (options: AgentOptions) => {
    const agent = new TestAgent(options);
    agents.push(agent);
    await agent.start();
    return agent;
  };
  const lan = (agent: TestAgent) => `127.0.0.1:${agent.ports.serf_lan}`;
  let server: TestAgent;
  let client: TestAgent;

  beforeAll(async () => {
    const performance = { rpc_hold_timeout: '300ms' };
    const waiting = { bootstrap_expect: 3, performance };
    [server, client] = await Promise.all([
      start({ mode: 'peer', node: 's2', config: waiting }),
      start({ mode: 'client', node: 'c1', config: { performance } }),
    ]);
  }, 60_000);
  afterAll(() => Promise.all(agents.map((agent) => agent.stop())));

  test('a server without a leader says so', async () => {
    expect((await server.get('/v1/status/leader')).json()).toBe('');
    expect((await server.get('/v1/status/peers')).json()).toEqual([]);
    for (const path of ['/v1/kv/a', '/v1/kv/a?stale', '/v1/catalog/nodes', '/v1/operator/raft/configuration']) {
      const { status, text } = await server.get(path);
      expect([path, status, text]).toEqual([path, 500, 'No cluster leader']);
    }
    expect((await server.put('/v1/kv/a', 'x')).text).toBe('No cluster leader');
    expect((await server.get('/v1/agent/members')).json()).toHaveLength(1);
  });

  test('a client without servers says so at once', async () => {
    const { status, text } = await client.get('/v1/kv/a');
    expect([status, text]).toEqual([500, 'No known Consul servers']);
    expect((await client.get('/v1/agent/members?wan=1')).text).toBe('null');
    expect((await client.cli(['members'])).stdout).toMatch(/^c1 .*alive +client/m);
    expect((await client.cli(['info'])).stdout).toContain('known_servers = 0');
    expect((await client.cli(['join', '-wan', lan(server)])).stderr).toContain('Must be a server to join WAN cluster');
  });

  test('nobody comes into a pool of another datacenter', async () => {
    const stranger = await start({ mode: 'client', node: 'far', config: { datacenter: 'dc9' } });
    const { code, stderr } = await stranger.cli(['join', lan(server)]);
    expect([code, stderr]).toEqual([
      1,
      `Error joining address '${lan(server)}': Unexpected response code: 500 (1 error occurred:\n\t* Failed to join ${lan(server)}: Member 's2' part of wrong datacenter 'dc1')\nFailed to join any nodes.\n`,
    ]);
    expect((await server.cli(['members'])).stdout).not.toContain('far');
    await stranger.stop();
  });

  test('`consul join` tells how many were contacted', async () => {
    const { stdout } = await client.cli(['join', lan(server), lan(client)]);
    expect(stdout).toBe('Successfully joined cluster by contacting 2 nodes.\n');
    await eventually(async () => (await server.get('/v1/agent/members')).json().length === 2);
    expect((await client.get('/v1/kv/a')).text).toBe('rpc error making call: No cluster leader');
    const unreachable = await client.cli(['join', '127.0.0.1:1']);
    expect(unreachable.stderr).toContain(
      'Failed to join 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });

  test('a server with -bootstrap leads, and takes those in that wait', async () => {
    const autopilot = { server_stabilization_time: '500ms' };
    const first = await start({ mode: 'server', node: 's1', config: { retry_join: [lan(server)], autopilot } });
    await eventually(async () => (await client.get('/v1/status/leader')).json() === `127.0.0.1:${first.ports.server}`);
    await eventually(async () => (await server.get('/v1/status/peers')).json().length === 2, { withinMs: 20_000 });
    await client.mustPut('/v1/kv/a', 'x');
    await eventually(async () => (await server.get('/v1/kv/a?raw&stale')).text === 'x');
    expect((await server.get('/v1/catalog/nodes')).json().map((n: { Node: string }) => n.Node)).toEqual([
      'c1',
      's1',
      's2',
    ]);
  });

  test('one that was killed is made to leave, and can be forgotten at once', async () => {
    await client.kill();
    await eventually(async () => (await server.cli(['members'])).stdout.match(/^c1 .*failed/m), { withinMs: 20_000 });
    expect((await server.cli(['force-leave', 'nosuch'])).stderr).toContain("agent: No node found with name 'nosuch'");
    expect((await server.cli(['force-leave', 'c1'])).code).toBe(0);
    await eventually(async () => (await server.cli(['members'])).stdout.match(/^c1 .*left/m));
    await eventually(async () => !(await server.get('/v1/catalog/nodes')).text.includes('"c1"'));
    expect((await server.cli(['force-leave', '-prune', 'c1'])).code).toBe(0);
    await eventually(async () => !/^c1 /m.test((await server.cli(['members'])).stdout));
  });
});
