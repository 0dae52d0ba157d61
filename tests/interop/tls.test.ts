import { afterEach, describe, expect, test } from 'vitest';
import { CertifiedCluster, leads, type Program } from '../cluster/certified.ts';
import { eventually, type TestAgent } from '../e2e/harness.ts';
import { letLead, nothingToCompare, real } from './reference.ts';

/*
 * Servers that want certificates of everybody, of both programs: calls, Raft and archives between them are encrypted.
 *     CONSUL_BIN=... npx vitest run tests/interop/tls.test.ts
 */
describe.skipIf(nothingToCompare())('servers of both programs that verify each other', () => {
  let cluster: CertifiedCluster;
  afterEach(() => cluster.stop(), 30_000);

  const wrote = (agent: TestAgent, key: string) =>
    eventually(async () => (await agent.put(`/v1/kv/${key}`, key)).text === 'true', { withinMs: 15_000 });

  async function useIt(via: TestAgent, all: readonly TestAgent[], program: Program, name: string): Promise<void> {
    const { agent } = await cluster.client(name, via, { program });
    await wrote(agent, name);
    for (const server of all) {
      await eventually(async () => (await server.get(`/v1/kv/${name}?raw&stale`)).text === name);
    }
    const { code, stderr } = await agent.cli(['snapshot', 'save', `${agent.dir}/x.snap`]);
    expect([code, stderr]).toEqual([0, '']);
    expect((await agent.cli(['snapshot', 'restore', `${agent.dir}/x.snap`])).code).toBe(0);
  }

  test('lead each other, serve clients of both, and go on with new certificates', async () => {
    cluster = new CertifiedCluster();
    const ours = await cluster.server('ours', 2);
    const theirs = await cluster.server('theirs', 2, real);
    const both = [ours, theirs];
    await leads(ours);
    await letLead(ours, theirs);
    await useIt(theirs, both, undefined, 'c1');
    await letLead(theirs, ours);
    await useIt(ours, both, real, 'c2');

    // Another certificate of the same authority, and connections that show it.
    cluster.renewServerCertificate();
    for (const server of both) expect((await server.mustPut('/v1/agent/reload')).status).toBe(200);
    await theirs.kill();
    await theirs.start();
    await letLead(ours, theirs);
    await wrote(theirs, 'after');
    await ours.kill();
    await ours.start();
    await letLead(theirs, ours);
    await wrote(ours, 'at last');
    for (const server of both) expect(server.log).not.toMatch(/^panic:/m);
  }, 150_000);

  test('answer nobody without a certificate', async () => {
    for (const program of [undefined, real]) {
      cluster = new CertifiedCluster();
      const server = await cluster.server('s1', 1, program);
      await leads(server);
      const { agent } = await cluster.client('c1', server, {
        wants: false,
        program: program === real ? undefined : real,
      });
      await eventually(async () => (await agent.get('/v1/agent/members')).json().length === 2, { withinMs: 15_000 });
      const { status, text } = await agent.get('/v1/kv/a');
      expect([status, text]).toEqual([500, expect.stringMatching(/rpc error/)]);
      if (program === undefined) await cluster.stop();
    }
  }, 90_000);
});
