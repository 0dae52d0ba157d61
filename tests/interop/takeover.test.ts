import { afterEach, describe, expect, test } from 'vitest';
import { type AgentOptions, eventually, indexOf, type TestAgent } from '../e2e/harness.ts';
import { Agents, lan, nodeId, nothingToCompare } from './reference.ts';

/*
 * Agents of the reference are stopped, and ours are started in their place: same data directory, same addresses.
 *     CONSUL_BIN=... npx vitest run tests/interop/takeover.test.ts
 */

const LONG = 150_000;
const stores = {
  'raft.db': { raft_logstore: { backend: 'boltdb' } },
  'a write-ahead log': { raft_logstore: { backend: 'wal' } },
  'a snapshot and the log behind it': {
    raft_logstore: { backend: 'wal' },
    raft_snapshot_threshold: 20,
    raft_snapshot_interval: '1s',
    raft_trailing_logs: 10,
  },
};
const PATHS = ['/v1/kv/?recurse', '/v1/catalog/services', '/v1/session/list', '/v1/health/state/any', '/v1/query'];
/** Longer than one entry of the log may be. */
const LONG_VALUE = 'long '.repeat(100_000);

describe.skipIf(nothingToCompare())('in the place of an agent of the reference', () => {
  const agents = new Agents();
  afterEach(() => agents.stop(), 30_000);

  /** Kills it and starts ours with what it has left. */
  async function replace(old: TestAgent): Promise<TestAgent> {
    const { program: _, ...options } = old.options as AgentOptions & { program?: unknown };
    const { ports, dataDir } = old;
    await old.kill();
    return agents.start({ ...options, ports, dataDir });
  }

  for (const [name, config] of Object.entries(stores)) {
    test(
      `a server alone goes on with all that it had: ${name}`,
      async () => {
        const old = await agents.start({ mode: 'server', node: 's1', config }, true);
        for (let i = 0; i < 40; i++) await old.mustPut(`/v1/kv/key/${i}`, `value ${i}`);
        await old.mustPut('/v1/kv/long', LONG_VALUE);
        await old.delete('/v1/kv/key/7');
        await old.mustPut('/v1/agent/service/register', { Name: 'web', Port: 80, Check: { TTL: '1h' } });
        // What a TTL check was told last outlives the agent.
        await old.mustPut('/v1/agent/check/pass/service:web?note=well');
        await eventually(async () => (await old.get('/v1/health/checks/web')).text.includes('well'));
        const { ID } = (await old.mustPut('/v1/session/create', { TTL: '1h', LockDelay: '0s' })).json();
        expect((await old.mustPut(`/v1/kv/lock?acquire=${ID}`, 'x')).text).toMatch(/true/);
        expect((await old.request('POST', '/v1/query', { Name: 'q', Service: { Service: 'web' } })).status).toBe(200);
        const wanted = await Promise.all(PATHS.map(async (path) => (await old.get(path)).json()));
        const { Config } = (await old.get('/v1/agent/self')).json();
        const index = indexOf(await old.get('/v1/kv/?recurse'));

        const ours = await replace(old);
        const found = await Promise.all(PATHS.map(async (path) => (await ours.get(path)).json()));
        expect(found).toEqual(wanted);
        expect(indexOf(await ours.get('/v1/kv/?recurse'))).toBe(index);
        expect((await ours.get('/v1/agent/self')).json().Config.NodeID).toBe(Config.NodeID);
        expect(ours.log).toMatch(/took over the log of a Consul server: term=\d+ lastIndex=\d+/);
        // The lock is still that session's.
        const again = (await ours.mustPut('/v1/session/create', {})).json().ID;
        expect((await ours.mustPut(`/v1/kv/lock?acquire=${again}`, 'y')).text).toMatch(/false/);
        expect((await ours.mustPut(`/v1/kv/lock?release=${ID}`)).text).toMatch(/true/);
      },
      LONG,
    );
  }

  test(
    'three servers and a client agent, one after the other, while programs write',
    async () => {
      const config = { autopilot: { server_stabilization_time: '1s' }, ...stores['a snapshot and the log behind it'] };
      const first = await agents.start({ mode: 'server', node: 's1', config }, true);
      const join = { ...config, retry_join: [lan(first)] };
      const others = [2, 3].map((i) => agents.start({ mode: 'peer', node: `s${i}`, config: join }, true));
      let servers = [first, ...(await Promise.all(others))];
      let client = await agents.start({ mode: 'client', node: 'c1', config: { retry_join: [lan(first)] } }, true);
      await client.mustPut('/v1/agent/service/register', { ID: 'web1', Name: 'web', Port: 80 });
      const ids = new Set(await Promise.all(servers.map(nodeId)));
      await eventually(async () => (await voters(first)).length === 3, { withinMs: 40_000, what: 'three voters' });

      const written: string[] = [];
      const write = async (by: TestAgent): Promise<void> => {
        const key = `key-${written.length}`;
        await eventually(async () => (await by.put(`/v1/kv/${key}`, key)).status === 200, { withinMs: 30_000 });
        written.push(key);
      };
      for (let i = 0; i < 30; i++) await write(client);
      // The leader last of the servers.
      const address = (await first.get('/v1/status/leader')).json();
      const leads = (agent: TestAgent): boolean => address === `127.0.0.1:${agent.ports.server}`;
      for (const old of [...servers].sort((a, b) => Number(leads(a)) - Number(leads(b)))) {
        const ours = await replace(old);
        servers = servers.map((server) => (server === old ? ours : server));
        for (let i = 0; i < 5; i++) await write(client);
        await eventually(async () => (await voters(ours)).length === 3 && (await isHealthy(ours)), {
          withinMs: 60_000,
          what: `${old.options.node} is a healthy voter again`,
        });
      }
      client = await replace(client);
      await write(client);

      expect(new Set(await Promise.all(servers.map(nodeId)))).toEqual(ids);
      for (const server of servers) {
        await eventually(
          async () => ((await server.get('/v1/kv/?keys&stale')).json() as string[]).length === written.length,
        );
        expect((await server.get('/v1/kv/?keys&stale')).json()).toEqual([...written].sort());
        expect((await server.get('/v1/operator/raft/configuration')).json().Servers).toHaveLength(3);
      }
      await eventually(async () => {
        const found = (await client.get('/v1/health/service/web?passing')).json();
        return found.length === 1 && found[0].Node.Node === 'c1' && found[0].Service.ID === 'web1';
      });
    },
    LONG * 2,
  );

  async function voters(asked: TestAgent): Promise<unknown[]> {
    const reply = await asked.get('/v1/operator/raft/configuration?stale');
    return reply.status === 200 ? reply.json().Servers.filter((s: { Voter: boolean }) => s.Voter) : [];
  }

  async function isHealthy(asked: TestAgent): Promise<boolean> {
    const reply = await asked.get('/v1/operator/autopilot/health');
    return reply.status === 200 && reply.json().Healthy === true;
  }
});
