import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually, run, type TestAgent } from '../e2e/harness.ts';
import { Agents, lan, letLead, nodeId, nothingToCompare, real } from './reference.ts';

/*
 * Servers of ours in clusters that servers of the reference began.
 *     CONSUL_BIN=... npx vitest run tests/interop/servers.test.ts
 */

const LONG = 150_000;
const SMALL_SNAPSHOTS = { raft_snapshot_threshold: 50, raft_snapshot_interval: '1s', raft_trailing_logs: 10 };

describe.skipIf(nothingToCompare())('a server of ours among servers of the reference', () => {
  const agents = new Agents();
  afterEach(() => agents.stop(), 30_000);

  const settled = { autopilot: { server_stabilization_time: '1s' }, performance: { raft_multiplier: 1 } };

  /** `count` servers of the reference, the first of which began alone, and one of ours that has joined as a voter. */
  async function mixed(count: number, config: object = {}): Promise<{ ours: TestAgent; theirs: TestAgent[] }> {
    const first = await agents.start({ mode: 'server', node: 's1', config: { ...settled, ...config } }, true);
    const join = { ...settled, ...config, retry_join: [lan(first)] };
    const theirs = [first];
    for (let i = 2; i <= count; i++) {
      theirs.push(await agents.start({ mode: 'peer', node: `s${i}`, config: join }, true));
    }
    const ours = await agents.start({ mode: 'peer', node: 'ours', config: join });
    await eventually(async () => (await voters(first)).length === count + 1, {
      withinMs: 40_000,
      what: 'all servers vote',
    });
    return { ours, theirs };
  }

  async function voters(asked: TestAgent): Promise<string[]> {
    const { Servers } = (await asked.get('/v1/operator/raft/configuration')).json();
    return Servers.filter((s: { Voter: boolean }) => s.Voter).map((s: { Node: string }) => s.Node);
  }

  test(
    'joins, gets a vote, and is found healthy by their autopilot',
    async () => {
      const { ours, theirs } = await mixed(3);
      const [s1] = theirs as [TestAgent];
      const health = await eventually(async () => {
        const found = (await s1.get('/v1/operator/autopilot/health')).json();
        // Its vote is told a round later than it has it.
        return found.Healthy && found.Servers.every((s: { Voter: boolean }) => s.Voter) && found;
      });
      const row = health.Servers.find((s: { Name: string }) => s.Name === 'ours');
      expect(row).toMatchObject({ Healthy: true, Voter: true, SerfStatus: 'alive', ID: await nodeId(ours) });
      expect(row.LastContact).toMatch(/^\d+(\.\d+)?(ms|µs|s)$/);
      expect(health.FailureTolerance).toBe(1);

      // What it holds is what theirs hold.
      await s1.mustPut('/v1/kv/a/b', 'x');
      await s1.mustPut('/v1/agent/service/register', { Name: 'web', Port: 80, Check: { TTL: '60s' } });
      const Service = { Service: 'web' };
      expect((await s1.request('POST', '/v1/query', { Name: 'q', Service })).status).toBe(200);
      await s1.mustPut('/v1/session/create', { Name: 'lock', TTL: '60s' });
      await s1.mustPut('/v1/config', { Kind: 'service-defaults', Name: 'web', Protocol: 'http' });
      for (const path of PATHS) {
        const wanted = (await s1.get(`${path}?stale`)).text;
        await eventually(async () => (await ours.get(`${path}?stale`)).text === wanted, { what: path });
      }
      const archive = `${ours.dir}/stale.snap`;
      expect(await ours.cli(['snapshot', 'save', '-stale', archive])).toMatchObject({ code: 0 });
      const inspected = await run([...real, 'snapshot', 'inspect', archive]);
      expect(inspected).toMatchObject({ code: 0, stderr: '' });
      expect(inspected.stdout).toMatch(/^ Register +\d+/m);
    },
    LONG,
  );

  const PATHS = [
    ...['/v1/catalog/nodes', '/v1/catalog/services', '/v1/catalog/service/web', '/v1/health/state/any'],
    ...['/v1/kv/a/b', '/v1/session/list', '/v1/query', '/v1/config/service-defaults', '/v1/connect/ca/roots'],
    ...['/v1/operator/autopilot/configuration', '/v1/health/service/consul'],
  ];

  test(
    'that was away gets a snapshot, ours from theirs and theirs from ours',
    async () => {
      const { ours, theirs } = await mixed(2, SMALL_SNAPSHOTS);
      const [s1, s2] = theirs as [TestAgent, TestAgent];
      const write = async (via: TestAgent, prefix: string) => {
        for (let i = 0; i < 300; i++) await via.mustPut(`/v1/kv/${prefix}/${i}`, String(i));
      };
      await letLead(s1, s2);
      await ours.kill();
      await write(s1, 'ours-away');
      await eventually(() => /snapshot complete up to/.test(s1.log), { withinMs: 15_000, what: 'a snapshot of s1' });
      await ours.start();
      await eventually(async () => (await ours.get('/v1/kv/ours-away/?keys&stale')).json().length === 300, {
        withinMs: 30_000,
      });
      // What it starts with now is not in its own log.
      await eventually(async () => {
        const { Stats } = (await ours.get('/v1/agent/self')).json();
        return Number(Stats.raft.last_snapshot_index) > 100;
      });

      await letLead(ours, s1);
      await s2.kill();
      const raft = async () => (await ours.get('/v1/agent/self')).json().Stats.raft;
      const before = Number((await raft()).last_log_index);
      await write(ours, 'theirs-away');
      // So far on that the entries after the last one of s2 are no longer in our log.
      await eventually(async () => Number((await raft()).last_snapshot_index) > before + 200, {
        withinMs: 15_000,
        what: 'a snapshot of ours',
      });
      await s2.start();
      await eventually(async () => (await s2.get('/v1/kv/theirs-away/?keys&stale')).json().length === 300, {
        withinMs: 30_000,
      });
      expect(s2.log).toMatch(/Installed remote snapshot/);
      expect(s2.log).not.toMatch(/^panic:/m);
    },
    LONG,
  );

  test(
    'leads, is killed, and one of theirs leads again: no acknowledged write is lost',
    async () => {
      const { ours, theirs } = await mixed(2);
      const [s1, s2] = theirs as [TestAgent, TestAgent];
      const all = [s1, s2, ours];
      const acknowledged: string[] = [];
      const write = async (through: readonly TestAgent[], from: number) => {
        for (let i = from; i < from + 30; i++) {
          const via = through[i % through.length] as TestAgent;
          const { text } = await via.put(`/v1/kv/load/${i}`, String(i));
          if (text === 'true') acknowledged.push(`load/${i}`);
        }
      };
      await letLead(s1, s2);
      await write(all, 0);
      await letLead(ours, s2); // Asked of a follower of theirs.
      await write(all, 30);
      await ours.kill();
      await write([s1, s2], 60);
      await ours.start();
      await letLead(s1, ours); // Asked of ours.
      await write(all, 90);
      for (const agent of all) {
        await eventually(
          async () => {
            const keys = new Set((await agent.get('/v1/kv/load/?keys&stale')).json<string[]>());
            return acknowledged.every((key) => keys.has(key));
          },
          { what: `every key in ${agent.options.node}` },
        );
        expect(agent.log).not.toMatch(/^panic:/m);
      }
    },
    LONG,
  );

  test(
    'large values go both ways in pieces, over changes of the leader',
    async () => {
      const { ours, theirs } = await mixed(2, { limits: { kv_max_value_size: 2_000_000, txn_max_req_len: 2_000_000 } });
      const [s1, s2] = theirs as [TestAgent, TestAgent];
      // Letters: a piece that begins with byte 41 makes the log verifier of the reference refuse the log, whoever leads.
      const value = (seed: number) => Buffer.alloc(600_000, String.fromCharCode(97 + (seed % 26)));
      const written = new Map<string, string>();
      const write = async (via: TestAgent, name: string) => {
        const bytes = value(written.size);
        // A change of the leader may ask for it again.
        await eventually(async () => (await via.put(`/v1/kv/${name}`, new Uint8Array(bytes))).text === 'true', {
          withinMs: 30_000,
        });
        written.set(name, createHash('sha256').update(bytes).digest('hex'));
      };
      await letLead(s1, s2);
      await write(ours, 'theirs-leads');
      await letLead(ours, s1);
      await write(s2, 'ours-leads');
      // In the middle of some.
      const load = (async () => {
        for (let i = 0; i < 6; i++) await write([s1, s2, ours][i % 3] as TestAgent, `while/${i}`);
      })();
      await letLead(s2, ours);
      await letLead(ours, s2);
      await load;
      for (const agent of [s1, s2, ours]) {
        for (const [name, digest] of written) {
          await eventually(async () => {
            const reply = await fetch(agent.url(`/v1/kv/${name}?raw&stale`));
            const bytes = new Uint8Array(await reply.arrayBuffer());
            return createHash('sha256').update(bytes).digest('hex') === digest;
          });
        }
      }
    },
    LONG,
  );

  test(
    'carries what the log verifier of theirs writes, as follower and as leader',
    async () => {
      const verification = { enabled: true, interval: '500ms' };
      const { ours, theirs } = await mixed(2, { raft_logstore: { backend: 'wal', verification }, log_level: 'debug' });
      const [s1, s2] = theirs as [TestAgent, TestAgent];
      const verified = (agent: TestAgent) => agent.log.match(/verification checksum OK/g)?.length ?? 0;
      await letLead(s1, s2);
      await s1.mustPut('/v1/kv/a', '1');
      await eventually(() => verified(s2) > 1, { what: 'checksums found right' });
      await letLead(ours, s2);
      await ours.mustPut('/v1/kv/b', '2');
      await letLead(s1, ours);
      const before = verified(s2);
      await eventually(() => verified(s2) > before + 1, { what: 'checksums found right afterwards' });
      for (const agent of [s1, s2, ours]) expect(agent.log).not.toMatch(/checksum.*(FAILED|mismatch|corrupt)/i);
    },
    LONG,
  );

  test(
    'leaves in good order: taken out of the configuration and the catalog',
    async () => {
      const { ours, theirs } = await mixed(2);
      const [s1] = theirs as [TestAgent];
      await letLead(ours, s1);
      expect((await ours.cli(['leave'], { timeoutMs: 20_000 })).stdout).toContain('Graceful leave complete');
      expect((await ours.exit()).code).toBe(0);
      await eventually(async () => (await voters(s1)).sort().join() === 's1,s2', { withinMs: 20_000 });
      await eventually(async () => !(await s1.get('/v1/catalog/nodes')).text.includes('"ours"'));
      const drains = ours.log.indexOf('Waiting to drain RPC traffic');
      expect(drains).toBeGreaterThan(ours.log.indexOf('server starting leave'));
      await s1.mustPut('/v1/kv/after', '1');
    },
    LONG,
  );
});
