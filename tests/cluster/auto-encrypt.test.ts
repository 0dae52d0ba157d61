import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';
import { CertifiedCluster, filesWithKeys, httpsNames, leads } from './certified.ts';

describe.skipIf(skipBecause(programMissing()))('servers that want a certificate of everybody', () => {
  const cluster = new CertifiedCluster();
  let servers: TestAgent[];
  let follower: TestAgent;

  beforeAll(async () => {
    const first = await cluster.server('s1', 2);
    servers = [first, await cluster.server('s2', 2)];
    follower = (await leads(first)) ? (servers[1] as TestAgent) : first;
  }, 60_000);
  afterAll(() => cluster.stop());

  test('give one to a client that asks, be it a follower that is asked', async () => {
    const { agent, https } = await cluster.client('c1', follower);
    await eventually(async () => (await agent.put('/v1/kv/a', '1')).text === 'true', { withinMs: 15_000 });
    expect(agent.log).toContain(
      `agent.auto_config: making AutoEncrypt.Sign RPC: addr=127.0.0.1:${follower.ports.server}`,
    );
    expect(agent.log).toContain('agent.auto_config: automatically upgraded to TLS');
    const { Roots, TrustDomain } = (await agent.get('/v1/connect/ca/roots')).json();
    const names = await httpsNames(https, Roots[0].RootCert);
    expect(names).toContain('DNS:localhost, DNS:foo.bar, IP Address:127.0.0.1');
    expect(names).toContain(`URI:spiffe://${TrustDomain}/agent/client/dc/dc1/id/c1`);
    expect(filesWithKeys(agent.dir)).toEqual([]);
    expect((await agent.cli(['snapshot', 'save', `${agent.dir}/x.snap`])).code).toBe(0);
  }, 60_000);

  test('answer nothing to one that does not', async () => {
    const { agent } = await cluster.client('c2', follower, { wants: false });
    await eventually(async () => (await agent.get('/v1/agent/members')).json().length >= 3, { withinMs: 15_000 });
    const { status, text } = await agent.get('/v1/kv/a');
    expect([status, text]).toEqual([500, expect.stringMatching(/rpc error/)]);
  }, 60_000);
});
