import { afterEach, describe, expect, test } from 'vitest';
import { CertifiedCluster, filesWithKeys, httpsNames, leads, type Program } from '../cluster/certified.ts';
import { eventually, programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';

/**
 * Certificates that our servers give the reference's clients, and the other way round. CONSUL_BIN names the reference.
 *     CONSUL_BIN=... npx vitest run tests/interop/auto-encrypt.test.ts
 */
const REFERENCE = process.env['CONSUL_BIN'];
const missing = programMissing() ?? (REFERENCE ? undefined : 'CONSUL_BIN does not name the reference program');
const real: Program = [REFERENCE ?? ''];

describe.skipIf(skipBecause(missing))('auto_encrypt between ours and the reference', () => {
  let cluster: CertifiedCluster;
  afterEach(() => cluster.stop());

  /** The client writes, reads, saves a snapshot, and shows its certificate on its HTTPS port. */
  async function useIt(via: TestAgent, program: Program): Promise<void> {
    const { agent, https } = await cluster.client('c1', via, { program });
    await eventually(async () => (await agent.put('/v1/kv/a', '1')).text === 'true', { withinMs: 15_000 });
    expect((await agent.get('/v1/kv/a?raw')).text).toBe('1');
    expect(agent.log).toContain('automatically upgraded to TLS');
    await agent.mustPut('/v1/agent/service/register', { Name: 'web', Check: { TTL: '60s', Status: 'passing' } });
    await eventually(async () => (await via.get('/v1/health/service/web?passing')).json().length === 1);
    const { Roots, TrustDomain } = (await via.get('/v1/connect/ca/roots')).json();
    const names = await httpsNames(https, Roots[0].RootCert);
    const addresses = 'IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:10.1.2.3';
    const uri = `URI:spiffe://${TrustDomain}/agent/client/dc/dc1/id/c1`;
    expect(names).toBe(`DNS:localhost, DNS:foo.bar, ${addresses}, ${uri}`);
    expect((await agent.cli(['snapshot', 'save', `${agent.dir}/x.snap`])).code).toBe(0);
    expect(filesWithKeys(`${agent.dir}/data`)).toEqual([]);
  }

  test('our client gets its certificate from their server', async () => {
    cluster = new CertifiedCluster();
    await useIt(await cluster.server('s1', 1, real), undefined);
  }, 90_000);

  test('their client gets its certificate from our server', async () => {
    cluster = new CertifiedCluster();
    await useIt(await cluster.server('s1', 1), real);
  }, 90_000);

  test('clients of both get theirs from a follower of ours, of theirs', async () => {
    cluster = new CertifiedCluster();
    const [ours, theirs] = [await cluster.server('s1', 2), await cluster.server('s2', 2, real)];
    const oursLeads = await leads(ours);
    await useIt(oursLeads ? theirs : ours, oursLeads ? undefined : real);
    // The one that is asked leads now.
    const leader = oursLeads ? ours : theirs;
    const { agent } = await cluster.client('c2', leader, { program: oursLeads ? real : undefined });
    await eventually(async () => (await agent.put('/v1/kv/b', '2')).text === 'true', { withinMs: 15_000 });
  }, 90_000);
});
