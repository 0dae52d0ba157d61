import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Background } from '../e2e/background.ts';
import { eventually, program, programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';
import { Cluster } from './cluster.ts';

describe.skipIf(skipBecause(programMissing()))('commands against a cluster', () => {
  let cluster: Cluster;
  let client: TestAgent;

  beforeAll(async () => {
    cluster = await Cluster.start({ servers: 3, clients: 1 });
    client = cluster.clients[0] as TestAgent;
  }, 60_000);
  afterAll(() => cluster?.stop());

  const background = (...args: string[]) =>
    new Background([...program(), ...args], { env: { CONSUL_HTTP_ADDR: client.address } });
  const idOf = async (agent: TestAgent): Promise<string> => (await agent.get('/v1/agent/self')).json().Config.NodeID;

  test('a follower tells of all servers where the answer may be old', async () => {
    const leader = await cluster.leader();
    const follower = cluster.servers.find((s) => s !== leader) as TestAgent;
    const { stdout } = await follower.cli(['operator', 'raft', 'list-peers', '-stale']);
    expect(stdout).toMatch(/^Node +ID +Address +State +Voter +RaftProtocol +Commit Index +Trails Leader By$/m);
    expect(stdout.match(/^s\d .* (leader|follower) +true +3 +[1-9]\d* +(0 commits|-) *$/gm)).toHaveLength(3);
    const state = await eventually(async () => {
      const ran = await follower.cli(['operator', 'autopilot', 'state', '-stale', '-format=json']);
      const found = JSON.parse(ran.stdout);
      return found.Healthy && found;
    });
    expect([state.FailureTolerance, state.Voters.length]).toEqual([1, 3]);
  });

  test('the leadership goes to the server that is named', async () => {
    const leader = await cluster.leader();
    const next = cluster.servers.find((s) => s !== leader) as TestAgent;
    const id = await idOf(next);
    const transferred = await client.cli(['operator', 'raft', 'transfer-leader', `-id=${id}`]);
    expect([transferred.code, transferred.stdout]).toEqual([0, 'Success\n']);
    await eventually(async () => (await cluster.leader()) === next);
    const again = await client.cli(['operator', 'raft', 'transfer-leader', `-id=${id}`]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('cannot transfer leadership to itself')]);
  });

  test('round trips are estimated between servers of the WAN pool', async () => {
    const env = { CONSUL_HTTP_ADDR: cluster.servers[0]?.address ?? '' };
    const rtt = async () => (await client.cli(['rtt', '-wan', 's1.dc1', 's2.dc1'], { env })).stdout;
    // Once they have probed each other.
    expect(await eventually(rtt, { withinMs: 20_000 })).toMatch(
      /^Estimated s1\.dc1 <-> s2\.dc1 rtt: \d+\.\d{3} ms \(using WAN coordinates\)\n$/,
    );
    expect((await client.cli(['rtt', 'nobody', 's1'])).stderr).toBe('Could not find a coordinate for node "nobody"\n');
  }, 30_000);

  test('a lock that is held, and a watch, outlive the leader', async () => {
    const done = join(client.dir, 'done');
    const child = `echo held; while [ ! -e ${done} ]; do sleep 0.1; done; exit 7`;
    const lock = background('lock', '-child-exit-code', 'jobs', child);
    const watch = background('watch', '-type=key', '-key=conf', 'cat');
    try {
      await client.mustPut('/v1/kv/conf', 'before');
      await Promise.all([lock.until(/held/), watch.until(/"Value":"YmVmb3Jl"/)]);
      await (await cluster.leader()).kill();
      await client.mustPut('/v1/kv/conf', 'after');
      await watch.until(/"Value":"YWZ0ZXI="/);
      const second = await client.cli(['lock', '-try=500ms', 'jobs', 'echo two at once']);
      expect([second.code, second.stdout]).toEqual([1, '']);
      writeFileSync(done, '');
      expect(await lock.exit()).toBe(2);
      expect(lock.output).toBe('held\nError running handler: exit status 7\n');
      expect((await client.cli(['lock', 'jobs', 'echo next'])).stdout).toBe('next\n');
    } finally {
      await Promise.all([lock.stop(), watch.stop()]);
    }
  }, 60_000);
});
