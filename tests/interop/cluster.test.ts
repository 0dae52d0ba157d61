import { afterEach, describe, expect, test } from 'vitest';
import { Cluster } from '../cluster/cluster.ts';
import { eventually, indexOf, programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';

/**
 * Clusters of our agents and of the reference's, which CONSUL_BIN names.
 *     CONSUL_BIN=... npx vitest run tests/interop/cluster.test.ts
 */
const REFERENCE = process.env['CONSUL_BIN'];
const missing = programMissing() ?? (REFERENCE ? undefined : 'CONSUL_BIN does not name the reference program');

const real = [REFERENCE ?? ''];

/** Registered on one client, seen and changed by the other, over the end of the leader. */
async function useIt(cluster: Cluster): Promise<void> {
  const [c1, c2] = cluster.clients as [TestAgent, TestAgent];
  let index = indexOf(await c2.get('/v1/health/service/web'));
  // Other changes may wake it too.
  const waiting = eventually(async () => {
    const reply = await c2.get(`/v1/health/service/web?index=${index}&wait=20s`);
    index = indexOf(reply);
    return reply.json()[0];
  });
  await c1.mustPut('/v1/agent/service/register', { Name: 'web', Check: { TTL: '60s', Status: 'passing' } });
  expect((await waiting).Node.Node).toBe('c1');
  await c1.mustPut('/v1/kv/a', '1');
  const leader = await cluster.leader(c2);
  await leader.kill();
  await eventually(async () => (await c2.put('/v1/kv/a?cas=0', 'x')).text === 'false', { withinMs: 25_000 });
  await c2.mustPut('/v1/kv/b', '2');
  expect((await c1.get('/v1/kv/?keys')).json()).toEqual(['a', 'b']);
  await leader.start();
  await cluster.untilWhole();
  for (const server of cluster.servers) {
    await eventually(async () => (await server.get('/v1/kv/?keys&stale')).text === '["a","b"]');
  }
  const archive = `${c1.dir}/state.snap`;
  expect(await c1.cli(['snapshot', 'save', archive])).toMatchObject({ code: 0, stderr: '' });
  await c2.delete('/v1/kv/a');
  expect(await c2.cli(['snapshot', 'restore', archive])).toMatchObject({ code: 0, stderr: '' });
  expect((await c1.get('/v1/kv/a?raw')).text).toBe('1');
}

describe.skipIf(skipBecause(missing))('a cluster of ours and the reference', () => {
  let cluster: Cluster | undefined;
  afterEach(() => cluster?.stop());

  const start = async (...names: readonly string[]) => {
    const programs = Object.fromEntries(names.map((n) => [n, real]));
    cluster = await Cluster.start({ servers: 3, clients: 2, programs });
    return cluster;
  };

  test('servers of the reference, clients of both', async () => {
    await useIt(await start('s1', 's2', 's3', 'c2'));
  }, 90_000);

  test('our servers, clients of both', async () => {
    await useIt(await start('c2'));
  }, 90_000);

  test('servers and clients of both', async () => {
    const mixed = await start('s2', 's3', 'c1');
    await useIt(mixed);
    const [s1] = mixed.servers as [TestAgent];
    const { NodeID } = (await s1.get('/v1/agent/self')).json().Config;
    // Ours leads, the others follow.
    const leader = await mixed.leader();
    if (leader !== s1) {
      await leader.request('POST', `/v1/operator/raft/transfer-leader?id=${NodeID}`);
      await eventually(async () => (await mixed.leader()) === s1, { withinMs: 10_000 });
    }
    for (let i = 0; i < 20; i++) await (mixed.clients[i % 2] as TestAgent).mustPut(`/v1/kv/load/${i}`, String(i));
    for (const server of mixed.servers) {
      await eventually(async () => (await server.get('/v1/kv/load/?keys&stale')).json().length === 20);
      expect(server.log).not.toMatch(/^panic:/m);
    }
  }, 90_000);
});
