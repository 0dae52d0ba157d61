import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lacks, programMissing, run, skipBecause, startAgent, type TestAgent } from './harness.ts';

// Scene 6: two instances, registered by curl, one through the catalog and one through the agent.

describe.skipIf(skipBecause(programMissing()) || lacks('curl'))('scenes: the catalog by curl', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startAgent({ mode: 'server', node: 'c1' });
  });
  afterAll(() => agent?.stop());

  const curl = async (path: string, ...words: string[]) => {
    const { code, stdout } = await run(['curl', '-s', '-w', '\n%{http_code}', ...words, agent.url(path)]);
    expect(code).toBe(0);
    const cut = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(cut + 1)), text: stdout.slice(0, cut) };
  };
  const put = (path: string, body: object) => curl(path, '-X', 'PUT', '-d', JSON.stringify(body));

  test('both are seen, one fails, only one is passing, and both can go', async () => {
    const outside = {
      Node: 'outside',
      Address: '172.17.0.9',
      Service: { ID: 'hello2', Service: 'hello', Port: 5001, Tags: ['secondary'] },
      Check: { Node: 'outside', CheckID: 'service:hello2', Status: 'passing', ServiceID: 'hello2' },
    };
    expect(await put('/v1/catalog/register', outside)).toEqual({ status: 200, text: 'true' });
    const inside = {
      ID: 'hello1',
      Name: 'hello',
      Tags: ['primary'],
      Address: '172.17.0.5',
      Port: 5000,
      Check: { CheckID: 'hello1', TTL: '600s', Status: 'passing' },
    };
    expect(await put('/v1/agent/service/register', inside)).toEqual({ status: 200, text: '' });

    const catalog = JSON.parse((await curl('/v1/catalog/service/hello')).text);
    const place = (s: { Node: string; ServiceID: string; ServicePort: number }) => [s.Node, s.ServiceID, s.ServicePort];
    expect(catalog.map(place)).toEqual([
      ['c1', 'hello1', 5000],
      ['outside', 'hello2', 5001],
    ]);

    const passing = async () =>
      JSON.parse((await curl('/v1/health/service/hello?passing')).text).map(
        (e: { Service: { ID: string } }) => e.Service.ID,
      );
    expect(await passing()).toEqual(['hello1', 'hello2']);
    const critical = { ...outside, Check: { ...outside.Check, Status: 'critical' } };
    await put('/v1/catalog/register', critical);
    expect(await passing()).toEqual(['hello1']);
    await curl('/v1/agent/check/fail/hello1?note=stopped', '-X', 'PUT');
    expect(await passing()).toEqual([]);
    expect(JSON.parse((await curl('/v1/health/service/hello')).text)).toHaveLength(2);

    expect(await put('/v1/catalog/deregister', { Node: 'outside' })).toEqual({ status: 200, text: 'true' });
    expect((await put('/v1/agent/service/deregister/hello1', {})).status).toBe(200);
    expect((await curl('/v1/catalog/service/hello')).text).toBe('[]');
  });

  test('curl and the command line see the same entry and the same indexes', async () => {
    const stored = await run([
      'curl',
      '-s',
      '-X',
      'PUT',
      '--data-binary',
      '{"a": 1}',
      agent.url('/v1/kv/sys_confg?flags=42'),
    ]);
    expect(stored.stdout).toBe('true');
    const [entry] = JSON.parse((await curl('/v1/kv/sys_confg')).text);
    expect(entry).toMatchObject({ Key: 'sys_confg', Flags: 42, Value: btoa('{"a": 1}'), LockIndex: 0 });
    const { stdout } = await agent.cli(['kv', 'get', '-detailed', 'sys_confg']);
    expect(stdout).toMatch(new RegExp(`^CreateIndex +${entry.CreateIndex}$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^ModifyIndex +${entry.ModifyIndex}$`, 'm'));
    expect(stdout).toMatch(/^Value +\{"a": 1\}$/m);
    const missing = await agent.cli(['kv', 'get', 'nothing']);
    expect(missing).toEqual({ code: 1, stdout: '', stderr: 'Error! No key exists at: nothing\n' });
  });
});
