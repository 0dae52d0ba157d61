import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, indexOf, programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';
import { Cluster } from './cluster.ts';

describe.skipIf(skipBecause(programMissing()))('three servers and two clients', () => {
  let cluster: Cluster;
  let [c1, c2]: TestAgent[] = [];

  beforeAll(async () => {
    cluster = await Cluster.start({ servers: 3, clients: 2, config: { disable_remote_exec: false } });
    [c1, c2] = cluster.clients;
  }, 60_000);
  afterAll(() => cluster?.stop());

  const first = () => c1 as TestAgent;
  const second = () => c2 as TestAgent;

  test('know each other, on every agent', async () => {
    for (const agent of cluster.all) {
      expect(await cluster.members(agent)).toEqual({ s1: 'alive', s2: 'alive', s3: 'alive', c1: 'alive', c2: 'alive' });
    }
    const { stdout } = await second().cli(['members']);
    expect(stdout.split('\n')[0]).toMatch(/^Node +Address +Status +Type +Build +Protocol +DC +Partition +Segment$/);
    expect(stdout).toMatch(/^s1 .*alive +server +1\.21\.0 +2 +dc1 +default +<all>$/m);
    expect(stdout).toMatch(/^c1 .*alive +client +1\.21\.0 +2 +dc1 +default +<default>$/m);
    const wan = await first().cli(['members', '-wan'], {
      env: { CONSUL_HTTP_ADDR: cluster.servers[0]?.address ?? '' },
    });
    expect(wan.stdout.match(/^s\d\.dc1 .*alive/gm)).toHaveLength(3);
    expect(await first().cli(['members', '-wan'])).toEqual({ code: 2, stdout: '', stderr: '' });
    expect((await first().cli(['force-leave', '-wan', 's1.dc1'])).stderr).toBe(
      'Error force leaving: Unexpected response code: 500 (Must be a server to force-leave a node from the WAN cluster)\n',
    );
  });

  test('agree on three voters, one of which leads', async () => {
    const leader = await cluster.leader();
    for (const agent of cluster.all) {
      const { Servers } = (await agent.get('/v1/operator/raft/configuration')).json();
      expect(Servers.filter((s: { Voter: boolean }) => s.Voter)).toHaveLength(3);
      const leading = Servers.filter((s: { Leader: boolean }) => s.Leader).map((s: { Node: string }) => s.Node);
      expect(leading).toEqual([leader.options.node]);
    }
    const health = await eventually(async () => {
      const found = (await first().get('/v1/operator/autopilot/health')).json();
      return found.Healthy && found;
    });
    expect([health.FailureTolerance, health.Servers.length]).toEqual([1, 3]);
  });

  test('show what was written on one, with the same indexes on all', async () => {
    await first().mustPut('/v1/kv/sys_config', '{"a":1}');
    const texts = await Promise.all(
      cluster.all.map(async (agent) => (await agent.get('/v1/kv/sys_config?consistent')).text),
    );
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain(Buffer.from('{"a":1}').toString('base64'));
  });

  test('tell a waiting reader on one client what was registered on another', async () => {
    const before = await second().get('/v1/health/service/web?passing');
    expect(before.json()).toEqual([]);
    const waiting = second().get(`/v1/health/service/web?passing&index=${indexOf(before)}&wait=20s`);
    const check = { TTL: '60s', Status: 'passing' };
    await first().mustPut('/v1/agent/service/register', { Name: 'web', Port: 80, Check: check });
    const [instance] = (await waiting).json();
    expect([instance.Node.Node, instance.Service.Port]).toEqual(['c1', 80]);
    await first().mustPut('/v1/agent/service/deregister/web');
    await eventually(async () => (await second().get('/v1/health/service/web')).json().length === 0);
  });

  test('carry events, jobs and archives through any agent', async () => {
    const fired = await first().cli(['event', '-name=deploy', 'v2']);
    expect(fired.stdout).toMatch(/^Event ID: /);
    for (const agent of cluster.all) {
      await eventually(async () => (await agent.get('/v1/event/list?name=deploy')).json().length === 1);
    }
    const ran = await second().cli(['exec', '-wait=500ms', '-service=^$', 'echo never']);
    expect(ran.stdout).toContain('0 / 0 node(s) completed / acknowledged');
    const all = await second().cli(['exec', '-wait=4s', '-node=^[sc]', 'echo hi']);
    expect(all.stdout).toContain('    c1: hi\n');
    expect(all.stdout).toMatch(/^5 \/ 5 node\(s\) completed \/ acknowledged$/m);
    await first().mustPut('/v1/kv/kept', 'yes');
    const archive = `${first().dir}/state.snap`;
    expect((await first().cli(['snapshot', 'save', archive])).stdout).toContain('Saved and verified snapshot');
    await second().delete('/v1/kv/kept');
    expect((await second().cli(['snapshot', 'restore', archive])).stdout).toContain('Restored snapshot');
    expect((await first().get('/v1/kv/kept?raw')).text).toBe('yes');
  });

  test('go on when the leader is killed; nothing that was acknowledged is lost', async () => {
    const leader = await cluster.leader();
    const follower = cluster.servers.find((s) => s !== leader) as TestAgent;
    const acknowledged: number[] = [];
    const put = async (i: number) => {
      if ((await second().put(`/v1/kv/load/${i}`, String(i))).text === 'true') acknowledged.push(i);
    };
    for (let i = 0; i < 20; i++) await put(i);
    await leader.kill();
    const stale = await follower.get('/v1/kv/load/0?stale&raw');
    expect([stale.status, stale.text]).toEqual([200, '0']);
    for (let i = 20; i < 40; i++) await put(i);
    expect(acknowledged.length).toBeGreaterThanOrEqual(39);
    const next = await cluster.leader(first());
    expect(next).not.toBe(leader);
    const keys = (await first().get('/v1/kv/load/?keys&consistent')).json<string[]>();
    for (const i of acknowledged) expect(keys).toContain(`load/${i}`);
    await eventually(async () => (await cluster.members(first()))[leader.options.node ?? ''] === 'failed', {
      withinMs: 20_000,
    });
    await eventually(async () => {
      const checks = (await first().get(`/v1/health/node/${leader.options.node}`)).json();
      return checks.length === 0 || checks[0].Status === 'critical';
    });
    await leader.start();
    await cluster.untilWhole();
    await eventually(async () => (await leader.get('/v1/kv/load/?keys&stale')).json().length === keys.length);
  });

  test('see a client leave, and forget it', async () => {
    expect((await second().cli(['leave'])).stdout).toContain('Graceful leave complete');
    expect((await second().exit()).code).toBe(0);
    await eventually(async () => (await cluster.members(first()))['c2'] === 'left');
    await eventually(async () => !(await first().get('/v1/catalog/nodes')).text.includes('"c2"'));
  });
});
