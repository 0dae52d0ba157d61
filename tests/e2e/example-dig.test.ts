import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lacks, programMissing, root, run, skipBecause, startAgent, type TestAgent } from './harness.ts';

// Scene: dig for A, SRV, TXT and PTR.

describe.skipIf(skipBecause(programMissing()) || lacks('dig'))('dig', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startAgent({ node: 'dev01' });
    const register = (id: string, address: string, port: number, status: string) =>
      agent.mustPut('/v1/agent/service/register', {
        Name: 'hello',
        ID: id,
        Tags: ['primary'],
        Address: address,
        Port: port,
        Check: { TTL: '600s', Status: status },
      });
    await register('hello1', '172.17.0.5', 5000, 'passing');
    await register('hello2', '172.17.0.6', 5001, 'critical');
  });
  afterAll(() => agent?.stop());

  const dig = async (...words: string[]) => {
    const at = ['@127.0.0.1', '-p', String(agent.ports.dns), '+time=3', '+tries=2'];
    const { code, stdout } = await run(['dig', ...at, ...words]);
    expect(code).toBe(0);
    return stdout;
  };

  test('A gives the addresses of the passing instances', async () => {
    expect(await dig('+short', 'hello.service.consul')).toBe('172.17.0.5\n');
    expect(await dig('+short', '+tcp', 'hello.service.dc1.consul')).toBe('172.17.0.5\n');
    expect(await dig('+short', 'primary.hello.service.consul')).toBe('172.17.0.5\n');
    expect(await dig('hello.service.consul')).toContain('flags: qr aa rd; QUERY: 1, ANSWER: 1');
  });

  test('SRV gives port and target, with A and TXT in the additional section', async () => {
    const whole = await dig('hello.service.consul', 'SRV');
    expect(whole).toMatch(/^hello\.service\.consul\.\s+0\s+IN\s+SRV\s+1 1 5000 ac110005\.addr\.dc1\.consul\.$/m);
    const additional = whole.slice(whole.indexOf('ADDITIONAL SECTION'));
    expect(additional).toMatch(/^ac110005\.addr\.dc1\.consul\.\s+0\s+IN\s+A\s+172\.17\.0\.5$/m);
    expect(additional).toMatch(/^dev01\.node\.dc1\.consul\.\s+0\s+IN\s+TXT\s+"consul-network-segment="$/m);
    expect(await dig('+short', '_hello._primary.service.consul', 'SRV')).toBe('1 1 5000 ac110005.addr.dc1.consul.\n');
  });

  test('a node has its address, its TXT record and its name by address', async () => {
    expect(await dig('+short', 'dev01.node.consul')).toBe('127.0.0.1\n');
    expect(await dig('+short', 'dev01.node.consul', 'TXT')).toContain('"consul-network-segment="\n');
    expect(await dig('+short', '-x', '127.0.0.1')).toBe('dev01.node.dc1.consul.\n');
  });

  test('an unknown service is NXDOMAIN with the SOA of the domain', async () => {
    const whole = await dig('nobody.service.consul');
    expect(whole).toContain('status: NXDOMAIN');
    expect(whole).toMatch(/^consul\.\s+0\s+IN\s+SOA\s+ns\.consul\. hostmaster\.consul\. \d+ 3600 600 86400 0$/m);
  });

  test('the tour of the example asks everything', async () => {
    const words = [join(root, 'examples/dig/tour.sh'), '127.0.0.1', String(agent.ports.dns), 'dev01'];
    const { code, stdout } = await run(words);
    expect(code).toBe(0);
    expect(stdout.match(/^; /gm)).toHaveLength(8);
    expect(stdout).toContain('172.17.0.5');
    expect(stdout).toContain('dev01.node.dc1.consul.');
  });
});
